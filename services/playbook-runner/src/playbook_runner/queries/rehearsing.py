"""Statements that read what happened in a span of time, for rehearsals; it changes nothing."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_contracts.changes import COLUMNS, ChangeRow
from milepost_runtime.database import Connection


async def clock(connection: Connection) -> datetime:
    """Return the store's clock."""
    now: datetime = await connection.fetchval("select clock_timestamp()")
    return now


async def changes_since(
    connection: Connection, accounts: Sequence[UUID] | None, since: datetime, limit: int
) -> list[ChangeRow]:
    """Return the feed's changes from a moment on, of these accounts (None: of all), oldest first."""
    rows = await connection.fetch(
        f"select {COLUMNS} from scoring.change where computed_at >= $1"  # noqa: S608 - a constant of the contract
        " and ($2::uuid[] is null or account_id = any($2)) order by id limit $3",
        since,
        accounts,
        limit,
    )
    return [ChangeRow.model_validate(dict(row)) for row in rows]


async def events_between(
    connection: Connection,
    accounts: Sequence[UUID] | None,
    types: Sequence[str],
    span: tuple[datetime, datetime],
    limit: int,
) -> list[asyncpg.Record]:
    """Return account, type and moment of what happened in a span, oldest first; of all accounts for None."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select account_id, type, occurred_at from ingest.event where type = any($2::text[])"
        " and occurred_at >= $3 and occurred_at <= $4 and ($1::uuid[] is null or account_id = any($1))"
        " order by occurred_at, id limit $5",
        accounts,
        types,
        *span,
        limit,
    )
    return rows
