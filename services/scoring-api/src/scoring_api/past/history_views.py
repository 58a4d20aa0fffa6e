"""A stretch of an account's scores as outsiders read it: known, restated, marked; it computes none."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from milepost_contracts.health import Band, ModelRef, TrendWord

MarkerKind = Literal["model", "override_began", "override_ended", "milestone", "note", "level"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class HistoryPoint(_Frozen):
    """The last score of a day, by which model; `band` is the one that acted, `plain_band` that of the figure alone.

    `raw_score` is the exact score before gates.
    """

    as_of: datetime
    score: float
    raw_score: float | None = None
    band: Band
    plain_band: Band
    model: ModelRef


class Marker(_Frozen):
    """Something that happened on the way; `subject` names the milestone, override or note it is about.

    `model`: another model or version judges from here on. `level`: the score before gates runs at another level.
    """

    at: datetime
    kind: MarkerKind
    label: str
    subject: str | None = None


class Course(_Frozen):
    """Where the scores head, by the rule of the health document. A move of `noise` points or less is its own wobble.

    Looked at are known scores of the model that judged last and, of days before anything was known or on which another
    one judged, restated ones of that model; `note` says if some have none. `change` is the smoothed score at the end
    less that at the beginning; `slope_per_week` is the median slope of the last eight weeks.
    """

    word: TrendWord
    noise: float
    change: float | None
    slope_per_week: float | None
    note: str | None = None


class RestatedBy(_Frozen):
    """A version of a model by which days of the stretch were restated, and how many of them have a score."""

    model: ModelRef
    points: int
    first_day: date
    last_day: date


class SmoothedPoint(_Frozen):
    """The exponentially weighted average of the scores that `course` looks at up to a day; its half-life is 7 days."""

    as_of: datetime
    score: float


class History(_Frozen):
    """A stretch of time in two tellings: as `known` on the day, and as `restated` with later records and model.

    `restated` is by one version of one model; `restated_models` names all there are in this stretch.
    """

    account_id: UUID
    start: datetime = Field(validation_alias="from", serialization_alias="from")
    end: datetime = Field(validation_alias="to", serialization_alias="to")
    known: tuple[HistoryPoint, ...]
    restated: tuple[HistoryPoint, ...]
    restated_models: tuple[RestatedBy, ...] = ()
    markers: tuple[Marker, ...] = ()
    course: Course | None = None
    smoothed: tuple[SmoothedPoint, ...] = ()
