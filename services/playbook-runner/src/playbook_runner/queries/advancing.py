"""Statements that carry runs from step to step, many at a time; it never decides what comes next."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool


class NewEffect(NamedTuple):
    """An effect before it is written down: `key` fixes it; what it says is decided when it is sent."""

    key: bytes
    account_id: UUID
    run_id: UUID
    step_id: UUID
    channel: str
    path: str
    recipient: str
    correlation_id: str
    destination: str = ""
    priority: int = 50
    transactional: bool = False


class NewStep(NamedTuple):
    """A step before it is written: over at once (`ended`), or due at `next_at`, or woken by one of `wakes_on`."""

    id: UUID
    account_id: UUID
    run_id: UUID
    path: str
    kind: str
    state: str
    reason: str = ""
    next_at: datetime | None = None
    wakes_on: tuple[str, ...] = ()
    ended: bool = False


class StepEnd(NamedTuple):
    """How a step came to its end; `outcome` None: as it was."""

    id: UUID
    state: str
    reason: str = ""
    outcome: str | None = None


class StepWait(NamedTuple):
    """Until when, or until what, a step waits."""

    id: UUID
    until: datetime | None
    wakes_on: tuple[str, ...]
    reason: str


class RunEnd(NamedTuple):
    """How a run came to its end."""

    id: UUID
    code: str
    reason: str
    state: str = "done"


async def contexts(pool: Pool, step_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return what steps need to know of their run, their playbook and the pauses."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select s.id as step_id, s.account_id, s.run_id, s.path, s.iteration, s.kind, s.attempts,"
        " s.created_at as since, s.outcome, s.reason, r.state as run_state, r.trigger_kind, r.band, r.tier,"
        " r.end_reason, r.value_class, r.because, r.playbook_id, r.version, r.correlation_id, c.paused,"
        " coalesce(p.state = 'paused', false) as playbook_paused, clock_timestamp() as now"
        " from step s join run r on r.id = s.run_id and r.account_id = s.account_id cross join control c"
        " left join playbook p on p.id = r.playbook_id and p.state in ('active', 'paused')"
        " where s.id = any($1::uuid[])",
        step_ids,
    )
    return rows


async def pauses(connection: Connection) -> asyncpg.Record | None:
    """Return whether a person's pause holds `all` outreach, and which `playbooks` one holds."""
    return await connection.fetchrow(
        "select c.paused as \"all\", array(select id from playbook where state = 'paused') as playbooks from control c"
    )


async def outcomes_of(pool: Pool, run_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return what came of the steps of runs that people had: run, path, outcome."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select run_id, path, outcome from step where run_id = any($1::uuid[]) and kind in ('task', 'approval')"
        " and outcome is not null",
        run_ids,
    )
    return rows


async def unread_since(source: Pool) -> datetime | None:
    """Return when the oldest event came in that nobody has yet woken anything for; None: there is none."""
    moment: datetime | None = await source.fetchval(
        "select e.recorded_at from ingest.event e where e.id > coalesce((select position from wake_cursor"
        " where feed = 'ingest.event'), 0) order by e.id limit 1"
    )
    return moment


async def note_steps(connection: Connection, step_ids: Sequence[UUID], reason: str, tries: int) -> None:
    """Keep why steps wait, and add to their tries."""
    await connection.execute(
        "update step set reason = $2, attempts = attempts + $3 where id = any($1::uuid[])", step_ids, reason, tries
    )


async def set_step(connection: Connection, step_id: UUID, state: str, reason: str = "") -> None:
    """Put a step into a state in which the lane has nothing to do with it."""
    await set_steps(connection, [StepEnd(step_id, state, reason)])


async def set_steps(connection: Connection, ends: Sequence[StepEnd]) -> dict[UUID, str]:
    """Put steps into states in which the lane has nothing to do with them; `performing` is not yet an end.

    Returns where in their playbooks they stand, by id.
    """
    if not ends:
        return {}
    rows = await connection.fetch(
        "update step s set state = e.state, reason = e.reason, next_at = null, lease_until = null, crashes = 0,"
        " outcome = coalesce(e.outcome, s.outcome),"
        " wakes_on = null, ended_at = case when e.state = 'performing' then null else clock_timestamp() end"
        " from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as e(id, state, reason, outcome)"
        " where s.id = e.id returning s.id, s.path",
        *zip(*ends, strict=True),
    )
    return {row["id"]: row["path"] for row in rows}


