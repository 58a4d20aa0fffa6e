"""Marks accounts as due for a new score, with the cause: news, a past that arrives, a person; it never commits."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from milepost_contracts.events import ACCOUNT_LINKED, ACCOUNT_MERGED, OWN_SOURCE
from milepost_runtime.database import Connection
from scoring_api.queries.records import Span


class Arrival(NamedTuple):
    """When a record is history: told later than `late_after`; a new account's past arrives within `lasts`."""

    late_after: timedelta
    lasts: timedelta


def _arriving(account: str, lasts: str) -> str:
    """Return the condition that an account was first scored within `lasts`, or not yet."""
    return (
        f"not exists (select from scoring.snapshot s where s.account_id = {account}"
        f" and s.as_of < clock_timestamp() - {lasts})"
    )


def waiting(lasts: str) -> str:
    """Return the assignments to a row `r` that is marked again before it was scored: as one mark of both would be."""
    return (
        "marked = r.marked + 1, next_at = least(r.next_at, excluded.next_at), late = r.late or excluded.late,"
        " cause = case when 'human' in (r.cause, excluded.cause) then 'human'"
        " when r.cause not in ('live', 'backfill') then excluded.cause"
        f" when (r.late or excluded.late) and {_arriving('r.account_id', lasts)} then 'backfill'"
        " when 'live' in (r.cause, excluded.cause) then 'live' else 'backfill' end"
    )


# What is known of the account itself (account.*) is as old as it likes: beside other records it is neither news nor
# history, and it does not make the news that follows it history. Alone it counts like any other record.
_MARK = f"""
with told as (
  select account_id, (array_agg(correlation_id order by id desc))[1] as correlation_id,
    bool_and(type like 'account.%') as of_itself,
    bool_or(recorded_at - occurred_at >= $3::interval) as any_late,
    bool_or(recorded_at - occurred_at < $3::interval) as any_fresh,
    bool_or(recorded_at - occurred_at >= $3::interval and type not like 'account.%') as late,
    bool_or(recorded_at - occurred_at < $3::interval and type not like 'account.%') as fresh
  from ingest.event e where id > $1 and id <= $2
    and not exists (select from scoring.merged_account m where m.account_id = e.account_id)
    and not (source = $5 and (type = $6 or (type = $7 and account_id <> all($8::uuid[]))))
  group by account_id
), judged as (
  select t.*, case when of_itself then any_late else late end as history,
    case when of_itself then any_fresh else fresh end as news
  from told t
)
insert into scoring.rescoring as r (account_id, next_at, marked, cause, late, correlation_id)
select j.account_id, clock_timestamp(), 1, case when j.news and not (j.history
  and {_arriving("j.account_id", "$4::interval")}) then 'live' else 'backfill' end, j.late, j.correlation_id
from judged j order by j.account_id
on conflict (account_id) do update set {waiting("$4::interval")}, correlation_id = excluded.correlation_id
returning account_id
"""  # noqa: S608 - constants of ours


async def mark(connection: Connection, span: Span, fresh: Sequence[UUID], arrival: Arrival) -> int:
    """Make every account that the range says something about due for a new score; return how many.

    The cause is `live` if anything in the range was told within `late_after` of its happening, else `backfill`.
    While an account's past is still arriving, anything late makes it `backfill`. A link alone changes no score: it
    marks only an account that nobody had heard of (`fresh`). An account that is gone is not marked: its survivor is.
    """
    rows = await connection.fetch(_MARK, *span, *arrival, OWN_SOURCE, ACCOUNT_MERGED, ACCOUNT_LINKED, list(fresh))
    return len(rows)


_MARK_HUMAN = f"""
insert into scoring.rescoring as r (account_id, next_at, marked, cause, correlation_id)
select u.account_id, clock_timestamp(), 1, 'human', $2 from unnest($1::uuid[]) as u(account_id) order by 1
on conflict (account_id) do update set {waiting("interval '0'")}, correlation_id = excluded.correlation_id
"""  # noqa: S608 - constants of ours


async def mark_human(connection: Connection, accounts: Collection[UUID], correlation_id: str = "") -> None:
    """Make accounts due at once because a person said something of them: told as that, whatever else waits."""
    await connection.execute(_MARK_HUMAN, list(accounts), correlation_id)
