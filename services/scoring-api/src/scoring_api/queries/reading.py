"""SQL that reads accounts, documents, history and the change feed; it never writes."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool

Source: TypeAlias = "Pool | Connection"
Rows: TypeAlias = "list[asyncpg.Record]"

# An account that was merged away is its survivor; else our own id is itself, and a reference leads to one.
_MEANT = """coalesce((select survivor_id from merged_account where account_id = $1), $1,
  (select account_id from account_reference where reference = $2))"""
# Primary-key probes, two for our own id; the document leaves as the bytes it was stored in.
_DOCUMENT = f"select account_id, body, etag, computed_at from health_document where account_id = {_MEANT}"  # noqa: S608
_RESOLVE = f"select a.account_id, a.name, a.start_at, a.attributes from account a where a.account_id = {_MEANT}"  # noqa: S608

# The last known score of each day, by one index probe a day and account, however often it was rescored.
_KNOWN = """
select a.account_id, d.day::date as day, s.as_of, s.display as score, s.band, s.effective_band,
  s.model_id, s.model_version, (s.detail ->> 'raw_score')::float8 as raw_score
from unnest($1::uuid[]) as a(account_id)
cross join generate_series($2::date::timestamp, $3::date::timestamp, interval '1 day') as d(day)
cross join lateral (
  select * from snapshot s where s.account_id = a.account_id
  and s.as_of >= d.day at time zone 'UTC' and s.as_of < (d.day + interval '1 day') at time zone 'UTC'
  order by s.as_of desc limit 1) s
order by a.account_id, d.day
"""

# A line is told by one model: the version that is asked for, else that which judges the account, else its newest one.
_RESTATED = """
select p.account_id, p.day, p.as_of, p.score, p.band, p.band as effective_band, p.model_id, p.model_version, p.raw_score
from health_document d
cross join lateral (select coalesce($4::text, d.model_id) as id, coalesce($5::int, (select s.model_version
  from snapshot s where s.account_id = d.account_id order by s.as_of desc limit 1)) as version) j
cross join lateral (select max(r.model_version) filter (where r.model_version = j.version) as own,
    max(r.model_version) as newest from restated_point r
  where r.account_id = d.account_id and r.model_id = j.id and r.day between $2::date and $3::date) v
join restated_point p on p.account_id = d.account_id and p.model_id = j.id
  and p.model_version = case when $5::int is null then coalesce(v.own, v.newest) else $5::int end
  and p.day between $2::date and $3::date
where d.account_id = any($1::uuid[])
order by p.account_id, p.day
"""

_RESTATED_BY = """
select model_id, model_version, count(score) as points, min(day) as first_day, max(day) as last_day
from restated_point where account_id = $1 and day between $2::date and $3::date group by 1, 2 order by 1, 2 desc
"""


async def document(source: Source, account: UUID | None, reference: str) -> asyncpg.Record | None:
    """Return the stored document of an account by its id, or by a reference when the id is None."""
    return await source.fetchrow(_DOCUMENT, account, reference)


async def account(source: Source, account: UUID | None, reference: str) -> asyncpg.Record | None:
    """Return an account as it is known by now, scored or not."""
    return await source.fetchrow(_RESOLVE, account, reference)


async def known(source: Source, accounts: Sequence[UUID]) -> set[UUID]:
    """Return which of these accounts there are, scored or not."""
    rows = await source.fetch("select account_id from account where account_id = any($1::uuid[])", accounts)
    return {row["account_id"] for row in rows}


async def documents(source: Source, accounts: Sequence[UUID]) -> dict[UUID, bytes]:
    """Return the stored documents of these accounts, as far as there are any."""
    rows = await source.fetch(
        "select account_id, body from health_document where account_id = any($1::uuid[])", accounts
    )
    return {row["account_id"]: row["body"] for row in rows}


async def resolve(source: Source, references: Sequence[str]) -> dict[str, UUID]:
    """Return the accounts behind these references, as far as they are known."""
    rows = await source.fetch(
        "select reference, account_id from account_reference where reference = any($1::text[])", references
    )
    return {row["reference"]: row["account_id"] for row in rows}


async def survivors(source: Source, accounts: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return, of these accounts, those that were merged away, each with the one that lives on for it."""
    rows = await source.fetch(
        "select account_id, survivor_id from merged_account where account_id = any($1::uuid[])", accounts
    )
    return {row["account_id"]: row["survivor_id"] for row in rows}


async def known_days(source: Source, accounts: Sequence[UUID], start: datetime, end: datetime) -> Rows:
    """Return the last score of each day as it was known then, oldest first within each account."""
    rows: Rows = await source.fetch(_KNOWN, accounts, start.date(), end.date())
    return rows


async def restated_days(
    source: Source, accounts: Sequence[UUID], start: datetime, end: datetime, model: tuple[str, int] | None = None
) -> Rows:
    """Return the recomputed score of each day, all of an account by one version of one model.

    Without `model` that is the version that judges the account, or the newest one of that model if the days were not
    restated by it. Of an account that has no document there is nothing.
    """
    chosen = (None, None) if model is None else model
    rows: Rows = await source.fetch(_RESTATED, accounts, start.date(), end.date(), *chosen)
    return rows


async def restated_by(source: Source, account: UUID, start: datetime, end: datetime) -> Rows:
    """Return by which versions of which models days of an account were restated, and how many, which first and last."""
    rows: Rows = await source.fetch(_RESTATED_BY, account, start.date(), end.date())
    return rows


async def snapshot_detail(source: Source, account: UUID) -> asyncpg.Record | None:
    """Return the newest snapshot of an account: as_of and the figures behind the score."""
    return await source.fetchrow(
        "select as_of, detail from snapshot where account_id = $1 order by as_of desc limit 1", account
    )


async def now(source: Source) -> datetime:
    """Return the database's clock."""
    moment: datetime = await source.fetchval("select clock_timestamp()")
    return moment
