"""Finds what a plan has come to since it was last told: crossings of states, and milestones that completed themselves.

It never writes: news and words go to the store in the transaction that settles the account.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from milepost_core.conditions import Met, conditions_met
from milepost_core.milestones import Plan
from milepost_core.model import Condition, ScoreModel
from scoring_api.queries.records import OwnWord
from scoring_api.queries.signals.states import DONE, FOUND
from scoring_api.scores.judging import Verdict
from scoring_api.scores.planning import course_of

# How long after its first score an account's past may still be loading.
ARRIVES_WITHIN = timedelta(days=1)
# States of a milestone that somebody wants to hear of when they begin.
TOLD = frozenset({"late", "stuck", "done"})


@dataclass(frozen=True)
class Moved:
    """One crossing: `subject` is the milestone, None for the journey."""

    kind: str
    subject: str | None
    before: str
    after: str

    @property
    def detail(self) -> dict[str, str]:
        """From what to what."""
        return {"from": self.before, "to": self.after}


@dataclass(frozen=True)
class Crossing:
    """Where a plan stands now, as the standing remembers it, what of it is news, and what completed itself."""

    journey: str | None = None
    milestones: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    news: tuple[Moved, ...] = ()
    completed: tuple[OwnWord, ...] = ()
    unripe: bool = False
    """A condition holds by what has arrived so far of the account's past."""

    @property
    def remembered(self) -> tuple[str | None, dict[str, Any]]:
        """The columns of the standing: the journey, and each milestone's state."""
        return self.journey, dict(self.milestones)


def crossing_of(verdict: Verdict, plan: Plan | None, fact: Mapping[str, Any]) -> Crossing:
    """Compare an account's plan with what was told of it last.

    Nothing is news at the first look, nor while the account's past is still arriving; and nothing is found by then, for
    half of a past may hold what the whole does not. A milestone that was not in the
    plan before begins where it stands. One that was done and no longer is was taken back: that is news, whatever it is
    now.
    """
    if plan is None or not plan.milestones:
        return Crossing()
    model, course = verdict.judged.model, course_of(plan, verdict.as_of)
    arriving = is_arriving(fact, verdict.as_of)
    journey, told = course.progress.state.value, fact["told_milestones"] or {}
    held = {name for name, one in told.items() if one.get("holds")}
    met = conditions_met(model, verdict.judged.readings, verdict.row)
    seen = {name for name in met if name in held or not arriving}
    states = {
        name: {"state": state.value} | ({"holds": True} if name in seen else {})
        for name, state in course.states.items()
    }
    news: tuple[Moved, ...] = ()
    if fact["told_journey"] is not None and not arriving:
        news = _news((fact["told_journey"], journey), told, states)
    fresh = _fresh(plan, met, held, verdict.as_of)
    if arriving:
        return Crossing(journey, states, news, unripe=bool(fresh))
    return Crossing(journey, states, news, _completed(model, plan, fresh))


def _fresh(plan: Plan, met: Mapping[str, Met], held: Set[str], as_of: datetime) -> dict[str, Met]:
    """Return what holds of the open milestones and did not at the last look, or has something new that speaks for it.

    Taking such a milestone back holds until then.
    """
    waiting = {one.id: one.reopened_at for one in plan.milestones if one.done_at is None}
    return {
        name: one
        for name, one in met.items()
        if name in waiting and (name not in held or one.anew(as_of, waiting[name]))
    }


def is_arriving(fact: Mapping[str, Any], as_of: datetime) -> bool:
    """Tell whether an account's past is still being told: its first score is young, and history is what came."""
    return bool(fact["cause"] == "backfill" and (fact["first_as_of"] or as_of) > as_of - ARRIVES_WITHIN)


def _news(
    journey: tuple[str, str], told: Mapping[str, Mapping[str, Any]], states: Mapping[str, Mapping[str, Any]]
) -> tuple[Moved, ...]:
    moved = [
        Moved("milestone_moved", name, before, after)
        for name, one in states.items()
        if (before := str((told.get(name) or {}).get("state", one["state"]))) != (after := str(one["state"]))
        and (before == "done" or (after in TOLD and (before, after) != ("stuck", "late")))
    ]
    if journey[0] != journey[1]:
        moved.append(Moved("journey_moved", None, *journey))
    return tuple(moved)


def _completed(model: ScoreModel, plan: Plan, fresh: Mapping[str, Met]) -> tuple[OwnWord, ...]:
    """Return the words that complete milestones by their conditions; they happen as they are said, until dated."""
    reopened = {one.id: one.reopened for one in plan.milestones}
    return tuple(
        completion(step.id, step.done_when, fresh[step.id].value, f"{FOUND}{step.id}:{reopened[step.id]}")
        for step in model.milestones
        if step.done_when is not None and step.id in fresh
    )


def completion(item: str, condition: Condition, value: Any, event_id: str, at: datetime | None = None) -> OwnWord:
    """Return the word that a condition completed a milestone, with what was found."""
    evidence = {"value": value, "op": condition.op, "threshold": condition.value}
    return OwnWord(DONE, at, item=item, event_id=event_id, properties={"by": "condition", "evidence": evidence})
