"""Where an account stands on its way: the state of each milestone, and whether the journey is on track.

It never reads a record and never decides what a delay is worth; `forecasting` says when the journey may end.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from milepost_core.model.journey import Journey

__all__ = ["SOON", "JourneyState", "MilestoneState", "Plan", "PlannedMilestone", "Progress", "progress_of", "states_of"]

SOON: Final = timedelta(days=7)
"""A milestone is called due from so long before its day."""


class MilestoneState(StrEnum):
    """How one milestone stands."""

    DONE = "done"
    AHEAD = "ahead"
    WAITING = "waiting"
    """Its day is not near, and something else has to be done before it."""
    DUE = "due"
    LATE = "late"
    STUCK = "stuck"
    """It is late, nothing else holds it up, and nothing was reached for long."""


class JourneyState(StrEnum):
    """How the whole journey stands."""

    ON_TRACK = "on_track"
    BEHIND = "behind"
    STUCK = "stuck"
    DONE = "done"
    """Every required milestone is done; of a plan that requires none, every one."""


@dataclass(frozen=True, slots=True)
class PlannedMilestone:
    """One step of an account's plan, as it is known; ``done_at`` is set once it is done."""

    id: str
    label: str
    due_at: datetime | None = None
    done_at: datetime | None = None
    required: bool = True
    weight: float = 1.0
    side: str = "customer"
    owner: str = ""
    after: tuple[str, ...] = ()
    work_days: float | None = None
    reopened: int = 0
    """How often it was taken back."""
    reopened_at: datetime | None = None
    """When it was taken back last."""


@dataclass(frozen=True)
class Plan:
    """An account's milestones in the order of their days, and how its model measures journeys."""

    start_at: datetime
    milestones: tuple[PlannedMilestone, ...]
    journey: Journey = field(default_factory=Journey)
    zone: tzinfo = UTC
    foreseen: dict[datetime, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What `forecasting` has made of it, by moment: one look at an account asks for the same forecast several times."""

    @cached_property
    def counted(self) -> tuple[PlannedMilestone, ...]:
        """The milestones that the end of the journey depends on: the required ones, or all if none is."""
        return tuple(one for one in self.milestones if one.required) or self.milestones

    @cached_property
    def target_at(self) -> datetime | None:
        """When the journey is to be finished: the last day of those it depends on."""
        return max((one.due_at for one in self.counted if one.due_at is not None), default=None)

    @property
    def finished_at(self) -> datetime | None:
        """When the last milestone that counts was done; None while one is open, and without a plan."""
        done = [one.done_at for one in self.counted]
        known = [moment for moment in done if moment is not None]
        return max(known) if known and len(known) == len(done) else None

    @cached_property
    def reached_at(self) -> datetime:
        """When something was reached last; the start, as long as nothing was."""
        return max((one.done_at for one in self.milestones if one.done_at is not None), default=self.start_at)

    def open_before(self, one: PlannedMilestone) -> tuple[str, ...]:
        """The ids of the open milestones that have to be done before this one; what the plan lacks holds up nobody."""
        return tuple(name for name in one.after if name in self._unfinished and name != one.id)

    @cached_property
    def _unfinished(self) -> frozenset[str]:
        return frozenset(one.id for one in self.milestones if one.done_at is None)


@dataclass(frozen=True, slots=True)
class Progress:
    """How a journey stands and why: ``because`` is late, slipping, stuck, or empty; ``milestone`` the one to blame.

    ``since`` is when it came to stand like that, None where only the course of forecasts could tell.
    """

    state: JourneyState
    since: datetime | None
    because: str = ""
    milestone: str | None = None


def states_of(plan: Plan, as_of: datetime) -> dict[str, MilestoneState]:
    """Return the state of every milestone at a moment, by id."""
    stuck = _stuck_since(plan, as_of) is not None
    return {one.id: _state(plan, one, as_of, stuck) for one in plan.milestones}


def _state(plan: Plan, one: PlannedMilestone, as_of: datetime, stuck: bool) -> MilestoneState:
    if one.done_at is not None:
        return MilestoneState.DONE
    if one.due_at is not None and one.due_at < as_of:
        held = bool(plan.open_before(one)) or one not in plan.counted
        return MilestoneState.STUCK if stuck and not held else MilestoneState.LATE
    if one.due_at is not None and one.due_at <= as_of + SOON:
        return MilestoneState.DUE
    return MilestoneState.WAITING if plan.open_before(one) else MilestoneState.AHEAD


def progress_of(plan: Plan, as_of: datetime, slip_days: int | None) -> Progress | None:
    """Return how the journey stands at a moment; None without a plan.

    Args:
        plan: the account's milestones; only those it requires can put it behind.
        as_of: an aware instant.
        slip_days: by how many calendar days the forecast finish lies after the target; None: nobody can say.
    """
    if not plan.milestones:
        return None
    if plan.finished_at is not None:
        return Progress(JourneyState.DONE, plan.finished_at)
    late = _late(plan, as_of)
    stuck = _stuck_since(plan, as_of)
    if stuck is not None:
        return Progress(JourneyState.STUCK, stuck, "stuck", late[0].id)
    grace = timedelta(days=plan.journey.behind_after_days)
    first = late[0] if late else None
    if first is not None and first.due_at is not None and first.due_at + grace < as_of:
        return Progress(JourneyState.BEHIND, first.due_at + grace, "late", first.id)
    if slip_days is not None and slip_days > plan.journey.slip_days:
        return Progress(JourneyState.BEHIND, None, "slipping")
    return Progress(JourneyState.ON_TRACK, None)


def _late(plan: Plan, as_of: datetime) -> list[PlannedMilestone]:
    """The milestones that count and are late, the oldest first."""
    late = [(one.due_at, one) for one in plan.counted if one.done_at is None and one.due_at and one.due_at < as_of]
    return [one for _, one in sorted(late, key=lambda pair: (pair[0], pair[1].id))]


def _stuck_since(plan: Plan, as_of: datetime) -> datetime | None:
    """Since when something that counts is late while nothing was reached for too long; None: it is not stuck."""
    late = _late(plan, as_of)
    if not late or late[0].due_at is None:
        return None
    since = max(late[0].due_at, plan.reached_at + timedelta(days=plan.journey.stuck_after_days))
    return since if since <= as_of else None
