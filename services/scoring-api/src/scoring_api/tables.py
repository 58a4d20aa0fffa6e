"""The tables of the schema `scoring`, as they stand at head; it never reads or writes a row.

Every key of a table that speaks of an account starts with `account_id`: it is the distribution key.
"""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlmodel import Field, SQLModel

from milepost_runtime.columns import STAMP, ApiKeyColumns, CursorColumns, LaneColumns, may, metadata, must, primary
from scoring_api.settings import SCHEMA

METADATA = metadata(SCHEMA)


class Account(SQLModel, table=True):
    """What is known of an account by now; `start_at` is `started_at` if told, else `first_seen_at`.

    `started_told_at` and `started_sequence` are of the newest word on the start: an older one does not replace it.
    `first_seen_at` is the first of what counts; `named_at` is the first of our own book-keeping in that, null if none.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    name: str = must(sa.Text, "''")
    segment: str | None = may(sa.Text)
    owner: str | None = may(sa.Text)
    start_at: datetime = must(STAMP)
    started_at: datetime | None = may(STAMP)
    started_told_at: datetime | None = may(STAMP)
    started_sequence: str | None = may(sa.Text)
    first_seen_at: datetime = must(STAMP)
    named_at: datetime | None = may(STAMP)
    attributes: dict[str, Any] = must(JSONB, "'{}'")
    updated_at: datetime = must(STAMP)


class AccountReference(SQLModel, table=True):
    """A name that other systems use for an account."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "account_reference"
    __table_args__ = (sa.Index(None, "account_id"),)
    reference: str = primary(sa.Text)
    account_id: UUID = must(sa.Uuid)
    occurred_at: datetime = must(STAMP)


class MergedAccount(SQLModel, table=True):
    """An account that is gone, and the one that lives on for it; a survivor is never itself one that is gone."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "merged_account"
    __table_args__ = (sa.Index(None, "survivor_id"),)
    account_id: UUID = primary(sa.Uuid)
    survivor_id: UUID = must(sa.Uuid)


class Attribute(SQLModel, table=True):
    """The history of an account's attributes; at T the newest visible row of a name is its value.

    `superseded_at` is when another word took the event's place, `sequence` what orders words of one instant (null: the
    event's id).
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    name: str = primary(sa.Text)
    event_id: str = primary(sa.Text)
    value: Any = may(JSONB)
    occurred_at: datetime = must(STAMP)
    recorded_at: datetime = must(STAMP)
    superseded_at: datetime | None = may(STAMP)
    sequence: str | None = may(sa.Text)


class Record(SQLModel, table=True):
    """One event of an account, kept as it came: the set of these rows is all that a score is made of.

    From `superseded_at` on another row, or nothing, counts in its place. `sequence` orders records of one instant
    (null: the event's id does), `told_at` is when a start was said.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        sa.Index(None, "account_id", "occurred_at"),
        sa.Index(None, "account_id", "type", "occurred_at"),
        sa.Index(None, "account_id", "due_at", postgresql_where=sa.text("due_at is not null")),
        sa.Index(None, "account_id", postgresql_where=sa.text("properties ? 'open'")),
        sa.Index("ix_record_superseded", "account_id", postgresql_where=sa.text("superseded_at is not null")),
    )
    account_id: UUID = primary(sa.Uuid)
    event_id: str = primary(sa.Text)
    type: str = must(sa.Text)
    occurred_at: datetime = must(STAMP)
    recorded_at: datetime = must(STAMP)
    actor: str | None = may(sa.Text)
    role: str | None = may(sa.Text)
    item: str | None = may(sa.Text)
    value: float | None = may(sa.Double)
    value_text: str | None = may(sa.Text)
    due_at: datetime | None = may(STAMP)
    properties: dict[str, Any] = must(JSONB, "'{}'")
    source: str = must(sa.Text, "''")
    superseded_at: datetime | None = may(STAMP)
    sequence: str | None = may(sa.Text)
    told_at: datetime | None = may(STAMP)


class Milestone(SQLModel, table=True):
    """An account's plan: what is to be reached by when."""

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    milestone_id: str = primary(sa.Text)
    label: str = must(sa.Text)
    weight: float = must(sa.Double)
    required: bool = must(sa.Boolean)
    due_at: datetime | None = may(STAMP)


