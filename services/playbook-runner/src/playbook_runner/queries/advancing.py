"""Statements that carry runs from step to step; it never decides what comes next."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool


@dataclass(frozen=True)
class NewEffect:
    """An effect before it is written down: `key` fixes it; what it says is decided when it is sent."""

    key: bytes
    account_id: UUID
    run_id: UUID
    step_id: UUID
    channel: str
    recipient: str
    correlation_id: str


async def contexts(pool: Pool, step_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return what steps need to know of their run, their playbook and the pauses."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select s.id as step_id, s.account_id, s.run_id, s.path, s.iteration, s.kind, s.attempts, r.state as run_state,"
        " r.playbook_id, r.version, r.correlation_id, c.paused,"
        " coalesce(p.state = 'paused', false) as playbook_paused, clock_timestamp() as now"
        " from step s join run r on r.id = s.run_id and r.account_id = s.account_id cross join control c"
        " left join playbook p on p.id = r.playbook_id and p.state <> 'retired' where s.id = any($1::uuid[])",
        step_ids,
    )
    return rows


async def note_step(connection: Connection, step_id: UUID, reason: str, tries: int) -> None:
    """Keep why a step waits, and add to its tries."""
    await connection.execute(
        "update step set reason = $2, attempts = attempts + $3 where id = $1", step_id, reason, tries
    )


async def set_step(connection: Connection, step_id: UUID, state: str, reason: str = "") -> None:
    """Put a step into a state in which the lane has nothing to do with it."""
    await connection.execute(
        "update step set state = $2, reason = $3, next_at = null, lease_until = null, crashes = 0,"
        " ended_at = case when $2 = 'performing' then null else clock_timestamp() end where id = $1",
        step_id,
        state,
        reason,
    )


async def lock_run(connection: Connection, run_id: UUID) -> asyncpg.Record | None:
    """Return a run, locked against a cancellation until the transaction ends."""
    return await connection.fetchrow(
        "select id, account_id, playbook_id, version, state, correlation_id from run where id = $1 for update", run_id
    )


async def path_of(connection: Connection, step_id: UUID) -> str:
    """Return where in its playbook a step stands."""
    path: str = await connection.fetchval("select path from step where id = $1", step_id)
    return path


async def end_run(connection: Connection, run_id: UUID, state: str, code: str, reason: str) -> bool:
    """End a run that is open; False when it has ended already."""
    ended = await connection.fetchval(
        "update run set state = $2, end_code = $3, end_reason = $4, ended_at = clock_timestamp()"
        " where id = $1 and state = 'running' returning true",
        run_id,
        state,
        code,
        reason,
    )
    return bool(ended)


async def insert_step(connection: Connection, step_id: UUID, run: asyncpg.Record, path: str, kind: str) -> None:
    """Add a step to a run, due now; once for each path and pass."""
    await connection.execute(
        "insert into step (id, account_id, run_id, path, kind, state, next_at)"
        " values ($1, $2, $3, $4, $5, 'due', clock_timestamp())"
        " on conflict (account_id, run_id, path, iteration) do nothing",
        step_id,
        run["account_id"],
        run["id"],
        path,
        kind,
    )


async def insert_effect(connection: Connection, effect: NewEffect) -> bool:
    """Add an effect, due now; False when its key is there already."""
    added = await connection.fetchval(
        "insert into effect"
        " (key, account_id, run_id, step_id, channel, recipient, correlation_id, state, next_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, 'ready', clock_timestamp()) on conflict do nothing returning true",
        effect.key,
        effect.account_id,
        effect.run_id,
        effect.step_id,
        effect.channel,
        effect.recipient,
        effect.correlation_id,
    )
    return bool(added)


async def stop_waiting(connection: Connection, run_id: UUID) -> None:
    """Cancel everything of a run that has not been started: effects first, as every writer locks in this order."""
    await connection.execute(
        "update effect set state = 'cancelled', reason = 'run cancelled', next_at = null, lease_until = null"
        " where run_id = $1 and state = 'ready'",
        run_id,
    )
    await connection.execute(
        "update step set state = 'cancelled', reason = 'run cancelled', next_at = null, lease_until = null,"
        " ended_at = clock_timestamp() where run_id = $1 and (state = 'due' or (state = 'performing' and exists"
        " (select from effect e where e.step_id = step.id and e.state = 'cancelled')))",
        run_id,
    )
