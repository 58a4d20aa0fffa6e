"""The tables of the schema `ingest`, as they stand at head; it never reads or writes a row."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlmodel import Field, SQLModel

from ingest_webhooks.settings import SCHEMA
from milepost_runtime.columns import ApiKeyColumns, LaneColumns, metadata

METADATA = metadata(SCHEMA)
STAMP = sa.DateTime(timezone=True)
NOW = "clock_timestamp()"


def _key(kind: Any) -> Any:
    return Field(sa_column=sa.Column(kind, primary_key=True, autoincrement=False))


def _must(kind: Any, default: str | None = None) -> Any:
    """A column that is never null; `default` is an SQL expression that the server fills in."""
    server_default = None if default is None else sa.text(default)
    return Field(sa_column=sa.Column(kind, nullable=False, server_default=server_default))


def _may(kind: Any) -> Any:
    return Field(default=None, sa_column=sa.Column(kind, nullable=True))


class Connection(SQLModel, table=True):
    """A provider's account that delivers to us through a door of its own."""

    metadata: ClassVar[sa.MetaData] = METADATA
    id: UUID = _key(sa.Uuid)
    source: str = _must(sa.Text)
    name: str = _must(sa.Text)
    settings: dict[str, Any] = _must(JSONB, "'{}'")
    enabled: bool = _must(sa.Boolean, "true")
    created_at: datetime = _must(STAMP, NOW)


class ConnectionSecret(SQLModel, table=True):
    """A sealed signing secret; two are live during a rotation, the older one until `until`."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "connection_secret"
    __table_args__ = (sa.Index(None, "connection_id"),)
    id: UUID = _key(sa.Uuid)
    connection_id: UUID = Field(
        sa_column=sa.Column(sa.Uuid, sa.ForeignKey("ingest.connection.id", ondelete="CASCADE"), nullable=False)
    )
    sealed: bytes = _must(BYTEA)
    created_at: datetime = _must(STAMP, NOW)
    until: datetime | None = _may(STAMP)


class Delivery(LaneColumns, table=True):
    """One request as it came, and what became of it.

    `elements` is what intake counted; relaying accounts for every one of them in `relayed`, `linked`, `duplicates`,
    `ignored` and `quarantined`.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        sa.UniqueConstraint("key"),
        sa.CheckConstraint("state in ('new', 'done', 'ignored', 'quarantined')", name="state"),
        sa.Index(None, "next_at", postgresql_where=sa.text("next_at is not null")),
        # Only what somebody has to look at; listing what is done follows the primary key.
        sa.Index(None, "state", "id", postgresql_where=sa.text("state in ('ignored', 'quarantined')")),
    )
    id: UUID = _key(sa.Uuid)
    source: str = _must(sa.Text)
    connection_id: UUID | None = _may(sa.Uuid)
    sender: str = _must(sa.Text, "''")
    received_at: datetime = _must(STAMP, NOW)
    key: bytes = _must(BYTEA)
    body: bytes = _must(BYTEA)
    size: int = _must(sa.Integer)
    headers: dict[str, Any] = _must(JSONB, "'{}'")
    correlation_id: str = _must(sa.Text)
    elements: int = _must(sa.Integer)
    state: str = _must(sa.Text, "'new'")
    relayed: int = _must(sa.Integer, "0")
    linked: int = _must(sa.Integer, "0")
    duplicates: int = _must(sa.Integer, "0")
    ignored: int = _must(sa.Integer, "0")
    quarantined: int = _must(sa.Integer, "0")
    faults: list[dict[str, Any]] = _must(JSONB, "'[]'")


class EventKey(SQLModel, table=True):
    """A fact that we know, and the delivery that told it first; it outlives the event and holds no personal data."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "event_key"
    key: bytes = _key(BYTEA)
    delivery_id: UUID = _must(sa.Uuid)
    first_seen: datetime = _must(STAMP, NOW)


class Event(SQLModel, table=True):
    """The published feed, in the order of `id`."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        sa.UniqueConstraint("event_id"),
        sa.Index(None, "item", "occurred_at", postgresql_where=sa.text("type = 'ticket.resolved'")),
    )
    id: int = Field(sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    event_id: str = _must(sa.Text)
    account_id: UUID = _must(sa.Uuid)
    type: str = _must(sa.Text)
    occurred_at: datetime = _must(STAMP)
    recorded_at: datetime = _must(STAMP, NOW)
    actor: str | None = _may(sa.Text)
    role: str | None = _may(sa.Text)
    item: str | None = _may(sa.Text)
    value: float | None = _may(sa.Double)
    value_text: str | None = _may(sa.Text)
    properties: dict[str, Any] = _must(JSONB, "'{}'")
    source: str = _must(sa.Text)
    connection_id: UUID | None = _may(sa.Uuid)
    delivery_id: UUID | None = _may(sa.Uuid)
    correlation_id: str = _must(sa.Text, "''")


class WaitingEvent(SQLModel, table=True):
    """An event whose reference leads to no account yet; it joins the feed as soon as it does."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "waiting_event"
    __table_args__ = (sa.Index(None, "reference"),)
    event_id: str = _key(sa.Text)
    reference: str = _must(sa.Text)
    since: datetime = _must(STAMP, NOW)
    type: str = _must(sa.Text)
    occurred_at: datetime = _must(STAMP)
    actor: str | None = _may(sa.Text)
    role: str | None = _may(sa.Text)
    item: str | None = _may(sa.Text)
    value: float | None = _may(sa.Double)
    value_text: str | None = _may(sa.Text)
    properties: dict[str, Any] = _must(JSONB, "'{}'")
    source: str = _must(sa.Text)
    connection_id: UUID | None = _may(sa.Uuid)
    delivery_id: UUID | None = _may(sa.Uuid)
    correlation_id: str = _must(sa.Text, "''")


class Account(SQLModel, table=True):
    """A customer; an account that was merged away names its survivor."""

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = _key(sa.Uuid)
    created_at: datetime = _must(STAMP, NOW)
    merged_into: UUID | None = _may(sa.Uuid)


class Reference(SQLModel, table=True):
    """A name of an account, or of a thing of an account (a contact, a ticket), in somebody else's system.

    `account_id` null: it was taken away at `linked_at`. A `primary_link` outranks others.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "account_id"),)
    reference: str = _key(sa.Text)
    account_id: UUID | None = _may(sa.Uuid)
    linked_at: datetime = _must(STAMP)
    primary_link: bool = _must(sa.Boolean, "false")


class ApiKey(ApiKeyColumns, table=True):
    """Who may ask this service."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "api_key"
