"""Statements about the weeks in which deliveries are kept: made ahead, counted when over, dropped; never a row of now.

A delivery lives in the partition of the week of its id, which begins with its time. What is older than the oldest week
lives in `delivery_remains`: deliveries that were still quarantined when their week was dropped. All changes of the set
of partitions happen under one lock.
"""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from milepost_runtime.database import Connection
from milepost_runtime.ids import first_id

CHANGING = 0x7765656B
REMAINS = "ingest.delivery_remains"
WEEK = timedelta(days=7)


def week_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def lowest_id(day: date) -> UUID:
    """Return the smallest id of a day."""
    return first_id(datetime.combine(day, time(), UTC))


def table_of(week: date) -> str:
    """Return the table of a week's deliveries."""
    return f"ingest.delivery_{week:%Y_%m_%d}"


def statements(week: date) -> tuple[str, ...]:
    """Return what makes the partition of a week without holding up anybody who writes into others.

    The same delivery is told by its key within a partition; no index can tell it across partitions.
    """
    name = table_of(week)
    bare = name.rpartition(".")[2]
    return (
        f"create table {name} (like ingest.delivery including defaults including constraints)",
        f"alter table {name} add constraint uq_{bare}_key unique (key)",
        f"alter table ingest.delivery attach partition {name}"
        f" for values from ('{lowest_id(week)}') to ('{lowest_id(week + WEEK)}')",
    )


async def lock(connection: Connection) -> None:
    """Become the only one who changes the set of partitions until the transaction ends."""
    await connection.execute("select pg_advisory_xact_lock($1)", CHANGING)


async def weeks(connection: Connection) -> list[date]:
    """Return the weeks that have a partition, oldest first."""
    rows = await connection.fetch(
        r"""
        select to_date(right(c.relname, 10), 'YYYY_MM_DD') as week
        from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'ingest.delivery'::regclass and c.relname ~ '^delivery_\d{4}_\d\d_\d\d$' order by 1
        """
    )
    return [row["week"] for row in rows]


async def make(connection: Connection, week: date) -> None:
    """Make the partition of a week; the caller holds `lock`."""
    for statement in statements(week):
        await connection.execute(statement)


async def be_brief(connection: Connection) -> None:
    """Wait for others only a moment until the transaction ends: while we wait to drop, they wait behind us."""
    await connection.execute("set local lock_timeout = '300ms'")


async def drop(connection: Connection, week: date) -> int:
    """Drop the oldest week; what is quarantined in it moves to the remains. Returns how many deliveries that are.

    The caller holds `lock`. For some milliseconds nobody else can write. Raises LockNotAvailableError.
    """
    name = table_of(week)
    await be_brief(connection)
    await connection.execute("lock table ingest.delivery in access exclusive mode")
    await connection.execute(f"alter table ingest.delivery detach partition {REMAINS}")
    status = await connection.execute(
        f"insert into {REMAINS} select * from {name} where state = 'quarantined'"  # noqa: S608 - a name of ours
    )
    await connection.execute(f"drop table {name}")
    until = lowest_id(week + WEEK)
    await connection.execute(
        f"alter table ingest.delivery attach partition {REMAINS} for values from (minvalue) to ('{until}')"
    )
    return int(status.rpartition(" ")[2])
