"""The slow reading of plans: what was planned for an account, when each step is due, and when it was done.

It is told only what was visible at the moment; it never looks at a clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from support.records import Account, event_at, instant, matches, recorded_at

from milepost_core.model import Milestone


@dataclass(frozen=True)
class Step:
    """One milestone as it stood."""

    id: str
    weight: float
    due_at: datetime | None
    done_at: datetime | None


def steps_of(
    account: Account, events: Sequence[Account], plan: Sequence[Milestone], start: datetime | None, as_of: datetime
) -> list[Step]:
    """Every milestone of the account's plan; `events` are the visible ones."""
    listed = {one["id"]: one for one in account.get("milestones") or []}
    template = {one.id: one for one in plan}
    named = [event for event in events if event.get("item") is not None]
    found = []
    for name in sorted({*listed, *template, *(event["item"] for event in named if _plans(event))}):
        words = sorted((event for event in named if event["item"] == name and _plans(event)), key=_place)
        word = words[-1] if words else None
        if word is not None and word["type"] == "milestone.dropped":
            continue
        said = (word.get("properties") or {}) if word is not None else listed.get(name, {})
        due, weight = _terms(said, template.get(name), start)
        found.append(Step(name, weight, due, _done(name, named, events, template.get(name), listed.get(name), as_of)))
    return found


def _terms(said: Mapping[str, Any], one: Milestone | None, start: datetime | None) -> tuple[datetime | None, float]:
    """What the word says, and what it leaves out as the model says it."""
    due = None
    if one is not None and one.target_day is not None and start is not None:
        due = start + timedelta(days=one.target_day)
    if "due_at" in said:
        due = instant(said["due_at"])
    return due, float(said.get("weight", one.weight if one is not None else 1.0))


def _done(
    name: str, named: Sequence[Account], events: Sequence[Account], one: Milestone | None, listed: Account | None,
    as_of: datetime,
) -> datetime | None:  # fmt: skip
    """The first completion since the milestone was last taken back."""
    about = [event for event in named if event["item"] == name]
    undone = max((_place(event) for event in about if event["type"] == "milestone.reopened"), default=None)
    completing = [event for event in about if event["type"] == "milestone.completed"]
    if one is not None and one.done_by is not None:
        completing += [event for event in events if matches(event, one.done_by)]
    moments = [event_at(event) for event in completing if undone is None or _place(event) > undone]
    done = instant(listed.get("done_at")) if listed is not None else None
    if listed is not None and done is not None and done <= as_of and recorded_at(listed, "done_at") <= as_of:
        moments.append(done)
    return min(moments, default=None)


def _plans(event: Account) -> bool:
    return event["type"] in ("milestone.planned", "milestone.dropped")


def _place(event: Account) -> tuple[datetime, str]:
    """Of two words of one instant the greater in sequence is the newer."""
    return event_at(event), event.get("sequence") or ""
