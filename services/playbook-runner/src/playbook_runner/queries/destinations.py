"""Statements about destinations: what is known about receivers, shared by all workers; the law is elsewhere."""

from collections.abc import Mapping, Sequence

import asyncpg

from milepost_core.destinations import Destination
from milepost_runtime.database import Connection, Pool

# How reasons begin that only a rate gives, and what the ledger calls it when an effect waits for its receiver.
WAITS_ITS_TURN = "waits its turn: "
WAITS_FOR_RECEIVER = ("circuit_open", "resting", "not_reached", "not_now")

_KNOWN = (
    "rate_per_s", "probe_at", "since", "good", "bad", "was_good", "was_bad", "free_at", "booked_to", "resting_until",
    "call_at",
)  # fmt: skip


async def locked(connection: Connection, names: Sequence[str]) -> tuple[float, dict[str, Destination]]:
    """Return the server's clock (Unix time) and what is known about receivers, theirs until the transaction ends."""
    rows = await connection.fetch(_LOCKED, names)
    if len(rows) < len(names):
        await connection.execute(
            "insert into destination (name) select n from unnest($1::text[]) n order by n on conflict do nothing", names
        )
        rows = await connection.fetch(_LOCKED, names)
    # Asked after the lock: who waited for it must not take the moment before for now.
    now: float = await connection.fetchval("select extract(epoch from clock_timestamp())::float8")
    return now, {row["name"]: _destination(row) for row in rows}


_LOCKED = (
    "select d.name, o.rate_per_s, d.good, d.bad, d.was_good, d.was_bad,"
    " extract(epoch from d.probe_at)::float8 as probe_at, extract(epoch from d.since)::float8 as since,"
    " extract(epoch from d.free_at)::float8 as free_at, extract(epoch from d.booked_to)::float8 as booked_to,"
    " extract(epoch from d.resting_until)::float8 as resting_until, extract(epoch from d.call_at)::float8 as call_at"
    " from destination d left join outlet o on o.name = d.name where d.name = any($1::text[])"
    " order by d.name for update of d"
)


def _destination(row: asyncpg.Record) -> Destination:
    return Destination(**{name: row[name] for name in _KNOWN})


async def keep(connection: Connection, known: Mapping[str, Destination]) -> None:
    """Write down what is known about receivers that are locked."""
    all_ = list(known.values())
    await connection.execute(
        "update destination d set probe_at = to_timestamp(k.probe_at), since = to_timestamp(k.since), good = k.good,"
        " bad = k.bad, was_good = k.was_good, was_bad = k.was_bad, free_at = to_timestamp(k.free_at),"
        " booked_to = to_timestamp(k.booked_to), resting_until = to_timestamp(k.resting_until),"
        " call_at = to_timestamp(k.call_at)"
        " from unnest($1::text[], $2::float8[], $3::float8[], $4::int[],"
        " $5::int[], $6::int[], $7::int[], $8::float8[], $9::float8[], $10::float8[], $11::float8[])"
        " as k(name, probe_at, since, good, bad, was_good, was_bad, free_at, booked_to, resting_until, call_at)"
        " where d.name = k.name",
        list(known),
        [one.probe_at for one in all_],
        [one.since for one in all_],
        [one.good for one in all_],
        [one.bad for one in all_],
        [one.was_good for one in all_],
        [one.was_bad for one in all_],
        [one.free_at for one in all_],
        [one.booked_to for one in all_],
        [one.resting_until for one in all_],
        [one.call_at for one in all_],
    )


async def shut(connection: Connection, name: str, because: str) -> None:
    """Switch a connection off whose receiver says that it is gone for good."""
    await connection.execute(
        "update outlet set active = false, off_because = $2, changed_at = clock_timestamp() where name = $1 and active",
        name,
        because,
    )


async def lift(connection: Connection, name: str) -> int:
    """Forget what keeps calls from a receiver, and let what waits for it ask again at once; return how many."""
    await connection.execute(
        "update destination set probe_at = null, resting_until = null, good = 0, bad = 0, was_good = 0, was_bad = 0"
        " where name = $1",
        name,
    )
    rows = await connection.fetch(
        "with mine as (select e.key from effect e where e.state = 'ready' and e.lease_until is null"
        " and coalesce(nullif(e.destination, ''), e.channel) = $1 and e.next_at > clock_timestamp()"
        " and (starts_with(e.reason, $3) or (select l.code from ledger l where l.account_id = e.account_id"
        " and l.run_id = e.run_id order by l.id desc limit 1) = any($2::text[])) order by e.key for update skip locked)"
        " update effect e set next_at = clock_timestamp() from mine where e.key = mine.key returning e.key",
        name,
        WAITS_FOR_RECEIVER,
        WAITS_ITS_TURN,
    )
    return len(rows)


async def every(pool: Pool) -> list[asyncpg.Record]:
    """Return what is known about every receiver, by name, with how many effects are due or wait for it."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select d.name, d.probe_at, case when d.resting_until > clock_timestamp() then d.resting_until end"
        " as resting_until, o.rate_per_s, coalesce(o.active, true) as active, d.good + d.was_good as good,"
        " d.bad + d.was_bad as bad, (select count(*) from effect e where e.state = 'ready' and"
        " coalesce(nullif(e.destination, ''), e.channel) = d.name) as waiting"
        " from destination d left join outlet o on o.name = d.name order by d.name"
    )
    return rows
