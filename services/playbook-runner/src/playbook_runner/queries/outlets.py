"""Statements about outlets: connections to where effects go; sealed secrets pass through unread."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool

CHANGEABLE = ("name", "settings", "sealed", "rate_per_s", "active")
COLUMNS = (
    "id, name, kind, settings, sealed, rate_per_s, active, writes_health, off_because, created_at, changed_at"
)  # fmt: skip


async def insert(connection: Connection, values: Mapping[str, Any]) -> bool:
    """Keep a new outlet; False when its name is taken."""
    row = await connection.fetchrow(
        "insert into outlet (id, name, kind, settings, sealed, rate_per_s) values ($1, $2, $3, $4, $5, $6)"
        " on conflict (name) do nothing returning id",
        *(values[name] for name in ("id", "name", "kind", "settings", "sealed", "rate_per_s")),
    )
    return row is not None


async def every(connection: Connection) -> list[asyncpg.Record]:
    """Return all outlets by name."""
    rows: list[asyncpg.Record] = await connection.fetch(f"select {COLUMNS} from outlet order by name")  # noqa: S608 - a constant of the code
    return rows


async def kinds(pool: Pool) -> dict[str, str]:
    """Return the kind of each outlet, by name."""
    return {row["name"]: row["kind"] for row in await pool.fetch("select name, kind from outlet")}


async def one(connection: Connection, outlet_id: UUID, *, lock: bool = False) -> asyncpg.Record | None:
    """Return an outlet; `lock` keeps it until the transaction ends."""
    ending = " for update" if lock else ""
    return await connection.fetchrow(f"select {COLUMNS} from outlet where id = $1{ending}", outlet_id)  # noqa: S608


async def several(connection: Connection, ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return the outlets with these ids."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"select {COLUMNS} from outlet where id = any($1::uuid[])",  # noqa: S608 - a constant of the code
        ids,
    )
    return rows


async def named(connection: Connection, name: str) -> asyncpg.Record | None:
    """Return the outlet of this name."""
    return await connection.fetchrow(f"select {COLUMNS} from outlet where name = $1", name)  # noqa: S608


async def change(connection: Connection, outlet_id: UUID, values: Mapping[str, Any], *, anew: bool) -> None:
    """Set every changeable column. Raises asyncpg.UniqueViolationError for a name that is taken.

    `anew`: what is bought with the former settings or secrets, or was refused with them, counts no more.
    """
    await connection.execute(
        "update outlet set name = $2, settings = $3, sealed = $4, rate_per_s = $5, active = $6,"
        " renewing_by = case when $7 then null else renewing_by end,"
        " renewing_until = case when $7 then null else renewing_until end,"
        " off_because = case when $7 or ($6 and not active) then '' else off_because end,"
        " changed_at = clock_timestamp() where id = $1",
        outlet_id,
        *(values[name] for name in CHANGEABLE),
        anew,
    )


async def seal(connection: Connection, outlet_id: UUID, sealed: bytes) -> None:
    """Keep other secrets, such as a token that was renewed."""
    await connection.execute("update outlet set sealed = $2 where id = $1", outlet_id, sealed)


async def begin_renewal(connection: Connection, outlet_id: UUID, by: UUID, for_s: float) -> bool:
    """Say that a pass is bought for an outlet; False while somebody else does."""
    begun = await connection.fetchval(
        "update outlet set renewing_by = $2, renewing_until = clock_timestamp() + $3 * interval '1 second'"
        " where id = $1 and (renewing_until is null or renewing_until <= clock_timestamp()) returning true",
        outlet_id,
        by,
        for_s,
    )
    return begun is True


async def end_renewal(connection: Connection, outlet_id: UUID, by: UUID) -> None:
    """Say that it is over, unless it is somebody else's by now."""
    await connection.execute(
        "update outlet set renewing_by = null, renewing_until = null where id = $1 and renewing_by = $2", outlet_id, by
    )


async def tell_trouble(connection: Connection, outlet_id: UUID, because: str) -> None:
    """Keep why an outlet refused a write as a whole; empty when it took one."""
    await connection.execute(
        "update outlet set off_because = $2 where id = $1 and off_because <> $2", outlet_id, because[:500]
    )


async def tell_of_step(connection: Connection, outlet_id: UUID, because: str) -> None:
    """As `tell_trouble`, for a step: what one was let in for says nothing of what is told of health."""
    await connection.execute(
        "update outlet set off_because = $2 where id = $1 and off_because <> $2 and ($2 <> '' or not writes_health)",
        outlet_id,
        because[:500],
    )


async def set_up(connection: Connection, outlet_id: UUID) -> None:
    """Let a CRM be told of health from now on."""
    await connection.execute(
        "update outlet set writes_health = true, off_because = '', changed_at = clock_timestamp() where id = $1",
        outlet_id,
    )


async def delete(connection: Connection, outlet_id: UUID) -> bool:
    """Forget an outlet, and what it was told; False when there is none."""
    known = await connection.fetchval("delete from outlet where id = $1 returning true", outlet_id)
    await connection.execute("delete from writeback where outlet_id = $1", outlet_id)
    return known is True


async def clock(connection: Connection) -> datetime:
    """Return the store's clock."""
    now: datetime = await connection.fetchval("select clock_timestamp()")
    return now
