"""SQL about pulses, which are records like any other: listed, and taken back; it never commits."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool

Source: TypeAlias = "Pool | Connection"
TYPE = "pulse.given"

_OF_ACCOUNT = """
select event_id, value, actor, properties, occurred_at, recorded_at, expires_at, superseded_at,
  clock_timestamp() as now
from scoring.record where account_id = $1 and type = $2 and value is not null
order by occurred_at desc, recorded_at desc, coalesce(sequence, event_id) collate "C" desc limit $3
"""


async def of_account(source: Source, account: UUID, limit: int) -> list[asyncpg.Record]:
    """Return the pulses of an account in the order of the law for `last`, whatever became of them.

    A record without a number is no pulse: no signal reads one.
    """
    rows: list[asyncpg.Record] = await source.fetch(_OF_ACCOUNT, account, TYPE, limit)
    return rows


async def last_score(source: Source, account: UUID) -> asyncpg.Record | None:
    """Return `looked_at`, the moment of the standing score, with its model and figures; None before the first one."""
    return await source.fetchrow(
        "select t.as_of as looked_at, s.model_id, s.model_version, s.detail from scoring.standing t"
        " join scoring.snapshot s on s.account_id = t.account_id and s.as_of = t.snapshot_as_of"
        " where t.account_id = $1",
        account,
    )


async def take_back(connection: Connection, account: UUID, pulse: str, at: datetime, said: Mapping[str, str]) -> bool:
    """Let a pulse count no longer from a moment on, and note who said so.

    False: the account has no such pulse that still stands.
    """
    row = await connection.fetchrow(
        "update scoring.record set superseded_at = $4, properties = properties || $5"
        " where account_id = $1 and event_id = $2 and type = $3"
        " and superseded_at is null returning event_id",
        account,
        pulse,
        TYPE,
        at,
        dict(said),
    )
    return row is not None
