"""The tables of the schema `ingest`, as they stand at head; it never reads or writes a row."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlmodel import Field, SQLModel

from ingest_webhooks.settings import SCHEMA
from milepost_runtime.columns import (
    NOW,
    STAMP,
    ApiKeyColumns,
    IdempotencyColumns,
    LaneColumns,
    may,
    metadata,
    must,
    primary,
)

METADATA = metadata(SCHEMA)


class Connection(SQLModel, table=True):
    """A provider's account that delivers to us through a door of its own, at most `rate_per_second` requests."""

    metadata: ClassVar[sa.MetaData] = METADATA
    id: UUID = primary(sa.Uuid)
    source: str = must(sa.Text)
    name: str = must(sa.Text)
    settings: dict[str, Any] = must(JSONB, "'{}'")
    enabled: bool = must(sa.Boolean, "true")
    rate_per_second: float | None = may(sa.Double)
    mapping_version: int = must(sa.Integer, "0")
    created_at: datetime = must(STAMP, NOW)


class Mapping(SQLModel, table=True):
    """A version of a connection's own rules; the newest one counts. Version 0, no rules of its own, has no row."""

    metadata: ClassVar[sa.MetaData] = METADATA
    connection_id: UUID = Field(
        sa_column=sa.Column(sa.Uuid, sa.ForeignKey("ingest.connection.id", ondelete="CASCADE"), primary_key=True)
    )
    version: int = primary(sa.Integer)
    rules: dict[str, Any] = must(JSONB)
    author: str = must(sa.Text)
    note: str = must(sa.Text, "''")
    created_at: datetime = must(STAMP, NOW)


class ConnectionSecret(SQLModel, table=True):
    """A sealed signing secret; two are live during a rotation, the older one until `until`."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "connection_secret"
    __table_args__ = (sa.Index(None, "connection_id"),)
    id: UUID = primary(sa.Uuid)
    connection_id: UUID = Field(
        sa_column=sa.Column(sa.Uuid, sa.ForeignKey("ingest.connection.id", ondelete="CASCADE"), nullable=False)
    )
    sealed: bytes = must(BYTEA)
    created_at: datetime = must(STAMP, NOW)
    until: datetime | None = may(STAMP)


class Delivery(LaneColumns, table=True):
    """One request as it came, and what became of it.

    `elements` is what intake counted; relaying accounts for every one of them in `relayed`, `linked`, `duplicates`,
    `ignored` and `quarantined`; `further` are events that elements told beside one each.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        sa.CheckConstraint("state in ('new', 'done', 'ignored', 'quarantined')", name="state"),
        sa.Index(None, "next_at", postgresql_where=sa.text("next_at is not null")),
        # Only what somebody has to look at; listing what is done follows the primary key.
        sa.Index(None, "state", "id", postgresql_where=sa.text("state in ('ignored', 'quarantined')")),
        # Weeks; `key` is unique within each.
        {"postgresql_partition_by": "RANGE (id)"},
    )
    id: UUID = primary(sa.Uuid)
    source: str = must(sa.Text)
    connection_id: UUID | None = may(sa.Uuid)
    sender: str = must(sa.Text, "''")
    received_at: datetime = must(STAMP, NOW)
    key: bytes = must(BYTEA)
    body: bytes = must(BYTEA)
    size: int = must(sa.Integer)
    headers: dict[str, Any] = must(JSONB, "'{}'")
    correlation_id: str = must(sa.Text)
    elements: int = must(sa.Integer)
    state: str = must(sa.Text, "'new'")
    relayed: int = must(sa.Integer, "0")
    linked: int = must(sa.Integer, "0")
    duplicates: int = must(sa.Integer, "0")
    ignored: int = must(sa.Integer, "0")
    quarantined: int = must(sa.Integer, "0")
    further: int = must(sa.Integer, "0")
    faults: list[dict[str, Any]] = must(JSONB, "'[]'")


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


class Tally(SQLModel, table=True):
    """What the door accepted on a day, counted in the statement that kept it: the books' second witness.

    One row for each database session that writes (`writer`), so that nobody waits; past days are folded into writer 0.
    Deliveries without a connection count under the id of zeros.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    day: date = primary(sa.Date)
    source: str = primary(sa.Text)
    connection_id: UUID = primary(sa.Uuid)
    writer: int = primary(sa.Integer)
    deliveries: int = must(sa.BigInteger)
    elements: int = must(sa.BigInteger)
    newest: datetime = must(STAMP)


class CountedDay(SQLModel, table=True):
    """What became of the deliveries with ids from `low` to `until`, counted when their day was over; see the books.

    `reopened`: something of it was replayed since, so its rows count instead. `dropped`: the rows are gone for good.
    A row without a source says that the day is counted; the day -infinity holds what was dropped from the remains.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "counted_day"
    day: date = primary(sa.Date)
    source: str = primary(sa.Text)
    low: UUID = must(sa.Uuid)
    until: UUID = must(sa.Uuid)
    reopened: bool = must(sa.Boolean, "false")
    dropped: bool = must(sa.Boolean, "false")
    accepted: int = must(sa.BigInteger)
    done: int = must(sa.BigInteger)
    ignored: int = must(sa.BigInteger)
    quarantined: int = must(sa.BigInteger)
    waiting: int = must(sa.BigInteger)
    events_accepted: int = must(sa.BigInteger)
    events_settled: int = must(sa.BigInteger)
    events_duplicate: int = must(sa.BigInteger)
    events_ignored: int = must(sa.BigInteger)
    events_quarantined: int = must(sa.BigInteger)
    events_unread: int = must(sa.BigInteger)
    events_missing: int = must(sa.BigInteger)


