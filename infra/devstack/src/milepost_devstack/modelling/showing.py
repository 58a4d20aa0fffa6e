"""Tells people about score models; programs get the same as JSON. It decides nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from milepost_devstack.consoles import plain_console


def show_findings(findings: Sequence[Mapping[str, Any]], what: str = "score model") -> None:
    """Print a line for each mistake and warning, as editors and compilers do: file:line:column."""
    out = plain_console()
    for one in findings:
        if "unreadable" in one:
            out.print(f"[red]{escape(one['file'])}: cannot be read ({escape(one['unreadable'])})[/red]", soft_wrap=True)
            continue
        for word, colour, found in (("error", "red", one["mistakes"]), ("warning", "yellow", one["warnings"])):
            for line in found:
                place = f"{one['file']}:{line['line']}:{line['column']}"
                said = f"{line['said']}  {line['pointer']}".rstrip()
                out.print(f"{escape(place)}: [{colour}]{word}[/{colour}]: {escape(said)}", soft_wrap=True)
        if one["valid"]:
            version = f" version {one['version']}" if one["version"] else ""
            out.print(f"{escape(one['file'])}: {escape(one['id'])}{version} is a {what}", soft_wrap=True)


def show_list(found: Mapping[str, Any]) -> None:
    """Print every model: who judges, whom it takes."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("model", "in charge", "versions", "takes", "precedence"):
        table.add_column(name)
    for one in found["data"]:
        takes = ", ".join(f"{key}: {'/'.join(map(str, values))}" for key, values in one["applies_to"].items())
        versions = ", ".join(map(str, one["versions"]))
        judging = str(one["in_charge"] or "–")
        table.add_row(escape(one["id"]), judging, versions, escape(takes or "all others"), str(one["precedence"]))
    plain_console().print(table)


def show_kept(kept: Mapping[str, Any], file: Path) -> None:
    """Print what a document became."""
    out = plain_console()
    for line in kept["warnings"]:
        out.print(f"{escape(str(file))}:{line['line']}:{line['column']}: [yellow]warning[/yellow]:"
                  f" {escape(line['message'])}", soft_wrap=True)  # fmt: skip
    name = f"{kept['id']}@{kept['version']}"
    out.print(f"{escape(name)} {'is kept' if kept['new'] else 'was kept before'}", soft_wrap=True)
    out.print(f"[dim]milepost model activate {escape(name)} --reason '…'[/dim]", soft_wrap=True)


def show_line_up(judging: Mapping[str, Any]) -> None:
    """Print who judges now."""
    out = plain_console()
    names = ", ".join(f"{one['id']}@{one['in_charge']}" for one in judging["in_charge"])
    out.print(f"in charge: {escape(names)}", soft_wrap=True)
    if judging["changed"]:
        out.print(f"{judging['marked']:,} accounts are due for a new score", soft_wrap=True)
    else:
        out.print("nothing changed", soft_wrap=True)


def show_differences(found: Mapping[str, Any]) -> None:
    """Print a sentence for each difference, with its place."""
    out = plain_console()
    if not found["differences"]:
        out.print("They say the same.")
    for one in found["differences"]:
        out.print(f"{escape(one['sentence'])}  [dim]{escape(one['pointer'])}[/dim]", soft_wrap=True)
