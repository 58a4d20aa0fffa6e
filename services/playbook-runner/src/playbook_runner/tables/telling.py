"""The table of what we still have to tell the front door; no row is read or written here."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from milepost_runtime.columns import NOW, STAMP, LaneColumns, may, must, primary
from playbook_runner.tables.vocabulary import METADATA, waiting


class Told(LaneColumns, table=True):
    """An event of ours as it is posted; `told_at` null and no `next_at`: the front door will never take it."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (waiting("told"),)
    id: UUID = primary(sa.Uuid)
    account_id: UUID = primary(sa.Uuid)
    event: dict[str, Any] = must(JSONB)
    attempts: int = must(sa.SmallInteger, "0")
    error: str = must(sa.Text, "''")
    created_at: datetime = must(STAMP, NOW)
    told_at: datetime | None = may(STAMP)
