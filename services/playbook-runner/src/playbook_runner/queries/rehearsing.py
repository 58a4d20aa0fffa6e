"""Statements that read what happened and what stood in a span of time, for rehearsals; it changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from milepost_contracts.changes import COLUMNS, ChangeRow
from milepost_runtime.database import Connection
from playbook_runner.queries.arbiter import COUNTS, TO_US, WAITS


@dataclass(frozen=True)
class Of:
    """What is asked about: some accounts, one playbook, and a span; `persons` are digests of who may be written to."""

    accounts: Sequence[UUID]
    playbook_id: str
    since: datetime
    until: datetime
    persons: Sequence[bytes] = ()


async def clock(connection: Connection) -> datetime:
    """Return the store's clock."""
    now: datetime = await connection.fetchval("select clock_timestamp()")
    return now


async def changed(connection: Connection, accounts: Sequence[UUID] | None, since: datetime) -> dict[UUID, int]:
    """Return how many changes the feed tells of each account from a moment on; of all accounts for None."""
    rows = await connection.fetch(
        "select account_id, count(*)::int as n from scoring.change where computed_at >= $1"
        " and ($2::uuid[] is null or account_id = any($2)) group by account_id",
        since,
        accounts,
    )
    return {row["account_id"]: row["n"] for row in rows}


async def happened(
    connection: Connection, accounts: Sequence[UUID] | None, types: Sequence[str], span: tuple[datetime, datetime]
) -> dict[UUID, int]:
    """Return how many events of these types happened at each account in a span; at all accounts for None."""
    rows = await connection.fetch(
        "select account_id, count(*)::int as n from ingest.event where type = any($2::text[])"
        " and occurred_at >= $3 and occurred_at <= $4 and ($1::uuid[] is null or account_id = any($1))"
        " group by account_id",
        accounts,
        types,
        *span,
    )
    return {row["account_id"]: row["n"] for row in rows}


async def changes(connection: Connection, accounts: Sequence[UUID], since: datetime) -> list[ChangeRow]:
    """Return the feed's changes of these accounts from a moment on, oldest first."""
    rows = await connection.fetch(
        f"select {COLUMNS} from scoring.change where account_id = any($1::uuid[]) and computed_at >= $2"  # noqa: S608 - a constant of the contract
        " order by id",
        accounts,
        since,
    )
    return [ChangeRow.model_validate(dict(row)) for row in rows]


async def events(
    connection: Connection, accounts: Sequence[UUID], types: Sequence[str], span: tuple[datetime, datetime]
) -> list[asyncpg.Record]:
    """Return account, type and moment of what happened in a span, oldest first, and whether it was news then.

    An event that takes another one's place is no second happening, and one that came days late is no news.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        "select account_id, type, occurred_at,"
        " supersedes is null and occurred_at > recorded_at - interval '2 days' as news from ingest.event"
        " where type = any($2::text[]) and occurred_at >= $3 and occurred_at <= $4 and account_id = any($1::uuid[])"
        " order by occurred_at, id",
        accounts,
        types,
        *span,
    )
    return rows


async def runs(connection: Connection, of: Of) -> list[asyncpg.Record]:
    """Return the runs of the playbook that began before the span, oldest first, each with the step at which it began
    and the one at which it stands.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        "select r.account_id, r.version, r.trigger_kind, r.band, r.tier, r.started_at, r.ended_at, s.path, s.kind,"
        " s.state, s.outcome, s.created_at, (select x.path from step x where x.run_id = r.id"
        " and x.account_id = r.account_id order by x.created_at, x.id limit 1) as begun,"
        " coalesce((select t.due_at from task t where t.step_id = s.id and t.account_id = s.account_id limit 1),"
        " (select a.expires_at from approval a where a.step_id = s.id and a.account_id = s.account_id limit 1),"
        " (select e.next_at from effect e where e.step_id = s.id and e.run_id = r.id and e.state = 'ready' limit 1))"
        " as due_at, (select jsonb_object_agg(x.path, x.outcome) from step x where x.run_id = r.id"
        " and x.account_id = r.account_id and x.kind in ('task', 'approval') and x.outcome is not null) as outcomes"
        " from run r left join lateral (select * from step x where x.run_id = r.id"
        " and x.account_id = r.account_id and x.state in ('due', 'waiting', 'performing')"
        " order by x.created_at desc limit 1) s on r.state = 'running'"
        " where r.account_id = any($1::uuid[]) and r.playbook_id = $2 and r.started_at < $3 order by r.started_at",
        of.accounts,
        of.playbook_id,
        of.since,
    )
    return rows


