"""Restated daily points: which accounts there are to restate, and what came out; it never commits."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from milepost_contracts.events import OWN_SOURCE
from milepost_runtime.database import Connection
from scoring_api.queries.ordering import newest_first

_UPSERT = """
insert into scoring.restated_point (account_id, model_id, model_version, day, as_of, score, band, raw_score)
select p.* from unnest($1::uuid[], $2::text[], $3::int[], $4::date[], $5::timestamptz[], $6::float8[], $7::text[],
  $8::float8[]) as p(account_id, model_id, model_version, day, as_of, score, band, raw_score)
on conflict (account_id, model_id, model_version, day)
do update set as_of = excluded.as_of, score = excluded.score, band = excluded.band, raw_score = excluded.raw_score
"""

_TOLD = f"r.account_id = a.account_id and r.source <> '{OWN_SOURCE}'"

_FORGET = """
delete from scoring.restated_point p using unnest($3::text[], $4::int[]) as m(id, version)
where p.account_id = any($1::uuid[]) and p.day = any($2::date[]) and p.model_id = m.id and p.model_version = m.version
  and (p.account_id, p.day, p.model_id, p.model_version) not in (
    select t.* from unnest($5::uuid[], $6::date[], $7::text[], $8::int[]) as t(account_id, day, model_id, version))
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

# The last day with a band of each account, by whichever of the models, and from so many days before it on all points.
_BEFORE = """
select w.account_id, p.as_of, p.score, p.band, p.model_id, p.model_version
from unnest($1::uuid[], $2::date[], $3::text[]) with ordinality as w(account_id, first, judge, place)
cross join lateral (select max(l.day) as day from unnest($4::text[], $5::int[]) as m(id, version)
  cross join lateral (select r.day from scoring.restated_point r where r.account_id = w.account_id
    and r.model_id = m.id and r.model_version = m.version and r.day < w.first and r.band <> 'unknown'
    order by r.day desc limit 1) l) a
cross join lateral (select distinct on (r.day) r.* from unnest($4::text[], $5::int[]) as m(id, version)
  join scoring.restated_point r on r.account_id = w.account_id and r.model_id = m.id and r.model_version = m.version
    and r.day >= a.day - $6::int and r.day < w.first
  order by r.day, (r.model_id = w.judge) desc, r.model_id) p
order by w.place, p.day
"""


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


class Stood(NamedTuple):
    """What was restated of an account at a moment, by whom."""

    account_id: UUID
    as_of: datetime
    score: float | None
    band: str
    model_id: str
    model_version: int


async def before(
    connection: Connection,
    asked: Sequence[tuple[UUID, date, str]],
    models: Sequence[tuple[str, int]],
    days: int,
) -> list[Stood]:
    """Return restated points before a day, day by day: from `days` before the last one with a band on.

    `asked` are accounts, each with its day and the model of which the word counts where several judged; `models` are
    those whose points are looked at. Who has no band before its day is missing.
    """
    accounts, firsts, judges = zip(*asked, strict=True)
    names, versions = zip(*models, strict=True)
    rows = await connection.fetch(_BEFORE, accounts, firsts, judges, names, versions, days)
    return [Stood(*row) for row in rows]


async def count(connection: Connection, until: datetime) -> int:
    """Return at how many accounts anything had happened by a moment: no other had started then."""
    found: int = await connection.fetchval(
        f"select count(*) from scoring.account a where {_there('$1')}",  # noqa: S608 - constants of ours
        until,
    )
    return found


async def accounts(
    connection: Connection, after: UUID | None, until: datetime, limit: int
) -> list[tuple[UUID, datetime]]:
    """Return the next accounts at which anything had happened by a moment, in the order of their ids, and since when.

    Nobody started before that, whatever start was known on which day.
    """
    rows = await connection.fetch(
        "select a.account_id, least(a.first_seen_at, (select min(r.occurred_at) from scoring.record r where"  # noqa: S608 - constants of ours
        f" {_TOLD})) as since from scoring.account a where {_there('$2')}"
        " and ($1::uuid is null or a.account_id > $1) order by a.account_id limit $3",
        after,
        until,
        limit,
    )
    return [(row["account_id"], row["since"]) for row in rows]


def _there(until: str) -> str:
    """Return the condition that account `a` may have started by a moment: by today's start or one told before it."""
    seen = f"select from scoring.record r where {_TOLD} and r.occurred_at <= {until}"
    return f"(a.first_seen_at <= {until} or exists ({seen}))"


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


async def forget(
    connection: Connection,
    asked: tuple[Sequence[UUID], Sequence[date]],
    models: Sequence[tuple[str, int]],
    told: Sequence[Points],
) -> None:
    """Delete what these models said before of the accounts on the days asked for, as far as it was not told anew."""
    names, versions = zip(*models, strict=True)
    kept = [(one.accounts, one.days, one.models, one.versions) for one in told]
    columns = [[value for each in kept for value in each[place]] for place in range(4)]
    await connection.execute(_FORGET, *asked, names, versions, *columns)


async def mark(connection: Connection, accounts: Sequence[UUID]) -> None:
    """Make accounts due: their documents show a course that has just been told."""
    await connection.execute(
        "update scoring.rescoring r set marked = r.marked + 1, next_at = least(r.next_at, clock_timestamp())"
        " from (select u.account_id from unnest($1::uuid[]) as u(account_id) order by 1) v"
        " where r.account_id = v.account_id",
        list(accounts),
    )
