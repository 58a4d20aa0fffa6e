"""A score model after parsing: frozen parts that say everything the law needs.

It never checks anything; what reaches these classes has passed `parsing` and `refusals`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NamedTuple

from milepost_core.model.journey import Calendar, Journey
from milepost_core.model.normalisers import Curve, Stale
from milepost_core.model.sources import Scalar, Source, Where
from milepost_core.model.texts import Broad, Summary, Texts

__all__ = [
    "Action", "Band", "Bands", "Baseline", "Calibration", "Column", "Condition", "Dimension", "Gate", "Milestone",
    "MissingPolicy", "ScoreModel", "Segment", "Signal", "Stage",
]  # fmt: skip


_PLAIN_SUMMARY: Final = Summary()
_PLAIN_JOURNEY: Final = Journey()
_PLAIN_CALENDAR: Final = Calendar()


class Band(StrEnum):
    """The four words of a verdict; ``unknown`` means too little is known for one."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Dimension:
    """One theme of the score. ``weight`` is relative to its sisters."""

    id: str
    weight: float
    min_coverage: float
    label: str
    next_step: str | None = None
    """What to do when the theme as a whole is in trouble rather than one signal of it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Weights for a part of the journey: days since the start in ``[from_day, to_day)``."""

    id: str
    from_day: float
    to_day: float | None
    weights: tuple[float, ...]
    """One per dimension, in the model's order."""
    transition_days: float
    label: str = ""


_ROUNDING: Final = 1e-9
_MANY: Final = 1e9
"""More steps than anybody counts: of a step that is almost nothing there are infinitely many."""


@dataclass(frozen=True, slots=True)
class MissingPolicy:
    """What stands in for a missing signal: nothing (left out), or these points."""

    points: float | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """Something people can do about a signal, in steps of its raw value."""

    label: str
    step: float
    max_change: float
    cost: float

    @property
    def steps(self) -> int:
        """How many whole steps there are."""
        return int(min(self.max_change / self.step + _ROUNDING, _MANY))


@dataclass(frozen=True, slots=True)
class Signal:
    """One measured thing: where it comes from, what it is worth, how it is told."""

    id: str
    dimension: str
    weight: float
    source: Source
    normalise: Curve
    missing: MissingPolicy
    stale: Stale | None
    half_life_days: float
    action: Action | None
    texts: Texts

    @property
    def label(self) -> str:
        """What people call the signal."""
        return self.texts.label


@dataclass(frozen=True, slots=True)
class Gate:
    """A fact that caps or lowers the score whatever the signals say."""

    id: str
    source: Source
    op: str
    value: Scalar | tuple[Scalar, ...]
    cap_score: float | None
    subtract: float | None
    hard: bool
    label: str
    next_step: str | None = None


@dataclass(frozen=True, slots=True)
class Bands:
    """Thresholds on the displayed score, with what it takes to cross them over time."""

    green: float
    yellow: float
    margin_down: float = 0.0
    margin_up: float = 0.0
    dwell_down_days: float = 0.0
    dwell_up_days: float = 0.0


@dataclass(frozen=True, slots=True)
class Baseline:
    """What drivers are measured against: ``cohort_median``, ``previous`` or ``fixed`` points."""

    kind: str
    fixed: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """A measured value compared with a constant, as gates do it too."""

    source: Source
    op: str
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Milestone:
    """A planned step of the onboarding, due ``target_day`` days after the start."""

    id: str
    label: str
    target_day: float | None
    weight: float
    required: bool
    side: str = "customer"
    """Whom a delay is charged to while nobody says otherwise: customer, us or third_party."""
    owner: str = ""
    """The role that does it, in the company's own words."""
    after: tuple[str, ...] = ()
    """The milestones that have to be done before."""
    work_days: float | None = None
    """How many days it takes once it can begin; None: what the target days leave for it."""
    done_by: Where | None = None
    """The first record that matches completes it, beside ``milestone.completed`` and the word of a person."""
    done_when: Condition | None = None
    """It completes itself when this is first found to hold."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a score becomes a probability; without numbers it has not been fitted yet."""

    kind: str
    intercept: float | None
    slope: float | None
    fitted: str | None


