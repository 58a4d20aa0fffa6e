"""Prints what came of worked examples and evaluations for people; it computes nothing."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

# A verdict is carried by word and shape; colour only helps.
_SHAPES = {"ok": ("●", "green"), "differs": ("▲", "red"), "not_understood": ("◆", "yellow")}
# So many verdicts are printed one by one; of more only those that are not well.
_LISTED = 60
_REMARKS = 12


def show_verdicts(report: Mapping[str, Any], console: Console | None = None) -> None:
    """Print every example's verdict (of many examples: those that are not well), then the sums."""
    out = console or Console(highlight=False, soft_wrap=True)
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
