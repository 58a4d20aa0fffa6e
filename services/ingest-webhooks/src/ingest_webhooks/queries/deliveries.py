"""Statements about deliveries: keeping, relaying, looking, replaying, counting."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record

from milepost_contracts.events import BOOK_KEEPING
from milepost_runtime.database import Connection


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


KEEP = """
    insert into ingest.delivery
        (id, source, connection_id, sender, key, body, size, headers, correlation_id, elements, next_at)
    select id, source, connection_id, sender, key, body, octet_length(body), headers::jsonb, correlation_id, elements,
        clock_timestamp()
    from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::bytea[], $6::bytea[], $7::text[], $8::text[],
        $9::int[]) as g(id, source, connection_id, sender, key, body, headers, correlation_id, elements)
    on conflict (key) do nothing
    returning id
"""


async def keep(connection: Connection, group: Sequence[Kept], *, seconds: float | None = None) -> set[UUID]:
    """Insert the deliveries that are not known yet, in one statement; return the ids of the new ones."""
    rows = await connection.fetch(
        KEEP,
        [one.id for one in group],
        [one.source for one in group],
        [one.connection_id for one in group],
        [one.sender for one in group],
        [one.key for one in group],
        [one.body for one in group],
        [one.headers for one in group],
        [one.correlation_id for one in group],
        [one.elements for one in group],
        timeout=seconds,
    )
    return {row["id"] for row in rows}


async def bodies(connection: Connection, ids: Sequence[UUID]) -> list[Record]:
    """Return what relaying needs of these deliveries, in the order in which they came."""
    rows: list[Record] = await connection.fetch(
        """
        select d.id, d.source, d.connection_id, d.sender, d.received_at, d.body, d.correlation_id, d.elements,
            coalesce(c.settings, '{}') as settings
        from ingest.delivery d left join ingest.connection c on c.id = d.connection_id
        where d.id = any($1::uuid[]) order by d.received_at, d.id
        """,
        list(ids),
    )
    return rows


async def settle(connection: Connection, outcomes: Sequence[Settled]) -> None:
    """Write down what became of deliveries."""
    await connection.execute(
        """
        update ingest.delivery d set state = o.state, relayed = o.relayed, linked = o.linked,
            duplicates = o.duplicates, ignored = o.ignored, quarantined = o.quarantined, faults = o.faults::jsonb
        from unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::int[], $6::int[], $7::int[], $8::text[])
            as o(id, state, relayed, linked, duplicates, ignored, quarantined, faults)
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
    )


async def quarantine(connection: Connection, delivery_id: UUID, fence: int, faults: str) -> bool:
    """Put a delivery out of the way as a whole, unless somebody else has claimed it; it waits for a replay."""
    status = await connection.execute(
        """
        update ingest.delivery set state = 'quarantined', next_at = null, lease_until = null, crashes = 0,
            relayed = 0, linked = 0, duplicates = 0, ignored = 0, quarantined = elements, faults = $3::text::jsonb
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


async def page(
    connection: Connection,
    *,
    state: str | None,
    source: str | None,
    connection_id: UUID | None,
    before: UUID | None,
    limit: int,
) -> list[Record]:
    """Return deliveries, newest first; ids grow with time."""
    rows: list[Record] = await connection.fetch(
        f"""
        select {_LISTED} from ingest.delivery
        where ($1::text is null or state = $1) and ($2::text is null or source = $2)
            and ($3::uuid is null or connection_id = $3) and ($4::uuid is null or id < $4)
        order by id desc limit $5
        """,  # noqa: S608 - a constant of ours
        state,
        source,
        connection_id,
        before,
        limit,
    )
    return rows


async def one(connection: Connection, delivery_id: UUID) -> Record | None:
    """Return a delivery with its headers and its body."""
    return await connection.fetchrow(
        f"select {_LISTED}, headers, body, sender from ingest.delivery where id = $1",  # noqa: S608 - a constant of ours
        delivery_id,
    )


async def replay(connection: Connection, delivery_id: UUID) -> bool:
    """Make a delivery due again; False when there is none."""
    status = await connection.execute(
        "update ingest.delivery set state = 'new', next_at = clock_timestamp(), crashes = 0 where id = $1", delivery_id
    )
    return bool(status == "UPDATE 1")


BOOKS = """
    with d as (
        select source, count(*) as accepted,
            count(*) filter (where state = 'done') as done,
            count(*) filter (where state = 'ignored') as ignored,
            count(*) filter (where state = 'quarantined') as quarantined,
            count(*) filter (where state = 'new') as waiting,
            coalesce(sum(elements), 0) as events_accepted,
            coalesce(sum(relayed + linked + duplicates) filter (where state <> 'new'), 0) as events_settled,
            coalesce(sum(duplicates) filter (where state <> 'new'), 0) as events_duplicate,
            coalesce(sum(d.ignored) filter (where state <> 'new'), 0) as events_ignored,
            coalesce(sum(d.quarantined) filter (where state <> 'new'), 0) as events_quarantined,
            coalesce(sum(elements) filter (where state = 'new'), 0) as events_unread
        from ingest.delivery d group by source
    ), w as (select source, count(*) as unmapped from ingest.waiting_event group by source
    ), stored as (
        select delivery_id, count(*) as facts from (
            select delivery_id from ingest.event where type <> all($1::text[])
            union all select delivery_id from ingest.waiting_event
        ) rows group by delivery_id
    ), lost as (
        select d.source, sum(greatest(0, d.relayed - coalesce(s.facts, 0)))::bigint as missing
        from ingest.delivery d left join stored s on s.delivery_id = d.id where d.state <> 'new' group by d.source
    )
    select d.*, coalesce(w.unmapped, 0) as events_unmapped, coalesce(lost.missing, 0) as events_missing
    from d left join w using (source) left join lost using (source) order by source
"""


async def books(connection: Connection) -> list[Record]:
    """Return, per source, what was accepted and where all of it is, in deliveries and in events.

    `events_missing` are facts that were relayed by the deliveries' own account, but are rows nowhere: a loss.
    """
    rows: list[Record] = await connection.fetch(
        BOOKS,
        list(BOOK_KEEPING),
    )
    return rows
