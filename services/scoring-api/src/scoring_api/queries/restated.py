"""Restated daily points: which accounts there are to restate, and what came out; it never commits."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection
from scoring_api.queries.ordering import newest_first

_UPSERT = """
insert into scoring.restated_point (account_id, model_id, model_version, day, as_of, score, band, raw_score)
select p.* from unnest($1::uuid[], $2::text[], $3::int[], $4::date[], $5::timestamptz[], $6::float8[], $7::text[],
  $8::float8[]) as p(account_id, model_id, model_version, day, as_of, score, band, raw_score)
on conflict (account_id, model_id, model_version, day)
do update set as_of = excluded.as_of, score = excluded.score, band = excluded.band, raw_score = excluded.raw_score
"""

# Restated: what had happened by then, as it is known by now.
_ATTRIBUTES = f"""
select p.place, coalesce(jsonb_object_agg(n.name, n.value) filter (where n.name is not null), '{{}}') as attributes
from unnest($1::uuid[], $2::timestamptz[]) with ordinality as p(account_id, moment, place)
left join lateral (select distinct on (a.name) a.name, a.value from scoring.attribute a
  where a.account_id = p.account_id and a.name = any($3::text[]) and a.occurred_at <= p.moment
    and a.superseded_at is null
  order by a.name, {newest_first("a")}) n on true
group by p.place order by p.place
"""  # noqa: S608 - names of ours


@dataclass(frozen=True)
class Points:
    """Restated points by column: the score at the end of each day, None where there was none; `raws` before gates."""

    accounts: Sequence[UUID]
    models: Sequence[str]
    versions: Sequence[int]
    days: Sequence[date]
    moments: Sequence[datetime]
    scores: Sequence[float | None]
    bands: Sequence[str]
    raws: Sequence[float | None]


async def count(connection: Connection, until: datetime) -> int:
    """Return how many accounts had started by a moment."""
    found: int = await connection.fetchval("select count(*) from scoring.account where start_at <= $1", until)
    return found


async def accounts(connection: Connection, after: UUID | None, until: datetime, limit: int) -> list[asyncpg.Record]:
    """Return the next accounts that had started by a moment, in the order of their ids, each with its start."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select account_id, start_at from scoring.account where start_at <= $2"
        " and ($1::uuid is null or account_id > $1) order by account_id limit $3",
        after,
        until,
        limit,
    )
    return rows


async def attributes(
    connection: Connection, pairs: tuple[Sequence[UUID], Sequence[datetime]], names: Collection[str]
) -> list[dict[str, Any]]:
    """Return the named attributes of every account at its moment, as today's records tell them."""
    rows = await connection.fetch(_ATTRIBUTES, *pairs, sorted(names))
    return [row["attributes"] for row in rows]


async def upsert(connection: Connection, points: Points) -> None:
    """Keep points; a day that was restated by the same model before is told anew."""
    await connection.execute(
        _UPSERT,
        points.accounts,
        points.models,
        points.versions,
        points.days,
        points.moments,
        points.scores,
        points.bands,
        points.raws,
    )


async def mark(connection: Connection, accounts: Sequence[UUID]) -> None:
    """Make accounts due: their documents show a course that has just been told."""
    await connection.execute(
        "update scoring.rescoring r set marked = r.marked + 1, next_at = least(r.next_at, clock_timestamp())"
        " from (select u.account_id from unnest($1::uuid[]) as u(account_id) order by 1) v"
        " where r.account_id = v.account_id",
        list(accounts),
    )
