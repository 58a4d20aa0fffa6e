"""Scenes: from what feeds told of an account to what a rehearsal is played over; it asks nobody.

The past is read from changes and events. What no feed tells (attributes, signals) stands as it is today.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Final
from uuid import UUID

from milepost_contracts.changes import ChangeRow
from milepost_core.cadence.admitting import BY_HAND, Occasion
from milepost_core.playbooks import Change, Playbook, Starts, match
from milepost_core.playbooks.conditions import Fact, Facts, subjects_of
from milepost_core.playbooks.document import (
    BandTrigger,
    ByHand,
    DateTrigger,
    EventTrigger,
    MilestoneTrigger,
    WatchTrigger,
)
from milepost_core.playbooks.starting import STARTING_CAUSES, Declines
from milepost_core.playbooks.watching import Stand, look
from milepost_core.rehearsal import Before, Line, Office, Scene
from playbook_runner.rehearsal.dates import date_occasion
from playbook_runner.runs.asking import Known
from playbook_runner.runs.looking import at_first

TOLD_BY_FEEDS: Final = ("band", "journey")
"""What the feed of changes tells in full, beside milestones."""
SCORE: Final = "score"
"""What it tells only when it moves far."""


@dataclass(frozen=True)
class Span:
    """From when to when is played; `at_once`: every account begins at `since`, whatever the trigger says."""

    since: datetime
    until: datetime
    at_once: bool = False


@dataclass(frozen=True)
class Happened:
    """What the feeds tell of one account since the span began, each oldest first.

    `events` are what happened in it, `news` those of them that were no news too late.
    """

    changes: Sequence[ChangeRow] = ()
    events: Sequence[tuple[datetime, str]] = ()
    news: Sequence[tuple[datetime, str]] = ()


@dataclass(frozen=True)
class Around:
    """What stood around an account when the span began: our own rows, who is who, how the watch stood to it."""

    before: Before = field(default_factory=Before)
    office: Office | None = None
    stand: Stand | None = None


def is_told(trigger: WatchTrigger) -> bool:
    """Return whether feeds tell everything that a trigger looks at."""
    return all(_is_told(subject) for subject in subjects_of(trigger.enter, trigger.rearm))


def looks_at_score(trigger: WatchTrigger) -> bool:
    """Return whether a trigger looks at the score, and at nothing else but what feeds tell."""
    subjects = subjects_of(trigger.enter, trigger.rearm)
    return SCORE in subjects and all(subject == SCORE or _is_told(subject) for subject in subjects)


def scene(
    playbook: Playbook, account: UUID, known: Known, happened: Happened, span: Span, around: Around | None = None
) -> Scene:
    """Return what a rehearsal of one account is played over, with every reason to start that lies in the span."""
    around = around if around is not None else Around()
    bare = Scene(
        account=str(account),
        known=_timeline(known.facts, happened.changes, span.since),
        events=tuple(sorted(happened.events)),
        calendar=known.calendar,
        attributes=tuple(sorted(known.attributes.items())),
        before=around.before,
        office=around.office,
    )
    if span.at_once:
        return replace(bare, occasions=(Occasion(BY_HAND, span.since),))
    found = _occasions(playbook, bare, known.facts, happened, span, around.stand)
    inside = [one for one in found if span.since <= one.happened_at <= span.until]
    declined = tuple(
        line for row in happened.changes if row.computed_at <= span.until for line in _declined(playbook, row)
    )
    return replace(bare, occasions=tuple(sorted(inside, key=lambda one: one.happened_at)), declined=declined)


def _is_told(subject: str) -> bool:
    return subject in TOLD_BY_FEEDS or subject.startswith("milestone.")


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
    return {"band": Fact(band), SCORE: Fact(score)} if band is not None else {}


def _occasions(
    playbook: Playbook, scene: Scene, today: Facts, happened: Happened, span: Span, stand: Stand | None
) -> list[Occasion]:
    trigger = playbook.trigger
    match trigger:
        case BandTrigger() if trigger.hold:
            return _of_lasting(trigger, playbook, scene, happened.changes, span, stand)
        case BandTrigger() | MilestoneTrigger():
            begun = [row for row in happened.changes if isinstance(match(trigger, _change(row)), Starts)]
            return [Occasion(trigger.kind, row.computed_at, row.to_band) for row in begun]
        case EventTrigger(types):
            return [Occasion(trigger.kind, at) for at, kind in happened.news if kind in types]
        case DateTrigger():
            found = date_occasion(trigger, scene, span.until, stand)
            return [] if found is None else [found]
        case WatchTrigger():
            return _of_watch(trigger, scene, today, happened.changes, span, stand)
        case ByHand():
            return []


def _change(row: ChangeRow) -> Change:
    return Change(row.kind, row.from_band, row.to_band, row.cause, row.subject, row.detail.get("to"))


def _declined(playbook: Playbook, row: ChangeRow) -> list[Line]:
    """Return why a change that the trigger waits for starts nothing whoever it is about, as the ledger would."""
    verdict = match(playbook.trigger, _change(row))
    return [Line(row.computed_at, verdict.code, verdict.sentence)] if isinstance(verdict, Declines) else []


def _of_lasting(
    trigger: BandTrigger, playbook: Playbook, scene: Scene, changes: Sequence[ChangeRow], span: Span, stand: Stand | None
) -> list[Occasion]:
    """Return the moments at which a band that was come to had lasted for long enough; what moved last counts."""
    hold, since = timedelta(days=trigger.hold), stand.held_since if stand is not None else None
    found: list[Occasion] = []

    def lapse(until: datetime) -> None:
        nonlocal since
        if since is None or since + hold > until:
            return
        fact = scene.facts(since + hold).get("band")
        if fact is not None and isinstance(fact.value, str) and fact.value in trigger.to:
            found.append(Occasion(trigger.kind, since + hold, fact.value))
        since = None

    for row in changes:
        lapse(row.computed_at)
        if isinstance(match(trigger, _change(row)), Starts):
            since = row.computed_at
        elif row.to_band is not None and row.to_band not in trigger.to:
            since = None
    lapse(span.until)
    return found


def _of_watch(
    trigger: WatchTrigger,
    scene: Scene,
    today: Facts,
    changes: Sequence[ChangeRow],
    span: Span,
    stand: Stand | None,
) -> list[Occasion]:
    """Return the moments at which a look would have fired: after every change, and when something has lasted.

    Where feeds tell too little, today's facts count at the end of the span.
    """
    told = is_told(trigger)
    known = stand if stand is not None else at_first(trigger)
    if stand is None:
        known = look(trigger, known, scene.known[0][1], span.since, news=False).stand
    if not told and not looks_at_score(trigger) and stand is None:
        known = at_first(trigger)
    moments = [
        (at, facts, row.cause in STARTING_CAUSES)
        for (at, facts), row in zip(scene.known[1:], changes, strict=True)
        if at <= span.until
    ]
    moments.append((span.until, scene.known[-1][1] if told else today, True))
    found: list[Occasion] = []
    before = scene.known[0][1]
    for at, facts, news in moments:
        over = known.held_since + timedelta(days=trigger.hold) if known.held_since is not None else None
        for moment, seen, is_news in ([(over, before, True)] if over is not None and over < at else []) + [
            (at, facts, news)
        ]:
            looked = look(trigger, known, seen, moment, news=is_news)
            known = looked.stand
            if looked.fires:
                found.append(Occasion(trigger.kind, moment))
        before = facts
    return found
