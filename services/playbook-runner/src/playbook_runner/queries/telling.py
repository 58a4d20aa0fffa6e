"""Statements about the events that we still have to tell the front door; it never posts one."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool


async def add(
    connection: Connection, ids: Sequence[UUID], accounts: Sequence[UUID], events: Sequence[Mapping[str, Any]]
) -> None:
    """Keep events to be told, due now; one that is there already stays."""
    await connection.execute(
        "insert into told (id, account_id, event, next_at) select id, account_id, event, clock_timestamp()"
        " from unnest($1::uuid[], $2::uuid[], $3::jsonb[]) as new(id, account_id, event) on conflict do nothing",
        ids,
        accounts,
        [dict(event) for event in events],
    )


async def add_messages(connection: Connection, keys: Sequence[bytes]) -> None:
    """Keep, as events to be told, messages that went out to customers: which playbook, run, step and arm they are of.

    Whoever they went to is not told: that somebody was written to is, and the effect is named.
    """
    await connection.execute(
        "insert into told (id, account_id, event, next_at)"
        " select encode(substring(e.key for 16), 'hex')::uuid, e.account_id, jsonb_build_object("
        "   'id', 'message.sent:' || encode(e.key, 'hex'), 'type', 'message.sent', 'account', e.account_id,"
        "   'occurred_at', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
        "   'item', encode(e.key, 'hex'), 'properties', jsonb_strip_nulls(jsonb_build_object('channel', e.channel,"
        "   'playbook', r.playbook_id, 'version', r.version, 'run', r.id, 'step', s.path, 'tier', r.tier,"
        "   'arm', r.arm))), clock_timestamp()"
        " from effect e join touch t on t.effect_key = e.key and t.account_id = e.account_id and not t.colleague"
        " join run r on r.id = e.run_id and r.account_id = e.account_id"
        " join step s on s.id = e.step_id and s.account_id = e.account_id"
        " where e.key = any($1::bytea[]) order by e.key on conflict do nothing",
        keys,
    )


async def events(pool: Pool, ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return kept events, in the order in which they were kept."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select id, event, attempts from told where id = any($1::uuid[]) order by created_at, id", ids
    )
    return rows


async def mark_told(connection: Connection, ids: Sequence[UUID]) -> None:
    """Note that the front door has these."""
    await connection.execute("update told set told_at = clock_timestamp(), error = '' where id = any($1::uuid[])", ids)


async def hurry(connection: Connection) -> int:
    """Make due what waits only because the front door was away; return how many. Nobody else's rows are waited for."""
    rows = await connection.fetch(
        "with waiting as (select id, account_id from told where next_at > clock_timestamp() and lease_until is null"
        " and attempts > 0 for update skip locked)"
        " update told t set next_at = clock_timestamp() from waiting w"
        " where t.id = w.id and t.account_id = w.account_id returning 1"
    )
    return len(rows)


async def note_trouble(connection: Connection, ids: Sequence[UUID], errors: Sequence[str]) -> None:
    """Add a try that did not succeed, and why."""
    await connection.execute(
        "update told t set attempts = least(t.attempts + 1, 1000), error = new.error"
        " from unnest($1::uuid[], $2::text[]) as new(id, error) where t.id = new.id",
        ids,
        errors,
    )
