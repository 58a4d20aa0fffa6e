"""Statements that read the feed of changes and open runs; it never decides which ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_contracts.changes import COLUMNS, ChangeRow
from milepost_runtime.database import Connection


@dataclass(frozen=True)
class NewRun:
    """A run and its first step, before they are written."""

    id: UUID
    step_id: UUID
    account_id: UUID
    playbook_id: str
    version: int
    change_id: int
    trigger_key: bytes
    because: str
    correlation_id: str
    path: str
    kind: str


async def changes_after(connection: Connection, position: int, limit: int) -> list[ChangeRow]:
    """Return the feed's next rows in their order."""
    rows = await connection.fetch(
        f"select {COLUMNS} from scoring.change where id > $1 order by id limit $2",  # noqa: S608 - a constant of the contract
        position,
        limit,
    )
    return [ChangeRow.model_validate(dict(row)) for row in rows]


async def pursuits(
    connection: Connection, accounts: Sequence[UUID], playbooks: Sequence[str]
) -> tuple[datetime, list[asyncpg.Record]]:
    """Return the clock, and for each pair with a run whether one is open and when the last began."""
    now = await connection.fetchval("select clock_timestamp()")
    rows = await connection.fetch(
        "select r.account_id, r.playbook_id, bool_or(r.state = 'running') as open_run,"
        " max(r.started_at) as last_started_at from run r"
        " where (r.account_id, r.playbook_id) in (select * from unnest($1::uuid[], $2::text[])) group by 1, 2",
        accounts,
        playbooks,
    )
    return now, rows


async def open_runs(connection: Connection, runs: Sequence[NewRun]) -> set[UUID]:
    """Insert runs and their first steps, due now; return the ids of those that were not there before."""
    opened = await connection.fetch(
        "insert into run (id, account_id, playbook_id, version, change_id, trigger_kind, trigger_key, state, because,"
        " correlation_id)"
        " select id, account_id, playbook_id, version, change_id, 'band_changed', trigger_key, 'running', because,"
        " correlation_id"
        " from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::bigint[], $6::bytea[], $7::text[], $8::text[])"
        " as new(id, account_id, playbook_id, version, change_id, trigger_key, because, correlation_id)"
        " on conflict do nothing returning id",
        [run.id for run in runs],
        [run.account_id for run in runs],
        [run.playbook_id for run in runs],
        [run.version for run in runs],
        [run.change_id for run in runs],
        [run.trigger_key for run in runs],
        [run.because for run in runs],
        [run.correlation_id for run in runs],
    )
    ids = {row["id"] for row in opened}
    first = [run for run in runs if run.id in ids]
    await connection.execute(
        "insert into step (id, account_id, run_id, path, kind, state, next_at)"
        " select id, account_id, run_id, path, kind, 'due', clock_timestamp()"
        " from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])"
        " as new(id, account_id, run_id, path, kind)",
        [run.step_id for run in first],
        [run.account_id for run in first],
        [run.id for run in first],
        [run.path for run in first],
        [run.kind for run in first],
    )
    return ids
