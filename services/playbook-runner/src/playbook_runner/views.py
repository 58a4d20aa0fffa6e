"""What the runner's API shows; it holds no rule and no statement."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

RunState = Literal["running", "done", "cancelled"]
StepState = Literal["due", "waiting", "performing", "done", "skipped", "failed", "cancelled"]
EffectStateWord = Literal[
    "ready", "leased", "started", "in_doubt", "done", "failed_permanent", "parked", "cancelled", "suppressed"
]
LedgerOutcome = Literal[
    "sent", "deferred", "capped", "suppressed", "skipped", "in_doubt", "parked", "failed", "cancelled"
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class RunSummary(_Frozen):
    """One pass of a playbook for one account: what kind of trigger started it, and in words why (`because`).

    `change_id` names the change of health, if it was one, `started_by` the person, if it was one. `tier`, `arm`,
    `value_class`, `stage` and `band` are those of the beginning.
    """

    id: UUID
    account_id: UUID
    playbook_id: str
    version: int
    trigger_kind: Literal["band_changed", "watch", "milestone", "event", "date", "by_hand"]
    change_id: int | None
    state: RunState
    because: str
    started_by: str
    tier: str | None
    arm: str | None
    value_class: str | None
    stage: str | None
    band: str | None
    started_at: datetime
    ended_at: datetime | None
    end_code: str | None
    end_reason: str
    correlation_id: str


class StepView(_Frozen):
    """One step of a run; `due_at` is null when no moment is waited for, `wakes_on` says what else would wake it.

    `outcome` is what came of it where that is for others to say: of a task, of a gate, or the event waited for.
    """

    id: UUID
    path: str
    iteration: int
    kind: str
    state: StepState
    attempts: int
    reason: str
    outcome: str | None
    wakes_on: list[str] | None
    due_at: datetime | None
    ended_at: datetime | None


class EffectSummary(_Frozen):
    """One intended change outside. `key` is hexadecimal; `reason` says why it stands where it stands.

    `destination` is the connection that it goes through, by name; empty where its channel needs none.
    """

    key: str
    account_id: UUID
    run_id: UUID
    channel: str
    destination: str
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


class StartRun(BaseModel):
    """Which playbook is started for the account, and why a person thinks so."""

    model_config = ConfigDict(extra="forbid")
    playbook: str = Field(min_length=1, max_length=64, description="The playbook's id")
    because: str = Field("", max_length=500, description="Shown with the run")


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


class Obstacle(_Frozen):
    """One thing that stands in the way now: a code, a sentence, and until when, where that is known."""

    code: str
    sentence: str
    until: datetime | None = None


class WhyNot(_Frozen):
    """Why a playbook did not reach an account (or that it did): a code, a sentence, and when that was decided.

    `against_start` is what the account is not now that the playbook asks for, `against_message` what the arbiter has
    now against the message that is on its way, else against the open run's next one, else against all of the playbook.
    """

    account_id: UUID
    playbook_id: str
    code: str
    sentence: str
    run_id: UUID | None
    at: datetime | None
    against_start: list[Obstacle] = []
    against_message: list[Obstacle] = []


class Switch(_Frozen):
    """Whether all outreach is paused, since when, and by whom."""

    paused: bool
    changed_at: datetime
    changed_by: str


class Resolve(BaseModel):
    """A person's decision about an effect in doubt: it was `sent`, `resend` it, or `drop` it."""

    model_config = ConfigDict(extra="forbid")
    outcome: Literal["sent", "resend", "drop"] = Field(description="What happened, or what shall happen.")
