"""Tells people about documents of any kind; programs get the same as JSON. It decides nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from milepost_devstack.consoles import plain_console
from milepost_devstack.shelving.kinds import Kind


def show_findings(findings: Sequence[Mapping[str, Any]], what: str) -> None:
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


def show_kept(kept: Mapping[str, Any], file: Path, kind: Kind) -> None:
    """Print what a document became, and what comes next."""
    out = plain_console()
    for line in kept["warnings"]:
        out.print(f"{escape(str(file))}:{line['line']}:{line['column']}: [yellow]warning[/yellow]:"
                  f" {escape(line[kind.says])}", soft_wrap=True)  # fmt: skip
    name = f"{kept['id']}@{kept['version']}"
    out.print(f"{escape(name)} {'is kept' if kept['new'] else 'was kept before'}", soft_wrap=True)
    out.print(f"[dim]milepost {kind.name} activate {escape(name)}{kind.then}[/dim]", soft_wrap=True)


def show_differences(found: Mapping[str, Any]) -> None:
    """Print a sentence for each difference, with its place."""
    out = plain_console()
    if not found["differences"]:
        out.print("They say the same.")
    for one in found["differences"]:
        out.print(f"{escape(one['sentence'])}  [dim]{escape(one['pointer'])}[/dim]", soft_wrap=True)
