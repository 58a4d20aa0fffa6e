"""Statements about what outreach waits for at accounts: open escalations, booked calls; it decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection


@dataclass(frozen=True)
class Told:
    """What events said of one matter: when it was opened and closed last, and when the newest opening says it is."""

    account_id: UUID
    kind: str
    item: str
    opened_at: datetime | None
    closed_at: datetime | None
    starts_at: datetime | None


async def events(connection: Connection, ids: Sequence[int]) -> list[asyncpg.Record]:
    """Return rows of the feed of events, in its order."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select event_id, account_id, type, occurred_at, actor, item, value_text, properties, source"
        " from ingest.event where id = any($1::bigint[]) order by id",
        ids,
    )
    return rows


async def keep(connection: Connection, told: Sequence[Told]) -> None:
    """Add what was told, each matter at most once; whatever the order in which it comes, the rows come out the same."""
    await connection.execute(
        "insert into matter (account_id, kind, item, opened_at, closed_at, starts_at) select * from unnest("
        " $1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[])"
        " on conflict (account_id, kind, item) do update set"
        " opened_at = greatest(matter.opened_at, excluded.opened_at),"
        " closed_at = greatest(matter.closed_at, excluded.closed_at),"
        " starts_at = case when excluded.opened_at >= coalesce(matter.opened_at, '-infinity')"
        " then excluded.starts_at else matter.starts_at end",
        [one.account_id for one in told],
        [one.kind for one in told],
        [one.item for one in told],
        [one.opened_at for one in told],
        [one.closed_at for one in told],
        [one.starts_at for one in told],
    )
