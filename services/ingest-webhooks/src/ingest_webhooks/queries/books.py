"""Statements of the books: what was accepted, by the word of the door, and where all of it is; they move no delivery.

Two witnesses: the door counts what it accepts in the statement that keeps it (`tally`), and the deliveries themselves
are counted here. Days that are over are counted once (`counted_day`), so that the books cost a day's rows and not a
quarter's; a day of which something is replayed is counted row by row again until the housekeeping has come by.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.queries.partitions import REMAINS, lowest_id, table_of, week_of
from milepost_contracts.events import OWN_SOURCE
from milepost_runtime.database import Connection
from milepost_runtime.ids import first_id

COUNTING = 0x626F6F6B
# A day is read once as a whole, and nobody waits for that but a replay of that moment.
_COUNTING_S = 900.0
_NUMBERS = (
    "accepted", "done", "ignored", "quarantined", "waiting", "events_accepted", "events_settled", "events_duplicate",
    "events_ignored", "events_quarantined", "events_unread", "events_missing",
)  # fmt: skip
_NAMES = ", ".join(_NUMBERS)
# What a delivery says of itself counts once it is settled; before a replay is done, its old numbers are no news.
_PER_SOURCE = """
    select d.source, count(*) as accepted,
        count(*) filter (where d.state = 'done') as done,
        count(*) filter (where d.state = 'ignored') as ignored,
        count(*) filter (where d.state = 'quarantined') as quarantined,
        count(*) filter (where d.state = 'new') as waiting,
        coalesce(sum(d.elements), 0)::bigint as events_accepted,
        coalesce(sum(d.relayed + d.linked + d.duplicates) filter (where d.state <> 'new'), 0)::bigint as events_settled,
        coalesce(sum(d.duplicates) filter (where d.state <> 'new'), 0)::bigint as events_duplicate,
        coalesce(sum(d.ignored) filter (where d.state <> 'new'), 0)::bigint as events_ignored,
        coalesce(sum(d.quarantined) filter (where d.state <> 'new'), 0)::bigint as events_quarantined,
        coalesce(sum(d.elements) filter (where d.state = 'new'), 0)::bigint as events_unread,
        coalesce(sum(greatest(0, d.relayed + d.further - coalesce(s.facts, 0))) filter (where d.state <> 'new'), 0)
            ::bigint as events_missing
    from rows d left join stored s on s.delivery_id = d.id group by d.source
"""
_ROW = "id, source, state, elements, relayed, linked, duplicates, ignored, quarantined, further"
# A correction is another row of the same fact.
_FACTS = f"""(
    select delivery_id from ingest.event where source <> '{OWN_SOURCE}' and supersedes is null
    union all select delivery_id from ingest.waiting_event where supersedes is null
)"""  # noqa: S608 - a constant of ours
BOOKS = f"""
    with floor as (
        select coalesce((select until from ingest.counted_day order by until desc limit 1),
            '00000000-0000-0000-0000-000000000000') as id
    ), again as (select distinct low, until from ingest.counted_day where reopened),
    rows as (
        select {_ROW} from ingest.delivery where id >= (select id from floor)
        union all select {_ROW} from {REMAINS} where id < (select id from floor)
        union all select d.* from again a cross join lateral (
            select {_ROW} from ingest.delivery where id >= a.low and id < a.until
        ) d
    ), stored as (
        select delivery_id, count(*) as facts from (
            select f.delivery_id from {_FACTS} f where f.delivery_id >= (select id from floor)
            union all select f.delivery_id from {REMAINS} r join {_FACTS} f on f.delivery_id = r.id
                where r.id < (select id from floor)
            union all select f.delivery_id from again a
                join {_FACTS} f on f.delivery_id >= a.low and f.delivery_id < a.until
        ) told group by delivery_id
    ), numbers as (
        {_PER_SOURCE}
        union all select source, {_NAMES} from ingest.counted_day where not reopened and source <> ''
    ), told as (
        select source, sum(deliveries)::bigint as deliveries, sum(elements)::bigint as elements
        from ingest.tally group by source
    ), unmapped as (
        select source, count(*) as events from ingest.waiting_event where delivery_id is not null group by source
    ),
    summed as (
        select source, {", ".join(f"sum({name})::bigint as {name}" for name in _NUMBERS)} from numbers group by source
    )
    select source, coalesce(t.deliveries, 0) as told, coalesce(t.elements, 0) as events_told,
        {", ".join(f"coalesce(s.{name}, 0) as {name}" for name in _NUMBERS)},
        coalesce(u.events, 0) as events_unmapped
    from summed s full join told t using (source) left join unmapped u using (source) order by source
