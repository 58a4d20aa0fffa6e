"""Statements that read the feeds that start playbooks, and open runs; it never decides which ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg

from milepost_contracts.changes import COLUMNS, ChangeRow
from milepost_core.playbooks.assigning import Assignment
from milepost_runtime.database import Connection, Pool

Source: TypeAlias = "Pool | Connection"
Pair = tuple[UUID, str]


@dataclass(frozen=True)
class NewRun:
    """A run and its first step (of this path and kind, woken by one of `wakes_on`), before they are written."""

    id: UUID
    step_id: UUID
    account_id: UUID
    playbook_id: str
    version: int
    change_id: int | None
    trigger_kind: str
    trigger_key: bytes
    because: str
    correlation_id: str
    path: str
    kind: str
    wakes_on: tuple[str, ...] = ()
    tier: str | None = None
    arm: str | None = None
    value_class: str | None = None
    stage: str | None = None
    band: str | None = None
    started_by: str = ""


_RUN = {
    "id": "uuid", "account_id": "uuid", "playbook_id": "text", "version": "int", "change_id": "bigint",
    "trigger_kind": "text", "trigger_key": "bytea", "because": "text", "correlation_id": "text", "tier": "text",
    "arm": "text", "value_class": "text", "stage": "text", "band": "text", "started_by": "text",
}  # fmt: skip
_RUN_NAMES = ", ".join(_RUN)
_RUN_PLACES = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(_RUN.values(), 1))


async def changes_after(source: Source, position: int, limit: int) -> list[ChangeRow]:
    """Return the feed's next rows in their order."""
    rows = await source.fetch(
        f"select {COLUMNS} from scoring.change where id > $1 order by id limit $2",  # noqa: S608 - a constant of the contract
        position,
        limit,
    )
    return [ChangeRow.model_validate(dict(row)) for row in rows]


async def events_after(
    source: Source, position: int, types: Sequence[str], limit: int
) -> tuple[int, list[asyncpg.Record]]:
    """Return how far the feed of events was looked through, and what in it is of these types and stands first.

    An event that takes another one's place is no second happening, and one that came days late is no news.
    """
    rows = await source.fetch(
        "select id, event_id, account_id, type, occurred_at, correlation_id,"
        " type = any($2::text[]) and supersedes is null and occurred_at > clock_timestamp() - interval '2 days' as told"
        " from ingest.event where id > $1 order by id limit $3",
        position,
        types,
        limit,
    )
    return (rows[-1]["id"] if rows else position), [row for row in rows if row["told"]]


async def newest_event(source: Source) -> int:
    """Return the position of the end of the feed of events, 0 before the first."""
    found: int = await source.fetchval("select coalesce(max(id), 0) from ingest.event")
    return found


async def lock_starts(connection: Connection) -> None:
    """Be the only one to open runs until the transaction ends: whoever decides sees all that were opened before."""
    await connection.execute("select pg_advisory_xact_lock(hashtext('playbooks'), hashtext('starts'))")


async def answered(connection: Connection, keys: Sequence[tuple[UUID, bytes]]) -> set[tuple[UUID, bytes]]:
    """Return those of these accounts and keys for which a run was opened before."""
    rows = await connection.fetch(
        "select account_id, trigger_key from run"
        " where (account_id, trigger_key) in (select * from unnest($1::uuid[], $2::bytea[]))",
        [account for account, _ in keys],
        [key for _, key in keys],
    )
    return {(row["account_id"], row["trigger_key"]) for row in rows}


async def pursuits(connection: Connection, spans: Mapping[Pair, float | None]) -> tuple[datetime, list[asyncpg.Record]]:
    """Return the clock, and by pair with a run: which is open, of which tier, at which step it
    began, when the last began, how many lately.

    `spans` says how many days back "lately" goes for a pair; None: for ever.
    """
    now = await connection.fetchval("select clock_timestamp()")
    rows = await connection.fetch(
        "select r.account_id, r.playbook_id, "
        " (array_agg(r.id) filter (where r.state = 'running'))[1] as open_run,"
        " (array_agg(r.tier) filter (where r.state = 'running'))[1] as tier,"
        " (array_agg((select s.path from step s where s.run_id = r.id and s.account_id = r.account_id"
        " order by s.created_at, s.id limit 1)) filter (where r.state = 'running'))[1] as begun,"
        " max(r.started_at) as last_started_at, count(*) filter (where w.days is null"
        " or r.started_at > $4::timestamptz - make_interval(secs => w.days * 86400))::int as recent"
        " from unnest($1::uuid[], $2::text[], $3::float8[]) as w(account_id, playbook_id, days)"
        " join run r on r.account_id = w.account_id and r.playbook_id = w.playbook_id group by 1, 2",
        [account for account, _ in spans],
        [playbook for _, playbook in spans],
        list(spans.values()),
        now,
    )
    return now, rows


async def assignments(connection: Connection, pairs: Sequence[Pair]) -> list[asyncpg.Record]:
    """Return what was assigned to accounts before."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select account_id, playbook_id, version, arm, bucket, stratum, excluded from assignment"
        " where (account_id, playbook_id) in (select * from unnest($1::uuid[], $2::text[]))",
        [account for account, _ in pairs],
        [playbook for _, playbook in pairs],
    )
    return rows


async def keep_assignments(connection: Connection, found: Mapping[Pair, Assignment]) -> None:
    """Keep where accounts were assigned to; what is kept stays, but for who is excluded by now or drew anew."""
    kept = list(found.values())
    await connection.execute(
        "insert into assignment (account_id, playbook_id, version, arm, bucket, stratum, excluded)"
        " select * from unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::float8[], $6::text[], $7::bool[])"
        " on conflict (account_id, playbook_id) do update set version = excluded.version, arm = excluded.arm,"
        " bucket = excluded.bucket, stratum = excluded.stratum, excluded = excluded.excluded,"
        " assigned_at = clock_timestamp()"
        " where (excluded.excluded and not assignment.excluded) or excluded.version <> assignment.version",
        [account for account, _ in found],
        [playbook for _, playbook in found],
        [one.version for one in kept],
        [one.arm for one in kept],
        [one.bucket for one in kept],
        [one.stratum for one in kept],
        [one.excluded for one in kept],
    )


async def open_runs(connection: Connection, runs: Sequence[NewRun]) -> None:
    """Insert runs and their first steps, due now."""
    await connection.execute(
        f"insert into run (state, {_RUN_NAMES}) select 'running', new.* from unnest({_RUN_PLACES})"  # noqa: S608 - names of ours
        f" as new({_RUN_NAMES})",
        *([getattr(run, name) for run in runs] for name in _RUN),
    )
    await connection.execute(
        "insert into step (id, account_id, run_id, path, kind, state, next_at, wakes_on)"
        " select id, account_id, run_id, path, kind, 'due', clock_timestamp(), string_to_array(nullif(wakes, ''), ' ')"
        " from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[])"
        " as new(id, account_id, run_id, path, kind, wakes)",
        [run.step_id for run in runs],
        [run.account_id for run in runs],
        [run.id for run in runs],
        [run.path for run in runs],
        [run.kind for run in runs],
        [" ".join(run.wakes_on) for run in runs],
    )
