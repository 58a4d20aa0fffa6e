"""What happened at accounts, and how far the feed that tells it has been read; it reads no row."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from milepost_runtime.columns import STAMP, CursorColumns, may, must, primary
from scoring_api.tables.schema import METADATA


class Record(SQLModel, table=True):
    """One event of an account, kept as it came: the set of these rows is all that a score is made of.

    `came_from` is the account that it was told of before merges (null: this one).
    From `superseded_at` on another row, or nothing, counts in its place. `sequence` orders records of one instant
    (null: the event's id does), `told_at` is when a start was said, `expires_at` is
    when a word stops counting by itself (null: never).
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        sa.Index(None, "account_id", "occurred_at"),
        sa.Index(None, "account_id", "type", "occurred_at"),
        sa.Index(None, "account_id", "due_at", postgresql_where=sa.text("due_at is not null")),
        sa.Index(None, "account_id", "expires_at", postgresql_where=sa.text("expires_at is not null")),
        sa.Index(None, "account_id", postgresql_where=sa.text("properties ? 'open'")),
        sa.Index("ix_record_own", "account_id", postgresql_where=sa.text("event_id like 'own:%'")),
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
    expires_at: datetime | None = may(STAMP)
    came_from: UUID | None = may(sa.Uuid)


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
