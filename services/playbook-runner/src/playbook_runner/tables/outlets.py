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

    `writes_health`: it is a CRM whose properties are set up, so it is told of every account's health. `off_because` is
    why the last write was refused as a whole (empty: it was not). While a pass is bought for it, `renewing_by` is whose
    purchase that is, and from `renewing_until` on another one may begin.
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
    writes_health: bool = must(sa.Boolean, "false")
    off_because: str = must(sa.Text, "''")
    renewing_by: UUID | None = may(sa.Uuid)
    renewing_until: datetime | None = may(STAMP)
    created_at: datetime = must(STAMP, NOW)
    changed_at: datetime = must(STAMP, NOW)


class Destination(SQLModel, table=True):
    """What is known about a receiver of effects: an outlet by name, or a channel that needs none (`email`).

    Its calls of the last minute in two halves (`since` the newer one's beginning); `probe_at`: its circuit is open, and
    one call may be tried then; `free_at`: the next call that keeps to its rate; `booked_to`: turns promised so far;
    `call_at`: when the next call that starts may leave. Until `resting_until` it has asked to be left alone.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)
    name: str = primary(sa.Text)
    probe_at: datetime | None = may(STAMP)
    since: datetime = must(STAMP, NOW)
    good: int = must(sa.Integer, "0")
    bad: int = must(sa.Integer, "0")
    was_good: int = must(sa.Integer, "0")
    was_bad: int = must(sa.Integer, "0")
    free_at: datetime = must(STAMP, NOW)
    booked_to: datetime = must(STAMP, NOW)
    resting_until: datetime | None = may(STAMP)
    call_at: datetime = must(STAMP, NOW)


class Writeback(LaneColumns, table=True):
    """What a CRM was last told of an account's health: `digest` of what it holds; due when the health says more.

    `record_id` is where the account leads (empty: nowhere). Of several that lead to one record the first is told of,
    and only its row has a digest; none has while a write is under way.
    `change_id` is the newest change of the feed that asked for it: one that came while it was written is seen by it.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (
        waiting("writeback"),
        sa.UniqueConstraint("account_id", "outlet_id"),
        sa.Index(None, "outlet_id", "record_id", "account_id"),
    )
    id: UUID = primary(sa.Uuid)
    account_id: UUID = primary(sa.Uuid)
    outlet_id: UUID = must(sa.Uuid)
    change_id: int = must(sa.BigInteger, "0")
    record_id: str = must(sa.Text, "''")
    digest: bytes | None = may(BYTEA)
    wrote_at: datetime | None = may(STAMP)
    attempts: int = must(sa.SmallInteger, "0")
    error: str = must(sa.Text, "''")
