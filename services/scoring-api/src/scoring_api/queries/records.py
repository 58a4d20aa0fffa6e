"""Folds a range of the feed `ingest.event` into records, attributes, accounts and plans.

Every statement is set-based and lands on the same rows whatever the order and however often; it never commits.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from milepost_core.model.document import Milestone
from milepost_runtime.database import Connection

# Types that speak of the book-keeping of accounts: they are no behaviour, so they are no record.
BOOKKEEPING = ("account.linked", "account.merged")
# Types whose properties are attributes of the account.
ATTRIBUTE_TYPES = ("account.updated", "account.started", "subscription.changed")
# Beyond this a number is a mistake, and sums of such could overflow and hold up an account for ever.
LARGEST = 1e15


class Span(NamedTuple):
    """A range of feed ids: above `after`, up to and with `upto`."""

    after: int
    upto: int


async def next_span(connection: Connection, after: int, limit: int) -> Span | None:
    """Return the next range of at most `limit` feed rows, or None when all is read."""
    upto = await connection.fetchval(
        "select max(id) from (select id from ingest.event where id > $1 order by id limit $2) as page",
        after,
        limit,
    )
    return None if upto is None else Span(after, upto)


async def insert_records(connection: Connection, span: Span) -> None:
    """Keep every event of the range as a record of its account.

    Somebody who joined or left is known by that word, whatever the sender called it; another stakeholder event
    without a value says by its type what happened.
    """
    await connection.execute(
        "insert into scoring.record (account_id, event_id, type, occurred_at, recorded_at, actor, role, item,"
        " value, value_text, due_at, properties, source)"
        " select account_id, event_id, type, occurred_at, recorded_at, actor, role, item,"
        " case when abs(value) < $4 and type not in ('stakeholder.joined', 'stakeholder.left') then value end,"
        " case when type in ('stakeholder.joined', 'stakeholder.left')"
        " or (type like 'stakeholder.%' and value is null and value_text is null)"
        " then split_part(type, '.', 2) else value_text end,"
        " case when properties ? 'due_at' then scoring.instant_of(properties ->> 'due_at') end,"
        " properties, source"
        " from ingest.event where id > $1 and id <= $2 and type <> all($3::text[])"
        " on conflict do nothing",
        *span,
        list(BOOKKEEPING),
        LARGEST,
    )


async def insert_attributes(connection: Connection, span: Span) -> list[UUID]:
    """Add what the range says about attributes to their history; return the accounts it speaks of."""
    rows = await connection.fetch(
        "with added as (insert into scoring.attribute (account_id, name, event_id, value, occurred_at, recorded_at)"
        " select e.account_id, p.key, e.event_id, p.value, e.occurred_at, e.recorded_at"
        " from ingest.event e cross join lateral jsonb_each("
        " case when jsonb_typeof(e.properties) = 'object' then e.properties else '{}' end) as p"
        " where e.id > $1 and e.id <= $2 and e.type = any($3::text[]) on conflict do nothing returning account_id)"
        " select distinct account_id from added",
        *span,
        list(ATTRIBUTE_TYPES),
    )
    return [row["account_id"] for row in rows]


async def fold_attributes(connection: Connection, accounts: Sequence[UUID]) -> None:
    """Bring the accounts' own rows up to date with the newest value of each attribute."""
    if not accounts:
        return
    await connection.execute(
        "with newest as (select distinct on (account_id, name) account_id, name, value"
        " from scoring.attribute where account_id = any($1::uuid[])"
        ' order by account_id, name, occurred_at desc, recorded_at desc, event_id collate "C" desc),'
        " folded as (select account_id, jsonb_object_agg(name, value) as attributes from newest group by 1)"
        " update scoring.account a set attributes = f.attributes, name = coalesce(f.attributes ->> 'name', ''),"
        " segment = f.attributes ->> 'segment', owner = f.attributes ->> 'owner',"
        " updated_at = clock_timestamp()"
        " from folded f where a.account_id = f.account_id and a.attributes is distinct from f.attributes",
        list(accounts),
    )


