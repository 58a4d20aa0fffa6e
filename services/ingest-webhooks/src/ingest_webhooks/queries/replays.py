"""Statements about replays: ranges of deliveries that are relayed once more, and how far they have come."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.queries.keys import Noted
from milepost_runtime.database import Connection

EXAMPLES = 20
_SHOWN = """
    id, connection_id, source, state, received_from, received_to, dry_run, author, created_at, finished_at, status,
    reason, total, done, new, corrected, retracted, unchanged, faults, examples
"""
# What a connection delivered is read by its settings and its mapping: without them it would mean something else.
_IN_RANGE = """
    from ingest.delivery d, ingest.replay r where r.id = $1 and d.id <= r.until
    and (r.connection_id is null or d.connection_id = r.connection_id) and (r.source is null or d.source = r.source)
    and (r.state is null or d.state = r.state) and (r.received_from is null or d.received_at >= r.received_from)
    and (r.received_to is null or d.received_at < r.received_to)
    and (d.connection_id is null or exists (select from ingest.connection c where c.id = d.connection_id))
"""


async def add(
    connection: Connection, replay_id: UUID, wanted: Mapping[str, Any], author: str, *, dry_run: bool
) -> Record:
    """Make a replay of the deliveries that are there now, due at once."""
    row = await connection.fetchrow(
        "insert into ingest.replay (id, connection_id, source, state, received_from, received_to, author, dry_run,"  # noqa: S608 - constants of ours
        " until, next_at) values ($1, $2, $3, $4, $5, $6, $7, $8,"
        " (select id from ingest.delivery order by id desc limit 1), clock_timestamp())"
        f" returning {_SHOWN}",
        replay_id,
        wanted["connection_id"],
        wanted["source"],
        wanted["state"],
        wanted["received_from"],
        wanted["received_to"],
        author,
        dry_run,
    )
    assert row is not None
    return row


async def page(connection: Connection, before: UUID | None, limit: int) -> list[Record]:
    """Return replays, newest first, without their examples."""
    rows: list[Record] = await connection.fetch(
        f"select {_SHOWN} from ingest.replay where $1::uuid is null or id < $1 order by id desc limit $2",  # noqa: S608 - constants of ours
        before,
        limit,
    )
    return rows


async def one(connection: Connection, replay_id: UUID) -> Record | None:
    """Return a replay."""
    return await connection.fetchrow(f"select {_SHOWN} from ingest.replay where id = $1", replay_id)  # noqa: S608 - a constant of ours


async def prepare(connection: Connection, replay_id: UUID) -> Record | None:
    """Return a replay that we hold, None when it was cancelled; before its first batch its deliveries are counted."""
    return await connection.fetchrow(
        f"update ingest.replay set total = coalesce(total, (select count(*) {_IN_RANGE}))"  # noqa: S608 - a constant of ours
        " where id = $1 and status = 'running' returning id, dry_run, position",
        replay_id,
    )


async def next_batch(connection: Connection, job: Record, limit: int, size: int) -> list[UUID]:
    """Return the next deliveries of a replay, in the order of their ids: up to `limit`, of about `size` bytes."""
    rows = await connection.fetch(
        f"select d.id, d.size {_IN_RANGE} and ($2::uuid is null or d.id > $2) order by d.id limit $3",
        job["id"],
        job["position"],
        limit,
    )
    before = itertools.accumulate((row["size"] for row in rows), initial=0)
    return [row["id"] for row, less in zip(rows, before, strict=False) if less < size]


async def advance(
    connection: Connection, replay_id: UUID, position: UUID, done: int, progress: Mapping[str, Any]
) -> None:
    """Note how far a replay has come and what it changed; the first examples are kept."""
    await connection.execute(
        """
        update ingest.replay set position = $2, done = done + $3, new = new + $4, corrected = corrected + $5,
            retracted = retracted + $6, unchanged = unchanged + $7, faults = faults + $8,
            examples = (select coalesce(jsonb_agg(e order by n), '[]')
                from jsonb_array_elements(examples || $9::jsonb) with ordinality as t(e, n) where n <= $10)
        where id = $1
        """,
        replay_id,
        position,
        done,
        *(progress[name] for name in ("new", "corrected", "retracted", "unchanged", "faults", "examples")),
        EXAMPLES,
    )


async def end(connection: Connection, replay_id: UUID, status: str, reason: str) -> bool:
    """End a replay; False when it has ended before. What a dry run foresaw is forgotten."""
    ended = await connection.fetchval(
        "update ingest.replay set status = $2, reason = $3, next_at = null, lease_until = null, crashes = 0,"
        " finished_at = clock_timestamp() where id = $1 and status = 'running' returning true",
        replay_id,
        status,
        reason,
    )
    await connection.execute("delete from ingest.foreseen_fact where replay_id = $1", replay_id)
    return bool(ended)


async def foresee(connection: Connection, replay_id: UUID, noted: Mapping[bytes, Noted]) -> None:
    """Remember facts that a dry run would have told by now."""
    await connection.execute(
        "insert into ingest.foreseen_fact (replay_id, key, delivery_id, content)"
        " select $1, * from unnest($2::bytea[], $3::uuid[], $4::bytea[])",
        replay_id,
        list(noted),
        [one.delivery_id for one in noted.values()],
        [one.content for one in noted.values()],
    )


async def foreseen(connection: Connection, replay_id: UUID, keys: Collection[bytes]) -> Mapping[bytes, Noted]:
    """Return which of these facts a dry run would have told by now."""
    rows: Sequence[Record] = await connection.fetch(
        "select key, delivery_id, content from ingest.foreseen_fact where replay_id = $1 and key = any($2::bytea[])",
        replay_id,
        list(keys),
    )
    return {row["key"]: Noted(row["delivery_id"], row["content"]) for row in rows}
