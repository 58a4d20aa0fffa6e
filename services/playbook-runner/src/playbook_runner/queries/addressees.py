"""Statements about who can be written to today, and what was written in a run before; it never writes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool


async def people(connection: Connection) -> list[asyncpg.Record]:
    """Return everybody who works here, by id, and where away: until when, and who stands in.

    A day off is a day where that person lives.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        "select p.id, p.name, p.email, p.roles, a.until as away_until, a.delegate_id from person p"
        " left join lateral (select a.until, a.delegate_id from absence a where a.person_id = p.id"
        " and (clock_timestamp() at time zone p.zone)::date between a.since and a.until"
        " order by a.until desc, a.id limit 1) a on true where p.active order by p.id"
    )
    return rows


async def earlier_mails(connection: Connection, run_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return the mails of these runs that went out, oldest first: run, recipient, key."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select run_id, recipient, key from effect"
        " where run_id = any($1::uuid[]) and channel = 'email' and state = 'done' order by done_at, key",
        run_ids,
    )
    return rows


async def edited_words(connection: Connection, step_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return for these steps the words that a person put in place of `draft` when approving them: step and both."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select distinct on (s.id) s.id as step_id, a.draft, a.edited from step s"
        " join approval a on a.run_id = s.run_id and a.account_id = s.account_id and a.about = s.path"
        " where s.id = any($1::uuid[]) and a.state = 'approved' and a.edited is not null"
        " order by s.id, a.ended_at desc",
        step_ids,
    )
    return rows


async def now(pool: Pool) -> datetime:
    """Return the moment, by the one clock that counts."""
    moment: datetime = await pool.fetchval("select clock_timestamp()")
    return moment
