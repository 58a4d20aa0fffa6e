"""SQL about overrides: kept, ended, listed, and counted for the review; it judges none and never commits."""

from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool

Source: TypeAlias = "Pool | Connection"
REPLACED = "replaced"

# When it really ended: by itself, or before.
ENDS = "least(o.expires_at, o.ended_at)"
_COLUMNS = (
    "o.id, o.account_id, o.band, o.score, o.reason, o.author, o.told_by, o.created_at, o.expires_at, o.ended_at,"
    " o.ended_by, o.ended_because, case"
    f" when o.ended_at is not null then case o.ended_because when '{REPLACED}' then 'replaced' else 'ended' end"
    " when o.expires_at <= clock_timestamp() then 'expired' else 'active' end as state"
)


async def insert(connection: Connection, row: tuple[Any, ...]) -> None:
    """Keep an override: account, id, band, score, reason, author, told_by, created_at, expires_at."""
    await connection.execute(
        "insert into scoring.override (account_id, id, band, score, reason, author, told_by, created_at, expires_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *row,
    )


async def since(connection: Connection, account: UUID, moment: datetime) -> list[asyncpg.Record]:
    """Return the overrides that ended after a moment, or that are in force, each with its real end as `ends_at`."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"select {_COLUMNS}, {ENDS} as ends_at from scoring.override o where o.account_id = $1 and {ENDS} > $2",  # noqa: S608 - names of ours
        account,
        moment,
    )
    return rows


async def end(connection: Connection, account: UUID, at: datetime, by: str, because: str) -> int:
    """End what is in force at a moment; return how many overrides that were."""
    rows = await connection.fetch(
        "update scoring.override set ended_at = $2, ended_by = $3, ended_because = $4 where account_id = $1"
        " and ended_at is null and expires_at > $2 returning id",
        account,
        at,
        by,
        because,
    )
    return len(rows)


async def of_account(source: Source, account: UUID, limit: int) -> list[asyncpg.Record]:
    """Return the overrides of an account, the newest first."""
    rows: list[asyncpg.Record] = await source.fetch(
        f"select {_COLUMNS} from scoring.override o where o.account_id = $1 order by o.created_at desc, o.id limit $2",  # noqa: S608 - names of ours
        account,
        limit,
    )
    return rows


async def listed(
    source: Source, active: bool | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[asyncpg.Record]:
    """Return overrides of all accounts with the accounts' names, the newest first; `after` is the last row's place."""
    force = f"({ENDS} > clock_timestamp())"
    rows: list[asyncpg.Record] = await source.fetch(
        f"select {_COLUMNS}, coalesce(d.name, a.name) as name from scoring.override o"  # noqa: S608 - names of ours
        " join scoring.account a on a.account_id = o.account_id"
        " left join scoring.health_document d on d.account_id = o.account_id"
        f" where ($1::bool is null or {force} = $1)"
        " and ($2::timestamptz is null or (o.created_at, o.id) < ($2, $3::uuid))"
        " order by o.created_at desc, o.id desc limit $4",
        active,
        *(after or (None, None)),
        limit,
    )
    return rows


_MONTHS = f"""
with months as (
  select to_char(m, 'YYYY-MM') as month, greatest(m at time zone 'UTC', $1) as opens,
    least((m + interval '1 month') at time zone 'UTC', $2) as closes
  from generate_series(date_trunc('month', $1 at time zone 'UTC'), $2 at time zone 'UTC', interval '1 month') as m
), gone as (
  select account_id, min(occurred_at) as at from scoring.record where type = 'churned' and superseded_at is null
  group by account_id
)
select m.month,
  (select count(*) from scoring.account a left join gone g using (account_id)
   where a.first_seen_at < m.closes and coalesce(g.at >= m.opens, true)) as accounts,
  (select count(distinct o.account_id) from scoring.override o join scoring.account a using (account_id)
   left join gone g using (account_id) where a.first_seen_at < m.closes and coalesce(g.at >= m.opens, true)
   and o.created_at < m.closes and {ENDS} > m.opens) as overridden
from months m where m.opens < m.closes order by m.month
"""  # noqa: S608 - names of ours

# An override by score is compared with the score of that moment, one by band with the band; `unknown` has no rank.
_OUTCOMES = f"""
with gone as (
  select account_id, min(occurred_at) as at from scoring.record where type = 'churned' and superseded_at is null
  group by account_id
), kept as (
  select account_id, max(occurred_at) as at from scoring.record where type = 'renewed' and superseded_at is null
  and occurred_at < $2 group by account_id
), moved as (
  select o.account_id, greatest(o.created_at, $1) as since, case when o.score is not null
      then sign(o.score - s.display)
      else sign(array_position(array['red', 'yellow', 'green'], o.band)
        - array_position(array['red', 'yellow', 'green'], s.band)) end as way
  from scoring.override o left join lateral (select band, display from scoring.snapshot s
    where s.account_id = o.account_id and s.as_of <= o.created_at order by s.as_of desc limit 1) s on true
  where o.created_at < $2 and {ENDS} > $1
), told as (
  select 'overridden' as name, account_id, min(since) as since from moved group by account_id
  union all select 'raised', account_id, min(since) from moved where way > 0 group by account_id
  union all select 'lowered', account_id, min(since) from moved where way < 0 group by account_id
  union all select 'not_overridden', a.account_id, $1 from scoring.account a
    where a.first_seen_at < $2 and not exists (select from moved m where m.account_id = a.account_id)
)
select t.name, count(*) as accounts,
  count(*) filter (where g.at < $2) as churned,
  count(*) filter (where k.at >= t.since and coalesce(g.at >= $2, true)) as renewed
from told t join scoring.account a using (account_id) left join gone g using (account_id)
left join kept k using (account_id) where coalesce(g.at >= t.since, true) group by t.name
"""  # noqa: S608 - names of ours


async def months(source: Source, start: datetime, end: datetime) -> list[asyncpg.Record]:
    """Return, by calendar month (UTC) of a span: its accounts that had not churned before, and the overridden ones."""
    rows: list[asyncpg.Record] = await source.fetch(_MONTHS, start, end)
    return rows


async def outcomes(source: Source, start: datetime, end: datetime) -> list[asyncpg.Record]:
    """Return what became of overridden, raised, lowered and other accounts until the end of a span.

    Of an overridden account what happened after the (first) override counts, of others what happened in the span.
    """
    rows: list[asyncpg.Record] = await source.fetch(_OUTCOMES, start, end)
    return rows
