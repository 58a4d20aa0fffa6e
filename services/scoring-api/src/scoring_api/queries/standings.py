"""What rescoring reads about accounts beside their signals: who they are, where they stand, where they come from."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection

# How many weeks back a score's course is looked at; the law of the trend asks for eight.
WEEKS = 8

# The clock is read once, before anything else is: whatever is marked later moves `marked`.
_FACTS = """
with clock as materialized (select clock_timestamp() as as_of,
  (select coalesce(max(id), 0) from ingest.event)
    - coalesce((select position from scoring.cursor where feed = 'ingest.event'), 0) as feed_behind)
select c.as_of, c.feed_behind, r.account_id, r.marked, r.cause, r.late, r.correlation_id,
  a.name, a.segment, a.owner, a.start_at, a.attributes,
  array(select reference from scoring.account_reference f where f.account_id = a.account_id order by 1 limit 20)
    as reference_names,
  s.band, s.pending_direction, s.pending_since, s.effective_band, s.published_score, s.content_digest,
  s.journey as told_journey, s.milestones as told_milestones, s.stale as told_stale,
  p.model_id as judged_by, p.model_version as judged_by_version, p.override_id as told_override_id,
  o.id as override_id, o.band as override_band, o.score as override_score, o.reason as override_reason,
  o.author as override_author, o.created_at as override_created_at, o.until as override_until,
  d.fresh_until,
  (select min(p.as_of) from scoring.snapshot p where p.account_id = a.account_id) as first_as_of
from clock c
cross join scoring.rescoring r
join scoring.account a on a.account_id = r.account_id
left join scoring.standing s on s.account_id = a.account_id
left join scoring.health_document d on d.account_id = a.account_id
left join scoring.snapshot p on p.account_id = a.account_id and p.as_of = s.snapshot_as_of
left join lateral (
  select w.*, least(w.expires_at, w.ended_at) as until from scoring.override w
  where w.account_id = a.account_id and w.created_at <= c.as_of and c.as_of < least(w.expires_at, w.ended_at)
  order by w.created_at desc, w.id desc limit 1) o on true
where r.account_id = any($1::uuid[])
"""

# Week by week: the score as it was known on that day; of days before anything was known, or on which another model
# or version judged, as it is restated by this one.
_COURSE = """
select u.account_id, w.weeks, s.by_another, coalesce(case when not s.by_another then s.display end,
  (select p.score from scoring.restated_point p where p.account_id = u.account_id and p.model_id = $3
   and p.model_version = $4 and p.as_of <= $2::timestamptz - make_interval(days => 7 * w.weeks)
   order by p.day desc limit 1)) as score
from unnest($1::uuid[]) as u(account_id) cross join generate_series(1, $5::int) as w(weeks)
left join lateral (select s.display, s.display is not null and (s.model_id, s.model_version) <> ($3, $4) as by_another
  from scoring.snapshot s where s.account_id = u.account_id
  and s.as_of <= $2::timestamptz - make_interval(days => 7 * w.weeks) order by s.as_of desc limit 1) s on true
"""

_PREVIOUS = """
select t.account_id, e.key as signal, (e.value ->> 'y')::float8 as y
from scoring.standing t
join scoring.snapshot s on s.account_id = t.account_id and s.as_of = t.snapshot_as_of
cross join lateral jsonb_each(s.detail -> 'signals') as e
where t.account_id = any($1::uuid[]) and jsonb_typeof(e.value -> 'y') = 'number'
"""


async def facts(connection: Connection, accounts: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return what is known of the accounts; those that nobody has recorded are left out."""
    rows: list[asyncpg.Record] = await connection.fetch(_FACTS, list(accounts))
    return rows


async def course(
    connection: Connection, accounts: Sequence[UUID], as_of: datetime, model: tuple[str, int]
) -> dict[UUID, dict[int, float | None]]:
    """Return each account's score so many whole weeks ago by this version of a model, as far as there was one.

    None: another model or version judged then, and the day is not restated by this one.
    """
    found: dict[UUID, dict[int, float | None]] = defaultdict(dict)
    for row in await connection.fetch(_COURSE, list(accounts), as_of, *model, WEEKS):
        if row["score"] is not None or row["by_another"]:
            found[row["account_id"]][row["weeks"]] = row["score"]
    return found


async def previous_points(connection: Connection, accounts: Sequence[UUID]) -> dict[UUID, dict[str, float]]:
    """Return each account's points by signal as of its last snapshot."""
    found: dict[UUID, dict[str, float]] = defaultdict(dict)
    for row in await connection.fetch(_PREVIOUS, list(accounts)):
        found[row["account_id"]][row["signal"]] = row["y"]
    return found
