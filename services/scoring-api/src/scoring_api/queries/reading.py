"""SQL that reads accounts, documents, history and the change feed; it never writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
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

# What asks for a person: at risk, or a fall of ten points and more in four weeks.
ACT = "(effective_band = 'red' or coalesce(change_28d <= -10, false))"
_RANK = "case effective_band when 'red' then 0 when 'yellow' then 1 when 'unknown' then 2 else 3 end"

# Each order: an expression without nulls, and its direction. Ties are broken by account_id.
ORDERS = {
    "urgency": (f"(case when {ACT} then 0 else 10000 end + ({_RANK}) * 1000 + coalesce(score, 999))", "float8", "asc"),
    "score": ("coalesce(score, 'infinity')", "float8", "asc"),
    "-score": ("coalesce(score, '-infinity')", "float8", "desc"),
    "name": ("lower(name)", "text", "asc"),
    "-name": ("lower(name)", "text", "desc"),
    "change_28d": ("coalesce(change_28d, 'infinity')", "float8", "asc"),
    "-change_28d": ("coalesce(change_28d, '-infinity')", "float8", "desc"),
    "computed_at": ("extract(epoch from computed_at)::float8", "float8", "asc"),
    "-computed_at": ("extract(epoch from computed_at)::float8", "float8", "desc"),
}

_FILTERS = """
($1::text[] is null or effective_band = any($1)) and ($2::text is null or segment = $2)
and ($3::text is null or stage = $3) and ($4::text is null or owner = $4)
and ($5::text is null or name ilike $5 or owner ilike $5 or account_id in
  (select account_id from account_reference where reference ilike $5))
"""

_TALLY = f"""
select count(*) as accounts, count(*) filter (where {ACT}) as act, max(computed_at) as newest,
  count(*) filter (where effective_band = 'red') as red, count(*) filter (where effective_band = 'yellow') as yellow,
  count(*) filter (where effective_band = 'green') as green,
  count(*) filter (where effective_band = 'unknown') as unknown
from health_document
"""  # noqa: S608 - constants of ours

_VALUES = """
select 'segment' as name, segment as value from health_document where segment is not null group by segment
union all select 'stage', stage from health_document where stage is not null group by stage
union all select 'owner', owner from health_document where owner is not null group by owner
order by 1, 2 limit 300
"""

# The last known score of each day, by one index probe a day and account, however often it was rescored.
_KNOWN = """
select a.account_id, d.day::date as day, s.as_of, s.display as score, s.band, s.effective_band,
  s.model_id, s.model_version
from unnest($1::uuid[]) as a(account_id)
cross join generate_series($2::date::timestamp, $3::date::timestamp, interval '1 day') as d(day)
cross join lateral (
  select * from snapshot s where s.account_id = a.account_id
  and s.as_of >= d.day at time zone 'UTC' and s.as_of < (d.day + interval '1 day') at time zone 'UTC'
  order by s.as_of desc limit 1) s
order by a.account_id, d.day
"""

_RESTATED = """
select distinct on (account_id, day) account_id, day, as_of, score, band, band as effective_band,
  model_id, model_version
from restated_point where account_id = any($1::uuid[]) and day between $2::date and $3::date
order by account_id, day, model_version desc, model_id
"""

_NEAR = """
select account_id, name, null as reference from health_document where name ilike $1
union all
select r.account_id, d.name, r.reference from account_reference r join health_document d using (account_id)
where r.reference ilike $1 limit 200
"""

_CHANGES = """
select id, account_id, kind, from_band, to_band, from_score, to_score, cause, model_id, model_version,
  as_of, computed_at, correlation_id
from change where id > $1 and ($2::uuid is null or account_id = any(array(
  select $2::uuid union select survivor_id from merged_account where account_id = $2))) order by id limit $3
"""


@dataclass(frozen=True)
class Filter:
    """Which accounts; None lets all pass. `search` looks into names, owners and references."""

    bands: tuple[str, ...] | None = None
    segment: str | None = None
    stage: str | None = None
    owner: str | None = None
    search: str | None = None


@dataclass(frozen=True)
class Position:
    """The last row of a page: its value in the order, and its id."""

    value: Any
    account_id: UUID


async def document(source: Source, account: UUID | None, reference: str) -> asyncpg.Record | None:
    """Return the stored document of an account by its id, or by a reference when the id is None."""
    return await source.fetchrow(_DOCUMENT, account, reference)


async def account(source: Source, account: UUID | None, reference: str) -> asyncpg.Record | None:
    """Return an account as it is known by now, scored or not."""
    return await source.fetchrow(_RESOLVE, account, reference)


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


async def listed(source: Source, wanted: Filter, order: str, after: Position | None, limit: int) -> Rows:
    """Return one page: account_id, body, position value, and whether the account asks for action."""
    expression, kind, direction = ORDERS[order]
    compare = ">" if direction == "asc" else "<"
    since = f"and ({expression}, account_id) {compare} ($6::{kind}, $7::uuid)" if after else ""
    arguments: list[Any] = [wanted.bands, wanted.segment, wanted.stage, wanted.owner, _pattern(wanted.search)]
    if after:
        arguments += [after.value, after.account_id]
    rows: Rows = await source.fetch(
        f"select account_id, body, top_reason, {expression} as position, {ACT} as act from health_document"  # noqa: S608 - from ORDERS
        f" where {_FILTERS} {since} order by {expression} {direction}, account_id {direction} limit {int(limit)}",
        *arguments,
    )
    return rows


async def tally(source: Source) -> asyncpg.Record:
    """Return how many accounts there are, how many ask for action, and how many stand in each band."""
    row = await source.fetchrow(_TALLY)
    assert row is not None
    return row


async def choices(source: Source) -> dict[str, list[str]]:
    """Return the segments, stages and owners that there are, for filters; at most 300 in all."""
    found: dict[str, list[str]] = {"segment": [], "stage": [], "owner": []}
    for row in await source.fetch(_VALUES):
        found[row["name"]].append(row["value"])
    return found


async def known_days(source: Source, accounts: Sequence[UUID], start: datetime, end: datetime) -> Rows:
    """Return the last score of each day as it was known then, oldest first within each account."""
    rows: Rows = await source.fetch(_KNOWN, accounts, start.date(), end.date())
    return rows


async def restated_days(source: Source, accounts: Sequence[UUID], start: datetime, end: datetime) -> Rows:
    """Return the recomputed score of each day, by the newest version of the model that recomputed it."""
    rows: Rows = await source.fetch(_RESTATED, accounts, start.date(), end.date())
    return rows


async def similar(source: Source, part: str) -> Rows:
    """Return accounts whose name or reference contains this text: candidates for a near match."""
    rows: Rows = await source.fetch(_NEAR, _pattern(part))
    return rows


async def changes(source: Source, after: int, account: UUID | None, limit: int) -> Rows:
    """Return what moved after this position of the feed, oldest first."""
    rows: Rows = await source.fetch(_CHANGES, after, account, limit)
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


def _pattern(search: str | None) -> str | None:
    """Return a LIKE pattern for `contains`, with the caller's own wildcards taken literally."""
    if search is None:
        return None
    return "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
