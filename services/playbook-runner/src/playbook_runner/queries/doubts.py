"""Statements about effects in doubt; what becomes of them is the law's, not this file's."""

from uuid import UUID

from milepost_runtime.database import Connection


async def doubted_s(connection: Connection, key: bytes, account_id: UUID) -> float:
    """Return for how many seconds there has been doubt about an effect's last try; 0 without such a try."""
    found: float = await connection.fetchval(
        "select coalesce(extract(epoch from clock_timestamp() - max(ended_at)), 0)::float8 from attempt"
        " where effect_key = $1 and account_id = $2 and outcome = 'unknown'",
        key,
        account_id,
    )
    return found
