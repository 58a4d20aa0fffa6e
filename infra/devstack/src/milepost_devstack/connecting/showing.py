"""Tells people about connections; programs get the same as JSON. It decides nothing."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from milepost_devstack.consoles import plain_console, show_table


def show_list(found: Mapping[str, Any]) -> None:
    """Print every connection, and what keeps it from being written to."""
    rows = []
    for one in found["data"]:
        words = ("yes" if one[name] else "no" for name in ("active", "writes_health"))
        rows.append((one["name"], one["kind"], *words, one["off_because"] or "–"))
    show_table(("connection", "kind", "on", "told of health", "trouble"), rows)


def show_made(made: Mapping[str, Any]) -> None:
    """Print a connection that was made, and what comes next."""
    out = plain_console()
    out.print(f"{escape(made['name'])} ({made['kind']}) is connected", soft_wrap=True)
    if made.get("secret"):
        out.print(f"its secret, shown this once: {escape(made['secret'])}", soft_wrap=True)
    if made["kind"] in ("hubspot", "salesforce"):
        out.print(f"[dim]milepost crm setup {escape(made['name'])}[/dim]", soft_wrap=True)


def show_set_up(done: Mapping[str, Any]) -> None:
    """Print what a set-up made."""
    out = plain_console()
    for name, word in done["properties"].items():
        out.print(f"{word:5} {escape(name)}", soft_wrap=True)
    out.print(f"{escape(done['outlet']['name'])} is told of {done['accounts']:,} accounts now", soft_wrap=True)


def show_told(found: Mapping[str, Any]) -> None:
    """Print which accounts a CRM did not take, and which of those that share a record it is told of."""
    out = plain_console()
    out.print(f"{found['waiting']:,} accounts wait to be told, {found['refused']:,} were refused", soft_wrap=True)
    for one in found["data"]:
        again = "is tried again" if one["due_at"] else "waits for its next change"
        out.print(f"{one['account_id']} {again}: {escape(one['error'])}", soft_wrap=True)
    for one in found["shared"]:
        told = f"{escape(one['record_id'])} is told of {one['told_of']} alone"
        out.print(f"{told}: {one['accounts']:,} accounts lead there", soft_wrap=True)
