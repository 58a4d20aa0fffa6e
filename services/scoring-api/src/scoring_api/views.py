"""What the scoring API answers beside the health document: lists, history, explanation, evidence, models.

It never decides a figure; everything here is a selection of what is stored.
"""

import re
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from milepost_contracts.changes import ChangeRow
from milepost_contracts.health import (
    AccountView,
    Band,
    Confidence,
    DimensionView,
    Driver,
    EffectiveBand,
    GateView,
    HealthDocument,
    Missing,
    ModelRef,
    NextStep,
    Path,
    Trend,
)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _is_day(value: Any) -> Any:
    """A number could be seconds or days, so only text names a day."""
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        raise PydanticCustomError("bad_time", "expected a day as RFC 3339 writes it, such as 2026-03-02")
    return value


_Day = Annotated[date, Field(strict=False), BeforeValidator(_is_day)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, from_attributes=True)


class AccountRow(_Frozen):
    """An account in a list: its score with everything a score may not travel without."""

    account: AccountView
    score: float | None
    band: Band
    effective_band: EffectiveBand
    confidence: Confidence
    trend: Trend
    model: ModelRef
    as_of: datetime
    computed_at: datetime
    fresh_until: datetime
    summary: str
    links: dict[str, str]


class AccountPage(_Frozen):
    """One page of accounts; `next_cursor` is null on the last one."""

    data: tuple[AccountRow, ...]
    next_cursor: str | None


class BatchRequest(_Frozen):
    """Our ids or references, in any mixture."""

    model_config = ConfigDict(strict=True)

    ids: tuple[str, ...] = Field(
        strict=False, min_length=1, max_length=200, examples=[["hubspot:4711:99", "domain:acme.com"]]
    )


class BatchAnswer(_Frozen):
    """Documents in the order asked for; what is not known is named instead of left out."""

    data: tuple[HealthDocument, ...]
    unknown: tuple[str, ...]
    not_scored: tuple[str, ...]


class ChangePage(_Frozen):
    """What moved, oldest first; ask again with `next_cursor`, also after an empty page."""

    data: tuple[ChangeRow, ...]
    next_cursor: str


class HistoryPoint(_Frozen):
    """The last score of a day."""

    as_of: datetime
    score: float
    band: Band
    model: ModelRef


class History(_Frozen):
    """A stretch of time in two tellings: as `known` on the day, and as `restated` with later records and model."""

    account_id: UUID
    start: datetime = Field(serialization_alias="from")
    end: datetime = Field(serialization_alias="to")
    known: tuple[HistoryPoint, ...]
    restated: tuple[HistoryPoint, ...]


class Arithmetic(_Frozen):
    """Baseline plus drivers plus gates is the score, in displayed tenths."""

    baseline: float | None
    drivers: float
    gates: float
    score: float | None


class Explanation(_Frozen):
    """Why the score is what it is, with the law's own figures for every signal."""

    account: AccountView
    score: float | None
    effective_band: EffectiveBand
    model: ModelRef
    as_of: datetime
    summary: str
    text: str
    arithmetic: Arithmetic
    drivers: tuple[Driver, ...]
    gates: tuple[GateView, ...]
    dimensions: tuple[DimensionView, ...]
    missing: tuple[Missing, ...]
    pending: tuple[Missing, ...]
    path: Path | None
    next_steps: tuple[NextStep, ...]
    figures: dict[str, Any]


class EvidenceRecord(_Frozen):
    """One record that a signal reads."""

    event_id: str
    type: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str | None
    role: str | None
    item: str | None
    value: float | str | None
    properties: dict[str, Any]
    source: str


class Evidence(_Frozen):
    """The newest records behind a signal, newest first, as visible at the moment the score speaks of."""

    account_id: UUID
    signal: str
    label: str
    as_of: datetime
    model: ModelRef
    rule: dict[str, Any]
    records: tuple[EvidenceRecord, ...]


class ModelSummary(_Frozen):
    """A score model that this deployment knows."""

    id: str
    version: int
    title: str
    active: bool


class ModelList(_Frozen):
    """All score models."""

    data: tuple[ModelSummary, ...]


class RestatementRequest(_Frozen):
    """Which days to tell anew with the active model: by their dates, or so many back from today."""

    model_config = ConfigDict(strict=True)

    from_day: _Day | None = Field(None, alias="from", description="First day")
    to_day: _Day | None = Field(None, alias="to", description="Last day; today when not given")
    days: int = Field(default=90, ge=1, le=1100, description="Used when `from` is not given")
    every_days: int = Field(default=1, ge=1, le=31)


class RestatementAnswer(_Frozen):
    """What was told anew."""

    accounts: int
    points: int
    model: ModelRef
