"""Statements behind the lists and pages of the API; it changes nothing."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from milepost_runtime.database import Pool
from playbook_runner.queries.performing import QUIET

_EFFECT = (
    "encode(key, 'hex') as key, account_id, run_id, channel, destination, recipient, reason, attempts,"
    " next_at as due_at, created_at, done_at, remote_id, correlation_id,"
    " case when state = 'ready' and lease_until > clock_timestamp() then 'leased' else state end as state"
)


async def runs(
    pool: Pool, account_id: UUID | None, state: str | None, before: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """Return runs, newest first (their ids grow with time), below an id."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select * from run where ($1::uuid is null or account_id = $1) and ($2::text is null or state = $2)"
        " and ($3::uuid is null or id < $3) order by id desc limit $4",
        account_id,
        state,
        before,
        limit,
    )
    return rows


async def run(pool: Pool, run_id: UUID) -> asyncpg.Record | None:
    """Return one run."""
    return await pool.fetchrow("select * from run where id = $1", run_id)


async def steps_of(pool: Pool, run_id: UUID) -> list[asyncpg.Record]:
    """Return a run's steps in the order in which they became due."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select id, path, iteration, kind, state, attempts, reason, outcome, wakes_on, next_at as due_at, ended_at"
        " from step where run_id = $1 order by created_at, id",
        run_id,
    )
    return rows


async def effects_of(pool: Pool, run_id: UUID) -> list[asyncpg.Record]:
    """Return a run's effects in the order in which they were intended."""
    rows: list[asyncpg.Record] = await pool.fetch(
        f"select {_EFFECT} from effect where run_id = $1 order by created_at",  # noqa: S608 - a constant of the code
        run_id,
    )
    return rows


async def effects(pool: Pool, states: Sequence[str] | None, after: bytes | None, limit: int) -> list[asyncpg.Record]:
    """Return effects in these stored states, oldest first, after a key."""
    rows: list[asyncpg.Record] = await pool.fetch(
        f"select {_EFFECT} from effect where ($1::text[] is null or state = any($1))"  # noqa: S608 - a constant of the code
        " and ($2::bytea is null or (created_at, key) > (select created_at, key from effect where key = $2))"
        " order by created_at, effect.key limit $3",
        states,
        after,
        limit,
    )
    return rows


async def effect(pool: Pool, key: bytes) -> asyncpg.Record | None:
    """Return one effect, with its run's state and whether its quiet time is over."""
    return await pool.fetchrow(
        f"select {_EFFECT}, {QUIET} as quiet,"  # noqa: S608 - constants of the code
        " (select r.state from run r where r.id = e.run_id and r.account_id = e.account_id) as run_state"
        " from effect e where e.key = $1",
        key,
    )


async def attempts_of(pool: Pool, key: bytes) -> list[asyncpg.Record]:
    """Return an effect's tries in their order."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select fence, started_at, ended_at, outcome, error from attempt where effect_key = $1 order by fence", key
    )
    return rows


# Whose receiver has no name of its own is known by its channel.
_DEAD = (
    "state in ('failed_permanent', 'parked') and ($1::text is null or coalesce(nullif(destination, ''), channel) = $1)"
)


async def dead_letters(pool: Pool, destination: str | None, before: bytes | None, limit: int) -> list[asyncpg.Record]:
    """Return effects that no machine carries further, newest first, before a key."""
    rows: list[asyncpg.Record] = await pool.fetch(
        f"select {_EFFECT} from effect where {_DEAD}"  # noqa: S608 - constants of the code
        " and ($2::bytea is null or (created_at, key) < (select created_at, key from effect where key = $2))"
        " order by created_at desc, effect.key desc limit $3",
        destination,
        before,
        limit,
    )
    return rows


async def dead_letter_counts(pool: Pool, destination: str | None) -> list[asyncpg.Record]:
    """Return how many there are by receiver, state and reason, the most frequent first."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select coalesce(nullif(destination, ''), channel) as destination, state, reason, count(*),"  # noqa: S608
        f" max(created_at) as newest_at from effect where {_DEAD} group by 1, 2, 3 order by 4 desc, 1, 2, 3 limit 100",
        destination,
    )
    return rows
