"""Tables of the one switch, the cursors in feeds, chores and keys; no row is read or written here."""

from datetime import datetime
from typing import ClassVar

import sqlalchemy as sa
from sqlmodel import SQLModel

from milepost_runtime.columns import (
    NOW,
    STAMP,
    ApiKeyColumns,
    CursorColumns,
    IdempotencyColumns,
    LaneColumns,
    must,
    primary,
)
from playbook_runner.tables.vocabulary import METADATA


class Control(SQLModel, table=True):
    """The one switch; the table has exactly one row."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)
    id: int = primary(sa.SmallInteger)
    paused: bool = must(sa.Boolean, "false")
    changed_at: datetime = must(STAMP, NOW)
    changed_by: str = must(sa.Text, "''")


class Cursor(CursorColumns, table=True):
    """How far the runner has come in the feeds that it reads."""

    metadata: ClassVar[sa.MetaData] = METADATA


class WakeCursor(CursorColumns, table=True):
    """How far feeds are read for those who wait: apart from what starts runs, so that neither holds up the other."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "wake_cursor"


class Chore(LaneColumns, table=True):
    """Something that is done again and again."""

    metadata: ClassVar[sa.MetaData] = METADATA
    name: str = primary(sa.Text)


class ApiKey(ApiKeyColumns, table=True):
    """The keys that this service accepts."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "api_key"


class Idempotency(IdempotencyColumns, table=True):
    """Requests that their callers have named, so that a repetition makes nothing twice."""

    metadata: ClassVar[sa.MetaData] = METADATA