"""  # noqa: S608 - constants of ours


async def books(connection: Connection) -> list[Record]:
    """Return, per source, what the door accepted (`told`) and where all of it is, in deliveries and in events.

    One statement, hence one moment. `events_missing` are facts that deliveries count as relayed and no row holds.
    """
    rows: list[Record] = await connection.fetch(BOOKS)
    return rows


async def next_uncounted(connection: Connection) -> date | None:
    """Return the day after the last one that is counted; None when none is."""
    day: date | None = await connection.fetchval("select max(day) + 1 from ingest.counted_day where day > '-infinity'")
    return day


async def reopened(connection: Connection) -> list[date]:
    """Return the counted days of which something was replayed since."""
    rows = await connection.fetch("select distinct day from ingest.counted_day where reopened order by day")
    return [row["day"] for row in rows]


async def reopen(connection: Connection, low: UUID, high: UUID) -> None:
    """Count the days of the ids `low` to `high` row by row again: something of them is about to change.

    Call it in the transaction that makes deliveries due again or settles them anew, before that.
    """
    await connection.execute("select pg_advisory_xact_lock_shared($1)", COUNTING)
    await connection.execute(
        "update ingest.counted_day set reopened = true where not dropped and not reopened and until > $1 and low <= $2",
        low,
        high,
    )


async def count_day(connection: Connection, day: date) -> bool:
    """Count a day that is over, once and for all until it is reopened; False while something of it waits.

    The caller is in a transaction.
    """
    await connection.execute("select pg_advisory_xact_lock($1)", COUNTING)
    low, until = lowest_id(day), lowest_id(day + timedelta(days=1))
    table = table_of(week_of(day))
    if await connection.fetchval("select to_regclass($1)", table) is None:
        table = REMAINS
    within = "{0} >= $1 and {0} < $2"
    busy = f"select exists(select from {table} where next_at is not null and {within.format('id')})"  # noqa: S608 - a name of ours
    if await connection.fetchval(busy, low, until):
        return False
    await connection.execute(f"set local statement_timeout = '{_COUNTING_S:.0f}s'")
    await connection.execute("delete from ingest.counted_day where day = $1", day)
    await connection.execute(
        f"""
        with rows as (select {_ROW} from {table} where {within.format("id")}),
        stored as (
            select delivery_id, count(*) as facts from {_FACTS} f where {within.format("delivery_id")} group by 1
        )
        insert into ingest.counted_day (day, low, until, source, {_NAMES})
        select $3::date, $1::uuid, $2::uuid, n.* from ({_PER_SOURCE}) n
        union all select $3::date, $1::uuid, $2::uuid, '', {", ".join("0" for _ in _NUMBERS)}
        """,  # noqa: S608 - names of ours
        low,
        until,
        day,
        timeout=_COUNTING_S,
    )
    return True


async def close_days(connection: Connection, days: Sequence[date]) -> bool:
    """Let the numbers of counted days stand for their deliveries for good; False when one is not counted, or waits.

    What is quarantined is left out: it moves to the remains and is counted there. Call it in the transaction that
    drops the week of these days, before that: until it ends nothing of them can be replayed.
    """
    await connection.execute("select pg_advisory_xact_lock($1)", COUNTING)
    counted = await connection.fetchval(
        "select count(*) from ingest.counted_day where day = any($1::date[]) and source = '' and not reopened", days
    )
    busy = f"select exists(select from {table_of(week_of(days[0]))} where next_at is not null)"  # noqa: S608 - a name of ours
    if counted < len(days) or await connection.fetchval(busy):
        return False
    for day in days:
        await _leave_out_quarantined(connection, day)
    await connection.execute("update ingest.counted_day set dropped = true where day = any($1::date[])", days)
    return True


async def _leave_out_quarantined(connection: Connection, day: date) -> None:
    less = ", ".join(f"{name} = c.{name} - stay.{name}" for name in _NUMBERS)
    await connection.execute(
        f"""
        with rows as (
            select {_ROW} from {table_of(week_of(day))} where state = 'quarantined' and id >= $2 and id < $3
        ), stored as (
            select delivery_id, count(*) as facts from {_FACTS} f
            where f.delivery_id in (select id from rows) group by 1
        ), stay as ({_PER_SOURCE})
        update ingest.counted_day c set {less} from stay where c.source = stay.source and c.day = $1
        """,  # noqa: S608 - names of ours
        day,
        lowest_id(day),
        lowest_id(day + timedelta(days=1)),
    )


async def forget_remains(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` remains from before an instant; their numbers stay in the books. Returns how many."""
    more = ", ".join(f"{name} = c.{name} + excluded.{name}" for name in _NUMBERS)
    gone: int = await connection.fetchval(
        f"""
        with rows as (
            delete from {REMAINS} where id in (
                select id from {REMAINS} where id < $1 and next_at is null order by id limit $2
            ) returning {_ROW}
        ), stored as (
            select delivery_id, count(*) as facts from {_FACTS} f
            where f.delivery_id in (select id from rows) group by 1
        ), counted as (
            insert into ingest.counted_day as c (day, low, until, dropped, source, {_NAMES})
            select '-infinity'::date, $3::uuid, $3::uuid, true, n.* from ({_PER_SOURCE}) n
            on conflict (day, source) do update set {more}
        )
        select count(*) from rows
        """,  # noqa: S608 - names of ours
        first_id(before),
        limit,
        UUID(int=0),
    )
    return gone


async def fold_tally(connection: Connection, before: date) -> None:
    """Put what several sessions wrote about a day before `before` into one row."""
    await connection.execute(
        """
        with old as (delete from ingest.tally where day < $1 and writer <> 0 returning *)
        insert into ingest.tally as t (day, source, connection_id, writer, deliveries, elements, newest)
        select day, source, connection_id, 0, sum(deliveries), sum(elements), max(newest) from old group by 1, 2, 3
        on conflict (day, source, connection_id, writer) do update set deliveries = t.deliveries + excluded.deliveries,
            elements = t.elements + excluded.elements, newest = greatest(t.newest, excluded.newest)
        """,
        before,
    )
