"""Takes records out of the count from the moment on when another row of the feed superseded them; it never commits.

A correction may be read before what it corrects: whoever keeps a row asks the feed whether it is superseded already.
"""

from collections.abc import Iterable
from uuid import UUID

from milepost_runtime.database import Connection
from scoring_api.queries.ordering import said_at, said_last, sequence


def superseded(rows: str) -> str:
    """Return the expression for the moment from which on rows of this name no longer count, null: they do."""
    return f"(select c.recorded_at from ingest.event c where c.supersedes = {rows}.event_id limit 1)"  # noqa: S608 - a name of ours


# A correction is told of the account that the corrected event lives on by then.
_SUPERSEDE = """
update scoring.{table} t set superseded_at = c.recorded_at
from ingest.event c
where c.id > $1 and c.id <= $2 and c.supersedes is not null and t.account_id = c.account_id
  and t.event_id = c.supersedes and t.superseded_at is distinct from c.recorded_at
returning t.account_id
"""

# The start follows from what still counts, and where nothing does from all that was ever told: what stood here while
# the feed was read would depend on the order. What names the account is told by us and never taken back.
_RESTART = f"""
with touched as materialized (
  select u.account_id from unnest($1::uuid[]) as u(account_id)
  where exists (select from scoring.record r where r.account_id = u.account_id and r.superseded_at is not null)
), counted as (
  select t.account_id, s.occurred_at as started_at, {said_at("s")} as told_at, {sequence("s")} as sequence,
    coalesce(least(f.occurred_at, a.named_at),
      (select min(r.occurred_at) from scoring.record r where r.account_id = t.account_id)) as seen_at
  from touched t join scoring.account a using (account_id)
  left join lateral (select * from scoring.record r where r.account_id = t.account_id and r.superseded_at is null
    and r.type = 'account.started' order by {said_last("r")} limit 1) s on true
  left join lateral (select * from scoring.record r where r.account_id = t.account_id and r.superseded_at is null
    order by r.occurred_at limit 1) f on true
)
update scoring.account a set started_at = c.started_at, started_told_at = c.told_at, started_sequence = c.sequence,
  first_seen_at = c.seen_at, start_at = coalesce(c.started_at, c.seen_at)
from counted c where a.account_id = c.account_id
  and (a.started_at, a.started_told_at, a.started_sequence, a.first_seen_at, a.start_at)
    is distinct from (c.started_at, c.told_at, c.sequence, c.seen_at, coalesce(c.started_at, c.seen_at))
returning a.account_id
"""  # noqa: S608 - names of ours


async def supersede(connection: Connection, after: int, upto: int) -> list[UUID]:
    """Carry out what the range corrects or takes back; return the accounts whose attributes it touches."""
    told = await connection.fetchval(
        "select exists(select from ingest.event where id > $1 and id <= $2 and supersedes is not null)", after, upto
    )
    if not told:
        return []
    await connection.execute(_SUPERSEDE.format(table="record"), after, upto)
    rows = await connection.fetch(_SUPERSEDE.format(table="attribute"), after, upto)
    return sorted({row["account_id"] for row in rows})


async def touched(connection: Connection, after: int, upto: int) -> list[UUID]:
    """Return the accounts that the range speaks of."""
    rows = await connection.fetch(
        "select distinct account_id from ingest.event where id > $1 and id <= $2 order by 1", after, upto
    )
    return [row["account_id"] for row in rows]


async def restart(connection: Connection, accounts: Iterable[UUID]) -> list[UUID]:
    """Find anew when these accounts started, as far as any word on them was superseded; return those that moved."""
    rows = await connection.fetch(_RESTART, list(accounts))
    return [row["account_id"] for row in rows]
