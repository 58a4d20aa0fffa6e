"""Statements about what was written before: in a run, in which words, to whom; it never writes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool


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


async def accounts_of(pool: Pool, person: bytes, written: Sequence[str] = ()) -> list[UUID]:
    """Return the customers' accounts at which this mailbox was written to, or (by its address) is about to be."""
    rows = await pool.fetch(
        "select account_id from touch where person = $1 and not colleague"
        " union select account_id from effect where state = 'ready' and lower(recipient) = any($2::text[])",
        person,
        list(written),
    )
    return [row["account_id"] for row in rows]


async def versions_under_way(pool: Pool) -> list[tuple[str, int]]:
    """Return every version of a playbook that has an open run."""
    rows = await pool.fetch("select distinct playbook_id, version from run where state = 'running' order by 1, 2")
    return [(row["playbook_id"], row["version"]) for row in rows]


async def now(pool: Pool) -> datetime:
    """Return the moment, by the one clock that counts."""
    moment: datetime = await pool.fetchval("select clock_timestamp()")
    return moment
