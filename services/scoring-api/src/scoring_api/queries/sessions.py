"""SQL about the keys behind sessions; it never sees a secret."""

from datetime import datetime, timedelta

import asyncpg

from milepost_runtime.database import Pool


async def living_key(pool: Pool, key_id: str, ends: datetime) -> asyncpg.Record | None:
    """Return name and scopes of a key that is neither revoked nor expired, unless the session itself is over."""
    return await pool.fetchrow(
        "select name, scopes from api_key where id = $1 and $2 > clock_timestamp() and revoked_at is null"
        " and (expires_at is null or expires_at > clock_timestamp())",
        key_id,
        ends,
    )


async def moment_after(pool: Pool, span: timedelta) -> datetime:
    """Return the moment so long from now, by the database's clock."""
    moment: datetime = await pool.fetchval("select clock_timestamp() + $1::interval", span)
    return moment
