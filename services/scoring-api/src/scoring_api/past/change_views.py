"""The difference between two moments as outsiders read it, in four parts that add up; it computes none."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from milepost_contracts.health import Band, EffectiveBand, ModelRef

Kind = Literal["behaviour", "model", "data", "human"]
Cause = Literal["late", "model", "peers", "stage", "inputs", "values", "people"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class Side(_Frozen):
    """One end of a difference: the score as it was known at `asked_for`."""

    asked_for: datetime
    as_of: datetime
    score: float | None
    band: Band
    effective_band: EffectiveBand
    model: ModelRef


class ChangeLine(_Frozen):
    """One reason for some points; `signal` is null for what gates took or gave back, and for the sum of small shifts.

    `points` are displayed tenths that add up to the part; `exact` is the same unrounded.
    """

    cause: Cause
    signal: str | None
    label: str
    dimension: str | None
    from_value: float | str | None
    to_value: float | str | None
    unit: str
    points: float
    exact: float
    sentence: str
    evidence: str | None


class ChangePart(_Frozen):
    """What one kind of reason did to the score; its lines add up to it."""

    kind: Kind
    points: float
    exact: float
    sentence: str
    lines: tuple[ChangeLine, ...]


class ChangeAnswer(_Frozen):
    """A difference and its four parts, which add up to it: behaviour, model, data, human.

    `difference` is null, and the parts are empty, when one of the moments has no score; `text` says so.
    """

    account_id: UUID
    start: Side = Field(validation_alias="from", serialization_alias="from")
    end: Side = Field(validation_alias="to", serialization_alias="to")
    difference: float | None
    exact: float | None
    parts: tuple[ChangePart, ...]
    text: str