async def let_wait(connection: Connection, waits: Sequence[StepWait]) -> None:
    """Let steps wait: until a moment, until something happens, or both; what woke them before is over."""
    await connection.execute(
        "update step s set state = 'waiting', reason = w.reason, next_at = w.until, lease_until = null, crashes = 0,"
        " outcome = null, wakes_on = string_to_array(nullif(w.wakes, ''), ' ')"
        " from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[]) as w(id, until, wakes, reason)"
        " where s.id = w.id",
        [one.id for one in waits],
        [one.until for one in waits],
        [" ".join(one.wakes_on) for one in waits],
        [one.reason for one in waits],
    )


async def insert_steps(connection: Connection, steps: Sequence[NewStep]) -> set[UUID]:
    """Add steps to their runs; once for each path and pass. One that is due is due by the store's clock.

    Returns those that were not there yet.
    """
    if not steps:
        return set()
    *columns, wakes, ended = zip(*steps, strict=True)
    rows = await connection.fetch(
        "insert into step (id, account_id, run_id, path, kind, state, reason, next_at, wakes_on, ended_at)"
        " select id, account_id, run_id, path, kind, state, reason,"
        " case when state = 'due' then clock_timestamp() else next_at end,"
        " string_to_array(nullif(wakes, ''), ' '), case when ended then clock_timestamp() end"
        " from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],"
        " $8::timestamptz[], $9::text[], $10::bool[])"
        " as new(id, account_id, run_id, path, kind, state, reason, next_at, wakes, ended)"
        " on conflict (run_id, path, iteration, account_id) do nothing returning id",
        *columns,
        [" ".join(words) for words in wakes],
        ended,
    )
    return {row["id"] for row in rows}


async def lock_run(connection: Connection, run_id: UUID) -> asyncpg.Record | None:
    """Return a run, locked against a cancellation until the transaction ends."""
    return next(iter(await lock_runs(connection, [run_id])), None)


async def lock_runs(connection: Connection, run_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return runs in the order of their ids, locked against a cancellation until the transaction ends."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select id, account_id, playbook_id, version, state, end_reason, correlation_id, change_id from run"
        " where id = any($1::uuid[]) order by id for update",
        run_ids,
    )
    return rows


async def end_run(connection: Connection, run_id: UUID, state: str, code: str, reason: str) -> bool:
    """End a run that is open; False when it has ended already."""
    return bool(await end_runs(connection, [RunEnd(run_id, code, reason, state)]))


async def end_runs(connection: Connection, ends: Sequence[RunEnd]) -> set[UUID]:
    """End runs that are open; return which were."""
    if not ends:
        return set()
    rows = await connection.fetch(
        "update run r set state = e.state, end_code = e.code, end_reason = e.reason, ended_at = clock_timestamp()"
        " from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as e(id, state, code, reason)"
        " where r.id = e.id and r.state = 'running' returning r.id",
        [one.id for one in ends],
        [one.state for one in ends],
        [one.code for one in ends],
        [one.reason for one in ends],
    )
    return {row["id"] for row in rows}


async def insert_effects(connection: Connection, effects: Sequence[NewEffect]) -> None:
    """Add effects, due now, unless their keys are there already."""
    if not effects:
        return
    await connection.execute(
        "insert into effect (key, account_id, run_id, step_id, channel, recipient, correlation_id, destination,"
        " priority, transactional, state, next_at)"
        " select n.*, 'ready', clock_timestamp() from unnest($1::bytea[], $2::uuid[], $3::uuid[], $4::uuid[],"
        " $5::text[], $6::text[], $7::text[], $8::text[], $9::smallint[], $10::bool[]) as n on conflict do nothing",
        [one.key for one in effects],
        [one.account_id for one in effects],
        [one.run_id for one in effects],
        [one.step_id for one in effects],
        [one.channel for one in effects],
        [one.recipient for one in effects],
        [one.correlation_id for one in effects],
        [one.destination for one in effects],
        [one.priority for one in effects],
        [one.transactional for one in effects],
    )


async def close_step(connection: Connection, step_id: UUID, outcome: str) -> bool:
    """Write down what came of a step that waited for a person, and make it due; False when it did not wait any more."""
    return bool(await close_steps(connection, [step_id], outcome))


async def close_steps(connection: Connection, step_ids: Sequence[UUID], outcome: str) -> set[UUID]:
    """Write down what came of steps that waited for people, and make them due; return those that did wait."""
    rows = await connection.fetch(
        "update step set outcome = $2, state = 'due', next_at = clock_timestamp()"
        " where id = any($1::uuid[]) and state = 'performing' and outcome is null returning id",
        step_ids,
        outcome,
    )
    return {row["id"] for row in rows}
