"""Statements about dead letters that somebody wants to be sent again; whether they may be is the law's word."""

from collections.abc import Sequence

import asyncpg

from milepost_runtime.database import Connection, Pool

_LETTER = (
    "select e.key, e.state, e.channel, r.state as run_state, r.account_id, r.playbook_id,"
    " coalesce(r.end_code = any($2::text[]) and s.state = 'failed', false) as ended_by_it,"
    " exists (select from run o where o.account_id = r.account_id and o.playbook_id = r.playbook_id and o.id <> r.id"
    " and o.state = 'running') as rival, exists (select from attempt a where a.effect_key = e.key"
    " and a.account_id = e.account_id and a.outcome = 'unknown') as unclear"
    " from effect e join run r on r.id = e.run_id and r.account_id = e.account_id"
    " join step s on s.id = e.step_id and s.account_id = e.account_id"
)


async def letters(connection: Connection, keys: Sequence[bytes], failed: Sequence[str]) -> list[asyncpg.Record]:
    """Return effects by key, locked until the transaction ends, with how their runs stand.

    `failed` are the codes with which a run ends because one of its effects failed.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        f"{_LETTER} where e.key = any($1::bytea[]) order by e.key for update of e", keys, failed
    )
    return rows


async def unsent(pool: Pool, keys: Sequence[bytes]) -> list[asyncpg.Record]:
    """Return what failed for good of these effects, with what the arbiter has to know of it.

    `unclear`: one of its tries may have arrived, so it would be the same bytes to whom they went before.
    """
    rows: list[asyncpg.Record] = await pool.fetch(
        "select e.key, e.step_id, e.account_id, r.playbook_id, e.channel, e.recipient, e.priority, e.transactional,"
        " clock_timestamp() as now, exists (select from attempt a where a.effect_key = e.key"
        " and a.account_id = e.account_id and a.outcome = 'unknown') as unclear"
        " from effect e join run r on r.id = e.run_id and r.account_id = e.account_id"
        " where e.key = any($1::bytea[]) and e.state = 'failed_permanent' order by e.key",
        keys,
    )
    return rows


async def is_receiver(pool: Pool, name: str) -> bool:
    """Return whether anything was ever called by this name, or is to be."""
    found: bool = await pool.fetchval(
        "select exists (select from destination where name = $1) or exists (select from outlet where name = $1)"
        " or exists (select from effect where coalesce(nullif(destination, ''), channel) = $1)",
        name,
    )
    return found


async def goes_to(pool: Pool, key: bytes, destination: str) -> bool:
    """Return whether this effect is one that goes to this receiver."""
    found: bool = await pool.fetchval(
        "select exists (select from effect where key = $1 and coalesce(nullif(destination, ''), channel) = $2)",
        key,
        destination,
    )
    return found


async def failed_at(pool: Pool, destination: str, reason: str | None, after: bytes | None, limit: int) -> list[bytes]:
    """Return keys of what failed for good at a receiver (for one reason, or any), oldest first, after a key."""
    rows = await pool.fetch(
        "select key from effect where state = 'failed_permanent' and coalesce(nullif(destination, ''), channel) = $1"
        " and ($2::text is null or reason = $2)"
        " and ($3::bytea is null or (created_at, key) > (select created_at, key from effect where key = $3))"
        " order by created_at, effect.key limit $4",
        destination,
        reason,
        after,
        limit,
    )
    return [row["key"] for row in rows]


async def revive(connection: Connection, keys: Sequence[bytes], reason: str) -> list[asyncpg.Record]:
    """Make locked effects due now, with all tries before them, their steps and runs under way again; return them.

    Their bytes are written anew, unless a try with them may have arrived: then it is these again.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        "update effect e set state = 'ready', attempts = 0, crashes = 0, lease_until = null, reason = $2,"
        " next_at = clock_timestamp(), asked_at = clock_timestamp(),"
        " payload = case when exists (select from attempt a where a.effect_key = e.key"
        " and a.account_id = e.account_id and a.outcome = 'unknown') then e.payload end"
        " where e.key = any($1::bytea[]) and e.state = 'failed_permanent'"
        " returning e.key, e.account_id, e.run_id, e.step_id, e.channel, e.correlation_id",
        keys,
        reason,
    )
    await connection.execute(
        "update step set state = 'performing', reason = '', ended_at = null where id = any($1::uuid[])",
        [row["step_id"] for row in rows],
    )
    await connection.execute(
        "update run set state = 'running', end_code = null, end_reason = '', ended_at = null"
        " where id = any($1::uuid[]) and state = 'done'",
        [row["run_id"] for row in rows],
    )
    return rows
