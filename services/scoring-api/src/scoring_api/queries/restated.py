"""Restated daily points: which accounts there are to restate, and what came out; it never commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection


@dataclass(frozen=True)
class Point:
    """One account's score at the end of one day, as today's records tell it."""

    account_id: UUID
    day: date
    as_of: datetime
    score: float | None
    band: str


async def accounts(connection: Connection, until: datetime) -> list[asyncpg.Record]:
    """Return every account that had started by a moment, with its start and its attributes of today."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select account_id, start_at, attributes from scoring.account where start_at <= $1 order by account_id", until
    )
    return rows


async def upsert(connection: Connection, model: tuple[str, int], points: Sequence[Point]) -> None:
    """Keep points; a day that was restated by this model before is told anew."""
    await connection.execute(
        "insert into scoring.restated_point (account_id, model_id, model_version, day, as_of, score, band)"
        " select p.account_id, $1, $2, p.day, p.as_of, p.score, p.band"
        " from unnest($3::uuid[], $4::date[], $5::timestamptz[], $6::float8[], $7::text[])"
        " as p(account_id, day, as_of, score, band)"
        " on conflict (account_id, model_id, model_version, day)"
        " do update set as_of = excluded.as_of, score = excluded.score, band = excluded.band",
        *model,
        [one.account_id for one in points],
        [one.day for one in points],
        [one.as_of for one in points],
        [one.score for one in points],
        [one.band for one in points],
    )


async def mark(connection: Connection, accounts: Sequence[UUID]) -> None:
    """Make accounts due: their documents show a course that has just been told."""
    await connection.execute(
        "update scoring.rescoring r set marked = r.marked + 1, next_at = least(r.next_at, clock_timestamp())"
        " from (select u.account_id from unnest($1::uuid[]) as u(account_id) order by 1) v"
        " where r.account_id = v.account_id",
        list(accounts),
    )
