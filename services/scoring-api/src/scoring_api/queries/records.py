"""Folds a range of the feed `ingest.event` into records, attributes, accounts and plans.

Every statement is set-based and lands on the same rows whatever the order and however often; it never commits.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from milepost_contracts.events import (
    ACCOUNT_LINKED,
    ACCOUNT_MERGED,
    BOOK_KEEPING,
    EVENT_RETRACTED,
    NAME_LENGTH,
    OWN_SOURCE,
)
from milepost_core.model.document import Milestone
from milepost_runtime.database import Connection
from scoring_api.queries.corrections import superseded
from scoring_api.queries.ordering import newest_first, said_at, said_last, sequence

# Types whose properties are attributes of the account.
ATTRIBUTE_TYPES = ("account.updated", "account.started", "subscription.changed")
# Beyond this a number is a mistake, and sums of such could overflow and hold up an account for ever.
LARGEST = 1e15


class Span(NamedTuple):
    """A range of feed ids: above `after`, up to and with `upto`."""

    after: int
    upto: int


class Page(NamedTuple):
    """A range to read next, and the newest id of the feed."""

    span: Span
    newest: int


async def next_page(connection: Connection, after: int, limit: int) -> Page | None:
    """Return the next range of at most `limit` feed rows, or None when all is read."""
    row = await connection.fetchrow(
        "select max(id) as upto, (select max(id) from ingest.event) as newest"
        " from (select id from ingest.event where id > $1 order by id limit $2) as page",
        after,
        limit,
    )
    assert row is not None
    return None if row["upto"] is None else Page(Span(after, row["upto"]), row["newest"])


async def set_aside(connection: Connection, row_id: int, reason: str) -> UUID | None:
    """Keep that a row of the feed cannot be recorded, and why; return its account, None if there is no such row."""
    account: UUID | None = await connection.fetchval(
        "insert into scoring.unreadable (account_id, event_row_id, reason, at)"
        " select account_id, id, $2::text, clock_timestamp() from ingest.event where id = $1"
        " on conflict (account_id, event_row_id) do update set reason = excluded.reason, at = excluded.at"
        " returning account_id",
        row_id,
        reason,
    )
    return account


async def insert_records(connection: Connection, span: Span) -> None:
    """Keep every event of the range as a record of its account; our book-keeping is no behaviour, so no record.

    Somebody who joined or left is known by that word, whatever the sender called it; another stakeholder event
    without a value says by its type what happened.
    """
    await connection.execute(
        "insert into scoring.record (account_id, event_id, type, occurred_at, recorded_at, actor, role, item,"  # noqa: S608 - names of ours
        " value, value_text, due_at, properties, source, sequence, told_at, superseded_at)"
        " select account_id, event_id, type, occurred_at, recorded_at, actor, role, item,"
        " case when abs(value) < $4 and type not in ('stakeholder.joined', 'stakeholder.left') then value end,"
        " case when type in ('stakeholder.joined', 'stakeholder.left')"
        " or (type like 'stakeholder.%' and value is null and value_text is null)"
        " then split_part(type, '.', 2) else value_text end,"
        " case when properties ? 'due_at' then scoring.instant_of(properties ->> 'due_at') end,"
        f" properties, source, sequence, told_at, {superseded('e')}"
        " from ingest.event e where id > $1 and id <= $2 and not (type = any($3::text[]) and source = $5)"
        " on conflict do nothing",
        *span,
        list(BOOK_KEEPING),
        LARGEST,
        OWN_SOURCE,
    )


async def insert_attributes(connection: Connection, span: Span) -> list[UUID]:
    """Add what the range says about attributes to their history; return the accounts it speaks of.

    A name that is longer than any name of ours is none.
    """
    rows = await connection.fetch(
        "with added as (insert into scoring.attribute"  # noqa: S608 - names of ours
        " (account_id, name, event_id, value, occurred_at, recorded_at, sequence, superseded_at)"
        f" select e.account_id, p.key, e.event_id, p.value, e.occurred_at, e.recorded_at, e.sequence, {superseded('e')}"
        " from ingest.event e cross join lateral jsonb_each("
        " case when jsonb_typeof(e.properties) = 'object' then e.properties else '{}' end) as p"
        " where e.id > $1 and e.id <= $2 and e.type = any($3::text[]) and char_length(p.key) <= $4"
        " on conflict do nothing returning account_id) select distinct account_id from added",
        *span,
        list(ATTRIBUTE_TYPES),
        NAME_LENGTH,
    )
    return [row["account_id"] for row in rows]


async def fold_attributes(connection: Connection, accounts: Collection[UUID]) -> None:
    """Bring the accounts' own rows up to date with the newest value of each attribute."""
    if not accounts:
        return
    await connection.execute(
        "with newest as (select distinct on (account_id, name) account_id, name, value"  # noqa: S608 - names of ours
        " from scoring.attribute where account_id = any($1::uuid[]) and superseded_at is null"
        f" order by account_id, name, {newest_first('attribute')}),"
        # Of an account whose every word was taken back nothing is left.
        " folded as (select u.account_id, coalesce(jsonb_object_agg(n.name, n.value)"
        " filter (where n.name is not null), '{}') as attributes"
        " from unnest($1::uuid[]) as u(account_id) left join newest n using (account_id) group by 1)"
        " update scoring.account a set attributes = f.attributes, name = coalesce(f.attributes ->> 'name', ''),"
        " segment = f.attributes ->> 'segment', owner = f.attributes ->> 'owner',"
        " updated_at = clock_timestamp()"
        " from folded f where a.account_id = f.account_id and a.attributes is distinct from f.attributes",
        list(accounts),
    )


