"""Scenes: from what feeds told of an account to what a rehearsal is played over; it asks nobody.

The past is read from changes and events. What no feed tells (attributes, signals) stands as it is today.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Final
from uuid import UUID

from milepost_contracts.changes import ChangeRow
from milepost_core.cadence.admitting import BY_HAND, Occasion
from milepost_core.cadence.dating import due_at
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
from milepost_core.rehearsal import Line, Scene
from playbook_runner.runs.asking import Known
from playbook_runner.runs.looking import at_first

TOLD_BY_FEEDS: Final = ("band", "journey")
"""What the feed of changes tells in full, beside milestones."""
SCORE: Final = "score"
"""What it tells only when it moves far."""


@dataclass(frozen=True)
class Span:
    """From when to when is played; `at_once`: every account begins at `since`, whatever the trigger says.

    `ahead`: all of it lies in the future.
    """

    since: datetime
    until: datetime
    at_once: bool = False
    ahead: bool = False


@dataclass(frozen=True)
class Happened:
    """What the feeds tell of one account since the span began, each oldest first.

    `events` are what happened in it, `news` those of them that were no news too late.
    """

    changes: Sequence[ChangeRow] = ()
    events: Sequence[tuple[datetime, str]] = ()
    news: Sequence[tuple[datetime, str]] = ()


def is_told(trigger: WatchTrigger) -> bool:
    """Return whether feeds tell everything that a trigger looks at."""
    return all(_is_told(subject) for subject in subjects_of(trigger.enter, trigger.rearm))


def looks_at_score(trigger: WatchTrigger) -> bool:
    """Return whether a trigger looks at the score, and at nothing else but what feeds tell."""
    subjects = subjects_of(trigger.enter, trigger.rearm)
    return SCORE in subjects and all(subject == SCORE or _is_told(subject) for subject in subjects)


def scene(
    playbook: Playbook, account: UUID, known: Known, happened: Happened, span: Span, stand: Stand | None = None
) -> Scene:
    """Return what a rehearsal of one account is played over, with every reason to start that lies in the span.

    `stand` is how the playbook's watch stood to the account when the span began, if that is known.
    """
    bare = Scene(
        account=str(account),
        known=_timeline(known.facts, happened.changes, span.since),
        events=tuple(sorted(happened.events)),
        calendar=known.calendar,
        attributes=tuple(sorted(known.attributes.items())),
    )
    if span.at_once:
        return replace(bare, occasions=(Occasion(BY_HAND, span.since, _word(bare.known[0][1], "band")),))
    found = _occasions(playbook, bare, known.facts, happened, span, stand)
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
            return _of_lasting(trigger, scene, happened.changes, span, stand)
        case BandTrigger() | MilestoneTrigger():
            begun = [row for row in happened.changes if isinstance(match(trigger, _change(row)), Starts)]
            return [Occasion(trigger.kind, row.computed_at, row.to_band) for row in begun]
        case EventTrigger(types):
            return [Occasion(trigger.kind, at) for at, kind in happened.news if kind in types]
        case DateTrigger():
            return _of_date(trigger, scene, span, stand)
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


def _of_date(trigger: DateTrigger, scene: Scene, span: Span, stand: Stand | None) -> list[Occasion]:
    """Return when the date comes, unless the watch has answered that day already."""
    due = due_at(trigger, scene.facts(span.until), scene.calendar.zone)
    if due is None or (stand is not None and stand.held_since == datetime.combine(due.day, time(0), UTC)):
        return []
    return [Occasion(trigger.kind, due.at)]


def _of_lasting(
    trigger: BandTrigger, scene: Scene, changes: Sequence[ChangeRow], span: Span, stand: Stand | None
) -> list[Occasion]:
    """Return the moments at which a band that was come to had lasted for long enough; what moved last counts."""
    hold, since = timedelta(days=trigger.hold), stand.held_since if stand is not None else None
    found: list[Occasion] = []
    for at, row in [*((row.computed_at, row) for row in changes), (span.until, None)]:
        if since is not None and since + hold <= at:
            band = _word(scene.facts(since + hold), "band")
            found += [Occasion(trigger.kind, since + hold, band)] if band in trigger.to else []
            since = None
        if row is not None and isinstance(match(trigger, _change(row)), Starts):
            since = row.computed_at
        elif row is not None and row.to_band is not None and row.to_band not in trigger.to:
            since = None
    return found


def _of_watch(
    trigger: WatchTrigger, scene: Scene, today: Facts, changes: Sequence[ChangeRow], span: Span, stand: Stand | None
) -> list[Occasion]:
    """Return the moments at which looks would have fired: after every change, and when something has lasted.

    Where feeds tell too little of the past, today's facts count at the end of the span.
    """
    told, first = is_told(trigger), scene.known[0][1]
    if told or looks_at_score(trigger) or span.ahead:
        rows = zip(scene.known[1:], changes, strict=True)
        looks = [(at, facts, row.cause in STARTING_CAUSES) for (at, facts), row in rows if at <= span.until]
        stand = stand or look(trigger, at_first(trigger), first, span.since, news=False).stand
    else:
        looks, stand = [], stand or at_first(trigger)
    looks.append((span.until, scene.known[-1][1] if told else today, True))
    return _fired(trigger, stand, first, looks)


def _fired(
    trigger: WatchTrigger, stand: Stand, first: Facts, looks: Sequence[tuple[datetime, Facts, bool]]
) -> list[Occasion]:
    """Look as live watches do: at facts that moved, whether or not they are news, and once they have lasted."""
    found: list[Occasion] = []
    hold, before = timedelta(days=trigger.hold), first
    for at, facts, news in looks:
        over = None if stand.held_since is None else stand.held_since + hold
        due = [(over, before, True)] if over is not None and over < at else []
        for moment, seen, is_news in (*due, (at, facts, news)):
            looked = look(trigger, stand, seen, moment, news=is_news)
            stand = looked.stand
            if looked.fires:
                found.append(Occasion(trigger.kind, moment))
        before = facts
    return found


def _word(facts: Facts, subject: str) -> str | None:
    value = facts[subject].value if subject in facts else None
    return value if isinstance(value, str) else None
