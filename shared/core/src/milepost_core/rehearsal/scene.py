"""What a rehearsal is given and what it tells; plain frozen values.

Nothing here decides or plays anything.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from milepost_core.cadence.admitting import Occasion
from milepost_core.playbooks.conditions import Facts, Scalar
from milepost_core.schedules import Calendar


@dataclass(frozen=True)
class Scene:
    """What is known of an account over time.

    Args:
        known: facts from a moment on, oldest first; the first ones hold before it, too. events: what happened, by
        type, oldest first. occasions: the reasons to start, oldest first.
    """

    account: str
    known: tuple[tuple[datetime, Facts], ...]
    events: tuple[tuple[datetime, str], ...] = ()
    occasions: tuple[Occasion, ...] = ()
    calendar: Calendar = field(default_factory=Calendar)
    attributes: tuple[tuple[str, Scalar], ...] = ()

    def facts(self, moment: datetime) -> Facts:
        """Return what is known at a moment."""
        found = self.known[0][1]
        for since, facts in self.known:
            if since <= moment:
                found = facts
        return found


@dataclass(frozen=True)
class Assumed:
    """What people are taken to do: `act`: tasks end in time, gates open in a working hour; `silent`: nothing."""

    people: Literal["act", "silent"] = "act"


@dataclass(frozen=True)
class Line:
    """One thing that would happen: when, where in the playbook, what, and why; `minutes` of somebody's work."""

    at: datetime
    code: str
    sentence: str
    path: str | None = None
    kind: str | None = None
    minutes: float = 0.0
