"""Statements about what CRMs were told of accounts' health; which account is told what is decided elsewhere."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection

# Changes of one account often come in a handful: they are told in one write.
GATHER_S = 2.0
# Longer than a call takes.
_AT_IT_S = 20.0


@dataclass(frozen=True)
class Settled:
    """What became of one row under its claim. `digest` None: what its record holds of it is as it was.

    `record_id`: from now on it leads there (empty: nowhere), and what that holds of it is forgotten unless it is given.
    `wait_s`: it is tried again after so long; else `again_s`: it is looked at again after so long (0: now), if at all.
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
        " set change_id = excluded.change_id, next_at = clock_timestamp(), digest = null, attempts = 0, error = '',"
        # Whoever is at it now speaks of the CRM as it was.
        " fence = writeback.fence + 1, lease_until = null",
        outlet_id,
    )
    return int(status.rsplit(" ", 1)[1])


async def forget_records(connection: Connection, outlet_id: UUID) -> None:
    """Let no account lead anywhere in a CRM that is another one now: its records are none of the former one's."""
    await connection.execute(
        "update writeback set record_id = '', digest = null, fence = fence + 1, lease_until = null"
        " where outlet_id = $1",
        outlet_id,
    )


async def settle(connection: Connection, settled: Sequence[Settled]) -> set[UUID]:
    """Write down what became of rows that are still ours; return their keys."""
    rows = await connection.fetch(
        # In the order in which whoever marks accounts takes them.
        "with held as (select t.id from writeback t join unnest($1::uuid[], $2::bigint[]) as m(id, fence)"
        " on t.id = m.id and t.fence = m.fence order by t.account_id, t.outlet_id for update of t)"
        " update writeback t set record_id = coalesce(n.record_id, t.record_id),"
        " digest = coalesce(n.digest, case when n.record_id is null then t.digest end),"
        " wrote_at = case when n.digest is null then t.wrote_at else clock_timestamp() end, error = n.error,"
        " attempts = case when n.wait_s is null then 0 else least(t.attempts + 1, 1000) end,"
        " lease_until = null, crashes = 0, next_at = case when n.wait_s is not null"
        " then clock_timestamp() + make_interval(secs => n.wait_s)"
        " when t.change_id > n.change_id or n.again_s = 0 then clock_timestamp()"
        # Those of one minute together: a question for many costs little more than one for one.
        " else to_timestamp(60 * ceil((extract(epoch from clock_timestamp()) + n.again_s) / 60)) end"
        " from held join unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bytea[], $5::text[], $6::text[],"
        " $7::float8[], $8::float8[]) as n(id, fence, change_id, digest, record_id, error, wait_s, again_s) using (id)"
        " where t.id = held.id and t.fence = n.fence returning t.id",
        [one.key for one in settled],
        [one.fence for one in settled],
        [one.change_id for one in settled],
        [one.digest for one in settled],
        [one.record_id for one in settled],
        [one.error for one in settled],
        [one.wait_s for one in settled],
        [one.again_s for one in settled],
    )
    return {row["id"] for row in rows}


async def lock(connection: Connection, outlet_id: UUID, keys: Collection[UUID], records: Collection[str]) -> None:
    """Let nobody move these rows of a CRM, nor any that lead to these records, until the transaction ends.

    Nor do others who lock some of the same CRM go on meanwhile: who comes to a record finds whoever came before.
    """
    await connection.execute("select from outlet where id = $1 for no key update", outlet_id)
    await connection.execute(
        "select id from writeback where outlet_id = $1 and (id = any($2::uuid[]) or record_id = any($3::text[]))"
        " order by account_id for update",
        outlet_id,
        list(keys),
        list(records),
    )


async def arrive(connection: Connection, rows: Sequence[tuple[UUID, int, str]]) -> set[UUID]:
    """Let rows (key, fence) that are still ours lead to these records, about to be told; return their keys.

    What a record holds is not known from now until that is settled.
    """
    found = await connection.fetch(
        "update writeback t set record_id = n.record_id, digest = null"
        " from unnest($1::uuid[], $2::bigint[], $3::text[]) as n(id, fence, record_id)"
        " where t.id = n.id and t.fence = n.fence returning t.id",
        [key for key, _, _ in rows],
        [fence for _, fence, _ in rows],
        [record_id for _, _, record_id in rows],
    )
    return {row["id"] for row in found}


async def look_again(
    connection: Connection, outlet_id: UUID, came: Sequence[tuple[UUID, str]], but: Collection[UUID]
) -> None:
    """Make due whoever else leads to records that accounts have come to: perhaps they lead there no more.

    Who is at it now finds that its row is not its own any more. Of those that come later than the newcomer (`first`)
    the record is not told from now on, so what it held of them is forgotten.
    """
    await connection.execute(
        "update writeback t set next_at = clock_timestamp(), fence = t.fence + 1, lease_until = null,"
        " digest = case when t.account_id < n.account_id then t.digest end"
        " from unnest($2::uuid[], $3::text[]) as n(account_id, record_id)"
        " where t.outlet_id = $1 and t.record_id = n.record_id and t.account_id <> n.account_id"
        " and t.id <> all($4::uuid[])",
        outlet_id,
        [account_id for account_id, _ in came],
        [record_id for _, record_id in came],
        list(but),
    )


async def first(
    connection: Connection, outlet_id: UUID, records: Collection[str], but: Collection[UUID]
) -> dict[str, UUID]:
    """Return by record the account that it is told of: of those that lead there, but these rows', the first by id."""
    rows = await connection.fetch(
        "select distinct on (record_id) record_id, account_id from writeback where outlet_id = $1"
        " and record_id = any($2::text[]) and id <> all($3::uuid[]) order by record_id, account_id",
        outlet_id,
        list(records),
        list(but),
    )
    return {row["record_id"]: row["account_id"] for row in rows}


async def tell_anew(connection: Connection, outlet_id: UUID, records: Collection[str], but: Collection[UUID]) -> None:
    """Let records be told anew, by whoever leads there but these rows; who is at it now has not told them.

    Whoever that is ends first, and says so here as well: two who send each other back at once would never be done.
    """
    await connection.execute(
        "update writeback set digest = null, fence = fence + 1, lease_until = null, next_at = clock_timestamp()"
        " + case when lease_until > clock_timestamp() then make_interval(secs => $4) else interval '0' end"
        " where outlet_id = $1 and record_id = any($2::text[]) and id <> all($3::uuid[])",
        outlet_id,
        list(records),
        list(but),
        _AT_IT_S,
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


async def shared(connection: Connection, outlet_id: UUID, limit: int) -> list[asyncpg.Record]:
    """Return records to which several accounts lead: how many, and the first of them; the very first is told."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select record_id, count(*) as accounts, (array_agg(account_id order by account_id))[1:20] as account_ids"
        " from writeback where outlet_id = $1 and record_id <> '' group by record_id having count(*) > 1"
        " order by record_id limit $2",
        outlet_id,
        limit,
    )
    return rows
