"""What happened: the published feed, the facts that are known, what waits for an account, what was imported.

It never reads or writes a row.
"""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlmodel import Field, SQLModel

from ingest_webhooks.tables.schema import METADATA
from milepost_runtime.columns import (
    NOW,
    STAMP,
    may,
    must,
    primary,
)


class EventKey(SQLModel, table=True):
    """A fact that we know, and the delivery that told it first; it outlives the event and holds no personal data.

    `content` is a digest of what was said (null: not watched). `period` is the one in which it was noted.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "event_key"
    __table_args__ = ({"postgresql_partition_by": "LIST (period)"},)
    key: bytes = primary(BYTEA)
    period: date = primary(sa.Date)
    delivery_id: UUID = must(sa.Uuid)
    content: bytes | None = may(BYTEA)


class KeyPeriod(SQLModel, table=True):
    """A time in which keys were noted in a partition of their own; they are noted in the newest."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "key_period"
    period: date = primary(sa.Date)


class Event(SQLModel, table=True):
    """The published feed, in the order of `id`; `reference` is what led to the account when it was told.

    `fallbacks` are the other names that it is known by, null for what can never move to another account.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        sa.UniqueConstraint("event_id"),
        sa.Index(None, "delivery_id", postgresql_where=sa.text("delivery_id is not null")),
        sa.Index(None, "supersedes", postgresql_where=sa.text("supersedes is not null")),
        sa.Index(None, "reference", postgresql_where=sa.text("fallbacks is not null")),
        sa.Index(
            None,
            "fallbacks",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
            postgresql_where=sa.text("fallbacks is not null"),
        ),
    )
    id: int = Field(sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    event_id: str = must(sa.Text)
    account_id: UUID = must(sa.Uuid)
    type: str = must(sa.Text)
    occurred_at: datetime = must(STAMP)
    recorded_at: datetime = must(STAMP, NOW)
    actor: str | None = may(sa.Text)
    role: str | None = may(sa.Text)
    item: str | None = may(sa.Text)
    value: float | None = may(sa.Double)
    value_text: str | None = may(sa.Text)
    properties: dict[str, Any] = must(JSONB, "'{}'")
    source: str = must(sa.Text)
    connection_id: UUID | None = may(sa.Uuid)
    delivery_id: UUID | None = may(sa.Uuid)
    correlation_id: str = must(sa.Text, "''")
    supersedes: str | None = may(sa.Text)
    reference: str | None = may(sa.Text)
    fallbacks: list[str] | None = may(sa.ARRAY(sa.Text))
    told_at: datetime | None = may(STAMP)
    sequence: str | None = may(sa.Text)


class WaitingEvent(SQLModel, table=True):
    """An event whose reference leads to no account yet; it joins the feed once that or one of `fallbacks` does."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "waiting_event"
    __table_args__ = (
        sa.Index(None, "reference"),
        sa.Index(None, "fallbacks", postgresql_using="gin"),
        sa.Index(None, "delivery_id"),
    )
    event_id: str = primary(sa.Text)
    reference: str = must(sa.Text)
    since: datetime = must(STAMP, NOW)
    type: str = must(sa.Text)
    occurred_at: datetime = must(STAMP)
    actor: str | None = may(sa.Text)
    role: str | None = may(sa.Text)
    item: str | None = may(sa.Text)
    value: float | None = may(sa.Double)
    value_text: str | None = may(sa.Text)
    properties: dict[str, Any] = must(JSONB, "'{}'")
    source: str = must(sa.Text)
    connection_id: UUID | None = may(sa.Uuid)
    delivery_id: UUID | None = may(sa.Uuid)
    correlation_id: str = must(sa.Text, "''")
    supersedes: str | None = may(sa.Text)
    fallbacks: list[str] | None = may(sa.ARRAY(sa.Text))
    told_at: datetime | None = may(STAMP)
    sequence: str | None = may(sa.Text)


class Import(SQLModel, table=True):
    """A file of plain events that is brought in line by line, and how far that has come.

    `position` is the number of lines that are settled: accepted, duplicates, conflicts, unmapped, ignored (of people
    whom we were asked to forget), rejected or blank. Lines come in streams; `stream_position` and `stream_since` are
    where and when the newest one began.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        sa.UniqueConstraint("fingerprint", "sender", "dry_run"),
        sa.CheckConstraint("state in ('open', 'finished', 'cancelled')", name="state"),
    )
    id: UUID = primary(sa.Uuid)
    name: str = must(sa.Text)
    sender: str = must(sa.Text)
    fingerprint: str | None = may(sa.Text)
    dry_run: bool = must(sa.Boolean, "false")
    state: str = must(sa.Text, "'open'")
    total_lines: int | None = may(sa.BigInteger)
    position: int = must(sa.BigInteger, "0")
    bytes: int = must(sa.BigInteger, "0")
    accepted: int = must(sa.BigInteger, "0")
    duplicates: int = must(sa.BigInteger, "0")
    conflicts: int = must(sa.BigInteger, "0")
    unmapped: int = must(sa.BigInteger, "0")
    ignored: int = must(sa.BigInteger, "0")
    rejected: int = must(sa.BigInteger, "0")
    blank: int = must(sa.BigInteger, "0")
    stream_position: int = must(sa.BigInteger, "0")
    stream_since: datetime | None = may(STAMP)
    started_at: datetime = must(STAMP, NOW)
    updated_at: datetime = must(STAMP, NOW)
    finished_at: datetime | None = may(STAMP)


class ImportReject(SQLModel, table=True):
    """Why a line of an import was refused or set aside; the first ten thousand of each are kept, all are counted."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "import_reject"
    import_id: UUID = Field(
        sa_column=sa.Column(sa.Uuid, sa.ForeignKey("ingest.import.id", ondelete="CASCADE"), primary_key=True)
    )
    line: int = primary(sa.BigInteger)
    errors: list[dict[str, Any]] = must(JSONB)
