"""A stretch of an account's scores as outsiders read it: known, restated, marked; it computes none."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from milepost_contracts.health import Band, ModelRef, TrendWord

MarkerKind = Literal["model", "override_began", "override_ended", "milestone", "note", "level"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class HistoryPoint(_Frozen):
    """The last score of a day, by which model; `band` is the one that acted, `plain_band` that of the figure alone."""

    as_of: datetime
    score: float
    band: Band
    plain_band: Band
    model: ModelRef


class Marker(_Frozen):
    """Something that happened on the way; `subject` names the milestone, override or note it is about.

    `model`: another model or version judges from here on. `level`: the score runs at another level from here on.
    """

    at: datetime
    kind: MarkerKind
    label: str
    subject: str | None = None


class Course(_Frozen):
    """Where the known scores head. A move of `noise` points or less is the account's own wobble.

    `change` is the smoothed score at the end less that at the beginning; `slope_per_week` is the median slope.
    """

    word: TrendWord
    noise: float
    change: float | None
    slope_per_week: float | None


class SmoothedPoint(_Frozen):
    """The exponentially weighted average of the known scores up to a day, with a half-life of 7 days."""

    as_of: datetime
    score: float


class History(_Frozen):
    """A stretch of time in two tellings: as `known` on the day, and as `restated` with later records and model."""

    account_id: UUID
    start: datetime = Field(serialization_alias="from")
    end: datetime = Field(serialization_alias="to")
    known: tuple[HistoryPoint, ...]
    restated: tuple[HistoryPoint, ...]
    markers: tuple[Marker, ...] = ()
    course: Course | None = None
    smoothed: tuple[SmoothedPoint, ...] = ()
