"""Statements about events whose names lead elsewhere by now: those that wait, and those that are told already."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from milepost_contracts.events import EVENT_RETRACTED, OWN_SOURCE
from milepost_runtime.database import Connection

PAGE = 2000
_SAID = (
    "type, occurred_at, actor, role, item, value, value_text, properties, source, connection_id, delivery_id,"
    " correlation_id, reference, fallbacks, told_at"
)


# One name at a time: asked for all at once, a store without fresh figures would rather read the whole table.
_BY_NAME = """
    from unnest($1::text[]) as n(name) cross join lateral (
        select e.* from {table} e where e.reference = n.name and ({movable})
        union all
        select e.* from {table} e where e.fallbacks @> array[n.name] and e.fallbacks is not null
            and e.reference is distinct from n.name
    ) e
"""


async def waiting(connection: Connection, names: Sequence[str]) -> AsyncIterator[list[Record]]:
    """Yield the events that wait for one of these names, page by page, each once or more often."""
    found = connection.cursor(
        f"""
        select e.event_id, e.reference, e.fallbacks, e.item, e.occurred_at
        {_BY_NAME.format(table="ingest.waiting_event", movable="true")}
        """,
        names,
        prefetch=PAGE,
    )
    async for page in _pages(found):
        yield page


async def told(
    connection: Connection, names: Sequence[str], since: datetime, items: Sequence[str]
) -> AsyncIterator[list[Record]]:
    """Yield the events in the feed that may have to move, page by page, each with the account it is on by now.

    Those known by one of `names` that happened since then, and all that is told about `items` themselves, once or more.
    """
    found = connection.cursor(
        f"""
        select e.event_id, e.reference, e.fallbacks, e.item, e.occurred_at, coalesce(
            (select a.merged_into from ingest.account a where a.account_id = e.account_id), e.account_id) as account_id
        {_BY_NAME.format(table="ingest.event", movable="e.fallbacks is not null")}
        left join lateral (select 1 as gone from ingest.event c where c.supersedes = e.event_id limit 1) c on true
        where c.gone is null and (e.occurred_at >= $2 or e.item = any($3::text[]))
        """,  # noqa: S608 - constants of ours
        names,
        since,
        items,
        prefetch=PAGE,
    )
    async for page in _pages(found):
        yield page


async def attach_known(connection: Connection, accounts: Sequence[tuple[str, UUID]]) -> None:
    """Move the events that wait for these names, and for no other, into the feed."""
    if not accounts:
        return
    await connection.execute(
        f"""
        with come as (
            delete from ingest.waiting_event w using unnest($1::text[], $2::uuid[]) as a(name, account_id)
            where w.reference = a.name and w.fallbacks is null returning a.account_id, w.*
        )
        insert into ingest.event (account_id, event_id, supersedes, sequence, {_SAID})
        select account_id, event_id, supersedes, sequence, {_SAID} from come order by occurred_at
        on conflict (event_id) do nothing
        """,  # noqa: S608 - constants of ours
        [name for name, _ in accounts],
        [account_id for _, account_id in accounts],
    )


async def attach(connection: Connection, placed: Sequence[tuple[str, UUID]]) -> None:
    """Move waiting events into the feed, each onto its account."""
    if not placed:
        return
    await connection.execute(
        f"""
        with come as (
            delete from ingest.waiting_event w using unnest($1::text[], $2::uuid[]) as a(id, account_id)
            where w.event_id = a.id returning a.account_id, w.*
        )
        insert into ingest.event (account_id, event_id, supersedes, sequence, {_SAID})
        select account_id, event_id, supersedes, sequence, {_SAID} from come order by occurred_at
        on conflict (event_id) do nothing
        """,  # noqa: S608 - constants of ours
        [event_id for event_id, _ in placed],
        [account_id for _, account_id in placed],
    )


_TAKE_BACK = """
    insert into ingest.event
        (account_id, event_id, type, occurred_at, source, connection_id, delivery_id, correlation_id, supersedes)
    select m.here, m.back, $4, e.occurred_at, $5, e.connection_id, e.delivery_id, e.correlation_id, e.event_id
    from unnest($1::text[], $2::text[], $3::uuid[]) with ordinality as m(id, back, here, place)
    join ingest.event e on e.event_id = m.id order by m.place on conflict (event_id) do nothing
"""
# What is told anew keeps its place among others of its instant: that is the fact's, whichever row tells it.
_TELL_ANEW = f"""
    with gone as (
        select m.there, m.back, m.next, m.place, e.*
        from unnest($1::text[], $2::text[], $3::text[], $4::uuid[]) with ordinality as m(id, back, next, there, place)
        join ingest.event e on e.event_id = m.id
    ), wait as (
        insert into ingest.waiting_event (event_id, supersedes, sequence, {_SAID})
        select next, back, coalesce(sequence, event_id), {_SAID} from gone where there is null
        on conflict (event_id) do nothing
    )
    insert into ingest.event (account_id, event_id, supersedes, sequence, {_SAID})
    select there, next, back, coalesce(sequence, event_id), {_SAID} from gone where there is not null order by place
    on conflict (event_id) do nothing
"""  # noqa: S608 - constants of ours


async def move(connection: Connection, moved: Sequence[tuple[str, str, str, UUID, UUID | None]]) -> None:
    """Take events back where they are and tell them anew where they belong, or let them wait again.

    Each is the event's id, the id of what takes it back, its own next id, the account it is on and the one it goes to.
    """
    if not moved:
        return
    ids, backs, nexts, here, there = ([one[place] for one in moved] for place in range(5))
    await connection.execute(_TAKE_BACK, ids, backs, here, EVENT_RETRACTED, OWN_SOURCE)
    await connection.execute(_TELL_ANEW, ids, backs, nexts, there)


async def _pages(rows: AsyncIterator[Record]) -> AsyncIterator[list[Record]]:
    page: list[Record] = []
    async for row in rows:
        page.append(row)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page
