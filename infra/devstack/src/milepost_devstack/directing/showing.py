"""Tells people what became of a playbook; programs get the same as JSON. It decides nothing."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from milepost_devstack.consoles import plain_console


def show_state(found: Mapping[str, Any]) -> None:
    """Print which version is in force, what became of open runs of others, and what it names that there is not."""
    out, one = plain_console(), found["playbook"]
    out.print(f"{escape(one['id'])}@{one['version']} is {one['state']}", soft_wrap=True)
    if any(found.get(word) for word in ("stayed", "moved", "stopped")):
        said = f"{found['stayed']:,} stay on their version, {found['moved']:,} moved, {found['stopped']:,} stopped"
        out.print(f"open runs of other versions: {said}", soft_wrap=True)
    for line in found.get("warnings", ()):
        out.print(f"[yellow]warning[/yellow]: {escape(line['detail'])}  {escape(line['pointer'])}", soft_wrap=True)
