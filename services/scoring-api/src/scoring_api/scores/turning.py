"""When an account has to be looked at again although nobody says anything about it; it schedules nothing.

An account that stays quiet is looked at when what is shown of it changes, to the second, and once a day in any case.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from milepost_core.silence import age_thresholds, quiet_days
from scoring_api.queries.plans import KnownPlan
from scoring_api.scores.judging import Judged, Verdict
from scoring_api.scores.planning import next_turn

SOONEST = timedelta(seconds=1)
# An edge is part of what lies before or after it: a moment later it is passed in any case.
TICK = timedelta(milliseconds=1)
DAY_S = 86_400.0
# Those who were looked at together do not come again together: each comes up to this share of the time earlier.
SPREAD = 0.2


def turns_of(
    verdicts: Mapping[UUID, Verdict],
    facts: Mapping[UUID, Mapping[str, Any]],
    edges: Mapping[UUID, datetime],
    plans: Mapping[UUID, KnownPlan],
    look_again: timedelta,
) -> dict[UUID, datetime]:
    """Return, for each account, the next moment at which what is shown of it changes by itself, or is looked at anyway.

    `edges` are moments at which a record begins, falls due, runs out or leaves a window.
    """
    turns: dict[UUID, datetime] = {}
    groups: dict[int, list[UUID]] = {}
    for account, one in verdicts.items():
        groups.setdefault(id(one.judged), []).append(account)
    for group in groups.values():
        judged = verdicts[group[0]].judged
        thresholds = age_thresholds(judged.model)
        for account in group:
            one = verdicts[account]
            known = [edges.get(account), _plan_turn(plans.get(account), one.as_of), *_of_people(facts[account])]
            known.append(one.as_of + _spread(account, look_again))
            turns[account] = _first(one, [turn for turn in known if turn is not None], thresholds)
        turns |= _before_it_moves(judged, group, verdicts, turns)
    return {account: max(turn, verdicts[account].as_of + SOONEST) for account, turn in turns.items()}


def _plan_turn(known: KnownPlan | None, as_of: datetime) -> datetime | None:
    return None if known is None else next_turn(known.plan, as_of)


def _of_people(fact: Mapping[str, Any]) -> Sequence[datetime]:
    """Return when a person's word on the band ends."""
    return [] if fact["override_until"] is None else [fact["override_until"]]


def _spread(account: UUID, look_again: timedelta) -> timedelta:
    return look_again * (1.0 - SPREAD * (account.int % 1009) / 1009)


def _first(one: Verdict, known: Sequence[datetime], thresholds: Sequence[float]) -> datetime:
    """Return the earliest of these moments, of the day something begins to count, and of the end of a waiting time."""
    model, as_of = one.judged.model, one.as_of
    age = float(one.judged.population.age_days[one.row])
    turns = [*known, *(as_of + timedelta(days=day - age) + TICK for day in (0.0, *thresholds) if day > age)]
    if one.state.since is not None:
        dwell = model.bands.dwell_up_days if one.state.direction == "up" else model.bands.dwell_down_days
        turns.append(one.state.since + timedelta(days=dwell))
    return min(turn for turn in turns if turn > as_of)


def _before_it_moves(
    judged: Judged, group: Sequence[UUID], verdicts: Mapping[UUID, Verdict], turns: Mapping[UUID, datetime]
) -> dict[UUID, datetime]:
    """Return the turns of a group, earlier where ageing alone moves what is shown before."""
    until = np.zeros(len(judged.population))
    for account in group:
        one = verdicts[account]
        until[one.row] = (turns[account] - one.as_of).total_seconds() / DAY_S
    quiet = quiet_days(
        judged.model, judged.readings, judged.scores, judged.population.age_days, until, judged.among.cohort
    )
    found = {}
    for account in group:
        one = verdicts[account]
        moved = one.as_of + timedelta(days=float(quiet[one.row]))
        # A day in floating point is not exact to the microsecond: an edge is the edge itself.
        found[account] = moved if quiet[one.row] < until[one.row] else turns[account]
    return found
