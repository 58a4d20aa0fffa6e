"""Statements about the policy of outreach and the days on which nobody works; it decides nothing."""

from datetime import date
from typing import Any

import asyncpg

from milepost_runtime.database import Connection, Pool


async def newest(pool: "Pool | Connection") -> asyncpg.Record | None:
    """Return the policy in force, or None while nobody has said any."""
    return await pool.fetchrow("select version, document, author, created_at from policy order by version desc limit 1")


async def version(pool: Pool, number: int) -> asyncpg.Record | None:
    """Return one version."""
    return await pool.fetchrow("select version, document, author, created_at from policy where version = $1", number)


async def page(pool: Pool, before: int | None, limit: int) -> list[asyncpg.Record]:
    """Return versions, newest first, below a number."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select version, document, author, created_at from policy where ($1::int is null or version < $1)"
        " order by version desc limit $2",
        before,
        limit,
    )
    return rows


async def insert(connection: Connection, document: dict[str, Any], author: str) -> asyncpg.Record:
    """Put a policy in force as the next version."""
    await connection.execute("lock table policy in share row exclusive mode")
    row = await connection.fetchrow(
        "insert into policy (version, document, author)"
        " values ((select coalesce(max(version), 0) + 1 from policy), $1, $2)"
        " returning version, document, author, created_at",
        document,
        author,
    )
    assert row is not None, "a row was inserted"
    return row


async def holidays(pool: Pool, regions: list[str], first: date, last: date) -> list[asyncpg.Record]:
    """Return the company's own days off of these regions, in their order."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select region, day, name from holiday where region = any($1::text[]) and day between $2 and $3"
        " order by day, region",
        regions,
        first,
        last,
    )
    return rows


async def put_holiday(pool: Pool, region: str, day: date, name: str) -> None:
    """Write a day off down, or its new name."""
    await pool.execute(
        "insert into holiday (region, day, name) values ($1, $2, $3)"
        " on conflict (region, day) do update set name = excluded.name",
        region,
        day,
        name,
    )


async def delete_holiday(pool: Pool, region: str, day: date) -> bool:
    """Take a day off back; False: there is none."""
    return bool(await pool.fetchval("delete from holiday where region = $1 and day = $2 returning true", region, day))
