"""Tables of runs, their steps and effects, and the ledger; no row is read or written here."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlmodel import Field, SQLModel

from milepost_runtime.columns import NOW, STAMP, LaneColumns, may, must, primary
from playbook_runner.tables.vocabulary import (
    EFFECT_STATES,
    LEDGER_OUTCOMES,
    METADATA,
    RUN_STATES,
    STEP_STATES,
    TRIGGER_KINDS,
    one_of,
    waiting,
)


class Run(SQLModel, table=True):
    """One pass of one playbook version for one change of one account."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        one_of("state", RUN_STATES),
        one_of("trigger_kind", TRIGGER_KINDS),
        sa.UniqueConstraint("account_id", "trigger_key"),
        sa.Index(
            "uq_run_open",
            "account_id",
            "playbook_id",
            unique=True,
            postgresql_where=sa.text("state = 'running'"),
        ),
        sa.Index(None, "account_id", "playbook_id", "started_at"),
    )
    id: UUID = primary(sa.Uuid)
    account_id: UUID = primary(sa.Uuid)
    playbook_id: str = must(sa.Text)
    version: int = must(sa.Integer)
    change_id: int | None = may(sa.BigInteger)
    trigger_kind: str = must(sa.Text)
    trigger_key: bytes = must(BYTEA)
    state: str = must(sa.Text)
    because: str = must(sa.Text, "''")
    correlation_id: str = must(sa.Text, "''")
    tier: str | None = may(sa.Text)
    arm: str | None = may(sa.Text)
    value_class: str | None = may(sa.Text)
    stage: str | None = may(sa.Text)
    band: str | None = may(sa.Text)
    started_by: str = must(sa.Text, "''")
    started_at: datetime = must(STAMP, NOW)
    ended_at: datetime | None = may(STAMP)
    end_code: str | None = may(sa.Text)
    end_reason: str = must(sa.Text, "''")


class Step(LaneColumns, table=True):
    """One node of a run: `due` is work, `waiting` lasts until `next_at` or what `wakes_on` names, `performing` waits
    for its effect, task or approval."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        one_of("state", STEP_STATES),
        # By the run first: its steps are read by it, and runs that began together lie together.
        sa.UniqueConstraint("run_id", "path", "iteration", "account_id"),
        sa.Index("ix_step_wakes", "account_id", postgresql_where=sa.text("wakes_on IS NOT NULL")),
        waiting("step"),
        {"postgresql_with": {"fillfactor": 70}},
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
    outcome: str | None = may(sa.Text)
    wakes_on: list[str] | None = may(ARRAY(sa.Text))
    created_at: datetime = must(STAMP, NOW)
    ended_at: datetime | None = may(STAMP)


class Effect(LaneColumns, table=True):
    """One intended change outside; `payload` is null until a try starts, and kept once it may have arrived.

    What may have arrived is repeated byte for byte, or not at all; what surely has not is rendered anew. `asked_at` is
    since when it waits, with the time left out in which a pause held it.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        one_of("state", EFFECT_STATES),
        sa.CheckConstraint("octet_length(key) = 32", name="key"),
        sa.Index(None, "run_id"),
        sa.Index("ix_effect_ready", "account_id", postgresql_where=sa.text("state = 'ready'")),
        sa.Index("ix_effect_unclear", "created_at", postgresql_where=sa.text("state IN ('in_doubt', 'parked')")),
        sa.Index("ix_effect_dead", "created_at", postgresql_where=sa.text("state IN ('failed_permanent', 'parked')")),
        waiting("effect", "key"),
        {"postgresql_with": {"fillfactor": 70}},
    )
    key: bytes = primary(BYTEA)
    account_id: UUID = primary(sa.Uuid)
    run_id: UUID = must(sa.Uuid)
    step_id: UUID = must(sa.Uuid)
    channel: str = must(sa.Text)
    destination: str = must(sa.Text, "''")
    recipient: str = must(sa.Text)
    priority: int = must(sa.SmallInteger, "50")
    transactional: bool = must(sa.Boolean, "false")
    payload: bytes | None = may(BYTEA)
    state: str = must(sa.Text)
    attempts: int = must(sa.SmallInteger, "0")
    reason: str = must(sa.Text, "''")
    remote_id: str | None = may(sa.Text)
    correlation_id: str = must(sa.Text, "''")
    created_at: datetime = must(STAMP, NOW)
    asked_at: datetime = must(STAMP, NOW)
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


class Touch(SQLModel, table=True):
    """One time somebody's attention was taken: what caps count. `person` is a digest of the address or user.

    It counts unless its effect says that nothing went out after all. `colleague`: it went to one of us.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "account_id", "at"), sa.Index(None, "person", "at"))
    account_id: UUID = primary(sa.Uuid)
    effect_key: bytes = primary(BYTEA)
    person: bytes = must(BYTEA)
    channel: str = must(sa.Text)
    transactional: bool = must(sa.Boolean, "false")
    colleague: bool = must(sa.Boolean, "false")
    at: datetime = must(STAMP, NOW)


class Ledger(SQLModel, table=True):
    """What became of every reason to write to somebody; rows are added and never changed."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (one_of("outcome", LEDGER_OUTCOMES), sa.Index(None, "account_id", "id"))
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
