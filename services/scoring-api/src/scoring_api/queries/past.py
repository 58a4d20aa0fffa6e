"""SQL that reads what was known of one account at an earlier moment; it never writes."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from scoring_api.queries.ordering import newest_first
from scoring_api.queries.reading import Rows, Source
from scoring_api.queries.signals.unaided import BY_PEOPLE
from scoring_api.queries.then import Then

_SNAPSHOT = """
select account_id, as_of, computed_at, model_id, model_version, score, display, band, effective_band, inputs_hash,
  readings, detail, lineup, cohort_id, override_id, feed_behind
from snapshot where account_id = $1 and as_of <= $2 and (computed_at <= $2 or as_of = $2) order by as_of desc limit 1
"""

# An account that was merged away speaks for itself up to then: by its own id, and by the names that it had.
_THEN = """
with recursive way as (
  select coalesce((select account_id from merged_account where account_id = $1),
    (select coalesce((select a.account_id from merged_account a where a.account_id = r.absorbed_id
      and a.survivor_id = r.account_id), r.account_id)
     from account_reference r where r.reference = $2)) as id, 0 as step
  union all select coalesce(m.into_id, m.survivor_id), w.step + 1 from way w
  join merged_account m on m.account_id = w.id and m.merged_at <= $3 where w.step < 100)
select id from way order by step desc limit 1
"""

_PREVIOUS = """
select e.key as signal, (e.value ->> 'y')::float8 as y from (
  select detail from snapshot where account_id = $1 and as_of < $2 order by as_of desc limit 1) s
cross join lateral jsonb_each(s.detail -> 'signals') as e where jsonb_typeof(e.value -> 'y') = 'number'
"""

_RESTATED_COURSE = """
select w.weeks, (select p.score from restated_point p where p.account_id = $1 and p.model_id = $4
  and p.model_version = $5 and p.as_of <= $2::timestamptz - make_interval(days => 7 * w.weeks)
  order by p.day desc limit 1) as score
from generate_series(1, $3::int) as w(weeks)
"""

_ATTRIBUTES = f"""
select distinct on (name) name, value from attribute
where account_id = $1 and occurred_at <= $2 and recorded_at <= $3 and (superseded_at is null or superseded_at > $3)
  and ($4::uuid[] is null or coalesce(came_from, account_id) = any($4::uuid[]))
order by name, {newest_first("attribute")}
"""  # noqa: S608 - a name of ours

_OVERRIDE = """
select id, band, score, reason, author, created_at, least(expires_at, ended_at) as until from override
where account_id = $1 and created_at <= $2 and $2 < least(expires_at, ended_at)
order by created_at desc, id desc limit 1
"""

_JUDGES = """
select as_of, model_id, model_version from (
  select as_of, model_id, model_version, lag((model_id, model_version)) over w as before,
    lead((model_id, model_version)) over w as after
  from snapshot where account_id = $1 and as_of between $2 and $3 window w as (order by as_of)) s
where before is null or (model_id, model_version) is distinct from before
  or (model_id, model_version) is distinct from after
order by as_of
"""

_WORDS = """
select created_at as at, 'override_began' as kind, author as who, reason as what, id::text as subject
  from override where account_id = $1 and created_at between $2 and $3
union all select least(expires_at, ended_at), 'override_ended', author, coalesce(ended_because, ''), id::text
  from override where account_id = $1 and least(expires_at, ended_at) between $2 and $3
union all select created_at, 'note', author, visibility, id::text
  from note where account_id = $1 and deleted_at is null and created_at between $2 and $3
union all select min(occurred_at), 'milestone', '', item, item
  from record where account_id = $1 and type = 'milestone.completed' and item is not null
  and superseded_at is null and occurred_at <= $3 group by item having min(occurred_at) >= $2
