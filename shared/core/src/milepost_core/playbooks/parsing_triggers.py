"""Triggers from a document: what starts a playbook, and whether it could start it for everybody.

It never matches a change; an unbounded trigger is refused, as it would write to the whole book at once.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, cast, get_args

from milepost_core.milestones import JourneyState, MilestoneState
from milepost_core.model.problems import ModelProblem
from milepost_core.model.section import DAYS, SPAN, Section
from milepost_core.playbooks.conditions import AllOf, Compare, Condition
from milepost_core.playbooks.document import (
    BAND_RANK,
    BandTrigger,
    ByHand,
    DateTrigger,
    Direction,
    EventTrigger,
    MilestoneTrigger,
    Trigger,
    WatchTrigger,
)
from milepost_core.playbooks.parsing_bounds import bounded
from milepost_core.playbooks.parsing_conditions import parse_condition
from milepost_core.playbooks.parsing_words import FIELD_FORM, bands, chosen, event_types, names, problem, time_of

__all__ = ["EVERY_DAY", "MILESTONE_STATES", "MOST_OFFSET", "TRIGGERS", "attribute", "parse_trigger", "refuse_unbounded"]

MOST_OFFSET: Final = 730
"""A date trigger or wait lies at most so many days before or behind its date."""
MILESTONE_STATES: Final = tuple(
    dict.fromkeys([*(str(one) for one in MilestoneState), *(str(one) for one in JourneyState)])
)


_ANY_MOVE: Final = {str(one) for one in MilestoneState}
EVERY_DAY: Final = frozenset({"account.updated", "feature.used", "message.sent", "session.started"})
"""Events that any account has at any time; all other types are news about one."""


def parse_trigger(section: Section) -> Trigger:
    """Return what starts the playbook; for one that cannot be read a stand-in, and the problems noted."""
    kind = section.choice("kind", TRIGGERS)
    found = TRIGGERS[kind](section) if kind else ByHand()
    if kind:
        section.finish()
    return found


def _band_changed(section: Section) -> Trigger:
    return BandTrigger(
        to=bands(section, "to"),
        direction=cast(Direction, section.choice("direction", get_args(Direction), "any") or "any"),
        first_score=section.flag("first_score"),
        hold=section.number("hold_days", 0.0, DAYS),
    )


def _condition(section: Section, key: str) -> Condition:
    if not section.has(key):
        section.take(key)
        section.note("", f"{key!r} is missing", f"{key}: a condition")
        return AllOf(())
    return parse_condition(section.take(key), section.at(key), section.problems)


def _threshold(section: Section) -> Trigger:
    rearm = _condition(section, "rearm") if section.has("rearm") else None
    section.take("rearm")
    return WatchTrigger("threshold", _condition(section, "when"), rearm, section.number("hold_days", 0.0, DAYS))


def _silence(section: Section) -> Trigger:
    days = section.number("days", limits=SPAN)
    tests = tuple(Compare(f"days_since.{one}", "gte", (days,)) for one in event_types(section, "events"))
    return WatchTrigger("silence", tests[0] if len(tests) == 1 else AllOf(tests))


def _segment(section: Section) -> Trigger:
    when = section.choice("on", ("entering", "leaving"), "entering")
    held = section.number("hold_days", 0.0, DAYS)
    return WatchTrigger("segment", _condition(section, "when"), None, held, leaving=when == "leaving")


def _milestone(section: Section) -> Trigger:
    found = MilestoneTrigger(chosen(section, "states", MILESTONE_STATES), names(section, "milestones"))
    for state in found.states if found.milestones else ():
        if state not in _ANY_MOVE:
            message = f"{state!r} is how a whole journey stands: no milestone is ever {state}"
            expected = f"some of {', '.join(MilestoneState)}, or no `milestones`"
            section.problems.append(problem(section.at("states"), "state_never", message, expected))
    return found


def _event(section: Section) -> Trigger:
    return EventTrigger(event_types(section, "events"))


def _date(section: Section) -> Trigger:
    at = time_of(section, "at", DateTrigger.at)
    return DateTrigger(
        attribute=attribute(section),
        offset_days=section.whole("offset_days", 0, least=-MOST_OFFSET, most=MOST_OFFSET),
        at=at or DateTrigger.at,
    )


def _by_hand(section: Section) -> Trigger:
    return ByHand()


TRIGGERS: Final[Mapping[str, Callable[[Section], Trigger]]] = {
    "band_changed": _band_changed,
    "threshold": _threshold,
    "silence": _silence,
    "segment": _segment,
    "milestone": _milestone,
    "event": _event,
    "date": _date,
    "by_hand": _by_hand,
}


def attribute(section: Section) -> str:
    """Return the name of an account's attribute that holds a date."""
    found = section.text("attribute")
    if found and not re.fullmatch(FIELD_FORM, found):
        section.note("attribute", f"{found[:60]!r} is no attribute", "letters, digits and _")
    return found


def refuse_unbounded(
    trigger: Trigger, audience: Condition | None, stages: Iterable[str] | None = None
) -> Iterator[ModelProblem]:
    """Yield why a playbook could start for every account there is at once, or for nearly every one.

    A watch is bounded by its condition or by the audience, in that one of their tests says who is meant and not only
    who is not; a band change by its bands, its direction or the audience, a milestone's by its states, its names or the
    audience. Events bound by being rare; of what happens to everybody every day the audience has to say for whom.
    `stages`: all that the score models in charge have, where that is known.
    """
    if audience is not None and bounded(audience, stages=stages):
        return
    message = None
    match trigger:
        case WatchTrigger() if not bounded(trigger.enter, leaving=trigger.leaving, stages=stages):
            message = "the condition leaves out nobody, or hardly anybody, so it could hold for every account"
        case BandTrigger(to, "any") if set(BAND_RANK) <= set(to):
            message = "every change of every account would start it"
        case MilestoneTrigger(states, ()) if set(states) >= _ANY_MOVE:
            message = "every move of every milestone would start it"
        case EventTrigger(types) if busy := [one for one in types if one in EVERY_DAY]:
            message = f"{busy[0]} happens to every account every day"
    if message is not None:
        expected = "a test that says who is meant, here or in `audience`"
        yield problem("/trigger", "audience_unbounded", message, expected)
