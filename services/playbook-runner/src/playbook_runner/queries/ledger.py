"""Statements about the ledger: rows are added, listed, never changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool


class Entry(NamedTuple):
    """One line of the ledger before it is written."""

    account_id: UUID
    playbook_id: str
    outcome: str
    code: str
    reason: str
    correlation_id: str
    change_id: int | None = None
    run_id: UUID | None = None
    effect_key: bytes | None = None


async def add(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write lines in their order, with the server's clock."""
    await connection.execute(
        "insert into ledger"
        " (account_id, playbook_id, outcome, code, reason, correlation_id, change_id, run_id, effect_key)"
        " select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],"
        " $8::uuid[], $9::bytea[])",
        [entry.account_id for entry in entries],
        [entry.playbook_id for entry in entries],
        [entry.outcome for entry in entries],
        [entry.code for entry in entries],
        [entry.reason for entry in entries],
        [entry.correlation_id for entry in entries],
        [entry.change_id for entry in entries],
        [entry.run_id for entry in entries],
        [entry.effect_key for entry in entries],
    )


async def last_codes(connection: Connection, run_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the codes of runs' newest lines; a run that has none is not there."""
    rows = await connection.fetch(
        "select r.id, l.code from run r cross join lateral (select code from ledger where account_id = r.account_id"
        " and run_id = r.id order by id desc limit 1) l where r.id = any($1::uuid[])",
        run_ids,
    )
    return {row["id"]: row["code"] for row in rows}


async def last_two(connection: Connection, run_ids: Sequence[UUID]) -> dict[UUID, set[str]]:
    """Return the codes of runs' two newest lines; a run that has none is not there."""
    rows = await connection.fetch(
        "select r.id, array_agg(l.code) as codes from run r cross join lateral (select code from ledger"
        " where account_id = r.account_id and run_id = r.id order by id desc limit 2) l"
        " where r.id = any($1::uuid[]) group by r.id",
        run_ids,
    )
    return {row["id"]: set(row["codes"]) for row in rows}


@dataclass(frozen=True)
class Filter:
    """Which lines a reader wants to see; None: any."""

    account_id: UUID | None = None
    playbook_id: str | None = None
    run_id: UUID | None = None
    outcome: str | None = None
    code: str | None = None


async def page(pool: Pool, wanted: Filter, before: int | None, limit: int) -> list[asyncpg.Record]:
    """Return lines, newest first, below an id."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select id, account_id, playbook_id, change_id, run_id, effect_key, at, outcome, code, reason, correlation_id"
        " from ledger where ($1::uuid is null or account_id = $1) and ($2::bigint is null or id < $2)"
        " and ($4::text is null or playbook_id = $4) and ($5::uuid is null or run_id = $5)"
        " and ($6::text is null or outcome = $6) and ($7::text is null or code = $7) order by id desc limit $3",
        wanted.account_id,
        before,
        limit,
        wanted.playbook_id,
        wanted.run_id,
        wanted.outcome,
        wanted.code,
    )
    return rows


async def standing(pool: Pool, account_id: UUID, playbook_id: str) -> asyncpg.Record | None:
    """Return what stands between a playbook and an account, or None when there is no such playbook.

    It speaks of the version in force, else of the newest; `path` is the step where the open run stands.
    """
    return await pool.fetchrow(_STANDING, account_id, playbook_id)


_STANDING = """
select p.state as playbook_state, p.version, clock_timestamp() as now, c.paused,
  r.id as run_id, r.version as run_version, r.state as run_state, r.end_reason, l.outcome, l.code, l.reason, l.at,
  e.channel, e.recipient, e.state as effect_state, encode(e.key, 'hex') as effect_key, s.path,
  coalesce(case when e.state = 'ready' then e.reason end, w.reason, '') as waiting_for, w.code as waiting_code
from (select state, version from playbook where id = $2
  order by state in ('active', 'paused') desc, version desc limit 1) p cross join control c
left join lateral (select * from run where account_id = $1 and playbook_id = $2 order by started_at desc limit 1) r
  on true
left join lateral (select * from ledger where account_id = $1 and playbook_id = $2 order by id desc limit 1) l on true
left join lateral (select * from effect where run_id = r.id and account_id = $1
  and state in ('ready', 'started', 'in_doubt', 'parked') order by created_at desc limit 1) e on true
left join lateral (select * from step where run_id = r.id and account_id = $1
  and state in ('due', 'waiting', 'performing') order by id = e.step_id desc nulls last, created_at desc limit 1) s
  on true
-- Why the open run waits, where it is no effect that does; and the word for that, while the run's newest line says it.
left join lateral (select coalesce(nullif(s.reason, ''), case when s.state = 'performing' then case s.kind
    when 'task' then 'its task is open' when 'approval' then 'it has to be approved' end end, '') as reason,
  (select case when outcome = 'deferred' then code end from ledger where account_id = $1 and run_id = r.id
    order by id desc limit 1) as code) w on true
"""
