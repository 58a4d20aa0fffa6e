"""What the scoring API answers beside the health document: lists, history, explanation, evidence, models.

It never decides a figure; everything here is a selection of what is stored.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

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

    model_config = ConfigDict(
        strict=True, json_schema_extra={"examples": [{"ids": ["hubspot:4711:99", "domain:acme.com"]}]}
    )

    ids: tuple[str, ...] = Field(strict=False, min_length=1, max_length=200)


class BatchAnswer(_Frozen):
    """Documents in the order asked for; what is not known is named instead of left out."""

    data: tuple[HealthDocument, ...]
    unknown: tuple[str, ...]
    not_scored: tuple[str, ...]


class ChangePage(_Frozen):
    """What moved, oldest first; ask again with `next_cursor`, also after an empty page."""

    data: tuple[ChangeRow, ...]
    next_cursor: str


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
