"""When a journey may end: the longest way through what has to be done one after the other, at the account's own pace.

It never promises: a forecast is a range, and where nobody can know there is none, with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from milepost_core.milestones import Plan, PlannedMilestone

__all__ = ["Expected", "Forecast", "forecast_of", "local_day", "pace_of"]

PRIOR_MILESTONES: Final = 2.0
"""So many milestones done as planned are added to those seen: one early finish is no pace yet."""
PACE_BOUNDS: Final = (0.5, 3.0)
STILL_LEFT: Final = 0.1
"""Whatever is not done is supposed to have at least this share of its work still before it."""
LONGEST_DAYS: Final = 36_500.0
_DAY_S: Final = 86_400.0
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Expected:
    """When something may be done: if all that is left took as long as planned, and at the account's own pace."""

    at_plan_pace: datetime
    at_own_pace: datetime
    still_until: datetime = _NEVER
    """While nothing happens, neither moment moves until then; from then on they move with the clock."""

    @property
    def earliest(self) -> datetime:
        """The nearer end of the range."""
        return min(self.at_plan_pace, self.at_own_pace)

    @property
    def latest(self) -> datetime:
        """The farther end of the range."""
        return max(self.at_plan_pace, self.at_own_pace)


@dataclass(frozen=True)
class Forecast:
    """What may be expected of a plan; ``finish`` is None for the reason ``because`` (finished, no_plan, no_duration).

    ``pace`` is how long things take compared with the plan (1: as planned), from ``seen`` milestones that are done;
    ``critical`` the open milestones that decide the finish, in their order; ``unknown`` those nobody can date;
    ``circular`` those that wait for one another, of which one has to be taken as free.
    """

    pace: float
    seen: int
    finish: Expected | None = None
    because: str = ""
    milestones: Mapping[str, Expected] = field(default_factory=dict)
    critical: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    circular: tuple[str, ...] = ()
    slip_days: int | None = None
    """Calendar days from the target to the finish at own pace; negative: before it; None without either."""


def forecast_of(plan: Plan, as_of: datetime) -> Forecast:
    """Return what may be expected at a moment; of an account's own plan that waits in a circle, too.

    A milestone begins when all before it are done (or at the start), but not so early that its own days would leave a
    gap before its day; it takes its planned days times the pace, and at least a tenth of that from now on.
    Asked once more for the same moment, it is the same forecast.
    """
    known: Forecast | None = plan.foreseen.get(as_of)
    if known is None:
        known = plan.foreseen[as_of] = _forecast(plan, as_of)
    return known


def _forecast(plan: Plan, as_of: datetime) -> Forecast:
    order, circular = _order(plan)
    pace, seen = pace_of(plan)
    planned = {one.id: _work_days(plan, one) for one in order}
    done = {one.id: Expected(one.done_at, one.done_at) for one in order if one.done_at is not None}
    found: dict[str, Expected | None] = dict(done)
    for one in order:
        if one.id not in found:
            found[one.id] = _expected(plan, one, as_of, (planned[one.id], pace), found)
    expected = {name: when for name, when in found.items() if when is not None and name not in done}
    unknown = tuple(name for name, when in found.items() if when is None)
    shared = (pace, seen)
    open_ones = [one for one in plan.counted if one.done_at is None]
    if not open_ones:
        return Forecast(*shared, None, "finished" if plan.milestones else "no_plan", expected, (), unknown, circular)
    if any(one.id in unknown for one in open_ones):
        return Forecast(*shared, None, "no_duration", expected, (), unknown, circular)
    ends = [expected[one.id] for one in open_ones]
    finish = Expected(max(one.at_plan_pace for one in ends), max(one.at_own_pace for one in ends))
    critical, slip = _critical(plan, expected), _slip(plan, finish)
    return Forecast(*shared, finish, "", expected, critical, unknown, circular, slip)


def pace_of(plan: Plan) -> tuple[float, int]:
    """Return how long things take compared with the plan, and from how many milestones that was read.

    A milestone took from the last completion before it (or the start) to its own; by plan it takes as long between the
    days of both. (n·r + k) / (n + k) with r = actual ÷ planned days over the n milestones done, k = `PRIOR_MILESTONES`;
    bounded.
    """
    actual, planned, seen = 0.0, 0.0, 0
    for one in plan.milestones:
        days = _scheduled_days(plan, one)
        if one.done_at is not None and days:
            actual += max(0.0, _days(_began(plan, one), one.done_at))
            planned, seen = planned + days, seen + 1
    if not seen:
        return 1.0, 0
    pace = (seen * actual / planned + PRIOR_MILESTONES) / (seen + PRIOR_MILESTONES)
    return min(max(pace, PACE_BOUNDS[0]), PACE_BOUNDS[1]), seen


