"""Statements about events: their keys, the feed, and the ones that wait for an account."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.shapes import NormalEvent
from milepost_runtime.database import Connection


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event came from."""

    source: str
    connection_id: UUID | None
    delivery_id: UUID | None
    correlation_id: str


# Kept in one order by everybody, so that two transactions never wait for one another in a ring.
async def reserve(connection: Connection, keys: Mapping[bytes, UUID]) -> set[bytes]:
    """Note who told a fact first, unless somebody did before; return the facts that are new."""
    names = sorted(keys)
    rows = await connection.fetch(
        """
        insert into ingest.event_key (key, delivery_id)
        select k, d from unnest($1::bytea[], $2::uuid[]) as n(k, d) on conflict (key) do nothing returning key
        """,
        names,
        [keys[name] for name in names],
    )
    return {row["key"] for row in rows}


async def owners(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, UUID]:
    """Return which delivery told each fact first."""
    rows = await connection.fetch(
        "select key, delivery_id from ingest.event_key where key = any($1::bytea[])", list(keys)
    )
    return {row["key"]: row["delivery_id"] for row in rows}


_COLUMNS = (
    "event_id, type, occurred_at, actor, role, item, value, value_text, properties, source, connection_id, "
    "delivery_id, correlation_id"
)
_UNNESTED = """
    unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::text[],
        $9::text[], $10::text[], $11::uuid[], $12::uuid[], $13::text[], $14::{place}[]) with ordinality
    as e(event_id, type, occurred_at, actor, role, item, value, value_text, properties, source, connection_id,
        delivery_id, correlation_id, place, position)
"""
_SELECTED = _COLUMNS.replace("properties", "properties::jsonb")
PUBLISH = f"""
    insert into ingest.event (account_id, {_COLUMNS}) select place, {_SELECTED}
    from {_UNNESTED.format(place="uuid")} order by position on conflict (event_id) do nothing
"""  # noqa: S608 - constants of ours
WAIT = f"""
    insert into ingest.waiting_event (reference, {_COLUMNS}) select place, {_SELECTED}
    from {_UNNESTED.format(place="text")} order by position on conflict (event_id) do nothing
"""  # noqa: S608 - constants of ours


async def publish(connection: Connection, rows: Sequence[tuple[NormalEvent, Origin, UUID]]) -> None:
    """Append events to the feed, each on its account; the caller holds the feed's lock."""
    if rows:
        await connection.execute(
            PUBLISH, *_columns([(event, origin) for event, origin, _ in rows]), [a for *_, a in rows]
        )


async def park(connection: Connection, rows: Sequence[tuple[NormalEvent, Origin]]) -> None:
    """Keep events aside until their reference leads to an account."""
    if rows:
        await connection.execute(WAIT, *_columns(rows), [event.reference for event, _ in rows])


async def attach(connection: Connection, accounts: Mapping[str, UUID]) -> int:
    """Move the waiting events of references that lead somewhere now into the feed; return how many."""
    if not accounts:
        return 0
    status = await connection.execute(
        f"""
        with come as (
            delete from ingest.waiting_event w using unnest($1::text[], $2::uuid[]) as a(name, account_id)
            where w.reference = a.name returning a.account_id, w.*
        )
        insert into ingest.event (account_id, {_COLUMNS}) select account_id, {_COLUMNS} from come
        order by occurred_at on conflict (event_id) do nothing
        """,  # noqa: S608 - constants of ours
        list(accounts),
        list(accounts.values()),
    )
    return int(status.rpartition(" ")[2])


async def unmapped(connection: Connection, *, after: str, limit: int) -> list[Record]:
    """Return references that events wait for, with how many and since when, in the order of their names."""
    rows: list[Record] = await connection.fetch(
        """
        select reference, count(*) as events, min(since) as since, max(occurred_at) as newest,
            array_agg(distinct type order by type) as types
        from ingest.waiting_event where reference > $1 group by reference order by reference limit $2
        """,
        after,
        limit,
    )
    return rows


def _columns(rows: Sequence[tuple[NormalEvent, Origin]]) -> tuple[list[object], ...]:
    return (
        [event.event_id for event, _ in rows],
        [event.type for event, _ in rows],
        [event.occurred_at for event, _ in rows],
        [event.actor for event, _ in rows],
        [event.role for event, _ in rows],
        [event.item for event, _ in rows],
        [event.value for event, _ in rows],
        [event.value_text for event, _ in rows],
        [_dump(event.properties) for event, _ in rows],
        [origin.source for _, origin in rows],
        [origin.connection_id for _, origin in rows],
        [origin.delivery_id for _, origin in rows],
        [origin.correlation_id for _, origin in rows],
    )


def _dump(properties: dict[str, object]) -> str:
    return json.dumps(properties, ensure_ascii=False, separators=(",", ":")) if properties else "{}"
