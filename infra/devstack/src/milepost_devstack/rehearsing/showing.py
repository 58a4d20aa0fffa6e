"""Tells people what was sent and what became of it; programs get the same as JSON. It decides nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from milepost_devstack.consoles import plain_console
from milepost_devstack.rehearsing.asking import Posted
from milepost_devstack.rehearsing.running import PATIENCE_S, Report

_COLOURS = {"done": "green", "ignored": "yellow", "quarantined": "red", "new": "yellow"}
_SHOWN = 10


def show_samples(listed: Mapping[str, Any]) -> None:
    """Print what can be sent for a source."""
    out = plain_console()
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for one in listed["data"]:
        table.add_row(f"[bold]{escape(one['name'])}[/bold]", escape(one["description"]))
    out.print(table)
    out.print(f"Send one: milepost send {listed['source']} {listed['data'][0]['name']}", soft_wrap=True)


def show(report: Report) -> None:
    """Print what was sent, how the door answered, and what it became."""
    out = plain_console()
    if report.made:
        words = "There was no connection that takes deliveries, so one was made"
        out.print(f"{words}: [bold]{escape(report.connection['name'])}[/bold]", soft_wrap=True)
    name = f"{escape(report.connection['name'])} [dim]{report.connection['id']}[/dim]"
    out.print(f"[bold]{escape(report.source)} {escape(report.sample)}[/bold] by {name}", soft_wrap=True)
    _show_answers(report.posted, report.url, out)
    _show_deliveries(report, out)
    counts = report.events()
    for kind, number in sorted(counts.items()):
        out.print(f"{number:>12,}  {escape(kind)}", soft_wrap=True)
    for account in report.accounts:
        known = escape(str(account["name"] or "")) or "account"
        page = f"  {account['page']}" if account["page"] else ""
        out.print(f"[bold]{known}[/bold] [dim]{account['id']}[/dim]{page}", soft_wrap=True)
    for reference in report.waiting:
        _show_waiting(reference, out)


def _show_answers(posted: Sequence[Posted], url: str, out: Console) -> None:
    slowest, fastest = (f"{pick(one.seconds for one in posted) * 1000:,.0f}" for pick in (max, min))
    took = f"{fastest} ms" if fastest == slowest else f"{fastest} to {slowest} ms"
    for status, number in sorted(Counter(one.status for one in posted).items()):
        colour = "green" if 200 <= status < 300 else "red"
        often = f" × {number}" if len(posted) > 1 else ""
        out.print(f"[{colour}]{status}[/{colour}]{often}  {took}  [dim]{escape(url)}[/dim]", soft_wrap=True)
    for detail in dict.fromkeys(one.detail for one in posted if one.detail):
        out.print(f"  {escape(detail)}", soft_wrap=True)


def _show_deliveries(report: Report, out: Console) -> None:
    taken = sum(200 <= one.status < 300 for one in report.posted)
    for state, number in sorted(Counter(one["state"] for one in report.deliveries).items()):
        colour, often = _COLOURS.get(state, "dim"), f" × {number}" if len(report.posted) > 1 else ""
        ids = report.deliveries[0]["id"] if len(report.deliveries) == 1 else ""
        out.print(f"[{colour}]{state}[/{colour}]{often}  {report.seconds:.1f} s  [dim]{ids}[/dim]", soft_wrap=True)
    if not report.settled():
        missing = f"after {PATIENCE_S:.0f} s not all of {taken} is relayed"
        out.print(f"  {missing}: see 'milepost doctor' and 'milepost logs ingest-webhooks-worker'.", soft_wrap=True)
    if any(one["state"] == "ignored" for one in report.deliveries):
        test = f"POST /connections/{report.connection['id']}/test"
        out.print(f"  It means nothing by this connection's mapping and settings: {test} shows why.", soft_wrap=True)
    for number, what in ((sum(one[name] for one in report.deliveries), name) for name in ("linked", "duplicates")):
        if number:
            out.print(f"{number:>12,}  {what}", soft_wrap=True)
    faults = dict.fromkeys(str(fault["reason"]) for one in report.deliveries for fault in one["faults"])
    for reason in list(faults)[:_SHOWN]:
        out.print(f"  [red]fault[/red]  {escape(reason)}", soft_wrap=True)


def _show_waiting(reference: str, out: Console) -> None:
    named = escape(reference)
    out.print(f"[yellow]waits[/yellow]  until an account is known as [bold]{named}[/bold]. To link it:", soft_wrap=True)
    out.print(f'  POST /accounts/<account>/references  {{"reference": "{named}"}}', soft_wrap=True)
    out.print(f'  POST /accounts                       {{"references": ["{named}"]}}  makes one', soft_wrap=True)
