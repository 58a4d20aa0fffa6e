"""Tells people about playbooks; programs get the same as JSON. It decides nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from milepost_devstack.consoles import plain_console


def show_list(found: Mapping[str, Any]) -> None:
    """Print every playbook: what is in force, and what else there is."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("playbook", "version", "state", "versions", "name"):
        table.add_column(name)
    for one in found["data"]:
        versions = ", ".join(map(str, one["versions"]))
        table.add_row(escape(one["id"]), str(one["version"]), one["state"], versions, escape(one["name"]))
    plain_console().print(table)


def show_kept(kept: Mapping[str, Any], file: Path) -> None:
    """Print what a document became."""
    out = plain_console()
    for line in kept["warnings"]:
        out.print(f"{escape(str(file))}:{line['line']}:{line['column']}: [yellow]warning[/yellow]:"
                  f" {escape(line['detail'])}", soft_wrap=True)  # fmt: skip
    name = f"{kept['id']}@{kept['version']}"
    out.print(f"{escape(name)} {'is kept' if kept['new'] else 'was kept before'}", soft_wrap=True)
    out.print(f"[dim]milepost playbook activate {escape(name)}[/dim]", soft_wrap=True)


def show_state(found: Mapping[str, Any]) -> None:
    """Print which version is in force, and what became of open runs of others."""
    out, one = plain_console(), found["playbook"]
    out.print(f"{escape(one['id'])}@{one['version']} is {one['state']}", soft_wrap=True)
    if any(found.get(word) for word in ("stayed", "moved", "stopped")):
        said = f"{found['stayed']:,} stay on their version, {found['moved']:,} moved, {found['stopped']:,} stopped"
        out.print(f"open runs of other versions: {said}", soft_wrap=True)
