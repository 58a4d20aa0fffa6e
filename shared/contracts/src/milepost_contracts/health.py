"""The health document: an account's score with its reasons, as API, page, mail and widget read it.

It never computes: every figure is put in by the scoring service, and readers show it as it is. Who reads thousands of
documents reads digests: the same bytes, and of them only what messages and conditions are made of.
"""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

Band = Literal["green", "yellow", "red", "unknown"]
Because = Literal["model", "gate", "override"]
ConfidenceWord = Literal["high", "medium", "low"]
TrendWord = Literal["rising", "steady", "falling", "unknown"]
Direction = Literal["up", "down", "neutral"]
MilestoneState = Literal["done", "late", "stuck", "due", "waiting", "ahead"]
JourneyState = Literal["on_track", "behind", "stuck", "done"]


class _Frozen(BaseModel):
    """A view on the wire: immutable; a reader skips keys that a newer writer added."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class AccountView(_Frozen):
    """Who the document speaks of."""

    id: UUID
    name: str
    segment: str | None = None
    stage: str | None = None
    owner: str | None = None
    references: tuple[str, ...] = ()
    start_at: datetime | None = None
    age_days: int | None = None


class EffectiveBand(_Frozen):
    """The band that acts (after hysteresis and gates), and where it came from."""

    band: Band
    because: Because
    sentence: str = ""


class Confidence(_Frozen):
    """How far to trust the score; confidence never moves it.

    `range` is where the score would lie if all expected data were there. It need not hold the score: what was seen of a
    dimension that is too thin to be scored counts in the range only.
    """

    word: ConfidenceWord
    value: float
    coverage: float
    freshness: float
    range: tuple[float, float]


class ModelRef(_Frozen):
    """The score model that made the figure."""

    id: str
    version: int


class Trend(_Frozen):
    """Points moved since 7 and 28 days before; null where nothing is known of that day.

    Only scores by one version of one model are compared: `note` says if others were left out.
    """

    word: TrendWord
    change_7d: float | None = None
    change_28d: float | None = None
    note: str | None = None


class DimensionView(_Frozen):
    """One dimension: `weight` in percent in today's stage, `score` null while unavailable."""

    id: str
    label: str
    weight: float
    score: float | None = None
    coverage: float


class Evidence(_Frozen):
    """What stands behind a driver: the newest record's moment, and the route that lists all of it."""

    newest_at: datetime | None = None
    imputed: bool = False
    href: str | None = None


class DriverDigest(_Frozen):
    """One signal's part in the score, as messages and conditions speak of it."""

    signal: str
    label: str
    value: float | str | None = None
    points: float
    points_lost: float
    sentence: str


class Driver(DriverDigest):
    """One signal's part in the score.

    `points` is the distance from the baseline, in displayed tenths: all points, the baseline and the
    gates add up to the score exactly. `points_lost` is what the signal would still give at its best.
    """

    dimension: str
    unit: str = ""
    direction: Direction
    evidence: Evidence
    target: str = ""
    y: float
    weight: float


class GateView(_Frozen):
    """A fired gate and the points that it took; `hard` beats a human's override. `evidence` lists what fired it."""

    id: str
    label: str
    points: float
    hard: bool = False
    sentence: str
    evidence: str | None = None


class Missing(_Frozen):
    """An input that takes no part: `why` in words for people, `code` for machines.

    It has no value, or (`missing:dimension_unavailable`) it has one and too little else of its dimension was observed.
    """

    signal: str
    label: str
    dimension: str
    why: str
    code: str


class PathStep(_Frozen):
    """One change on the way to the next band; arithmetic on the score, not a causal promise."""

    signal: str
    label: str
    from_value: float | None = None
    to_value: float | None = None
    unit: str = ""
    gain: float
    sentence: str