def local_day(moment: datetime, zone: tzinfo) -> int:
    """Return the calendar day of an instant in a time zone, as a number of days; the calendar's edges stay in UTC."""
    try:
        return moment.astimezone(zone).toordinal()
    except OverflowError:
        return moment.astimezone(UTC).toordinal()


def _order(plan: Plan) -> tuple[list[PlannedMilestone], tuple[str, ...]]:
    """Every milestone after all those it waits for; of a circle, the one with the earliest day is taken as free."""
    waiting = {one.id: {name for name in one.after if name != one.id} for one in plan.milestones}
    waiting = {name: before & waiting.keys() for name, before in waiting.items()}
    left = {one.id: one for one in plan.milestones}
    order: list[PlannedMilestone] = []
    circular = [one.id for one in plan.milestones if one.id in one.after]
    while left:
        free = [one for one in left.values() if not waiting[one.id] & left.keys()]
        if not free:
            free = [min(left.values(), key=_by_day)]
            circular.append(free[0].id)
        for one in free:
            order.append(left.pop(one.id))
    return order, tuple(dict.fromkeys(circular))


def _by_day(one: PlannedMilestone) -> tuple[bool, datetime, str]:
    return one.due_at is None, one.due_at or _NEVER, one.id


def _work_days(plan: Plan, one: PlannedMilestone) -> float | None:
    """How long it takes once it has begun: its work days, else all that the plan's days leave for it."""
    if one.work_days is not None:
        return min(max(one.work_days, 0.0), LONGEST_DAYS)
    return _scheduled_days(plan, one)


def _scheduled_days(plan: Plan, one: PlannedMilestone) -> float | None:
    """How long the plan leaves for it, from the day of what comes before it to its own; without a day, its work.

    No day before the journey began is left for anything.
    """
    if one.due_at is None:
        return None if one.work_days is None else min(max(one.work_days, 0.0), LONGEST_DAYS)
    before = [other.due_at for other in plan.milestones if other.id in one.after and other.id != one.id]
    since = max([plan.start_at, *(day for day in before if day is not None)])
    return min(max(_days(since, one.due_at), 0.0), LONGEST_DAYS)


def _began(plan: Plan, one: PlannedMilestone) -> datetime:
    """When a milestone that is done could begin: never before the journey did."""
    before = [other.done_at for other in plan.milestones if other.id in one.after and other.id != one.id]
    return max([plan.start_at, *(moment for moment in before if moment is not None)])


def _expected(
    plan: Plan,
    one: PlannedMilestone,
    as_of: datetime,
    takes: tuple[float | None, float],
    found: Mapping[str, Expected | None],
) -> Expected | None:
    days, pace = takes
    before = [found[name] for name in one.after if name in found]
    if days is None or any(when is None for when in before):
        return None
    ends = [when for when in before if when is not None]
    takes_own, left = days * pace, days * pace * STILL_LEFT
    soonest = plan.start_at
    if one.work_days is not None and one.due_at is not None:
        soonest += timedelta(days=max(0.0, _days(plan.start_at, one.due_at) - days))
    by_plan = max((soonest, *(when.at_plan_pace for when in ends)))
    by_own = max((soonest, *(when.at_own_pace for when in ends)))
    planned, own = _later(by_plan, days, as_of), _later(by_own, takes_own, as_of)
    still = min((planned, _later(by_own, takes_own - left, as_of), *(when.still_until for when in ends)))
    return Expected(max(planned, as_of), max(own, _later(as_of, left, as_of)), still)


def _later(moment: datetime, days: float, as_of: datetime) -> datetime:
    """The moment so many days later; nothing is forecast farther away than a hundred years."""
    most = _days(moment, as_of) + LONGEST_DAYS
    return moment + timedelta(days=min(days, max(most, 0.0)))


def _critical(plan: Plan, expected: Mapping[str, Expected]) -> tuple[str, ...]:
    """From the milestone that ends last back to what it waits for longest."""
    by_id = {one.id: one for one in plan.milestones}
    names = [one.id for one in plan.counted if one.id in expected]
    path: list[str] = []
    while names:
        last = max(names, key=lambda name: (expected[name].at_own_pace, name))
        path.append(last)
        names = [name for name in by_id[last].after if name in expected and name not in path]
    return tuple(reversed(path))


def _slip(plan: Plan, finish: Expected) -> int | None:
    if plan.target_at is None:
        return None
    return local_day(finish.at_own_pace, plan.zone) - local_day(plan.target_at, plan.zone)


def _days(earlier: datetime, later: datetime) -> float:
    return (later - earlier).total_seconds() / _DAY_S
