"""Statements about effects in doubt; what becomes of them is the law's, not this file's."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool


async def doubted_s(connection: Connection, key: bytes, account_id: UUID) -> float:
    """Return for how many seconds there has been doubt about an effect's last try; 0 without such a try."""
    found: float = await connection.fetchval(
        "select coalesce(extract(epoch from clock_timestamp() - max(ended_at)), 0)::float8 from attempt"
        " where effect_key = $1 and account_id = $2 and outcome = 'unknown'",
        key,
        account_id,
    )
    return found


async def doubted_since(pool: Pool, key: bytes, account_id: UUID) -> datetime | None:
    """Return when the first try of an effect began whose end nobody knows; None without such a try."""
    found: datetime | None = await pool.fetchval(
        "select min(started_at) from attempt where effect_key = $1 and account_id = $2 and outcome = 'unknown'",
        key,
        account_id,
    )
    return found


async def unclear(connection: Connection, keys: Sequence[bytes]) -> set[bytes]:
    """Return which of these effects have a try that may have arrived."""
    rows = await connection.fetch(
        "select e.key from effect e where e.key = any($1::bytea[]) and exists (select from attempt a"
        " where a.effect_key = e.key and a.account_id = e.account_id and a.outcome = 'unknown')",
        keys,
    )
    return {row["key"] for row in rows}


async def settle_attempts(connection: Connection, effects: Sequence[asyncpg.Record]) -> None:
    """Write down that the receiver knows of none of the tries of these effects: what was doubtful was not done."""
    await connection.execute(
        "update attempt a set outcome = 'not_done' from unnest($1::bytea[], $2::uuid[]) as e(key, account_id)"
        " where a.effect_key = e.key and a.account_id = e.account_id and a.outcome = 'unknown'",
        [effect["key"] for effect in effects],
        [effect["account_id"] for effect in effects],
    )
