"""What was delivered, what became of it, and the books of it; also what is told once more.

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
    LaneColumns,
    may,
    must,
    primary,
)


class Delivery(LaneColumns, table=True):
    """One request as it came, and what became of it.

    `elements` is what intake counted; relaying accounts for every one of them in `relayed`, `linked`, `duplicates`,
    `ignored` and `quarantined`; `further` are events that elements told beside one each. `closed`: a person was taken
    out of the body after it was told, so it is not told again.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        sa.CheckConstraint("state in ('new', 'done', 'ignored', 'quarantined')", name="state"),
        sa.Index(None, "next_at", "id", postgresql_where=sa.text("next_at is not null")),
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
    closed: bool = must(sa.Boolean, "false")


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


class Replay(LaneColumns, table=True):
    """A range of kept deliveries that is relayed once more, and how far that has come.

    `position` is the last delivery that was done, `until` the last one that the range holds.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        sa.CheckConstraint("status in ('running', 'done', 'cancelled', 'failed')", name="status"),
        sa.Index(None, "next_at", "id", postgresql_where=sa.text("next_at is not null")),
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