class Chore(LaneColumns, table=True):
    """A piece of housekeeping, due again and again."""

    metadata: ClassVar[sa.MetaData] = METADATA
    name: str = primary(sa.Text)


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


class Replay(LaneColumns, table=True):
    """A range of kept deliveries that is relayed once more, and how far that has come.

    `position` is the last delivery that was done, `until` the last one that the range holds.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        sa.CheckConstraint("status in ('running', 'done', 'cancelled', 'failed')", name="status"),
        sa.Index(None, "next_at", postgresql_where=sa.text("next_at is not null")),
    )
    id: UUID = primary(sa.Uuid)
    connection_id: UUID | None = may(sa.Uuid)
    source: str | None = may(sa.Text)
    state: str | None = may(sa.Text)
    received_from: datetime | None = may(STAMP)
    received_to: datetime | None = may(STAMP)
    dry_run: bool = must(sa.Boolean)
    author: str = must(sa.Text)
    created_at: datetime = must(STAMP, NOW)
    finished_at: datetime | None = may(STAMP)
    status: str = must(sa.Text, "'running'")
    reason: str = must(sa.Text, "''")
    until: UUID | None = may(sa.Uuid)
    position: UUID | None = may(sa.Uuid)
    total: int | None = may(sa.Integer)
    done: int = must(sa.Integer, "0")
    new: int = must(sa.Integer, "0")
    corrected: int = must(sa.Integer, "0")
    retracted: int = must(sa.Integer, "0")
    unchanged: int = must(sa.Integer, "0")
    faults: int = must(sa.Integer, "0")
    examples: list[dict[str, Any]] = must(JSONB, "'[]'")


class ForeseenFact(SQLModel, table=True):
    """A fact that a dry run of a replay would have told by now: later deliveries of the run find it known."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "foreseen_fact"
    replay_id: UUID = Field(
        sa_column=sa.Column(sa.Uuid, sa.ForeignKey("ingest.replay.id", ondelete="CASCADE"), primary_key=True)
    )
    key: bytes = primary(BYTEA)
    delivery_id: UUID = must(sa.Uuid)
    content: bytes | None = may(BYTEA)


class Import(SQLModel, table=True):
    """A file of plain events that is brought in line by line, and how far that has come.

    `position` is the number of lines that are settled: accepted, duplicates, unmapped, ignored (of people whom we were
    asked to forget), rejected or blank. Lines come in streams; `stream_position` and `stream_since` are where and when the newest one began.
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
    """Why a line of an import was refused; the first ten thousand of each are kept, all are counted."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "import_reject"
    import_id: UUID = Field(
        sa_column=sa.Column(sa.Uuid, sa.ForeignKey("ingest.import.id", ondelete="CASCADE"), primary_key=True)
    )
    line: int = primary(sa.BigInteger)
    errors: list[dict[str, Any]] = must(JSONB)


class Account(SQLModel, table=True):
    """A customer; an account that was merged away names its survivor."""

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    created_at: datetime = must(STAMP, NOW)
    merged_into: UUID | None = may(sa.Uuid)


class Reference(SQLModel, table=True):
    """A name of an account, or of a thing of an account (a contact, a ticket), and where it leads by now, if anywhere.

    `own_id` is where a name of an account leads unless a link says otherwise: to the account that it opened (`opened`)
    or that took its own one over.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "account_id"), sa.Index(None, "own_id"))
    reference: str = primary(sa.Text)
    account_id: UUID | None = may(sa.Uuid)
    linked_at: datetime = must(STAMP)
    own_id: UUID | None = may(sa.Uuid)
    opened: bool = must(sa.Boolean, "false")


class ReferenceLink(SQLModel, table=True):
    """What was told once of where a reference belongs: the set of these words is its history.

    `author` and `reason` are of words by hand.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "reference_link"
    __table_args__ = (
        sa.CheckConstraint("kind in ('link', 'primary', 'removed', 'same', 'hint', 'hand', 'unhand')", name="kind"),
        sa.Index(None, "target"),
    )
    reference: str = primary(sa.Text)
    target: str = primary(sa.Text)
    at: datetime = primary(STAMP)
    kind: str = primary(sa.Text)
    told_at: datetime = must(STAMP, NOW)
    delivery_id: UUID | None = may(sa.Uuid)
    author: str = must(sa.Text, "''")
    reason: str = must(sa.Text, "''")


class Erasure(LaneColumns, table=True):
    """A person whom we were asked to forget; `names` are known until that is done, then only what was done.

    `left_alone` are kept bodies that named the person and could not be read.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "next_at", postgresql_where=sa.text("next_at is not null")),)
    id: UUID = primary(sa.Uuid)
    names: list[str] = must(sa.ARRAY(sa.Text), "'{}'")
    author: str = must(sa.Text)
    reason: str = must(sa.Text, "''")
    asked_at: datetime = must(STAMP, NOW)
    done_at: datetime | None = may(STAMP)
    events: int = must(sa.Integer, "0")
    deliveries: int = must(sa.Integer, "0")
    left_alone: int = must(sa.Integer, "0")


class ErasedPerson(SQLModel, table=True):
    """A keyed digest of a name of somebody who was forgotten: by it later events about the person are dropped."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "erased_person"
    digest: bytes = primary(BYTEA)
    erasure_id: UUID = must(sa.Uuid)


class ApiKey(ApiKeyColumns, table=True):
    """Who may ask this service."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "api_key"


class Idempotency(IdempotencyColumns, table=True):
    """Requests that callers have named, so that a repetition makes nothing twice; kept for a day."""

    metadata: ClassVar[sa.MetaData] = METADATA
