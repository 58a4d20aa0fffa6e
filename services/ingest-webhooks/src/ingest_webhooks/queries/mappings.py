"""Statements about the mappings of connections and their versions; none of them changes a version that exists."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record

from milepost_runtime.database import Connection


async def current(connection: Connection, ids: Iterable[UUID]) -> list[Record]:
    """Return source, settings as text and the mapping's version of the known ones among these connections."""
    rows: list[Record] = await connection.fetch(
        "select id, source, settings::text as settings, mapping_version from ingest.connection"
        " where id = any($1::uuid[])",
        list(ids),
    )
    return rows


async def rules(connection: Connection, versions: Sequence[tuple[UUID, int]]) -> Mapping[UUID, dict[str, Any]]:
    """Return the rules of these versions by connection; of version 0 there are none."""
    if not versions:
        return {}
    rows = await connection.fetch(
        "select m.connection_id, m.rules from ingest.mapping m"
        " join unnest($1::uuid[], $2::int[]) as w(id, version) on m.connection_id = w.id and m.version = w.version",
        [one for one, _ in versions],
        [version for _, version in versions],
    )
    return {row["connection_id"]: row["rules"] for row in rows}


async def one(connection: Connection, connection_id: UUID, version: int) -> Record | None:
    """Return a version with its rules."""
    return await connection.fetchrow(
        "select version, rules, author, note, created_at from ingest.mapping where connection_id = $1 and version = $2",
        connection_id,
        version,
    )


async def versions(connection: Connection, connection_id: UUID) -> list[Record]:
    """Return all versions, newest first, with the number of their rules."""
    rows: list[Record] = await connection.fetch(
        "select version, author, note, created_at, (select count(*) from jsonb_object_keys(rules)) as rules"
        " from ingest.mapping where connection_id = $1 order by version desc",
        connection_id,
    )
    return rows


async def lock(connection: Connection, connection_id: UUID) -> Record | None:
    """Return a connection's source and mapping version, and let nobody change them until the transaction ends."""
    return await connection.fetchrow(
        "select source, mapping_version from ingest.connection where id = $1 for update", connection_id
    )


async def look(connection: Connection, connection_id: UUID) -> Record | None:
    """Return a connection's source and mapping version."""
    return await connection.fetchrow(
        "select source, mapping_version from ingest.connection where id = $1", connection_id
    )


async def add(
    connection: Connection, connection_id: UUID, version: int, rules: dict[str, Any], author: str, note: str
) -> Record:
    """Keep a new version and let it count from now on; the caller holds the connection's lock."""
    row = await connection.fetchrow(
        "insert into ingest.mapping (connection_id, version, rules, author, note) values ($1, $2, $3, $4, $5)"
        " returning version, rules, author, note, created_at",
        connection_id,
        version,
        rules,
        author,
        note,
    )
    await connection.execute("update ingest.connection set mapping_version = $2 where id = $1", connection_id, version)
    assert row is not None
    return row
