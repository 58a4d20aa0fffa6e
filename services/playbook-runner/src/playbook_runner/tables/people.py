"""Tables of people: who works, who is away, who is left alone, their tasks and approvals; no row is read here."""

from datetime import date, datetime, time
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB
from sqlmodel import Field, SQLModel

from milepost_runtime.columns import NOW, STAMP, LaneColumns, may, must, primary
from playbook_runner.tables.vocabulary import (
    APPROVAL_STATES,
    MATTER_KINDS,
    METADATA,
    SUPPRESSION_KINDS,
    TASK_STATES,
    one_of,
    waiting,
)


class Person(SQLModel, table=True):
    """Somebody who works on accounts: where in time, at which hours (null: the policy's), what they can carry."""

    metadata: ClassVar[sa.MetaData] = METADATA
    id: str = primary(sa.Text)
    name: str = must(sa.Text, "''")
    email: str = must(sa.Text, "''")
    zone: str = must(sa.Text, "'UTC'")
    region: str = must(sa.Text, "''")
    roles: list[str] = must(ARRAY(sa.Text), "'{}'")
    opens: time | None = may(sa.Time)
    closes: time | None = may(sa.Time)
    minutes_a_day: int = must(sa.Integer, "240")
    active: bool = must(sa.Boolean, "true")


class Absence(SQLModel, table=True):
    """Days on which a person is away, and who stands in."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "person_id", "since"),)
    id: UUID = primary(sa.Uuid)
    person_id: str = must(sa.Text)
    since: date = must(sa.Date)
    until: date = must(sa.Date)
    delegate_id: str | None = may(sa.Text)


class Suppression(SQLModel, table=True):
    """A reason to leave somebody alone: a person (digest of the normalised address), an account, or both.

    `evidence` names what no person said but a mail server or a provider: `effect:<key>` or `event:<id>`.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        one_of("kind", SUPPRESSION_KINDS),
        sa.CheckConstraint("person IS NOT NULL OR account_id IS NOT NULL", name="of_somebody"),
        sa.Index(None, "person", postgresql_where=sa.text("person IS NOT NULL")),
        sa.Index(None, "account_id", postgresql_where=sa.text("account_id IS NOT NULL")),
        sa.Index(
            "uq_suppression_returned",
            "person",
            "kind",
            unique=True,
            postgresql_where=sa.text("evidence <> '' AND ended_at IS NULL"),
        ),
    )
    id: UUID = primary(sa.Uuid)
    account_id: UUID | None = may(sa.Uuid)
    person: bytes | None = may(BYTEA)
    kind: str = must(sa.Text)
    reason: str = must(sa.Text, "''")
    author: str = must(sa.Text, "''")
    since: datetime = must(STAMP, NOW)
    until: datetime | None = may(STAMP)
    ended_at: datetime | None = may(STAMP)
    evidence: str = must(sa.Text, "''")


class MergedAccount(SQLModel, table=True):
    """An account that is gone, and the one that lives on for it; a survivor is never itself one that is gone."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "merged_account"
    __table_args__ = (sa.Index(None, "survivor_id"),)
    account_id: UUID = primary(sa.Uuid)
    survivor_id: UUID = must(sa.Uuid)
    merged_at: datetime = must(STAMP, NOW)


class Matter(SQLModel, table=True):
    """Something at an account that outreach waits for: an escalation that is open, a call that is booked.

    It is open while its last opening lies after its last closing, in whatever order they were told.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (one_of("kind", MATTER_KINDS),)
    account_id: UUID = primary(sa.Uuid)
    kind: str = primary(sa.Text)
    item: str = primary(sa.Text)
    opened_at: datetime | None = may(STAMP)
    closed_at: datetime | None = may(STAMP)
    starts_at: datetime | None = may(STAMP)


