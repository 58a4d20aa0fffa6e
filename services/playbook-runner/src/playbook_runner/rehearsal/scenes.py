"""Scenes: from what feeds told of an account to what a rehearsal is played over; it asks nobody.

The past is read from changes and events. What no feed tells (attributes, signals) stands as it is today.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from milepost_contracts.changes import ChangeRow
from milepost_core.cadence.admitting import BY_HAND, Occasion
from milepost_core.cadence.dating import due_at
from milepost_core.playbooks import Change, Playbook, Starts, match
from milepost_core.playbooks.conditions import Fact, Facts, answer, subjects_of
from milepost_core.playbooks.document import (
    BandTrigger,
    ByHand,
    DateTrigger,
    EventTrigger,
    MilestoneTrigger,
    WatchTrigger,
)
from milepost_core.rehearsal import Scene
from playbook_runner.runs.asking import Known

TOLD_BY_FEEDS: Final = ("band", "score", "journey")


@dataclass(frozen=True)
class Span:
    """From when to when is played; `at_once`: every account begins at `since`, whatever the trigger says."""

    since: datetime
    until: datetime
    at_once: bool = False


@dataclass(frozen=True)
class Happened:
    """What the feeds tell of one account since the span began: changes, and events in it, each oldest first."""

    changes: Sequence[ChangeRow] = ()
    events: Sequence[tuple[datetime, str]] = ()


def is_told(trigger: WatchTrigger) -> bool:
    """Return whether feeds tell everything that a trigger looks at."""
    subjects = subjects_of(trigger.enter, trigger.rearm)
    return all(subject in TOLD_BY_FEEDS or subject.startswith("milestone.") for subject in subjects)


def scene(playbook: Playbook, account: UUID, known: Known, happened: Happened, span: Span) -> Scene:
    """Return what a rehearsal of one account is played over, with every reason to start that lies in the span."""
    bare = Scene(
        account=str(account),
        known=_timeline(known.facts, happened.changes, span.since),
        events=tuple(sorted(happened.events)),
        calendar=known.calendar,
        attributes=tuple(sorted(known.attributes.items())),
    )
    found = [Occasion(BY_HAND, span.since)] if span.at_once else _occasions(playbook, bare, happened.changes, span)
    inside = (one for one in found if span.since <= one.happened_at <= span.until)
    return replace(bare, occasions=tuple(sorted(inside, key=lambda one: one.happened_at)))


def _timeline(today: Facts, changes: Sequence[ChangeRow], since: datetime) -> tuple[tuple[datetime, Facts], ...]:
    """Return what was known from when on: today's facts, with what the feed says of each moment in their place."""
    facts = dict(today)
    for row in reversed(changes):
        facts |= _said(row, before=True)
    found: list[tuple[datetime, Facts]] = [(since, dict(facts))]
    for row in changes:
        facts = facts | _said(row, before=False)
        found.append((row.computed_at, dict(facts)))
    return tuple(found)


def _said(row: ChangeRow, *, before: bool) -> dict[str, Fact]:
    moved = row.detail.get("from" if before else "to")
    match row.kind:
        case "milestone_moved":
            return {f"milestone.{row.subject}": Fact(str(moved))} if moved else {}
        case "journey_moved":
            return {"journey": Fact(str(moved))} if moved else {}
    band, score = (row.from_band, row.from_score) if before else (row.to_band, row.to_score)
    return {"band": Fact(band), "score": Fact(score)} if band is not None else {}


def _occasions(playbook: Playbook, scene: Scene, changes: Sequence[ChangeRow], span: Span) -> list[Occasion]:
    trigger = playbook.trigger
    match trigger:
        case BandTrigger() | MilestoneTrigger():
            return [found for row in changes if (found := _of_change(playbook, scene, row)) is not None]
        case EventTrigger(types):
            return [Occasion(trigger.kind, at) for at, kind in scene.events if kind in types]
        case DateTrigger():
            due = due_at(trigger, scene.facts(span.until), scene.calendar.zone)
            return [] if due is None else [Occasion(trigger.kind, due.at)]
        case WatchTrigger():
            return _of_watch(trigger, scene, span)
        case ByHand():
            return []


def _of_change(playbook: Playbook, scene: Scene, row: ChangeRow) -> Occasion | None:
    trigger = playbook.trigger
    change = Change(row.kind, row.from_band, row.to_band, row.cause, row.subject, row.detail.get("to"))
    if not isinstance(match(trigger, change), Starts):
        return None
    if not isinstance(trigger, BandTrigger) or not trigger.hold:
        return Occasion(trigger.kind, row.computed_at, row.to_band)
    held = row.computed_at + timedelta(days=trigger.hold)
    bands = [facts["band"].value for at, facts in scene.known if row.computed_at < at <= held and "band" in facts]
    return Occasion(trigger.kind, held, row.to_band) if all(band in trigger.to for band in bands) else None


def _of_watch(trigger: WatchTrigger, scene: Scene, span: Span) -> list[Occasion]:
    """Return the moments at which a condition came to hold (or ceased to), armed anew in between, and had held long
    enough."""
    if not is_told(trigger):
        return [Occasion(trigger.kind, span.until)] if _holds(trigger, scene.known[-1][1]) else []
    found: list[Occasion] = []
    armed, since = not _holds(trigger, scene.known[0][1]), None
    moments = [*scene.known[1:], (span.until, scene.known[-1][1])]
    for at, facts in moments:
        if since is not None and at >= since + timedelta(days=trigger.hold):
            found.append(Occasion(trigger.kind, since + timedelta(days=trigger.hold)))
            armed, since = False, None
        holds = _holds(trigger, facts)
        if not holds:
            since = None
            armed = armed or trigger.rearm is None or answer(trigger.rearm, facts).holds is True
        elif armed and since is None:
            since = at
    return found


def _holds(trigger: WatchTrigger, facts: Facts) -> bool:
    holds = answer(trigger.enter, facts).holds
    return holds is False if trigger.leaving else holds is True
