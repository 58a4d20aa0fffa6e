"""SQL about score models as documents and about who is in charge; it never commits."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from milepost_runtime.database import Connection

_IN_CHARGE = """
select n.model_id, n.version from (
  select distinct on (a.model_id) a.model_id, a.version, a.active
  from scoring.activation a where a.id <= $1 order by a.model_id, a.id desc) n
where n.active order by n.model_id
"""


async def number(connection: Connection, at: datetime | None = None) -> int:
    """Return the number of the line-up in charge at a moment (None: now); 0 if there was none."""
    found: int = await connection.fetchval(
        "select coalesce(max(id), 0) from scoring.activation where $1::timestamptz is null or at <= $1", at
    )
    return found


async def in_charge(connection: Connection, number: int) -> list[tuple[str, int]]:
    """Return id and version of every model of a line-up."""
    return [(row["model_id"], row["version"]) for row in await connection.fetch(_IN_CHARGE, number)]


async def documents(connection: Connection, wanted: Sequence[tuple[str, int]]) -> list[asyncpg.Record]:
    """Return the versions asked for, as far as they are kept: model_id, version, document."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select v.model_id, v.version, v.document from scoring.model_version v"
        " join unnest($1::text[], $2::int[]) as w(id, version) on v.model_id = w.id and v.version = w.version",
        [one[0] for one in wanted],
        [one[1] for one in wanted],
    )
    return rows


async def first_number(connection: Connection) -> int:
    """Return the number of the first line-up with a model in charge; 0 if there is none."""
    found: int = await connection.fetchval("select coalesce(min(id), 0) from scoring.activation where active")
    return found


async def keep_version(connection: Connection, version: Sequence[object]) -> tuple[bool, str]:
    """Keep a version of a model, unless it is kept already; return whether it is new, and the digest of what is kept.

    `version`: model_id, version, title, document, text, digest, author, note, shipped.
    """
    status = await connection.execute(
        "insert into scoring.model_version (model_id, version, title, document, text, digest, author, note, shipped)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
        *version,
    )
    found: str = await connection.fetchval(
        "select digest from scoring.model_version where model_id = $1 and version = $2", version[0], version[1]
    )
    return status == "INSERT 0 1", found


async def activate(connection: Connection, model: tuple[str, int], active: bool, author: str, reason: str) -> int:
    """Add a word on who judges; return its number, the line-up's from now on."""
    found: int = await connection.fetchval(
        "insert into scoring.activation (model_id, version, active, author, reason) values ($1, $2, $3, $4, $5)"
        " returning id",
        *model,
        active,
        author,
        reason,
    )
    return found


async def lock(connection: Connection) -> None:
    """Let one transaction at a time change who judges."""
    await connection.execute("select pg_advisory_xact_lock(hashtextextended('scoring.activation', 0))")
