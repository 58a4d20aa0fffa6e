"""The tables of the schema `ingest`, as they stand at head; it never reads or writes a row."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlmodel import Field, SQLModel

from ingest_webhooks.settings import SCHEMA
from milepost_runtime.columns import NOW, STAMP, ApiKeyColumns, LaneColumns, may, metadata, must, primary

METADATA = metadata(SCHEMA)


class Connection(SQLModel, table=True):
    """A provider's account that delivers to us through a door of its own."""

    metadata: ClassVar[sa.MetaData] = METADATA
    id: UUID = primary(sa.Uuid)
    source: str = must(sa.Text)
    name: str = must(sa.Text)
    settings: dict[str, Any] = must(JSONB, "'{}'")
    enabled: bool = must(sa.Boolean, "true")
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
    faults: list[dict[str, Any]] = must(JSONB, "'[]'")


class EventKey(SQLModel, table=True):
    """A fact that we know, and the delivery that told it first; it outlives the event and holds no personal data."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "event_key"
    key: bytes = primary(BYTEA)
    delivery_id: UUID = must(sa.Uuid)
    first_seen: datetime = must(STAMP, NOW)


class Event(SQLModel, table=True):
    """The published feed, in the order of `id`."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.UniqueConstraint("event_id"),)
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


class WaitingEvent(SQLModel, table=True):
    """An event whose reference leads to no account yet; it joins the feed as soon as it does."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "waiting_event"
    __table_args__ = (sa.Index(None, "reference"),)
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


class Account(SQLModel, table=True):
    """A customer; an account that was merged away names its survivor."""

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    created_at: datetime = must(STAMP, NOW)
    merged_into: UUID | None = may(sa.Uuid)


class Reference(SQLModel, table=True):
    """A name of an account, or of a thing of an account (a contact, a ticket), in somebody else's system.

    `account_id` null: it was taken away at `linked_at`. A `primary_link` outranks others.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "account_id"),)
    reference: str = primary(sa.Text)
    account_id: UUID | None = may(sa.Uuid)
    linked_at: datetime = must(STAMP)
    primary_link: bool = must(sa.Boolean, "false")


class ApiKey(ApiKeyColumns, table=True):
    """Who may ask this service."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "api_key"
