"""Print findings and keys for people; never to a program (that is what --json is for)."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.markup import escape

from milepost_devstack.consoles import plain_console, show_table
from milepost_devstack.findings import Finding, failed

if TYPE_CHECKING:
    from milepost_devstack.api_keys import ListedKey

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red", "unchecked": "dim"}


def show_findings(findings: Sequence[Finding]) -> None:
    """One line per finding, the remedy below those that need one, and a sentence at the end."""
    out = plain_console()
    for finding in findings:
        colour = _COLOURS[finding.state]
        out.print(f"[{colour}]{finding.state:<10}[/{colour}]{finding.check:<18}{escape(finding.found)}", soft_wrap=True)
        if finding.remedy and finding.state in ("warn", "fail"):
            out.print(f"{'':<28}→ {escape(finding.remedy)}", soft_wrap=True)
    count = sum(1 for finding in findings if finding.state == "unchecked")
    if count:
        out.print(f"[dim]{count} checks need a running house: 'milepost up'.[/dim]")
    out.print("Something needs you." if failed(findings) else "Nothing stands in the way.")


def show_keys(keys: "Sequence[ListedKey]") -> None:
    """A table of keys."""
    rows = []
    for key in keys:
        days = (_day(at) for at in (key.created_at, key.expires_at, key.last_used_at))
        rows.append((key.id, key.name, " ".join(key.scopes), *days, "revoked" if key.revoked_at else "live"))
    show_table(("id", "name", "scopes", "created", "expires", "last used", "state"), rows)


def _day(at: datetime | None) -> str:
    return "–" if at is None else f"{at:%Y-%m-%d %H:%M}"
