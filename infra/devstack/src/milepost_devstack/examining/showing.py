"""Prints what came of worked examples and evaluations for people; it computes nothing."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from milepost_devstack.consoles import plain_console

# A verdict is carried by word and shape; colour only helps.
_SHAPES = {"ok": ("●", "green"), "differs": ("▲", "red"), "not_understood": ("◆", "yellow")}
# So many verdicts are printed one by one; of more only those that are not well.
_LISTED = 60
_REMARKS = 12


def show_verdicts(report: Mapping[str, Any], console: Console | None = None) -> None:
    """Print every example's verdict (of many examples: those that are not well), then the sums."""
    out = console or plain_console(soft_wrap=True)
    many = report["cases"] > _LISTED
    for one in report["verdicts"]:
        if many and one["verdict"] == "ok":
            continue
        shape, colour = _SHAPES[one["verdict"]]
        word = one["verdict"].replace("_", " ")
        title = f"[dim]{escape(one['title'][:90])}[/dim]"
        out.print(f"[{colour}]{shape} {word:<14}[/{colour}] {escape(one['id'])}  {title}")
        for remark in one["remarks"][:_REMARKS]:
            out.print(f"    {escape(remark)}")
        if len(one["remarks"]) > _REMARKS:
            out.print(f"    [dim]and {len(one['remarks']) - _REMARKS} more[/dim]")
    sums = [f"{report['cases']} examples: {report['ok']} ok"]
    sums += [f"{report['differs']} differ"] if report["differs"] else []
    sums += [f"{report['not_understood']} not understood"] if report["not_understood"] else []
    out.print(", ".join(sums))


def show_evaluation(report: Mapping[str, Any], console: Console | None = None) -> None:
    """Print the verdict of an evaluation with the figures behind it, and where the whole report lies."""
    out = console or plain_console(soft_wrap=True)
    model, rows = report["model"], report["rows"]
    out.print(f"[bold]{escape(report['title'])}[/bold]")
    out.print(f"[dim]{report['accounts']:,} accounts, {report['events']:,} events; {escape(report['split'])}:"
              f" {rows['train']:,} and {rows['test']:,} rows[/dim]")  # fmt: skip
    out.print(f"\n[bold]{escape(report['verdict']['text'])}[/bold]")
    lift = _figure(model["test"].get("lift_at_10_percent"), ".2f")
    out.print(f"model {escape(model['id'])} {model['version']}: lift in the riskiest 10 % {lift},"
              f" coverage {model['coverage']:.0%}")  # fmt: skip
    _show_warnings(model.get("warnings"), out)
    if (likely := model.get("probability")) is not None:
        out.print(f"probability: Brier {likely['brier']:.4f}, calibration error {likely['ece']:.4f}")
    if (reference := report.get("reference")) is not None:
        out.print(f"{escape(reference['id'])} as shipped: {escape(reference['verdict']['text'])}")
    for one in report["findings"]:
        out.print(
            f"[yellow]◆ data[/yellow] {escape(one['what'])}: {one['found']:,} of {one['of']:,} ({one['share']:.1%})"
        )
    for path in report.get("files") or ():
        out.print(f"[dim]{escape(path)}[/dim]")


def _show_warnings(warned: Mapping[str, Any] | None, out: Console) -> None:
    if warned is None:
        return
    early, red = warned["yellow_or_red"], warned["red"]
    out.print(
        f"yellow or red before leaving: {_figure(early['caught'], '.1%')} of {warned['leavers']:,} leavers, "
        f"{_figure(early['median_lead_days'], '.0f')} days before at the median; red {_figure(red['caught'], '.1%')}"
    )
    rates = ", ".join(
        f"{name} {_figure(one['leaving'], '.1%')}" for name, one in warned["bands"].items() if one["rows"]
    )
    out.print(
        f"leaving by band: {rates}; {_figure(warned['band_changes_per_account_year'], '.2f')} band changes a year"
    )


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