def later_word(old: str, new: str) -> str:
    """Return the condition that `new` tells of an account's start, and that `old` does not or was told before it."""
    words = (f'({one}.started_told_at, {one}.started_sequence collate "C")' for one in (new, old))
    return f"({new}.started_at is not null and ({old}.started_at is null or {' > '.join(words)}))"


def newer_start(old: str, new: str) -> str:
    """Return the assignments that bring `old` up to date: the newest word on the start, or the first thing seen."""
    newer = later_word(old, new)
    columns = ("started_at", "started_told_at", "started_sequence")
    words = {name: f"case when {newer} then {new}.{name} else {old}.{name} end" for name in columns}
    seen = f"least({old}.first_seen_at, {new}.first_seen_at)"
    words |= {"first_seen_at": seen, "start_at": f"coalesce({words['started_at']}, {seen})"}
    words |= {"named_at": f"least({old}.named_at, {new}.named_at)"}
    return ", ".join(f"{name} = {word}" for name, word in words.items())


# Of our own words these two speak of what was told before: an account is not seen by them.
_UNSEEN = (ACCOUNT_MERGED, EVENT_RETRACTED)
_NEWEST = f"order by {said_last('event')}) filter (where type = 'account.started'))[1]"
_ACCOUNTS = (
    "insert into scoring.account as a (account_id, start_at, started_at, started_told_at, started_sequence,"  # noqa: S608 - constants of ours
    f" first_seen_at, updated_at) select account_id, coalesce((array_agg(occurred_at {_NEWEST}, min(occurred_at)),"
    f" (array_agg(occurred_at {_NEWEST}, (array_agg({said_at('event')} {_NEWEST},"
    f" (array_agg({sequence('event')} {_NEWEST},"
    " min(occurred_at), clock_timestamp() from ingest.event"
    " where id > $1 and id <= $2 and not (type = any($3::text[]) and source = $4)"
    " group by account_id order by account_id on conflict (account_id) do update set"
    f" {newer_start('a', 'excluded')}, updated_at = clock_timestamp()"
    f" where excluded.first_seen_at < a.first_seen_at or {later_word('a', 'excluded')} returning account_id"
)


async def upsert_accounts(connection: Connection, span: Span) -> list[UUID]:
    """Make every account of the range known; return those that are new or whose start moved.

    `account.started` wins over the first thing seen; of several the one that was said last counts.
    """
    rows = await connection.fetch(_ACCOUNTS, *span, list(_UNSEEN), OWN_SOURCE)
    return [row["account_id"] for row in rows]


async def note_names(connection: Connection, span: Span) -> None:
    """Keep since when our own book-keeping knows these accounts: seen they stay, whatever else is taken back."""
    await connection.execute(
        "update scoring.account a set named_at = n.at from (select account_id, min(occurred_at) as at"
        " from ingest.event where id > $1 and id <= $2 and type = any($3::text[]) and source = $4"
        " group by account_id) n where a.account_id = n.account_id and (a.named_at is null or a.named_at > n.at)",
        *span,
        [one for one in BOOK_KEEPING if one not in _UNSEEN],
        OWN_SOURCE,
    )


async def upsert_references(connection: Connection, span: Span) -> None:
    """Keep which account a reference leads to; the newest word on a reference wins."""
    await connection.execute(
        "insert into scoring.account_reference as r (reference, account_id, occurred_at)"
        " select distinct on (value_text) value_text, account_id, occurred_at from ingest.event"
        " where id > $1 and id <= $2 and type = $3 and source = $4 and char_length(value_text) <= $5"
        " order by value_text, occurred_at desc, id desc"
        " on conflict (reference) do update"
        " set account_id = excluded.account_id, occurred_at = excluded.occurred_at"
        " where excluded.occurred_at >= r.occurred_at",
        *span,
        ACCOUNT_LINKED,
        OWN_SOURCE,
        NAME_LENGTH,
    )


async def upsert_plans(connection: Connection, accounts: Collection[UUID], plan: Sequence[Milestone]) -> None:
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
