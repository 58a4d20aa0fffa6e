"""Tables of where effects go, and of what a CRM was last told; no row is read or written here."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlmodel import SQLModel

from milepost_runtime.columns import NOW, STAMP, LaneColumns, may, must, primary
from playbook_runner.tables.vocabulary import CONNECTION_KINDS, METADATA, one_of, waiting


class Outlet(SQLModel, table=True):
    """Where effects go besides mail: a CRM, a Slack workspace, an address for webhooks. Secrets are sealed.

    The circuit opens when too many calls of the last minute failed; `probe_at` is when one may be tried.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (one_of("kind", CONNECTION_KINDS), sa.UniqueConstraint("name"))
    id: UUID = primary(sa.Uuid)
    name: str = must(sa.Text)
    kind: str = must(sa.Text)
    settings: dict[str, Any] = must(JSONB, "'{}'")
    sealed: bytes | None = may(BYTEA)
    rate_per_s: float | None = may(sa.Double)
    active: bool = must(sa.Boolean, "true")
    off_because: str = must(sa.Text, "''")
    circuit: str = must(sa.Text, "'closed'")
    probe_at: datetime | None = may(STAMP)
    created_at: datetime = must(STAMP, NOW)
    changed_at: datetime = must(STAMP, NOW)


class Writeback(LaneColumns, table=True):
    """What a CRM was last told of an account's health: `digest` of what it holds; due when the health says more."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (waiting("writeback"),)
    account_id: UUID = primary(sa.Uuid)
    outlet_id: UUID = primary(sa.Uuid)
    record_id: str = must(sa.Text, "''")
    digest: bytes | None = may(BYTEA)
    wrote_at: datetime | None = may(STAMP)
    attempts: int = must(sa.SmallInteger, "0")
    error: str = must(sa.Text, "''")