Clauses = tuple[tuple[str, tuple[Scalar, ...]], ...]


def holds(clauses: Clauses, attributes: Mapping[str, Any]) -> bool:
    """Every attribute named holds one of its listed values; true and 1 are two things, 1 and 1.0 are one."""
    return all(_is_one_of(attributes.get(name), values) for name, values in clauses)


def _is_one_of(found: Any, values: tuple[Scalar, ...]) -> bool:
    return any(found == one and isinstance(found, bool) == isinstance(one, bool) for one in values)


@dataclass(frozen=True, slots=True)
class Segment:
    """Accounts whose attributes match are judged by ``model`` instead of the plain one."""

    id: str
    when: Clauses
    model: "ScoreModel"

    def matches(self, attributes: Mapping[str, Any]) -> bool:
        """Every attribute named holds one of the listed values."""
        return holds(self.when, attributes)


class Column(NamedTuple):
    """One column of a reading: a signal's source, after all signals a gate's, after these a milestone's condition."""

    id: str
    source: Source
    is_gate: bool
    is_milestone: bool = False


@dataclass(frozen=True)
class ScoreModel:
    """A whole score model; signals, dimensions and gates keep the document's order."""

    id: str
    version: int
    title: str
    description: str
    timezone: str
    horizon_days: float | None
    min_coverage: float
    dimensions: tuple[Dimension, ...]
    stages: tuple[Stage, ...]
    segments: tuple[Segment, ...]
    signals: tuple[Signal, ...]
    gates: tuple[Gate, ...]
    bands: Bands
    baseline: Baseline
    milestones: tuple[Milestone, ...]
    calibration: Calibration | None
    applies_to: Clauses = ()
    """Which accounts it judges, by their attributes; nothing named: all that no other active model takes."""
    precedence: int = 0
    """Of several active models that match an account, the one with the highest precedence judges it."""
    summary: Summary = _PLAIN_SUMMARY
    broad: Broad | None = None
    journey: Journey = _PLAIN_JOURNEY
    calendar: Calendar = _PLAIN_CALENDAR

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """What a reading must hold, in order: the signals, the gates, the conditions that complete milestones."""
        signals = tuple(Column(signal.id, signal.source, False) for signal in self.signals)
        gates = tuple(Column(gate.id, gate.source, True) for gate in self.gates)
        conditions = ((one.id, one.done_when) for one in self.milestones)
        found = (Column(f"milestone:{name}", when.source, False, True) for name, when in conditions if when is not None)
        return (*signals, *gates, *found)

    @cached_property
    def dimension_of(self) -> tuple[int, ...]:
        """For every signal, the position of its dimension."""
        place = {dimension.id: index for index, dimension in enumerate(self.dimensions)}
        return tuple(place[signal.dimension] for signal in self.signals)

    @cached_property
    def signal_index(self) -> dict[str, int]:
        """Where a signal stands among the columns."""
        return {signal.id: index for index, signal in enumerate(self.signals)}

    def signal(self, signal_id: str) -> Signal:
        """The signal of that id; KeyError if the model has none."""
        return self.signals[self.signal_index[signal_id]]

    def applies(self, attributes: Mapping[str, Any]) -> bool:
        """Every attribute named in ``applies_to`` holds one of the listed values."""
        return holds(self.applies_to, attributes)

    def for_segment(self, attributes: Mapping[str, Any]) -> "ScoreModel":
        """The model with the overrides of the first segment that matches, or this model.

        The columns stand in the same order in every segment; only what they hold may differ.
        """
        for segment in self.segments:
            if segment.matches(attributes):
                return segment.model
        return self