class Path(_Frozen):
    """The smallest known way to a better band, and for how long it has to hold."""

    to: Band
    possible: bool
    steps: tuple[PathStep, ...] = ()
    holds_for_days: float
    sentence: str


class MilestoneDigest(_Frozen):
    """How one milestone of the plan stands."""

    id: str
    label: str
    state: MilestoneState
    days_late: int = 0


class MilestoneView(MilestoneDigest):
    """One milestone of the plan; `days_late` is 0 unless it is or was late; one without a day is never late.

    `waits_for` names the open milestones that have to be done before, `side` who is asked for it unless somebody says
    otherwise, `expected_on` the day on which it may be done at the account's own pace (null: done, or nobody knows).
    """

    due_at: datetime | None = None
    done_at: datetime | None = None
    required: bool = True
    owner: str = ""
    side: str = "customer"
    waits_for: tuple[str, ...] = ()
    expected_on: date | None = None


class JourneyForecast(_Frozen):
    """When the journey may be finished: a range of days, and the likely one at the account's own pace.

    `pace` is how long things take compared with the plan (1: as planned), read from `seen` milestones that are done.
    Without days, `because` says why there is no forecast; `slip_days` is from the target to the likely day.
    """

    likely_on: date | None = None
    earliest_on: date | None = None
    latest_on: date | None = None
    slip_days: int | None = None
    pace: float = 1.0
    seen: int = 0
    critical: tuple[str, ...] = ()
    because: str = ""


class MilestonesDigest(_Frozen):
    """How the plan stands: counts, the next milestone open, and a word and a sentence on the whole."""

    done: int
    due: int
    late: int
    next: MilestoneDigest | None = None
    items: tuple[MilestoneDigest, ...] = ()
    journey: JourneyState | None = None
    sentence: str = ""


class Milestones(MilestonesDigest):
    """Counts over the plan (`due` counts those whose day has come, done or not), and the next one open.

    `journey` is how the whole stands (null: there is no plan), `since` since when if the plan itself tells, and
    `sentence` says so in words.
    """

    next: MilestoneView | None = None
    items: tuple[MilestoneView, ...] = ()
    since: datetime | None = None
    target_at: datetime | None = None
    forecast: JourneyForecast | None = None


class NextStep(_Frozen):
    """Something a person can do today, the points at stake, and the reason.

    `about` says how wide the trouble is: one stuck signal, a whole dimension, the account; or a gate. `guide` and
    `playbook` are the model's own words on where the step is explained and which playbook takes it.
    """

    label: str
    because: str
    signal: str | None = None
    points: float = 0.0
    about: Literal["gate", "account", "dimension", "signal"] = "signal"
    guide: str | None = None
    playbook: str | None = None


class HealthDigest(_Frozen):
    """What messages, tasks and conditions are made of: a reader of many documents passes over the rest."""

    account: AccountView
    score: float | None
    band: Band
    effective_band: EffectiveBand
    confidence: Confidence
    as_of: datetime
    computed_at: datetime
    fresh_until: datetime
    model: ModelRef
    trend: Trend
    dimensions: tuple[DimensionView, ...]
    drivers: tuple[DriverDigest, ...]
    gates: tuple[GateView, ...]
    missing: tuple[Missing, ...]
    milestones: MilestonesDigest
    next_steps: tuple[NextStep, ...]
    summary: str
    links: dict[str, str]


class HealthDocument(HealthDigest):
    """The whole answer: value, band, confidence, reasons, model version and moment travel together.

    Of an earlier moment `asked_for` is the moment that somebody asked about (`as_of` is the moment of the score that
    was the newest then), `restated` says that it was computed anew from the records of today instead, and `notes`
    what in it is not as it would have been.
    """

    drivers: tuple[Driver, ...]
    baseline: float | None
    pending: tuple[Missing, ...] = ()
    path: Path | None
    milestones: Milestones
    restated: bool = False
    asked_for: datetime | None = None
    notes: tuple[str, ...] = ()
