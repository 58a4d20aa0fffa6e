"""What the API shows and takes of tasks and approvals; it holds no rule and no statement."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

TaskState = Literal["open", "claimed", "snoozed", "done", "skipped", "closed"]
OutcomeWord = Literal["helped", "no_effect", "false_alarm", "root_cause"]
ApprovalState = Literal["open", "approved", "rejected", "expired", "cancelled"]
Who = Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)]
Why = Annotated[str, StringConstraints(min_length=1, max_length=2_000, strip_whitespace=True)]
Note = Annotated[str, StringConstraints(max_length=10_000)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class TaskSummary(_Frozen):
    """Work for a person. `risk` is 0..1, `value` what the customer is worth (0: unknown), clocks are instants.

    `warned_at` is when three quarters of a clock were last over, `breached_at` when one last ran out, to go to
    `escalate_to`. While the customer is awaited (`awaiting` says for what) the clocks stand still. `our_hours` and
    `their_hours` are the working hours that each side had it, counted until `charged_until`.
    """

    id: UUID
    account_id: UUID
    run_id: UUID | None
    playbook_id: str | None
    reason: str
    title: str
    owner: str
    role: str
    state: TaskState
    risk: float
    value: float
    effort_minutes: float
    accept_by: datetime | None
    due_at: datetime | None
    warned_at: datetime | None
    breached_at: datetime | None
    escalate_to: str | None
    snoozed_until: datetime | None
    awaiting_since: datetime | None
    awaiting: str
    our_hours: float
    their_hours: float
    charged_until: datetime
    outcome: OutcomeWord | None
    outcome_note: str
    minutes_spent: float | None
    created_at: datetime
    claimed_at: datetime | None
    ended_at: datetime | None
    ended_by: str


class WordView(_Frozen):
    """One thing said or done: evidence, claimed, snoozed, woke, awaiting, went_on, handed_over, warned, breached, done,
    skipped, closed."""

    kind: str
    author: str
    text: str
    detail: dict[str, Any]
    at: datetime


class TaskView(TaskSummary):
    """A task with its script and everything that was said and done about it, oldest first."""

    script: str
    words: list[WordView]


class TaskList(_Frozen):
    """A page of tasks, newest first; `next_cursor` is null on the last one."""

    data: list[TaskSummary]
    next_cursor: str | None


class QueueItem(_Frozen):
    """A place in somebody's queue: `worth` is value saved in a minute, `expected` the share of help that helped so far.

    `today`: it fits into what the person can carry in a day.
    """

    task: TaskSummary
    worth: float
    expected: float
    today: bool


class Queue(_Frozen):
    """Somebody's desk, best first; what was begun goes first. What sleeps or awaits a customer is not there.

    `minutes_spent` is the work of today that is done; `risk_now`: risks and values are today's, not of the asking.
    """

    owner: str
    minutes_a_day: int
    minutes_spent: float
    risk_now: bool
    data: list[QueueItem]
    next_cursor: None = None


class ClaimBody(_Asked):
    """Who takes the task (without: the name of the key), and whether also from somebody who has claimed it."""

    owner: Who | None = None
    take_over: bool = False


class SnoozeBody(_Asked):
    """Until when the task sleeps, and why."""

    until: AwareDatetime
    reason: Why


class AwaitBody(_Asked):
    """What the customer is awaited for."""

    reason: Why


class HandOverBody(_Asked):
    """Who gets the task: a person, or `role:<role>`; and why."""

    to: Who
    reason: Why


class HandOverAllBody(HandOverBody):
    """Whose open tasks go to whom; a role shares them by load."""

    owner: Who


class HandedOver(_Frozen):
    """How many tasks went to others."""

    tasks: int


class CompleteBody(_Asked):
    """What became of the task, in whose words, and how long it took. `root_cause` needs a note that names it."""

    outcome: OutcomeWord
    note: Note = ""
    minutes: Annotated[float, Field(ge=0, le=10_000)] | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.outcome == "root_cause" and not self.note.strip():
            raise ValueError("a root cause is named in the note")
        return self


class SkipBody(_Asked):
    """Why the task is not done."""

    reason: Why


class ApprovalView(_Frozen):
    """A gate before the step `about`: the draft by part, what was put in its place, and what nobody's word means.

    `recipient` is the mailbox that the draft would have gone to when the gate was asked for; empty: it is no mail, or
    nobody knew an address.
    """

    id: UUID
    account_id: UUID
    run_id: UUID
    playbook_id: str
    about: str
    owner: str
    state: ApprovalState
    otherwise: Literal["approve", "reject"]
    draft: dict[str, str]
    recipient: str
    edited: dict[str, str] | None
    reason: str
    ended_by: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None


class ApprovalList(_Frozen):
    """A page of approvals, newest first; `next_cursor` is null on the last one."""

    data: list[ApprovalView]
    next_cursor: str | None


class ApproveBody(_Asked):
    """Other words for parts of the draft; without: it goes as it is."""

    edited: Annotated[dict[str, Note], Field(max_length=20)] | None = None


class RejectBody(_Asked):
    """Why it does not go."""

    reason: Why
