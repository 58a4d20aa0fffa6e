"""Statements about deliveries: keeping, relaying, looking, replaying; they count nothing but what they keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from asyncpg import Record

from milepost_contracts.events import EVENT_RETRACTED
from milepost_runtime.database import Connection
from milepost_runtime.ids import first_id


@dataclass(frozen=True, slots=True)
class Kept:
    """A delivery that is to be kept; `headers` is JSON text of the ones worth keeping."""

    id: UUID
    source: str
    connection_id: UUID | None
    sender: str
    key: bytes
    body: bytes
    headers: str
    correlation_id: str
    elements: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a delivery: its new state and how many elements went which way."""

    id: UUID
    state: str
    relayed: int
    linked: int
    duplicates: int
    ignored: int
    quarantined: int
    faults: str
    further: int = 0


# What is new is counted in the same statement, in a row that no other session writes: the books' second witness.
# What many deliveries of a group have in common is sent once: telling the driver costs more than looking it up.
KEEP = """
    with kept as (
        insert into ingest.delivery
            (id, source, connection_id, sender, key, body, size, headers, correlation_id, elements, next_at)
        select id, ($7::text[])[head], ($8::uuid[])[head], ($9::text[])[head], key, body, octet_length(body),
            ($10::text[])[head]::jsonb, correlation_id, elements, clock_timestamp()
        from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::text[], $5::int[], $6::int[])
            as g(id, key, body, correlation_id, elements, head)
        on conflict do nothing
        returning id, source, connection_id, elements
    ), counted as (
        insert into ingest.tally as t (day, source, connection_id, writer, deliveries, elements, newest)
        select (now() at time zone 'UTC')::date, source,
            coalesce(connection_id, '00000000-0000-0000-0000-000000000000'), pg_backend_pid(), count(*), sum(elements),
            clock_timestamp()
        from kept group by source, connection_id
        on conflict (day, source, connection_id, writer) do update set deliveries = t.deliveries + excluded.deliveries,
            elements = t.elements + excluded.elements, newest = excluded.newest
    )
    select id from kept
"""


async def keep(connection: Connection, group: Sequence[Kept], *, seconds: float | None = None) -> set[UUID]:
    """Insert the deliveries that are not known yet, in one statement; return the ids of the new ones.

    One that comes again in another week is kept again; that all of its facts are known shows when it is relayed.
    """
    heads: dict[tuple[str, UUID | None, str, str], int] = {}
    places = [
        heads.setdefault((one.source, one.connection_id, one.sender, one.headers), len(heads) + 1) for one in group
    ]
    sources, connections, senders, headers = zip(*heads, strict=True)
    rows = await connection.fetch(
        KEEP,
        [one.id for one in group],
        [one.key for one in group],
        [one.body for one in group],
        [one.correlation_id for one in group],
        [one.elements for one in group],
        places,
        sources,
        connections,
        senders,
        headers,
        timeout=seconds,
    )
    return {row["id"] for row in rows}


async def bodies(connection: Connection, ids: Sequence[UUID]) -> list[Record]:
    """Return what relaying needs of these deliveries, in the order in which they came; `seen`: was settled before."""
    rows: list[Record] = await connection.fetch(
        """
        select id, source, connection_id, sender, received_at, body, headers, correlation_id, elements, closed,
            relayed + linked + duplicates + ignored + quarantined > 0 as seen
        from ingest.delivery where id = any($1::uuid[]) order by received_at, id
        """,
        list(ids),
    )
    return rows


async def settle(connection: Connection, outcomes: Sequence[Settled]) -> None:
    """Write down what became of deliveries, whose rows the caller holds; nothing is left to do about them."""
    await connection.execute(
        """
        update ingest.delivery d set state = o.state, relayed = o.relayed, linked = o.linked,
            duplicates = o.duplicates, ignored = o.ignored, quarantined = o.quarantined, faults = o.faults::jsonb,
            further = o.further, next_at = null, lease_until = null, crashes = 0
        from unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::int[], $6::int[], $7::int[], $8::text[],
            $9::int[]) as o(id, state, relayed, linked, duplicates, ignored, quarantined, faults, further)
        where d.id = o.id
        """,
        [one.id for one in outcomes],
        [one.state for one in outcomes],
        [one.relayed for one in outcomes],
        [one.linked for one in outcomes],
        [one.duplicates for one in outcomes],
        [one.ignored for one in outcomes],
        [one.quarantined for one in outcomes],
        [one.faults for one in outcomes],
        [one.further for one in outcomes],
    )