class Task(LaneColumns, table=True):
    """Work for a person; at most one open of an account and reason. `next_at` is the next moment at which its clocks
    (acceptance, finish, their warnings, snooze) have something to say; while the customer is awaited they say nothing.

    `our_hours` and `their_hours` are the working hours that each side had it, counted until `charged_until`.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        one_of("state", TASK_STATES),
        sa.Index(
            "uq_task_open",
            "account_id",
            "reason",
            unique=True,
            postgresql_where=sa.text("state IN ('open', 'claimed', 'snoozed')"),
        ),
        sa.Index(None, "owner", "state"),
        sa.Index("ix_task_awaiting", "account_id", postgresql_where=sa.text("awaiting_since IS NOT NULL")),
        sa.Index("ix_task_outcome", "playbook_id", "outcome", postgresql_where=sa.text("outcome IS NOT NULL")),
        waiting("task"),
    )
    id: UUID = primary(sa.Uuid)
    account_id: UUID = primary(sa.Uuid)
    run_id: UUID | None = may(sa.Uuid)
    step_id: UUID | None = may(sa.Uuid)
    playbook_id: str | None = may(sa.Text)
    reason: str = must(sa.Text)
    title: str = must(sa.Text)
    script: str = must(sa.Text, "''")
    owner: str = must(sa.Text)
    role: str = must(sa.Text, "''")
    state: str = must(sa.Text)
    risk: float = must(sa.Double, "0")
    value: float = must(sa.Double, "0")
    effort_minutes: float = must(sa.Double, "30")
    accept_hours: float | None = may(sa.Double)
    accept_by: datetime | None = may(STAMP)
    due_at: datetime | None = may(STAMP)
    accept_warn_at: datetime | None = may(STAMP)
    finish_warn_at: datetime | None = may(STAMP)
    warned_at: datetime | None = may(STAMP)
    breached_at: datetime | None = may(STAMP)
    escalate_to: str | None = may(sa.Text)
    snoozed_until: datetime | None = may(STAMP)
    awaiting_since: datetime | None = may(STAMP)
    awaiting: str = must(sa.Text, "''")
    our_hours: float = must(sa.Double, "0")
    their_hours: float = must(sa.Double, "0")
    charged_until: datetime = must(STAMP, NOW)
    outcome: str | None = may(sa.Text)
    outcome_note: str = must(sa.Text, "''")
    minutes_spent: float | None = may(sa.Double)
    created_at: datetime = must(STAMP, NOW)
    claimed_at: datetime | None = may(STAMP)
    ended_at: datetime | None = may(STAMP)
    ended_by: str = must(sa.Text, "''")


class TaskWord(SQLModel, table=True):
    """Everything that was said and done about a task, oldest first: evidence, claims, snoozes, hand-overs, breaches."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "task_word"
    __table_args__ = (sa.Index(None, "task_id", "id"),)
    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    account_id: UUID = primary(sa.Uuid)
    task_id: UUID = must(sa.Uuid)
    kind: str = must(sa.Text)
    author: str = must(sa.Text, "''")
    text: str = must(sa.Text, "''")
    detail: dict[str, Any] = must(JSONB, "'{}'")
    at: datetime = must(STAMP, NOW)


class Approval(LaneColumns, table=True):
    """A gate before a step: the draft as it would go, who may open it, and what nobody's word means at `expires_at`."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (one_of("state", APPROVAL_STATES), waiting("approval"))
    id: UUID = primary(sa.Uuid)
    account_id: UUID = primary(sa.Uuid)
    run_id: UUID = must(sa.Uuid)
    step_id: UUID = must(sa.Uuid)
    about: str = must(sa.Text)
    owner: str = must(sa.Text)
    state: str = must(sa.Text)
    otherwise: str = must(sa.Text)
    draft: dict[str, Any] = must(JSONB, "'{}'")
    recipient: str = must(sa.Text, "''")
    expires_at: datetime = must(STAMP)
    edited: dict[str, Any] | None = may(JSONB)
    reason: str = must(sa.Text, "''")
    ended_by: str = must(sa.Text, "''")
    created_at: datetime = must(STAMP, NOW)
    ended_at: datetime | None = may(STAMP)


class InAppMessage(SQLModel, table=True):
    """A message that the product shows until it is seen, dismissed or too old."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "in_app_message"
    __table_args__ = (sa.Index(None, "account_id", "expires_at"),)
    effect_key: bytes = primary(BYTEA)
    account_id: UUID = primary(sa.Uuid)
    title: str = must(sa.Text)
    text: str = must(sa.Text)
    link: str = must(sa.Text, "''")
    role: str = must(sa.Text, "''")
    created_at: datetime = must(STAMP, NOW)
    expires_at: datetime = must(STAMP)
    seen_at: datetime | None = may(STAMP)
    dismissed_at: datetime | None = may(STAMP)