class Rescoring(LaneColumns, table=True):
    """One row an account: when to look again, and why; `late` if history waits to be scored.

    `marked` grows with each mark, so none is lost.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "next_at", postgresql_where=sa.text("next_at is not null")),)
    account_id: UUID = primary(sa.Uuid)
    marked: int = must(sa.BigInteger, "0")
    cause: str = must(sa.Text, "'silence'")
    late: bool = must(sa.Boolean, "false")
    correlation_id: str = must(sa.Text, "''")


class Snapshot(SQLModel, table=True):
    """A score as it was computed, with every figure behind it; rows are only ever added."""

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    as_of: datetime = primary(STAMP)
    computed_at: datetime = must(STAMP)
    model_id: str = must(sa.Text)
    model_version: int = must(sa.Integer)
    score: float | None = may(sa.Double)
    display: float | None = may(sa.Double)
    band: str = must(sa.Text)
    effective_band: str = must(sa.Text)
    coverage: float = must(sa.Double)
    confidence: float = must(sa.Double)
    inputs_hash: str = must(sa.Text)
    detail: dict[str, Any] = must(JSONB)
    correlation_id: str = must(sa.Text, "''")


class Standing(SQLModel, table=True):
    """Where an account's band stands: committed band, pending move, and what was last published."""

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    band: str | None = may(sa.Text)
    pending_direction: str | None = may(sa.Text)
    pending_since: datetime | None = may(STAMP)
    effective_band: str = must(sa.Text)
    published_score: float | None = may(sa.Double)
    display: float | None = may(sa.Double)
    inputs_hash: str = must(sa.Text)
    snapshot_as_of: datetime = must(STAMP)
    as_of: datetime = must(STAMP)


class HealthDocument(SQLModel, table=True):
    """The answer to `GET /accounts/{id}/health`, ready to send; the columns beside it are for lists."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "health_document"
    __table_args__ = (sa.Index(None, "effective_band", "score"),)
    account_id: UUID = primary(sa.Uuid)
    body: bytes = must(BYTEA)
    etag: str = must(sa.Text)
    score: float | None = may(sa.Double)
    band: str = must(sa.Text)
    effective_band: str = must(sa.Text)
    stage: str | None = may(sa.Text)
    segment: str | None = may(sa.Text)
    owner: str | None = may(sa.Text)
    name: str = must(sa.Text)
    computed_at: datetime = must(STAMP)
    as_of: datetime = must(STAMP)
    fresh_until: datetime = must(STAMP)
    change_28d: float | None = may(sa.Double)
    top_reason: str = must(sa.Text, "''")
    confidence_word: str = must(sa.Text)


class Change(SQLModel, table=True):
    """The published feed `scoring.change`: ids become visible in their order."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "account_id", "id"),)
    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True))
    account_id: UUID = must(sa.Uuid)
    kind: str = must(sa.Text)
    from_band: str | None = may(sa.Text)
    to_band: str = must(sa.Text)
    from_score: float | None = may(sa.Double)
    to_score: float | None = may(sa.Double)
    cause: str = must(sa.Text)
    model_id: str = must(sa.Text)
    model_version: int = must(sa.Integer)
    as_of: datetime = must(STAMP)
    computed_at: datetime = must(STAMP)
    snapshot_as_of: datetime = must(STAMP)
    correlation_id: str = must(sa.Text, "''")


class RestatedPoint(SQLModel, table=True):
    """A day's score as today's records and one model tell it; not what was known on that day."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "restated_point"
    account_id: UUID = primary(sa.Uuid)
    model_id: str = primary(sa.Text)
    model_version: int = primary(sa.Integer)
    day: date = primary(sa.Date)
    as_of: datetime = must(STAMP)
    score: float | None = may(sa.Double)
    band: str = must(sa.Text)


class Cursor(CursorColumns, table=True):
    """How far a feed has been read."""

    metadata: ClassVar[sa.MetaData] = METADATA


class Unreadable(SQLModel, table=True):
    """A row of the feed `ingest.event` that could not be recorded: set aside with the reason, passed by the cursor."""

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    event_row_id: int = primary(sa.BigInteger)
    reason: str = must(sa.Text)
    at: datetime = must(STAMP)


class ApiKey(ApiKeyColumns, table=True):
    """Keys that open this service's doors."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "api_key"
