"""SQL about notes: kept, listed, deleted down to the fact that there was one; it never commits."""

from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool

Source: TypeAlias = "Pool | Connection"


async def insert(connection: Connection, row: tuple[Any, ...]) -> None:
    """Keep a note: account, id, visibility, text, author, told_by, created_at, snapshot_as_of, score, band."""
    await connection.execute(
        "insert into scoring.note (account_id, id, visibility, text, author, told_by, created_at, snapshot_as_of,"
        " score, band) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        *row,
    )


async def listed(
    source: Source, account: UUID, visibility: str | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[asyncpg.Record]:
    """Return the notes of an account, the newest first; `after` is the last row's place."""
    rows: list[asyncpg.Record] = await source.fetch(
        "select id, account_id, visibility, text, author, told_by, created_at, snapshot_as_of, score, band"
        " from scoring.note where account_id = $1 and deleted_at is null and ($2::text is null or visibility = $2)"
        " and ($3::timestamptz is null or (created_at, id) < ($3, $4::uuid))"
        " order by created_at desc, id desc limit $5",
        account,
        visibility,
        *(after or (None, None)),
        limit,
    )
    return rows


async def delete(connection: Connection, account: UUID, note: UUID, by: str) -> bool:
    """Take a note's text away and keep who did; False: the account has no such note."""
    row = await connection.fetchrow(
        "update scoring.note set text = '', deleted_at = clock_timestamp(), deleted_by = $3"
        " where account_id = $1 and id = $2 and deleted_at is null returning id",
        account,
        note,
        by,
    )
    return row is not None
