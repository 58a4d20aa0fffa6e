"""The tables of the schema `scoring`, as they stand at head; it never reads or writes a row.

Every key of a table that speaks of an account starts with `account_id`: it is the distribution key.
"""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlmodel import Field, SQLModel

from milepost_runtime.columns import ApiKeyColumns, CursorColumns, LaneColumns, metadata
from scoring_api.settings import SCHEMA

METADATA = metadata(SCHEMA)
STAMP = sa.DateTime(timezone=True)


def _key(kind: Any) -> Any:
    return Field(sa_column=sa.Column(kind, primary_key=True, autoincrement=False))


def _must(kind: Any, default: str | None = None) -> Any:
    """A column that is never null; `default` is an SQL expression that the server fills in."""
    server_default = None if default is None else sa.text(default)
    return Field(sa_column=sa.Column(kind, nullable=False, server_default=server_default))


def _may(kind: Any) -> Any:
    return Field(default=None, sa_column=sa.Column(kind, nullable=True))


class Account(SQLModel, table=True):
    """What is known of an account by now; `start_at` is `started_at` if told, else `first_seen_at`."""

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = _key(sa.Uuid)
    name: str = _must(sa.Text, "''")
    segment: str | None = _may(sa.Text)
    owner: str | None = _may(sa.Text)
    start_at: datetime = _must(STAMP)
    started_at: datetime | None = _may(STAMP)
    first_seen_at: datetime = _must(STAMP)
    attributes: dict[str, Any] = _must(JSONB, "'{}'")
    updated_at: datetime = _must(STAMP)


class AccountReference(SQLModel, table=True):
    """A name that other systems use for an account."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "account_reference"
    __table_args__ = (sa.Index(None, "account_id"),)
    reference: str = _key(sa.Text)
    account_id: UUID = _must(sa.Uuid)
    occurred_at: datetime = _must(STAMP)


class Attribute(SQLModel, table=True):
    """The history of an account's attributes; at T the newest visible row of a name is its value."""

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = _key(sa.Uuid)
    name: str = _key(sa.Text)
    event_id: str = _key(sa.Text)
    value: Any = _may(JSONB)
    occurred_at: datetime = _must(STAMP)
    recorded_at: datetime = _must(STAMP)


class Record(SQLModel, table=True):
    """One event of an account, kept as it came: the set of these rows is all that a score is made of."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        sa.Index(None, "account_id", "occurred_at"),
        sa.Index(None, "account_id", "type", "occurred_at"),
        sa.Index(None, "account_id", "due_at", postgresql_where=sa.text("due_at is not null")),
    )
    account_id: UUID = _key(sa.Uuid)
    event_id: str = _key(sa.Text)
    type: str = _must(sa.Text)
    occurred_at: datetime = _must(STAMP)
    recorded_at: datetime = _must(STAMP)
    actor: str | None = _may(sa.Text)
    role: str | None = _may(sa.Text)
    item: str | None = _may(sa.Text)
    value: float | None = _may(sa.Double)
    value_text: str | None = _may(sa.Text)
    due_at: datetime | None = _may(STAMP)
    properties: dict[str, Any] = _must(JSONB, "'{}'")
    source: str = _must(sa.Text, "''")


class Milestone(SQLModel, table=True):
    """An account's plan: what is to be reached by when."""

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = _key(sa.Uuid)
    milestone_id: str = _key(sa.Text)
    label: str = _must(sa.Text)
    weight: float = _must(sa.Double)
    required: bool = _must(sa.Boolean)
    due_at: datetime | None = _may(STAMP)


class Rescoring(LaneColumns, table=True):
    """One row an account: when to look again, and why. `marked` grows with each mark, so none is lost."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "next_at", postgresql_where=sa.text("next_at is not null")),)
    account_id: UUID = _key(sa.Uuid)
    marked: int = _must(sa.BigInteger, "0")
    cause: str = _must(sa.Text, "'silence'")
    correlation_id: str = _must(sa.Text, "''")


class Snapshot(SQLModel, table=True):
    """A score as it was computed, with every figure behind it; rows are only ever added."""

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = _key(sa.Uuid)
    as_of: datetime = _key(STAMP)
    computed_at: datetime = _must(STAMP)
    model_id: str = _must(sa.Text)
    model_version: int = _must(sa.Integer)
    score: float | None = _may(sa.Double)
    display: float | None = _may(sa.Double)
    band: str = _must(sa.Text)
    effective_band: str = _must(sa.Text)
    coverage: float = _must(sa.Double)
    confidence: float = _must(sa.Double)
    inputs_hash: str = _must(sa.Text)
    detail: dict[str, Any] = _must(JSONB)
    correlation_id: str = _must(sa.Text, "''")


class Standing(SQLModel, table=True):
    """Where an account's band stands: committed band, pending move, and what was last published."""

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = _key(sa.Uuid)
    band: str | None = _may(sa.Text)
    pending_direction: str | None = _may(sa.Text)
    pending_since: datetime | None = _may(STAMP)
    effective_band: str = _must(sa.Text)
    published_score: float | None = _may(sa.Double)
    display: float | None = _may(sa.Double)
    inputs_hash: str = _must(sa.Text)
    snapshot_as_of: datetime = _must(STAMP)
    as_of: datetime = _must(STAMP)


class HealthDocument(SQLModel, table=True):
    """The answer to `GET /accounts/{id}/health`, ready to send; the columns beside it are for lists."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "health_document"
    __table_args__ = (sa.Index(None, "effective_band", "score"),)
    account_id: UUID = _key(sa.Uuid)
    body: bytes = _must(BYTEA)
    etag: str = _must(sa.Text)
    score: float | None = _may(sa.Double)
    band: str = _must(sa.Text)
    effective_band: str = _must(sa.Text)
    stage: str | None = _may(sa.Text)
    segment: str | None = _may(sa.Text)
    owner: str | None = _may(sa.Text)
    name: str = _must(sa.Text)
    computed_at: datetime = _must(STAMP)
    as_of: datetime = _must(STAMP)
    fresh_until: datetime = _must(STAMP)
    change_28d: float | None = _may(sa.Double)
    top_reason: str = _must(sa.Text, "''")
    confidence_word: str = _must(sa.Text)


class Change(SQLModel, table=True):
    """The published feed `scoring.change`: ids become visible in their order."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "account_id", "id"),)
    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    account_id: UUID = _must(sa.Uuid)
    kind: str = _must(sa.Text)
    from_band: str | None = _may(sa.Text)
    to_band: str = _must(sa.Text)
    from_score: float | None = _may(sa.Double)
    to_score: float | None = _may(sa.Double)
    cause: str = _must(sa.Text)
    model_id: str = _must(sa.Text)
    model_version: int = _must(sa.Integer)
    as_of: datetime = _must(STAMP)
    computed_at: datetime = _must(STAMP)
    snapshot_as_of: datetime = _must(STAMP)
    correlation_id: str = _must(sa.Text, "''")


class RestatedPoint(SQLModel, table=True):
    """A day's score as today's records and one model tell it; not what was known on that day."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "restated_point"
    account_id: UUID = _key(sa.Uuid)
    model_id: str = _key(sa.Text)
    model_version: int = _key(sa.Integer)
    day: date = _key(sa.Date)
    as_of: datetime = _must(STAMP)
    score: float | None = _may(sa.Double)
    band: str = _must(sa.Text)


class Cursor(CursorColumns, table=True):
    """How far a feed has been read."""

    metadata: ClassVar[sa.MetaData] = METADATA


class ApiKey(ApiKeyColumns, table=True):
    """Keys that open this service's doors."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "api_key"
