"""Statements about messages that the product shows; they never decide who sees one."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool


async def show(connection: Connection, key: bytes, account_id: UUID, words: Sequence[str], days: float) -> None:
    """Put a message up for so many days; under its key it is there once. `words`: title, text, link, role."""
    await connection.execute(
        "insert into in_app_message (effect_key, account_id, title, text, link, role, expires_at)"
        " values ($1, $2, $3, $4, $5, $6, clock_timestamp() + $7 * interval '1 day')"
        " on conflict (effect_key, account_id) do nothing",
        key,
        account_id,
        *words,
        days,
    )


async def up(pool: Pool, account_id: UUID, role: str | None, limit: int) -> list[asyncpg.Record]:
    """Return what is up for an account, newest first: all of it, or what is for this role and for everybody."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select m.effect_key, m.title, m.text, m.link, m.role, m.created_at, m.expires_at, m.seen_at"
        " from in_app_message m"
        " where m.account_id = $1 and m.dismissed_at is null and m.expires_at > clock_timestamp()"
        " and ($2::text is null or m.role in ('', $2)) order by m.created_at desc, m.effect_key limit $3",
        account_id,
        role,
        limit,
    )
    return rows


async def note(connection: Connection, account_id: UUID, key: bytes, *, dismissed: bool) -> asyncpg.Record | None:
    """Keep that a message was seen, or dismissed (and so seen), the first time that counts; None: there is none."""
    return await connection.fetchrow(
        "update in_app_message set seen_at = coalesce(seen_at, clock_timestamp()),"
        " dismissed_at = case when $3 then coalesce(dismissed_at, clock_timestamp()) else dismissed_at end"
        " where account_id = $1 and effect_key = $2"
        " returning effect_key, title, text, link, role, created_at, expires_at, seen_at, dismissed_at",
        account_id,
        key,
        dismissed,
    )


async def in_hours(pool: Pool, hours: float) -> datetime:
    """Return the moment that is so many hours ahead."""
    moment: datetime = await pool.fetchval("select clock_timestamp() + $1 * interval '1 hour'", hours)
    return moment


async def ahead(pool: Pool, moment: datetime) -> bool:
    """Return whether a moment is still to come."""
    return bool(await pool.fetchval("select $1 > clock_timestamp()", moment))