order by 1, 2, 5 limit 500
"""


async def snapshot(source: Source, account: UUID, at: datetime) -> asyncpg.Record | None:
    """Return the newest score of an account that was there at `at`: computed by then, or as of that very moment."""
    return await source.fetchrow(_SNAPSHOT, account, at)


async def first_moment(source: Source, account: UUID) -> datetime | None:
    """Return the moment from which on an account had a score, None while there is none."""
    found: datetime | None = await source.fetchval(
        "select computed_at from snapshot where account_id = $1 order by as_of limit 1", account
    )
    return found


async def account_then(source: Source, account: UUID | None, reference: str, at: datetime) -> UUID | None:
    """Return which account an id or a reference meant at a moment, as far as merges go; None: nobody was merged."""
    found: UUID | None = await source.fetchval(_THEN, account, reference, at)
    return found


async def previous_points(source: Source, account: UUID, at: datetime) -> dict[str, float]:
    """Return the points by signal of the last score that was known before a moment."""
    return {row["signal"]: row["y"] for row in await source.fetch(_PREVIOUS, account, at)}


async def restated_course(
    source: Source, account: UUID, at: datetime, weeks: int, model: tuple[str, int]
) -> dict[int, float]:
    """Return the score so many whole weeks before `at`, as this model restated it."""
    return _weeks(await source.fetch(_RESTATED_COURSE, account, at, weeks, *model))


async def attributes(
    source: Source, account: UUID, at: datetime, known_at: datetime, then: Then | None = None
) -> dict[str, Any]:
    """Return the attributes of an account at `at`, as they were known at `known_at`; of merges, as `then` says."""
    holder, origins = (account, None) if then is None else (then.holder, list(then.origins))
    rows = await source.fetch(_ATTRIBUTES, holder, at, known_at, origins)
    return {row["name"]: row["value"] for row in rows}


async def references(source: Source, account: UUID, at: datetime) -> tuple[str, ...]:
    """Return the first names by which other systems knew an account at a moment."""
    rows = await source.fetch(
        "select reference from account_reference where account_id = $1 and occurred_at <= $2 order by 1 limit 20",
        account,
        at,
    )
    return tuple(row["reference"] for row in rows)


async def override(source: Source, account: UUID, at: datetime) -> asyncpg.Record | None:
    """Return the override in force at a moment."""
    return await source.fetchrow(_OVERRIDE, account, at)


async def heard_of_people(source: Source, account: UUID, after: datetime, until: datetime) -> bool:
    """Tell whether words of people came, were taken back or ran out between two moments (the later one in)."""
    found: bool = await source.fetchval(
        f"select exists (select from record r where account_id = $1 and {BY_PEOPLE} and recorded_at <= $3"  # noqa: S608 - words of ours
        " and (recorded_at > $2 or superseded_at > $2 and superseded_at <= $3"
        " or expires_at > $2 and expires_at <= $3))",
        account,
        after,
        until,
    )
    return found


async def versions(source: Source, model_id: str) -> list[int]:
    """Return the versions of a model that are kept, the newest first."""
    rows = await source.fetch(
        "select version from model_version where model_id = $1 order by 1 desc limit 20", model_id
    )
    return [row["version"] for row in rows]


async def model_ids(source: Source) -> list[str]:
    """Return the ids of the models that are kept."""
    rows = await source.fetch("select distinct model_id from model_version order by 1 limit 20")
    return [row["model_id"] for row in rows]


async def judges(source: Source, account: UUID, start: datetime, end: datetime) -> Rows:
    """Return the scores of an account with which another model or version began to judge, and the one before each.

    Oldest first; of a stretch without a switch, what is left says so by naming one model alone.
    """
    rows: Rows = await source.fetch(_JUDGES, account, start, end)
    return rows


async def words(source: Source, account: UUID, start: datetime, end: datetime) -> Rows:
    """Return what people did and what was reached in a stretch of time: at, kind, who, what, subject."""
    rows: Rows = await source.fetch(_WORDS, account, start, end)
    return rows


def _weeks(rows: Rows) -> dict[int, float]:
    return {row["weeks"]: row["score"] for row in rows if row["score"] is not None}
