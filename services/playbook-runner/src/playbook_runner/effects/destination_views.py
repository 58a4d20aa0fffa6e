"""What the API shows of receivers and of letters that nobody will deliver any more; it decides nothing."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from playbook_runner.views import EffectSummary


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class DestinationView(_Frozen):
    """One receiver: a connection by name, or a channel that needs none.

    `good` and `bad` are the calls of the last minute. `probe_at` is when an open circuit lets one call through, until
    `resting_until` it has asked to be left alone.
    `waiting` are the effects that are still to be performed there.
    """

    name: str
    circuit: Literal["closed", "open"]
    probe_at: datetime | None
    resting_until: datetime | None
    active: bool
    rate_per_s: float | None
    good: int
    bad: int
    waiting: int


class DestinationList(_Frozen):
    """Every receiver that was ever called, by name."""

    data: list[DestinationView]
    next_cursor: None = None


class DeadLetters(_Frozen):
    """How many effects of a destination ended so, for one reason, and when the newest was intended."""

    destination: str
    state: Literal["failed_permanent", "parked"]
    reason: str
    count: int
    newest_at: datetime


class DeadLetterPage(_Frozen):
    """Effects that no machine will carry any further, newest first: what failed for good, and what is parked.

    `counts` are of all of them, the most frequent first.
    """

    data: list[EffectSummary]
    counts: list[DeadLetters]
    next_cursor: str | None


class ResendRequest(BaseModel):
    """Which dead letters are to be sent again: those to this receiver, and for this reason if one is named."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    destination: str = Field(min_length=1, max_length=200)
    reason: str | None = Field(None, max_length=1_000, description="As the list of dead letters words it")
    cursor: str | None = Field(None, pattern="^[0-9a-f]{64}$", description="`next_cursor` of the answer before")
    limit: int = Field(100, ge=1, le=500)


class LeftView(_Frozen):
    """A dead letter that stays one, and why."""

    key: str
    code: str
    sentence: str


class ResentView(_Frozen):
    """Which letters are on their way again, and which stay; `next_cursor` is null when there are no more of them."""

    sent: list[str]
    left: list[LeftView]
    next_cursor: str | None
