"""What the runner's API shows; it holds no rule and no statement."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

PlaybookState = Literal["active", "paused", "retired"]
RunState = Literal["running", "done", "cancelled"]
StepState = Literal["due", "performing", "done", "skipped", "failed", "cancelled"]
EffectStateWord = Literal[
    "ready", "leased", "started", "in_doubt", "done", "failed_permanent", "parked", "cancelled", "suppressed"
]
LedgerOutcome = Literal[
    "sent", "deferred", "capped", "suppressed", "skipped", "in_doubt", "parked", "failed", "cancelled"
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class PlaybookSummary(_Frozen):
    """The version of a playbook that is in force."""

    id: str
    version: int
    name: str
    purpose: str
    state: PlaybookState
    activated_at: datetime | None


class PlaybookView(PlaybookSummary):
    """One version with its whole document."""

    created_at: datetime
    document: dict[str, Any]


class PlaybookList(_Frozen):
    """Every playbook that is active or paused."""

    data: list[PlaybookSummary]
    next_cursor: None = None


class RunSummary(_Frozen):
    """One pass of a playbook for one change of one account; `because` says what started it."""

    id: UUID
    account_id: UUID
    playbook_id: str
    version: int
    change_id: int
    state: RunState
    because: str
    started_at: datetime
    ended_at: datetime | None
    end_code: str | None
    end_reason: str
    correlation_id: str


class StepView(_Frozen):
    """One step of a run; `due_at` is null when nothing is waited for."""

    id: UUID
    path: str
    iteration: int
    kind: str
    state: StepState
    attempts: int
    reason: str
    due_at: datetime | None
    ended_at: datetime | None


class EffectSummary(_Frozen):
    """One intended change outside. `key` is hexadecimal; `reason` says why it stands where it stands."""

    key: str
    account_id: UUID
    run_id: UUID
    channel: str
    recipient: str
    state: EffectStateWord
    reason: str
    attempts: int
    due_at: datetime | None
    created_at: datetime
    done_at: datetime | None
    remote_id: str | None
    correlation_id: str


class AttemptView(_Frozen):
    """One try; `outcome` is null while it is under way."""

    fence: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    error: str


class EffectView(EffectSummary):
    """An effect with its tries and what a person may decide about it now."""

    tries: list[AttemptView]
    may_resolve: list[Literal["sent", "resend", "drop"]]


class RunView(RunSummary):
    """A run with its steps and effects."""

    steps: list[StepView]
    effects: list[EffectSummary]


class RunList(_Frozen):
    """A page of runs, newest first; `next_cursor` is null on the last one."""

    data: list[RunSummary]
    next_cursor: str | None


class EffectList(_Frozen):
    """A page of effects, oldest first; `next_cursor` is null on the last one."""

    data: list[EffectSummary]
    next_cursor: str | None


class LedgerEntry(_Frozen):
    """What became of one reason to write to somebody."""

    id: int
    account_id: UUID
    playbook_id: str
    change_id: int | None
    run_id: UUID | None
    effect: str | None
    at: datetime
    outcome: LedgerOutcome
    code: str
    reason: str
    correlation_id: str


class LedgerPage(_Frozen):
    """Lines of the ledger, newest first; `next_cursor` is null on the last one."""

    data: list[LedgerEntry]
    next_cursor: str | None


class WhyNot(_Frozen):
    """Why a playbook did not reach an account (or that it did): a code, a sentence, and when that was decided."""

    account_id: UUID
    playbook_id: str
    code: str
    sentence: str
    run_id: UUID | None
    at: datetime | None


class Switch(_Frozen):
    """Whether all outreach is paused, since when, and by whom."""

    paused: bool
    changed_at: datetime
    changed_by: str


class Resolve(BaseModel):
    """A person's decision about an effect in doubt: it was `sent`, `resend` it, or `drop` it."""

    model_config = ConfigDict(extra="forbid")
    outcome: Literal["sent", "resend", "drop"] = Field(description="What happened, or what shall happen.")
