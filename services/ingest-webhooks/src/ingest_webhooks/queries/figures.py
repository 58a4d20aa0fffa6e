"""Statements about how each source does: how much, how late, how whole; each reads a bounded time and no body.

A scope is a source (with the connection None) or one connection of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from asyncpg import Record

from milepost_contracts.events import OWN_SOURCE
from milepost_runtime.database import Connection
from milepost_runtime.ids import first_id

# How many of the newest events speak for a scope, and how many quarantined deliveries for its faults.
SAMPLE = 2_000
FAULTY = 1_000
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Scope:
    """A source, or one connection of it."""

    source: str
    connection_id: UUID | None = None


async def now(connection: Connection) -> datetime:
    """Return the moment by the store's clock."""
    moment: datetime = await connection.fetchval("select clock_timestamp()")
    return moment


async def volumes(connection: Connection, since: date, scope: Scope | None = None) -> list[Record]:
    """Return what the door accepted by source, connection and day (None: of every scope), and when the newest came."""
    rows: list[Record] = await connection.fetch(
        """
        select source, nullif(connection_id, $2) as connection_id, day, sum(deliveries)::bigint as deliveries,
            sum(elements)::bigint as elements, max(newest) as newest
        from ingest.tally where day >= $1 and ($3::text is null or source = $3)
            and ($4::uuid is null or connection_id = $4)
        group by 1, 2, 3 order by 1, 2, 3
        """,
        since,
        _NOBODY,
        scope and scope.source,
        scope and scope.connection_id,
    )
    return rows


async def newest(connection: Connection) -> list[Record]:
    """Return by source when the newest delivery came and how many wait to be relayed; cheap enough for every scrape."""
    rows: list[Record] = await connection.fetch(
        """
        select t.source, t.newest, coalesce(w.waiting, 0) as waiting
        from (select source, max(newest) as newest from ingest.tally group by source) t
        left join (
            select source, count(*) as waiting from ingest.delivery where next_at is not null group by source
        ) w using (source)
        """
    )
    return rows


async def states(connection: Connection, since: datetime, scope: Scope | None = None) -> list[Record]:
    """Return how many deliveries since a moment are in which state, by source."""
    condition = "" if scope is None else " and source = $2 and ($3::uuid is null or connection_id = $3)"
    rows: list[Record] = await connection.fetch(
        f"select source, state, count(*) as deliveries from ingest.delivery where id >= $1{condition} group by 1, 2",  # noqa: S608 - a constant of ours
        first_id(since),
        *(() if scope is None else (scope.source, scope.connection_id)),
    )
    return rows


# What was corrected or taken back speaks for nobody: a later row has taken its place.
_QUALITY = f"""
    select s.source, s.connection_id, count(*) as events, max(e.occurred_at) as last_occurred,
        percentile_cont(array[0.5, 0.95]) within group (order by extract(epoch from d.received_at - e.occurred_at))
            as lags,
        avg((e.actor is null)::int)::float8 as no_actor, avg((e.item is null)::int)::float8 as no_item,
        avg((e.value is null and e.value_text is null)::int)::float8 as no_value,
        avg((e.account_id is null)::int)::float8 as no_account
    from unnest($1::text[], $2::uuid[]) as s(source, connection_id)
    cross join lateral (
        (select account_id, delivery_id, occurred_at, actor, item, value, value_text from ingest.event
         where source = s.source and source <> '{OWN_SOURCE}' and delivery_id >= $3
            and (s.connection_id is null or connection_id = s.connection_id)
            and not exists (select from ingest.event after where after.supersedes = event.event_id)
         order by delivery_id desc limit {SAMPLE})
        union all
        (select null, delivery_id, occurred_at, actor, item, value, value_text from ingest.waiting_event
         where source = s.source and delivery_id >= $3
            and (s.connection_id is null or connection_id = s.connection_id)
         order by delivery_id desc limit {SAMPLE})
        order by delivery_id desc limit {SAMPLE}
    ) e join ingest.delivery d on d.id = e.delivery_id and d.id >= $3
    group by s.source, s.connection_id
"""  # noqa: S608 - constants of ours


async def quality(connection: Connection, since: datetime, scopes: Sequence[Scope]) -> list[Record]:
    """Return of each scope's newest events since a moment: how late they came (`lags`: p50 and p95 in seconds), and
    which share of them lacks an actor, an item, a value, an account.
    """
    rows: list[Record] = await connection.fetch(
        _QUALITY, [one.source for one in scopes], [one.connection_id for one in scopes], first_id(since)
    )
    return rows


async def faults(connection: Connection, since: datetime, scope: Scope, limit: int) -> list[Record]:
    """Return the most frequent reasons for which elements of a scope were quarantined since a moment."""
    rows: list[Record] = await connection.fetch(
        f"""
        select left(f ->> 'reason', 300) as reason, count(*) as elements from (
            select faults from ingest.delivery where state = 'quarantined' and id >= $1 and source = $2
                and ($3::uuid is null or connection_id = $3)
            order by id desc limit {FAULTY}
        ) d cross join lateral jsonb_array_elements(d.faults) f
        group by 1 order by 2 desc, 1 limit $4
        """,  # noqa: S608 - a constant of ours
        first_id(since),
        scope.source,
        scope.connection_id,
        limit,
    )
    return rows


async def partly_ignored(connection: Connection, since: datetime, scope: Scope, limit: int) -> list[UUID]:
    """Return the newest deliveries of a scope since a moment of which something was ignored."""
    rows = await connection.fetch(
        """
        select id from ingest.delivery where id >= $1 and source = $2 and ($3::uuid is null or connection_id = $3)
            and ignored > 0 order by id desc limit $4
        """,
        first_id(since),
        scope.source,
        scope.connection_id,
        limit,
    )
    return [row["id"] for row in rows]
