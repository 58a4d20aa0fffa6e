"""Statements about what CRMs were told of accounts' health; which account is told what is decided elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection

# Changes of one account often come in a handful: they are told in one write.
GATHER_S = 2.0


@dataclass(frozen=True)
class Settled:
    """What became of one row under its claim. `digest` None: the CRM holds what it held.

    `wait_s`: it is tried again after so long; else `again_s`: it is looked at again after so long, if at all.
    A change that came since `change_id` was read makes the row due again, whatever became of it.
    """

    key: UUID
    fence: int
    change_id: int
    digest: bytes | None = None
    record_id: str | None = None
    error: str = ""
    wait_s: float | None = None
    again_s: float | None = None


async def mark(connection: Connection, accounts: Sequence[UUID], changes: Sequence[int]) -> None:
    """Make accounts due in every CRM that is told of health; a row that waits for another try waits on."""
    await connection.execute(
        "insert into writeback (id, account_id, outlet_id, change_id, next_at)"
        " select gen_random_uuid(), t.account_id, o.id, max(t.change_id),"
        " clock_timestamp() + make_interval(secs => $3) from unnest($1::uuid[], $2::bigint[]) t(account_id, change_id)"
        " cross join outlet o where o.writes_health and o.active group by t.account_id, o.id order by 2, 3"
        " on conflict (account_id, outlet_id) do update set change_id = excluded.change_id,"
        " next_at = case when writeback.attempts > 0 then coalesce(writeback.next_at, excluded.next_at)"
        " else least(writeback.next_at, excluded.next_at) end",
        accounts,
        changes,
        GATHER_S,
    )


async def mark_all(connection: Connection, outlet_id: UUID) -> int:
    """Make every account due that a change was ever told of, and return how many.

    For a CRM that begins, or begins again: what it holds is not known, so everything is told anew.
    """
    status = await connection.execute(
        "insert into writeback (id, account_id, outlet_id, change_id, next_at)"
        " select gen_random_uuid(), account_id, $1, max(id), clock_timestamp() from scoring.change"
        " group by account_id order by account_id on conflict (account_id, outlet_id) do update"
        " set change_id = excluded.change_id, next_at = clock_timestamp(), digest = null, attempts = 0, error = ''",
        outlet_id,
    )
    return int(status.rsplit(" ", 1)[1])


async def settle(connection: Connection, settled: Sequence[Settled]) -> None:
    """Write down what became of rows that are still ours."""
    await connection.execute(
        "update writeback t set digest = coalesce(n.digest, t.digest), record_id = coalesce(n.record_id, t.record_id),"
        " wrote_at = case when n.digest is null then t.wrote_at else clock_timestamp() end, error = n.error,"
        " attempts = case when n.wait_s is null then 0 else least(t.attempts + 1, 1000) end,"
        " lease_until = null, crashes = 0, next_at = case when n.wait_s is not null"
        " then clock_timestamp() + make_interval(secs => n.wait_s)"
        " when t.change_id > n.change_id then clock_timestamp()"
        # Those of one minute together: a question for many costs little more than one for one.
        " else to_timestamp(60 * ceil((extract(epoch from clock_timestamp()) + n.again_s) / 60)) end"
        " from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bytea[], $5::text[], $6::text[], $7::float8[],"
        " $8::float8[]) as n(id, fence, change_id, digest, record_id, error, wait_s, again_s)"
        " where t.id = n.id and t.fence = n.fence",
        [one.key for one in settled],
        [one.fence for one in settled],
        [one.change_id for one in settled],
        [one.digest for one in settled],
        [one.record_id for one in settled],
        [one.error for one in settled],
        [one.wait_s for one in settled],
        [one.again_s for one in settled],
    )


async def hurry(connection: Connection, outlet_id: UUID) -> None:
    """Let every account that waits for another try be tried at once: its CRM may take it now."""
    await connection.execute(
        "update writeback set next_at = clock_timestamp(), attempts = 0 where outlet_id = $1 and attempts > 0"
        " and next_at > clock_timestamp()",
        outlet_id,
    )


async def counts(connection: Connection, outlet_id: UUID) -> tuple[int, int]:
    """Return how many accounts of a CRM wait to be told, and how many it refused."""
    row = await connection.fetchrow(
        # What is only to be looked at again waits for nothing.
        "select count(*) filter (where waits) as waiting, count(*) filter (where not waits and error <> '') as refused"
        " from (select error, attempts > 0 or coalesce(next_at <= clock_timestamp() + make_interval(secs => $2), false)"
        " as waits from writeback where outlet_id = $1) told",
        outlet_id,
        GATHER_S,
    )
    return row["waiting"], row["refused"]


async def troubled(connection: Connection, outlet_id: UUID, limit: int) -> list[asyncpg.Record]:
    """Return rows whose last write was refused or is to be tried again."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select account_id, record_id, wrote_at, next_at as due_at, attempts, error from writeback"
        " where outlet_id = $1 and error <> '' order by next_at nulls last, account_id limit $2",
        outlet_id,
        limit,
    )
    return rows
