"""Tells people who judges now; programs get the same as JSON. It decides nothing."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from milepost_devstack.consoles import plain_console


def show_line_up(judging: Mapping[str, Any]) -> None:
    """Print who judges now."""
    out = plain_console()
    names = ", ".join(f"{one['id']}@{one['in_charge']}" for one in judging["in_charge"])
    out.print(f"in charge: {escape(names)}", soft_wrap=True)
    if judging["changed"]:
        out.print(f"{judging['marked']:,} accounts are due for a new score", soft_wrap=True)
    else:
        out.print("nothing changed", soft_wrap=True)
