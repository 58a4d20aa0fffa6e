"""The tables of the schema `playbooks`, as they stand at head; it never reads or writes a row.

Every unique key of a table that speaks of an account contains `account_id`: it is the distribution key. Where rows
are looked up by their own id, the id comes first in that key.
"""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlmodel import Field, SQLModel

from milepost_runtime.columns import NOW, STAMP, ApiKeyColumns, CursorColumns, LaneColumns, may, metadata, must, primary
from playbook_runner.settings import SCHEMA

METADATA = metadata(SCHEMA)

PLAYBOOK_STATES = ("active", "paused", "retired")
RUN_STATES = ("running", "done", "cancelled")
STEP_STATES = ("due", "performing", "done", "skipped", "failed", "cancelled")
# `leased` is not stored: it is `ready` under a lease that has not run out.
EFFECT_STATES = (
    "ready", "started", "in_doubt", "done", "failed_permanent", "parked", "cancelled", "suppressed",
)  # fmt: skip
LEDGER_OUTCOMES = (
    "sent", "deferred", "capped", "suppressed", "skipped", "in_doubt", "parked", "failed", "cancelled",
)  # fmt: skip


def _one_of(column: str, words: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def _waiting(table: str) -> sa.Index:
    """The index of a lane: only rows that wait for something are in it."""
    return sa.Index(f"ix_{table}_waiting", "next_at", postgresql_where=sa.text("next_at IS NOT NULL"))


class Playbook(SQLModel, table=True):
    """One version of a playbook; at most one version of an id is not retired."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        _one_of("state", PLAYBOOK_STATES),
        sa.Index("uq_playbook_current", "id", unique=True, postgresql_where=sa.text("state <> 'retired'")),
    )
    id: str = primary(sa.Text)
    version: int = primary(sa.Integer)
    document: dict[str, Any] = must(JSONB)
    state: str = must(sa.Text)
    created_at: datetime = must(STAMP, NOW)
    activated_at: datetime | None = may(STAMP)


class Run(SQLModel, table=True):
    """One pass of one playbook version for one change of one account."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        _one_of("state", RUN_STATES),
        sa.UniqueConstraint("account_id", "playbook_id", "change_id"),
        sa.UniqueConstraint("account_id", "trigger_key"),
        sa.Index(
            "uq_run_open", "account_id", "playbook_id", unique=True, postgresql_where=sa.text("state = 'running'")
        ),
        sa.Index(None, "account_id", "playbook_id", "started_at"),
    )
    id: UUID = primary(sa.Uuid)
    account_id: UUID = primary(sa.Uuid)
    playbook_id: str = must(sa.Text)
    version: int = must(sa.Integer)
    change_id: int = must(sa.BigInteger)
    trigger_key: bytes = must(BYTEA)
    state: str = must(sa.Text)
    because: str = must(sa.Text, "''")
    correlation_id: str = must(sa.Text, "''")
    started_at: datetime = must(STAMP, NOW)
    ended_at: datetime | None = may(STAMP)
    end_code: str | None = may(sa.Text)
    end_reason: str = must(sa.Text, "''")


class Step(LaneColumns, table=True):
    """One node of a run: `due` waits in the lane, `performing` waits for its effect."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        _one_of("state", STEP_STATES),
        sa.UniqueConstraint("account_id", "run_id", "path", "iteration"),
        sa.Index(None, "run_id"),
        _waiting("step"),
    )
    id: UUID = primary(sa.Uuid)
    account_id: UUID = primary(sa.Uuid)
    run_id: UUID = must(sa.Uuid)
    path: str = must(sa.Text)
    iteration: int = must(sa.Integer, "0")
    kind: str = must(sa.Text)
    state: str = must(sa.Text)
    attempts: int = must(sa.SmallInteger, "0")
    reason: str = must(sa.Text, "''")
    created_at: datetime = must(STAMP, NOW)
    ended_at: datetime | None = may(STAMP)


class Effect(LaneColumns, table=True):
    """One intended change outside; `payload` is null until a try starts, and kept once it may have arrived.

    What may have arrived is repeated byte for byte, or not at all; what surely has not is rendered anew.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        _one_of("state", EFFECT_STATES),
        sa.CheckConstraint("octet_length(key) = 32", name="key"),
        sa.Index(None, "run_id"),
        sa.Index("ix_effect_unclear", "created_at", postgresql_where=sa.text("state IN ('in_doubt', 'parked')")),
        _waiting("effect"),
        {"postgresql_with": {"fillfactor": 70}},
    )
    key: bytes = primary(BYTEA)
    account_id: UUID = primary(sa.Uuid)
    run_id: UUID = must(sa.Uuid)
    step_id: UUID = must(sa.Uuid)
    channel: str = must(sa.Text)
    recipient: str = must(sa.Text)
    payload: bytes | None = may(BYTEA)
    state: str = must(sa.Text)
    attempts: int = must(sa.SmallInteger, "0")
    reason: str = must(sa.Text, "''")
    remote_id: str | None = may(sa.Text)
    correlation_id: str = must(sa.Text, "''")
    created_at: datetime = must(STAMP, NOW)
    done_at: datetime | None = may(STAMP)


class Attempt(SQLModel, table=True):
    """One try of an effect, under the fencing number it was made with.

    `payload_hash` is SHA-256 over the bytes that it was started with; null for a try that was never started.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    effect_key: bytes = primary(BYTEA)
    fence: int = primary(sa.BigInteger)
    account_id: UUID = primary(sa.Uuid)
    started_at: datetime = must(STAMP, NOW)
    ended_at: datetime | None = may(STAMP)
    outcome: str | None = may(sa.Text)
    error: str = must(sa.Text, "''")
    payload_hash: bytes | None = may(BYTEA)


class Ledger(SQLModel, table=True):
    """What became of every reason to write to somebody; rows are added and never changed."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (_one_of("outcome", LEDGER_OUTCOMES), sa.Index(None, "account_id", "id"))
    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    account_id: UUID = primary(sa.Uuid)
    playbook_id: str = must(sa.Text)
    change_id: int | None = may(sa.BigInteger)
    run_id: UUID | None = may(sa.Uuid)
    effect_key: bytes | None = may(BYTEA)
    at: datetime = must(STAMP, NOW)
    outcome: str = must(sa.Text)
    code: str = must(sa.Text)
    reason: str = must(sa.Text, "''")
    correlation_id: str = must(sa.Text, "''")


class Control(SQLModel, table=True):
    """The one switch; the table has exactly one row."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)
    id: int = primary(sa.SmallInteger)
    paused: bool = must(sa.Boolean, "false")
    changed_at: datetime = must(STAMP, NOW)
    changed_by: str = must(sa.Text, "''")


class Cursor(CursorColumns, table=True):
    """How far the runner has come in the feeds that it reads."""

    metadata: ClassVar[sa.MetaData] = METADATA


class ApiKey(ApiKeyColumns, table=True):
    """The keys that this service accepts."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "api_key"
