"""Statements that read the feeds of what happened at accounts, for those who wait for it; it never decides who does."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from milepost_contracts.changes import FEED as CHANGES
from milepost_contracts.events import ACCOUNT_MERGED, BOOK_KEEPING
from milepost_runtime.database import Connection, Pool

# A row is read this long after it was recorded: whoever began to wait just before it has committed by then.
SETTLED_S = 0.5


@dataclass(frozen=True)
class Happening:
    """One row of a feed: what happened at an account, and when."""

    id: int
    account_id: UUID
    type: str
    at: datetime


_CHANGES = (
    "select id, account_id, kind as type, computed_at as at, computed_at as recorded_at from scoring.change"
    " where id > $1 order by id limit $2"
)
_EVENTS = (
    "select id, account_id, type, occurred_at as at, recorded_at from ingest.event where id > $1 order by id limit $2"
)


async def happened(pool: Pool, feed: str, position: int, limit: int) -> list[Happening]:
    """Return the next rows of a feed, up to the first that has not settled, or that merges accounts.

    Other book-keeping happens at no account.
    """
    rows = await pool.fetch(
        f"select *, recorded_at <= clock_timestamp() - make_interval(secs => $3) as settled from ("  # noqa: S608 - constants of the code
        f"{_CHANGES if feed == CHANGES else _EVENTS}) as f order by id",
        position,
        limit,
        SETTLED_S,
    )
    found: list[Happening] = []
    for row in rows:
        if not row["settled"]:
            break
        found.append(Happening(row["id"], row["account_id"], row["type"], row["at"]))
        # What comes after it happened at an account that has taken another one's runs over by then.
        if row["type"] == ACCOUNT_MERGED:
            break
    # The last row moves the cursor, whatever it is.
    return [one for one in found[:-1] if one.type not in BOOK_KEEPING] + found[-1:]


async def ensure_cursor(connection: Connection, feed: str) -> None:
    """Begin to read a feed where it ends now, unless it is read already."""
    await connection.execute(
        "insert into wake_cursor (feed, position, next_at)"  # noqa: S608 - the name of a feed is a constant of the contract
        f" select $1, coalesce(max(id), 0), '-infinity' from {feed} on conflict do nothing",
        feed,
    )


async def clock(source: "Pool | Connection") -> datetime:
    """Return the store's clock."""
    now: datetime = await source.fetchval("select clock_timestamp()")
    return now
