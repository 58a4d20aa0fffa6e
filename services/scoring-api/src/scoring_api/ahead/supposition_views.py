"""What-ifs and paths as outsiders ask for them and read them: arithmetic, never a promise; it computes none."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from milepost_contracts.events import Moment
from milepost_contracts.health import Band, DimensionView, EffectiveBand, GateView, ModelRef, Path

ARITHMETIC = (
    "This is arithmetic on the score, not a promise: whether doing it changes what the customer does,"
    " only an experiment can tell."
)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class WhatIfRequest(_Frozen):
    """What to suppose: raw values of signals in their own units (null: no data), and facts behind gates."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={"examples": [{"changes": {"open_critical": 0, "active_days": 12}}]},
    )

    changes: dict[str, float | str | None] = Field(
        default_factory=dict, max_length=100, examples=[{"open_critical": 0, "active_days": 12}],
        description="Raw value by signal id; a text for signals that are words; null: without data",
    )  # fmt: skip
    gates: dict[str, bool] = Field(
        default_factory=dict, max_length=100, examples=[{"sponsor_left": False}],
        description="By gate id, whether what it asks for holds",
    )  # fmt: skip
    as_of: Annotated[Moment, Field(strict=False)] | None = Field(
        None, description="The moment to start from as it was known then; now"
    )


class Supposed(_Frozen):
    """A score with its bands: `band` by the figure alone, `effective_band` as it would act at once."""

    score: float | None
    band: Band
    effective_band: EffectiveBand
    range: tuple[float, float]
    coverage: float


class BandMove(_Frozen):
    """Which way the band would go, and for how long the score has to stay there before it does."""

    to: Band
    direction: str
    after_days: float
    sentence: str


class MovedDriver(_Frozen):
    """A signal that would count otherwise: raw values, points of 100, and what that is to the score."""

    signal: str
    label: str
    dimension: str
    from_value: float | str | None
    to_value: float | str | None
    unit: str
    from_points: float | None
    to_points: float | None
    difference: float
    exact: float
    sentence: str


class WhatIfAnswer(_Frozen):
    """The score as it is and as it would be; `difference` is the sum over `drivers` and `gates_difference`."""

    account_id: UUID
    as_of: datetime
    model: ModelRef
    before: Supposed
    after: Supposed
    difference: float | None
    drivers: tuple[MovedDriver, ...]
    gates: tuple[GateView, ...]
    gates_difference: float
    dimensions: tuple[DimensionView, ...]
    move: BandMove | None
    news: dict[str, Any] | None = Field(description="What would be published if it were so; playbooks start on it")
    note: str = ARITHMETIC


class PathAnswer(_Frozen):
    """The cheapest way to a band that is ahead; `score_after` was found by scoring the account again."""

    account_id: UUID
    as_of: datetime
    model: ModelRef
    score: float
    band: Band
    target: float
    gap: float
    path: Path
    cost: float
    score_after: float
    note: str = ARITHMETIC