async def settle_as_before(connection: Connection, ids: Sequence[UUID]) -> None:
    """Let deliveries be what they were when they were settled last; the caller holds their rows."""
    if not ids:
        return
    await connection.execute(
        """
        update ingest.delivery set state = case when faults <> '[]' then 'quarantined'
                when relayed + linked + duplicates > 0 then 'done' else 'ignored' end,
            next_at = null, lease_until = null, crashes = 0
        where id = any($1::uuid[])
        """,
        list(ids),
    )


async def quarantine(connection: Connection, delivery_id: UUID, fence: int, faults: str) -> bool:
    """Put a delivery out of the way as a whole, unless somebody else has claimed it; it waits for a replay."""
    status = await connection.execute(
        """
        update ingest.delivery set state = 'quarantined', next_at = null, lease_until = null, crashes = 0,
            relayed = 0, linked = 0, duplicates = 0, ignored = 0, further = 0, quarantined = elements,
            faults = $3::text::jsonb
        where id = $1 and fence = $2
        """,
        delivery_id,
        fence,
        faults,
    )
    return bool(status == "UPDATE 1")


_LISTED = """
    id, source, connection_id, received_at, state, size, correlation_id, elements, relayed, linked, duplicates, ignored,
    quarantined, faults
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries to list; None: all. `since` and `until` bound when they came, `before` is an id."""

    state: str | None = None
    source: str | None = None
    connection_id: UUID | None = None
    correlation_id: str | None = None
    fault: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: UUID | None = None


# Only what is asked for is written into the statement: an index is of no use to "either is null or".
_CONDITIONS = {
    "state": "state = {}",
    "source": "source = {}",
    "connection_id": "connection_id = {}",
    "correlation_id": "correlation_id = {}",
    # Only quarantined deliveries have faults, and they have an index.
    "fault": "state = 'quarantined' and strpos(lower(faults::text), lower({})) > 0",
    "since": "received_at >= {}",
    "until": "received_at < {}",
    "before": "id < {}",
    "lowest": "id >= {}",
    "highest": "id < {}",
}
# The time within an id is the door's clock, `received_at` the store's: they may differ by this much.
_CLOCKS = timedelta(minutes=10)


async def page(connection: Connection, wanted: Wanted, limit: int) -> list[Record]:
    """Return deliveries, newest first; ids grow with time."""
    values: dict[str, Any] = {name: getattr(wanted, name) for name in Wanted.__slots__}
    if wanted.since is not None:
        values["lowest"] = first_id(wanted.since - _CLOCKS)
    if wanted.until is not None:
        values["highest"] = first_id(wanted.until + _CLOCKS)
    given = {name: value for name, value in values.items() if value is not None}
    where = " and ".join(_CONDITIONS[name].format(f"${place}") for place, name in enumerate(given, start=1)) or "true"
    rows: list[Record] = await connection.fetch(
        f"select {_LISTED} from ingest.delivery where {where} order by id desc limit {int(limit)}",  # noqa: S608 - constants of ours
        *given.values(),
    )
    return rows


async def one(connection: Connection, delivery_id: UUID) -> Record | None:
    """Return a delivery with its headers and its body."""
    return await connection.fetchrow(
        f"select {_LISTED}, headers, body, sender from ingest.delivery where id = $1",  # noqa: S608 - a constant of ours
        delivery_id,
    )


async def became(connection: Connection, delivery_id: UUID) -> list[Record]:
    """Return how many events of which type a delivery became, on which living account (null: they wait for one).

    What was taken back or told anew since does not count.
    """
    rows: list[Record] = await connection.fetch(
        """
        select e.type, e.account_id, e.reference, count(*) as events from (
            select e.type, coalesce(a.merged_into, e.account_id) as account_id, e.reference
            from ingest.event e left join ingest.account a on a.account_id = e.account_id
            where e.delivery_id = $1 and e.type <> $2
                and not exists (select from ingest.event c where c.supersedes = e.event_id)
            union all select w.type, null, w.reference from ingest.waiting_event w where w.delivery_id = $1
        ) e group by 1, 2, 3 order by 4 desc, 1, 3 limit 100
        """,
        delivery_id,
        EVENT_RETRACTED,
    )
    return rows


async def replay(connection: Connection, delivery_id: UUID) -> bool:
    """Make a delivery due again; False when there is none."""
    status = await connection.execute(
        "update ingest.delivery set state = 'new', next_at = clock_timestamp(), crashes = 0 where id = $1", delivery_id
    )
    return bool(status == "UPDATE 1")


async def settled(connection: Connection, ids: Sequence[UUID]) -> list[UUID]:
    """Lock deliveries in the order of their ids; return those that were relayed before and wait for nothing."""
    rows = await connection.fetch(
        "select id, state from ingest.delivery where id = any($1::uuid[]) order by id for update", list(ids)
    )
    return [row["id"] for row in rows if row["state"] != "new"]