async def upsert_accounts(connection: Connection, span: Span) -> list[UUID]:
    """Make every account of the range known; return those that are new or whose start moved.

    `account.started` wins over the first thing seen; of several the earliest counts.
    """
    rows = await connection.fetch(
        "insert into scoring.account as a (account_id, start_at, started_at, first_seen_at, updated_at)"
        " select account_id,"
        " coalesce(min(occurred_at) filter (where type = 'account.started'), min(occurred_at)),"
        " min(occurred_at) filter (where type = 'account.started'), min(occurred_at), clock_timestamp()"
        " from ingest.event where id > $1 and id <= $2 and type <> 'account.merged'"
        " group by account_id order by account_id"
        " on conflict (account_id) do update set"
        " started_at = least(a.started_at, excluded.started_at),"
        " first_seen_at = least(a.first_seen_at, excluded.first_seen_at),"
        " start_at = coalesce(least(a.started_at, excluded.started_at),"
        " least(a.first_seen_at, excluded.first_seen_at)),"
        " updated_at = clock_timestamp()"
        " where excluded.first_seen_at < a.first_seen_at or excluded.started_at < a.started_at"
        " or (a.started_at is null and excluded.started_at is not null)"
        " returning account_id",
        *span,
    )
    return [row["account_id"] for row in rows]


async def upsert_references(connection: Connection, span: Span) -> None:
    """Keep which account a reference leads to; the newest word on a reference wins."""
    await connection.execute(
        "insert into scoring.account_reference as r (reference, account_id, occurred_at)"
        " select distinct on (value_text) value_text, account_id, occurred_at from ingest.event"
        " where id > $1 and id <= $2 and type = 'account.linked' and value_text is not null"
        " order by value_text, occurred_at desc, id desc"
        " on conflict (reference) do update"
        " set account_id = excluded.account_id, occurred_at = excluded.occurred_at"
        " where excluded.occurred_at >= r.occurred_at",
        *span,
    )


async def upsert_plans(connection: Connection, accounts: Sequence[UUID], plan: Sequence[Milestone]) -> None:
    """Give the accounts the milestones of the plan, due so many days after each account's start."""
    if not accounts or not plan:
        return
    await connection.execute(
        "insert into scoring.milestone as m (account_id, milestone_id, label, weight, required, due_at)"
        " select a.account_id, p.id, p.label, p.weight, p.required, a.start_at + p.after"
        " from scoring.account a cross join"
        " unnest($2::text[], $3::text[], $4::float8[], $5::bool[], $6::interval[])"
        " as p(id, label, weight, required, after)"
        " where a.account_id = any($1::uuid[]) order by 1, 2"
        " on conflict (account_id, milestone_id) do update set label = excluded.label,"
        " weight = excluded.weight, required = excluded.required, due_at = excluded.due_at",
        list(accounts),
        [one.id for one in plan],
        [one.label for one in plan],
        [one.weight for one in plan],
        [one.required for one in plan],
        [None if one.target_day is None else timedelta(days=one.target_day) for one in plan],
    )


async def mark(connection: Connection, span: Span, fresh: Sequence[UUID], late_after: timedelta) -> int:
    """Make every account that the range says something about due for a new score; return how many.

    The cause is `live` if anything in the range was told within `late_after` of its happening, else
    `backfill`; a cause that waits already is only ever raised from `backfill` to `live`. A link alone
    changes no score: it marks only an account that nobody had heard of (`fresh`).
    """
    rows = await connection.fetch(
        "insert into scoring.rescoring as r (account_id, next_at, marked, cause, correlation_id)"
        " select account_id, clock_timestamp(), 1,"
        " case when bool_or(recorded_at - occurred_at < $3) then 'live' else 'backfill' end,"
        " (array_agg(correlation_id order by id desc))[1]"
        " from ingest.event where id > $1 and id <= $2 and type <> 'account.merged'"
        " and (type <> 'account.linked' or account_id = any($4::uuid[]))"
        " group by account_id order by account_id"
        " on conflict (account_id) do update set marked = r.marked + 1,"
        " next_at = least(r.next_at, excluded.next_at), correlation_id = excluded.correlation_id,"
        " cause = case when r.cause = 'live' then 'live' else excluded.cause end"
        " returning account_id",
        *span,
        late_after,
        list(fresh),
    )
    return len(rows)
