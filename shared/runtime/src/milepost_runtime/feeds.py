"""Feeds: append-only tables that one service publishes and others read with a cursor of their own.

Ids are taken when a row is inserted but seen when it is committed, so a reader of `id > cursor` could step over a
slower transaction. Publishers therefore hold the feed's advisory lock from just before the insert until the commit:
ids become visible in their order, and plain comparison is safe.
"""

from collections.abc import Sequence

from milepost_runtime.database import Connection
from milepost_runtime.lanes import Claim, Lane, hold

FEED_LOCKS = 0x66656564


async def publish_lock(connection: Connection, feed: str) -> None:
    """Become the only publisher of a feed until this transaction ends; insert right after it and commit soon."""
    await connection.execute("select pg_advisory_xact_lock($1, hashtext($2))", FEED_LOCKS, feed)


async def ensure_cursor(connection: Connection, table: str, feed: str) -> None:
    """Start reading a feed from its beginning unless a cursor is there already."""
    await connection.execute(
        f"insert into {table} (feed, position, next_at) values ($1, 0, '-infinity') on conflict do nothing",  # noqa: S608 - a constant of the code
        feed,
    )


async def advance_cursor(connection: Connection, lane: Lane, claims: Sequence[Claim], position: int) -> bool:
    """Lock our cursor and move it; False when somebody else has claimed it meanwhile: roll back.

    Call it first in the transaction that writes what was read.
    """
    if not await hold(connection, lane, claims):
        return False
    await connection.execute(
        f"update {lane.table} set position = $2 where feed = $1",  # noqa: S608 - a constant of the code
        claims[0].key,
        position,
    )
    return True
