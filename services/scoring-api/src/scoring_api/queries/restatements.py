"""Statements about restatements as orders: what was asked for, and how far it has come; it never commits."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection

_SHOWN = """
    id, from_day, to_day, every_days, model_id, model_version, lineup, state, done_upto, accounts, accounts_done,
    points, reason, requested_by, requested_at, started_at, moved_at, ended_at
"""


async def add(
    connection: Connection, restatement_id: UUID, wanted: Mapping[str, Any], lineup: int, author: str
) -> asyncpg.Record:
    """Keep an order, due at once. `wanted`: from_day, to_day, every_days, model_id, model_version."""
    row = await connection.fetchrow(
        "insert into scoring.restatement (id, from_day, to_day, every_days, model_id, model_version, lineup,"  # noqa: S608 - constants of ours
        f" requested_by, next_at) values ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp()) returning {_SHOWN}",
        restatement_id,
        wanted["from_day"],
        wanted["to_day"],
        wanted["every_days"],
        wanted["model_id"],
        wanted["model_version"],
        lineup,
        author,
    )
    assert row is not None
    return row


async def page(connection: Connection, before: UUID | None, limit: int) -> list[asyncpg.Record]:
    """Return restatements, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"select {_SHOWN} from scoring.restatement where $1::uuid is null or id < $1 order by id desc limit $2",  # noqa: S608 - constants of ours
        before,
        limit,
    )
    return rows


async def one(connection: Connection, restatement_id: UUID) -> asyncpg.Record | None:
    """Return a restatement."""
    return await connection.fetchrow(f"select {_SHOWN} from scoring.restatement where id = $1", restatement_id)  # noqa: S608 - constants of ours


async def begin(connection: Connection, restatement_id: UUID, accounts: int) -> None:
    """Note that work begins, and on how many accounts; of one that has begun nothing changes."""
    await connection.execute(
        "update scoring.restatement set state = 'running', accounts = $2, started_at = clock_timestamp(),"
        " moved_at = clock_timestamp() where id = $1 and state = 'waiting'",
        restatement_id,
        accounts,
    )


async def advance(connection: Connection, restatement_id: UUID, upto: UUID, accounts: int, points: int) -> None:
    """Note how far a restatement has come."""
    await connection.execute(
        "update scoring.restatement set done_upto = $2, accounts_done = accounts_done + $3, points = points + $4,"
        " moved_at = clock_timestamp() where id = $1",
        restatement_id,
        upto,
        accounts,
        points,
    )


async def end(connection: Connection, restatement_id: UUID, state: str, reason: str) -> bool:
    """End a restatement, whoever holds it; False if it has ended already.

    What counts accounts at the end is what was done: meanwhile there may be more of them.
    """
    found = await connection.fetchval(
        "update scoring.restatement set state = $2, reason = $3, ended_at = clock_timestamp(), next_at = null,"
        " lease_until = null, crashes = 0, fence = fence + 1,"
        " accounts = case when $2 = 'done' then accounts_done else accounts end"
        " where id = $1 and state in ('waiting', 'running') returning id",
        restatement_id,
        state,
        reason[:500],
    )
    return found is not None
