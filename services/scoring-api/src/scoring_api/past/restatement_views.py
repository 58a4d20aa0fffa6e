"""What is asked of and answered about restatements: which days, by which model, how far; it decides nothing."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from milepost_contracts.health import ModelRef
from milepost_contracts.wholes import Whole

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
RestatementState = Literal["waiting", "running", "done", "cancelled", "failed"]


def _is_day(value: Any) -> Any:
    """A number could be seconds or days, so only text names a day."""
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        raise PydanticCustomError("bad_time", "expected a day as RFC 3339 writes it, such as 2026-03-02")
    return value


_Day = Annotated[date, Field(strict=False), BeforeValidator(_is_day)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelChoice(_Frozen):
    """One version of a score model, in charge or not."""

    model_config = ConfigDict(strict=True)

    id: str = Field(min_length=1, max_length=100)
    version: Whole = Field(ge=1, le=1_000_000_000)


class RestatementRequest(_Frozen):
    """Which days to tell anew, by their dates or so many back from today, and by which model.

    A day's band goes on from the days before it that were restated already; without any the first day's is by plain
    thresholds.
    """

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={"examples": [{"days": 7, "model": {"id": "b2b-onboarding", "version": 1}}]},
    )

    from_day: _Day | None = Field(None, alias="from", description="First day")
    to_day: _Day | None = Field(None, alias="to", description="Last day; today when not given")
    days: Whole = Field(default=90, ge=1, le=1100, description="Used when `from` is not given")
    every_days: Whole = Field(default=1, ge=1, le=31)
    model: ModelChoice | None = Field(None, description="Without: each account's own, of those in charge by now")


class RestatementView(_Frozen):
    """A restatement and how far it has come; `rate` is accounts a second, `seconds_left` what that leaves to wait."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    state: RestatementState
    from_day: date = Field(alias="from")
    to_day: date = Field(alias="to")
    every_days: int
    model: ModelRef | None
    accounts: int
    accounts_done: int
    points: int
    rate: float | None
    seconds_left: float | None
    reason: str
    requested_by: str
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Read a row of `scoring.restatement`."""
        fields = {name: row[name] for name in cls.model_fields if name in row}
        rate = _rate(row)
        left = (row["accounts"] - row["accounts_done"]) / rate if rate and row["state"] == "running" else None
        model = None if row["model_id"] is None else ModelRef(id=row["model_id"], version=row["model_version"])
        seconds = None if left is None else round(max(0.0, left), 1)
        return cls(**fields, model=model, rate=rate, seconds_left=seconds)


class RestatementPage(_Frozen):
    """Restatements, the newest first."""

    data: tuple[RestatementView, ...]
    next_cursor: str | None


def _rate(row: Mapping[str, Any]) -> float | None:
    """Accounts a second from the first batch to the last one that was kept."""
    if row["started_at"] is None or not row["accounts_done"]:
        return None
    seconds = (row["moved_at"] - row["started_at"]).total_seconds()
    return round(row["accounts_done"] / seconds, 1) if seconds > 0 else None
