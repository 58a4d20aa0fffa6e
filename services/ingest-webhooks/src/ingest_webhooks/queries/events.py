"""Statements about events: the feed, and the ones that wait for an account."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.words.shapes import NormalEvent, other_names
from milepost_runtime.database import Connection

# The lane of the feed's reader; a hint to it only saves waiting for its next look.
READER_LANE = "scoring.record"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event came from."""

    source: str
    connection_id: UUID | None
    delivery_id: UUID | None
    correlation_id: str


_COLUMNS = (
    "event_id, type, occurred_at, actor, role, item, value, value_text, properties, source, connection_id, "
    "delivery_id, correlation_id, supersedes, reference, fallbacks, told_at, sequence"
)
_UNNESTED = """
    unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::text[],
        $9::text[], $10::text[], $11::uuid[], $12::uuid[], $13::text[], $14::text[], $15::text[],
        $16::text[], $17::timestamptz[], $18::text[]{place}) with ordinality
    as e(event_id, type, occurred_at, actor, role, item, value, value_text, properties, source, connection_id,
        delivery_id, correlation_id, supersedes, reference, fallbacks, told_at, sequence{placed}, position)
"""
_SELECTED = _COLUMNS.replace("properties", "properties::jsonb").replace("fallbacks", "fallbacks::text[]")
PUBLISH = f"""
    insert into ingest.event (account_id, {_COLUMNS}) select place, {_SELECTED}
    from {_UNNESTED.format(place=", $19::uuid[]", placed=", place")} order by position on conflict (event_id) do nothing
"""  # noqa: S608 - constants of ours
WAIT = f"""
    insert into ingest.waiting_event ({_COLUMNS}) select {_SELECTED}
    from {_UNNESTED.format(place="", placed="")} order by position on conflict (event_id) do nothing
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
        await connection.execute(WAIT, *_columns(rows))


async def forget_waiting(connection: Connection, ids: Sequence[str]) -> None:
    """Let events that wait be gone: others take their place."""
    if ids:
        await connection.execute("delete from ingest.waiting_event where event_id = any($1::text[])", list(ids))


async def unmapped(connection: Connection, *, after: str, limit: int) -> list[Record]:
    """Return references that events wait for, in the order of their names.

    Each with how many and since when, the other names that came along, and mail addresses of who acted.
    """
    rows: list[Record] = await connection.fetch(
        """
        with page as materialized (
            select reference, count(*) as events, min(since) as since, max(occurred_at) as newest,
                array_agg(distinct type order by type) as types
            from ingest.waiting_event where reference > $1 group by reference order by reference limit $2
        )
        select p.*, coalesce(n.names, '{}') as names, coalesce(a.addresses, '{}') as addresses
        from page p left join lateral (
            select array_agg(name order by name) as names from (
                select distinct unnest(w.fallbacks) as name from ingest.waiting_event w
                where w.reference = p.reference order by 1 limit 20
            ) f
        ) n on true left join lateral (
            select array_agg(address) as addresses from (
                select distinct w.actor as address from ingest.waiting_event w
                where w.reference = p.reference and w.actor like '%_@_%' order by 1 limit 20
            ) d
        ) a on true
        order by p.reference
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
        [event.supersedes for event, _ in rows],
        [event.reference or None for event, _ in rows],
        [_array(other_names(event)) for event, _ in rows],
        [event.told_at for event, _ in rows],
        [event.place for event, _ in rows],
    )


def _dump(properties: dict[str, object]) -> str:
    return json.dumps(properties, ensure_ascii=False, separators=(",", ":")) if properties else "{}"


def _array(names: Sequence[str] | None) -> str | None:
    """Return an array in PostgreSQL's own text: lists of unlike lengths make no array of arrays."""
    if names is None:
        return None
    return "{" + ",".join('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in names) + "}"
