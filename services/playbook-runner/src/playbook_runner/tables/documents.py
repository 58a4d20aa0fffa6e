"""Tables of playbooks as documents, of who is armed and in which arm, of the rules of the arbiter; no row is read."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlmodel import SQLModel

from milepost_runtime.columns import NOW, STAMP, LaneColumns, may, must, primary
from playbook_runner.tables.vocabulary import METADATA, PLAYBOOK_STATES, one_of, waiting


class Playbook(SQLModel, table=True):
    """One version of a playbook; at most one version of an id is in force: active or paused."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        one_of("state", PLAYBOOK_STATES),
        sa.Index("uq_playbook_current", "id", unique=True, postgresql_where=sa.text("state IN ('active', 'paused')")),
    )
    id: str = primary(sa.Text)
    version: int = primary(sa.Integer)
    document: dict[str, Any] = must(JSONB)
    state: str = must(sa.Text)
    text: str = must(sa.Text, "''")
    author: str = must(sa.Text, "''")
    created_at: datetime = must(STAMP, NOW)
    activated_at: datetime | None = may(STAMP)


class Armed(SQLModel, table=True):
    """Whether a playbook may fire again for an account (hysteresis), how often it has, and since when it holds."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        sa.Index(None, "playbook_id", "account_id"),
        sa.Index("ix_armed_held", "playbook_id", "held_since", postgresql_where=sa.text("held_since IS NOT NULL")),
    )
    account_id: UUID = primary(sa.Uuid)
    playbook_id: str = primary(sa.Text)
    armed: bool = must(sa.Boolean, "true")
    episode: int = must(sa.Integer, "0")
    held_since: datetime | None = may(STAMP)
    changed_at: datetime = must(STAMP, NOW)


class Watch(LaneColumns, table=True):
    """How far a playbook that waits for something to hold has looked: in the feed of changes, and over the book.

    `trigger_digest` is of what it waits for (empty: for nothing, it rests), `begun_at` since when; one row with an
    empty id keeps the others in step. No row is ever taken away, so that a fence never comes again.
    `fault` is why it cannot look, empty while it can.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (waiting("watch", "playbook_id"),)
    playbook_id: str = primary(sa.Text)
    trigger_digest: bytes = must(BYTEA)
    position: int = must(sa.BigInteger, "0")
    stage: str = must(sa.Text, "''")
    after: UUID | None = may(sa.Uuid)
    settled: bool = must(sa.Boolean, "false")
    swept_at: datetime | None = may(STAMP)
    begun_at: datetime = must(STAMP, NOW)
    fault: str = must(sa.Text, "''")


class Assignment(SQLModel, table=True):
    """Which arm of a playbook an account is in, decided once by hash and kept; `arm` "holdout" gets nothing."""

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    playbook_id: str = primary(sa.Text)
    version: int = must(sa.Integer)
    arm: str = must(sa.Text)
    bucket: float = must(sa.Double)
    stratum: str = must(sa.Text, "''")
    excluded: bool = must(sa.Boolean, "false")
    assigned_at: datetime = must(STAMP, NOW)


class Policy(SQLModel, table=True):
    """What the arbiter goes by: caps, quiet hours, working weekdays; versioned, the newest row is in force."""

    metadata: ClassVar[sa.MetaData] = METADATA
    version: int = primary(sa.Integer)
    document: dict[str, Any] = must(JSONB)
    author: str = must(sa.Text, "''")
    created_at: datetime = must(STAMP, NOW)


class Holiday(SQLModel, table=True):
    """A day on which nobody works in a region."""

    metadata: ClassVar[sa.MetaData] = METADATA
    region: str = primary(sa.Text)
    day: date = primary(sa.Date)
    name: str = must(sa.Text, "''")