async def assignments(connection: Connection, of: Of) -> list[asyncpg.Record]:
    """Return where accounts had been assigned to when the span began."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select account_id, version, arm, bucket, stratum, excluded from assignment"
        " where account_id = any($1::uuid[]) and playbook_id = $2 and assigned_at <= $3",
        of.accounts,
        of.playbook_id,
        of.since,
    )
    return rows


async def stands(connection: Connection, of: Of) -> list[asyncpg.Record]:
    """Return how the playbook's watch stood to accounts when the span began, as far as it has not looked since."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select account_id, armed, episode, held_since from armed"
        " where account_id = any($1::uuid[]) and playbook_id = $2 and changed_at <= $3",
        of.accounts,
        of.playbook_id,
        of.since,
    )
    return rows


async def words(connection: Connection, of: Of) -> list[asyncpg.Record]:
    """Return the standing words to leave these accounts or persons alone that held at some moment of the span."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select account_id, person, kind, reason, since, until, ended_at from suppression"
        " where ((person is null and account_id = any($1::uuid[])) or person = any($4::bytea[]))"
        " and since <= $3 and (until is null or until > $2) and (ended_at is null or ended_at > $2) order by since, id",
        of.accounts,
        of.since,
        of.until,
        of.persons,
    )
    return rows


async def touches(connection: Connection, of: Of, days: float) -> list[asyncpg.Record]:
    """Return whose attention was taken up to so many days before the span or in it, oldest first.

    What the playbook's own runs of the span sent is left out: a rehearsal plays them anew.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        "select t.account_id, encode(t.person, 'hex') as person, t.at,"  # noqa: S608 - a constant of the code
        " t.channel, t.colleague from touch t where (t.account_id = any($1::uuid[]) or t.person = any($5::bytea[]))"
        f" and t.at > $3::timestamptz - make_interval(secs => $6::float8 * 86400) and t.at <= $4 and {COUNTS}"
        " and not exists (select from effect e join run r on r.id = e.run_id and r.account_id = e.account_id"
        " where e.key = t.effect_key and e.account_id = t.account_id"
        " and r.playbook_id = $2 and r.started_at >= $3) order by t.at",
        of.accounts,
        of.playbook_id,
        of.since,
        of.until,
        of.persons,
        days,
    )
    return rows


async def waiting(connection: Connection, of: Of) -> list[asyncpg.Record]:
    """Return the messages of other playbooks that wait for their turn, and when they are due, soonest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select e.account_id, e.recipient, e.channel, e.priority,"  # noqa: S608 - constants of the code
        f" {TO_US} as colleague, e.created_at, e.next_at from effect e join run o on o.id = e.run_id"
        f" and o.account_id = e.account_id and o.playbook_id <> $2 where e.account_id = any($1::uuid[]) and {WAITS}"
        " and e.created_at <= $3 and e.next_at is not null order by e.next_at, e.key",
        of.accounts,
        of.playbook_id,
        of.until,
    )
    return rows


async def matters(connection: Connection, accounts: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return escalations and calls of these accounts."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select account_id, kind, opened_at, closed_at, starts_at from matter"
        " where account_id = any($1::uuid[]) and opened_at is not null",
        accounts,
    )
    return rows


async def tasks(connection: Connection, of: Of) -> list[asyncpg.Record]:
    """Return the work that was open at these accounts when the span began: reason, due, end (if it did)."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select account_id, reason, due_at, ended_at from task where account_id = any($1::uuid[])"
        " and created_at <= $2 and (ended_at is null or ended_at > $2) order by created_at",
        of.accounts,
        of.since,
    )
    return rows


async def absences(connection: Connection, since: date) -> list[asyncpg.Record]:
    """Return who is away on days from one on, and who stands in."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select id, person_id, since, until, delegate_id from absence where until >= $1 order by until, id desc", since
    )
    return rows


async def under_way(connection: Connection, playbook_id: str, since: datetime) -> list[UUID]:
    """Return the accounts for which the playbook began before a moment and has not ended."""
    rows = await connection.fetch(
        "select account_id from run where playbook_id = $1 and started_at < $2 and state = 'running'",
        playbook_id,
        since,
    )
    return [row["account_id"] for row in rows]
