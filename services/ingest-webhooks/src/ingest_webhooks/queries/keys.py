"""Statements about the keys of facts: who told a fact first, for as long as keys are kept; it never reads an event.

Keys are partitioned by period. A unique index cannot span partitions, so whoever notes keys first asks all of them, and
a new period begins only while nobody is noting: two who note the same fact always meet in one partition's index.
"""

import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection

_BINARY = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_BINARY_END = struct.pack(">h", -1)
# Three columns, the first of 32 bytes.
_KEY_AHEAD = struct.pack(">hi", 3, 32)
_DATES_BEGIN = date(2000, 1, 1)
NOTING = 0x6B657973


@dataclass(frozen=True, slots=True)
class Noted:
    """Which delivery told a fact first, and the digest of what it said about it (None: not watched)."""

    delivery_id: UUID
    content: bytes | None


# Keys go in sorted, so that two transactions never wait for one another in a ring.
_RESERVE = """
    with known as materialized (select key from ingest.event_key where key = any($1::bytea[]))
    insert into ingest.event_key (key, period, delivery_id, content)
    select k, (select max(period) from ingest.key_period), d, c
    from unnest($1::bytea[], $2::uuid[], $3::bytea[]) as n(k, d, c)
    where k not in (select key from known)
    on conflict do nothing returning key
"""


async def reserve(
    connection: Connection, keys: Mapping[bytes, UUID], contents: Mapping[bytes, bytes] | None = None
) -> set[bytes]:
    """Note who told a fact first, unless somebody did before; return the facts that are new.

    `contents` are digests of what was said, by key. The caller's transaction keeps the period from changing.
    """
    names = sorted(keys)
    said = contents or {}
    # A statement of its own: the next one then sees all that was noted before the period changed.
    await connection.execute("select pg_advisory_xact_lock_shared($1)", NOTING)
    rows = await connection.fetch(
        _RESERVE, names, [keys[name] for name in names], [said.get(name) or None for name in names]
    )
    return {row["key"] for row in rows}


async def reserve_many(
    connection: Connection, keys: Sequence[bytes], delivery_id: UUID, *, mostly_new: bool
) -> set[bytes]:
    """Note thousands of facts, given in sorted order, none of them watched; return those that were known.

    When they are `mostly_new` they are copied in, which costs a third of inserting them but cannot pass over one that
    is known: then all is done again the other way.
    """
    if mostly_new and await _copy_in(connection, keys, delivery_id):
        return set()
    return set(keys) - await reserve(connection, dict.fromkeys(keys, delivery_id))


async def _copy_in(connection: Connection, keys: Sequence[bytes], delivery_id: UUID) -> bool:
    """Note facts, unless one of them is known: then none is noted."""
    await connection.execute("select pg_advisory_xact_lock_shared($1)", NOTING)
    *older, period = await periods(connection)
    if older:
        found = "select exists(select from ingest.event_key where key = any($1::bytea[]) and period <> $2)"
        if await connection.fetchval(found, keys, period):
            return False
    schema, _, name = partition(period).partition(".")
    try:
        async with connection.transaction():
            # Straight into the newest period: finding it anew for each row is not free.
            await connection.copy_to_table(
                name,
                schema_name=schema,
                columns=["key", "period", "delivery_id"],
                source=_rows(keys, period, delivery_id),
                format="binary",
            )
    except asyncpg.UniqueViolationError:
        return False
    return True


async def _rows(keys: Sequence[bytes], period: date, delivery_id: UUID) -> AsyncIterator[bytes]:
    """Yield rows in the binary format of COPY: the length and the bytes of each column; only keys vary."""
    days = (period - _DATES_BEGIN).days
    end = struct.pack(">iii16s", 4, days, 16, delivery_id.bytes)
    yield _BINARY + b"".join([_KEY_AHEAD + key + end for key in keys]) + _BINARY_END


async def noted(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, Noted]:
    """Return who told each known fact first, and what was said."""
    rows = await connection.fetch(
        "select key, delivery_id, content from ingest.event_key where key = any($1::bytea[])", list(keys)
    )
    return {row["key"]: Noted(row["delivery_id"], row["content"]) for row in rows}


async def owners(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, UUID]:
    """Return which delivery told each fact first."""
    return {key: one.delivery_id for key, one in (await noted(connection, keys)).items()}


async def periods(connection: Connection) -> list[date]:
    """Return the periods of which keys are kept, by their first days."""
    return [row["period"] for row in await connection.fetch("select period from ingest.key_period order by 1")]


async def begin_period(connection: Connection, first: date) -> None:
    """Note keys in a new partition from now on; waits until nobody is noting."""
    await connection.execute("select pg_advisory_xact_lock($1)", NOTING)
    name = partition(first)
    await connection.execute(f"create table {name} (like ingest.event_key including defaults)")
    await connection.execute(f"alter table ingest.event_key attach partition {name} for values in ('{first}')")
    await connection.execute("insert into ingest.key_period (period) values ($1)", first)


async def forget_period(connection: Connection, first: date) -> None:
    """Drop the keys of a period."""
    await connection.execute("delete from ingest.key_period where period = $1", first)
    await connection.execute(f"drop table {partition(first)}")


def partition(first: date) -> str:
    """Return the table that holds the keys of a period."""
    return f"ingest.event_key_{first:%Y_%m_%d}"
