"""Who may deliver and ask: connections with their secrets and mappings, API keys, named requests.

It never reads or writes a row.
"""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlmodel import Field, SQLModel

from ingest_webhooks.tables.schema import METADATA
from milepost_runtime.columns import (
    NOW,
    STAMP,
    ApiKeyColumns,
    IdempotencyColumns,
    may,
    must,
    primary,
)


class Connection(SQLModel, table=True):
    """A provider's account that delivers to us through a door of its own, at most `rate_per_second` requests."""

    metadata: ClassVar[sa.MetaData] = METADATA
    id: UUID = primary(sa.Uuid)
    source: str = must(sa.Text)
    name: str = must(sa.Text)
    settings: dict[str, Any] = must(JSONB, "'{}'")
    enabled: bool = must(sa.Boolean, "true")
    rate_per_second: float | None = may(sa.Double)
    mapping_version: int = must(sa.Integer, "0")
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


class Mapping(SQLModel, table=True):
    """A version of a connection's own rules; the newest one counts. Version 0, no rules of its own, has no row."""

    metadata: ClassVar[sa.MetaData] = METADATA
    connection_id: UUID = Field(
        sa_column=sa.Column(sa.Uuid, sa.ForeignKey("ingest.connection.id", ondelete="CASCADE"), primary_key=True)
    )
    version: int = primary(sa.Integer)
    rules: dict[str, Any] = must(JSONB)
    author: str = must(sa.Text)
    note: str = must(sa.Text, "''")
    created_at: datetime = must(STAMP, NOW)


class ApiKey(ApiKeyColumns, table=True):
    """Who may ask this service."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "api_key"


class Idempotency(IdempotencyColumns, table=True):
    """Requests that callers have named, so that a repetition makes nothing twice; kept for a day."""

    metadata: ClassVar[sa.MetaData] = METADATA
