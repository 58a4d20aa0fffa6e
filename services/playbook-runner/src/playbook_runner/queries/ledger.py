"""Statements about the ledger: rows are added, listed, never changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool


@dataclass(frozen=True)
class Entry:
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


async def last_code(connection: Connection, account_id: UUID, run_id: UUID) -> str | None:
    """Return the code of a run's newest line, or None while it has none."""
    code: str | None = await connection.fetchval(
        "select code from ledger where account_id = $1 and run_id = $2 order by id desc limit 1", account_id, run_id
    )
    return code


async def page(pool: Pool, account_id: UUID | None, before: int | None, limit: int) -> list[asyncpg.Record]:
    """Return lines, newest first, below an id."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select id, account_id, playbook_id, change_id, run_id, effect_key, at, outcome, code, reason, correlation_id"
        " from ledger where ($1::uuid is null or account_id = $1) and ($2::bigint is null or id < $2)"
        " order by id desc limit $3",
        account_id,
        before,
        limit,
    )
    return rows


async def standing(pool: Pool, account_id: UUID, playbook_id: str) -> asyncpg.Record | None:
    """Return what stands between a playbook and an account, or None when there is no such playbook."""
    return await pool.fetchrow(
        "select p.state as playbook_state, c.paused, r.id as run_id, r.state as run_state, r.end_reason,"
        " l.outcome, l.code, l.reason, l.at, e.state as effect_state, encode(e.key, 'hex') as effect_key,"
        " w.reason as waiting_for, d.code as waiting_code from playbook p cross join control c"
        " left join lateral (select * from run where account_id = $1 and playbook_id = $2"
        "   order by started_at desc limit 1) r on true"
        " left join lateral (select * from ledger where account_id = $1 and playbook_id = $2"
        "   order by id desc limit 1) l on true"
        " left join lateral (select * from effect where run_id = r.id and account_id = $1"
        "   and state in ('ready', 'started', 'in_doubt', 'parked') order by created_at desc limit 1) e on true"
        # Why the open run waits: its effect's reason, or that of the step that is no effect yet.
        " left join lateral (select coalesce(case when e.state = 'ready' then e.reason end,"
        "   (select s.reason from step s where s.run_id = r.id and s.account_id = $1 and s.state = 'due' limit 1), '')"
        "   as reason) w on true"
        " left join lateral (select code from ledger where account_id = $1 and run_id = r.id"
        "   and outcome = 'deferred' order by id desc limit 1) d on true"
        " where p.id = $2 and p.state <> 'retired'",
        account_id,
        playbook_id,
    )
