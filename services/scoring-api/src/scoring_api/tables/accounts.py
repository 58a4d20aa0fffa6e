"""Who accounts are: as known by now, their names elsewhere, and what was said of them; it reads no row."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from milepost_runtime.columns import NOW, STAMP, may, must, primary
from scoring_api.tables.schema import METADATA


class Account(SQLModel, table=True):
    """What is known of an account by now; `start_at` is `started_at` if told, else `first_seen_at`.

    `started_told_at` and `started_sequence` are of the newest word on the start: an older one does not replace it.
    `first_seen_at` is the first of what counts; `named_at` is since when our own book-keeping knows it, null if never.
    Whoever looks at `start_settled_at` or later finds this start, before it the records say which one was known.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    name: str = must(sa.Text, "''")
    segment: str | None = may(sa.Text)
    owner: str | None = may(sa.Text)
    start_at: datetime = must(STAMP)
    start_settled_at: datetime = must(STAMP, "'infinity'")
    started_at: datetime | None = may(STAMP)
    started_told_at: datetime | None = may(STAMP)
    started_sequence: str | None = may(sa.Text)
    first_seen_at: datetime = must(STAMP)
    named_at: datetime | None = may(STAMP)
    attributes: dict[str, Any] = must(JSONB, "'{}'")
    updated_at: datetime = must(STAMP)


class AccountReference(SQLModel, table=True):
    """A name that other systems use for an account; `absorbed_id` had it before (if it was merged away: up to then).

    `told_by_id` is the row of the feed that said so: rows about names come in the order in which that was decided.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "account_reference"
    __table_args__ = (
        sa.Index(None, "account_id"),
        sa.Index("ix_account_reference_near", "reference", postgresql_ops={"reference": "text_pattern_ops"}),
    )
    reference: str = primary(sa.Text)
    account_id: UUID = must(sa.Uuid)
    occurred_at: datetime = must(STAMP)
    absorbed_id: UUID | None = may(sa.Uuid)
    told_by_id: int = must(sa.BigInteger, "0")


class MergedAccount(SQLModel, table=True):
    """An account that is gone, and the one that lives on for it; a survivor is never itself one that is gone.

    `into_id` is the one that it went into at `merged_at`, which may be gone by now (null: the survivor).
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "merged_account"
    __table_args__ = (sa.Index(None, "survivor_id"),)
    account_id: UUID = primary(sa.Uuid)
    survivor_id: UUID = must(sa.Uuid)
    into_id: UUID | None = may(sa.Uuid)
    merged_at: datetime = must(STAMP, NOW)


class Attribute(SQLModel, table=True):
    """The history of an account's attributes; at T the newest visible row of a name is its value.

    `superseded_at` is when another word took the event's place, `sequence` what orders words of one instant (null: the
    event's id), `came_from` the account that it was told of before merges (null: this one).
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
    came_from: UUID | None = may(sa.Uuid)
