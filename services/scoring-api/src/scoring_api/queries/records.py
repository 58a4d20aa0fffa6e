"""Folds a range of the feed `ingest.event` into records, attributes and accounts.

Every statement is set-based and lands on the same rows whatever the order and however often; it never commits.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from milepost_contracts.events import (
    ACCOUNT_LINKED,
    BOOK_KEEPING,
    NAME_LENGTH,
    OWN_SOURCE,
)
from milepost_core.events import ATTRIBUTE_TYPES
from milepost_runtime.database import Connection
from milepost_runtime.ids import new_id
from scoring_api.queries.corrections import superseded
from scoring_api.queries.ordering import newest_first

# Beyond this a number is a mistake, and sums of such could overflow and hold up an account for ever.
LARGEST = 1e15


class Span(NamedTuple):
    """A range of feed ids: above `after`, up to and with `upto`."""

    after: int
    upto: int


class Holds(NamedTuple):
    """What kinds of rows a range of the feed has: types told by us, types told by senders, corrections, accounts."""

    own: frozenset[str]
    told: frozenset[str]
    corrections: bool
    accounts: Sequence[UUID]


class Page(NamedTuple):
    """A range to read next, what it holds, and the newest id of the feed."""

    span: Span
    holds: Holds
    newest: int


_PAGE = """
select max(id) as upto, (select max(id) from ingest.event) as newest,
  array_agg(distinct type) filter (where source = $3) as own,
  array_agg(distinct type) filter (where source <> $3) as told,
  bool_or(supersedes is not null) as corrections, array_agg(distinct account_id) as accounts
from (select id, type, source, supersedes, account_id from ingest.event where id > $1 order by id limit $2) as page
"""


async def next_page(connection: Connection, after: int, limit: int) -> Page | None:
    """Return the next range of at most `limit` feed rows, or None when all is read."""
    row = await connection.fetchrow(_PAGE, after, limit, OWN_SOURCE)
    assert row is not None
    if row["upto"] is None:
        return None
    own, told = frozenset(row["own"] or ()), frozenset(row["told"] or ())
    return Page(Span(after, row["upto"]), Holds(own, told, row["corrections"], row["accounts"]), row["newest"])


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


# A merge is told after the links that it brings about: only what the name led to before tells then whose it was.
_REFERENCES = """
with told as (
  select value_text as reference, account_id, occurred_at, id from ingest.event
  where id > $1 and id <= $2 and type = $3 and source = $4 and char_length(value_text) <= $5
), newest as (
  select distinct on (reference) * from told order by reference, id desc
)
insert into scoring.account_reference as r (reference, account_id, occurred_at, told_by_id, absorbed_id)
select n.reference, n.account_id, n.occurred_at, n.id,
  (select t.account_id from told t where t.reference = n.reference and t.account_id <> n.account_id
   order by t.id desc limit 1)
from newest n
on conflict (reference) do update set account_id = excluded.account_id, occurred_at = excluded.occurred_at,
  told_by_id = excluded.told_by_id,
  absorbed_id = case when r.account_id = excluded.account_id then r.absorbed_id
    when excluded.absorbed_id <> r.account_id then excluded.absorbed_id
    else coalesce((select m.account_id from scoring.merged_account m
      where m.account_id = r.absorbed_id and m.survivor_id = r.account_id), r.account_id) end
where excluded.told_by_id > r.told_by_id
"""


async def upsert_references(connection: Connection, span: Span) -> None:
    """Keep which account a reference leads to, and to which it led before; the last row on it in the feed wins.

    The feed tells of names in the order in which it was decided; what happened when is another matter.
    """
    await connection.execute(
        _REFERENCES,
        *span,
        ACCOUNT_LINKED,
        OWN_SOURCE,
        NAME_LENGTH,
    )


@dataclass(frozen=True)
class OwnWord:
    """Something that a person says of an account through us; without `occurred_at` it happens as it is said.

    From `expires_at` on it counts no longer. A word with an `event_id` of its own is said once, however often it is.
    """

    type: str
    occurred_at: datetime | None = None
    actor: str | None = None
    role: str | None = None
    item: str | None = None
    value: float | None = None
    value_text: str | None = None
    due_at: datetime | None = None
    expires_at: datetime | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    event_id: str | None = None


# The row of the account is held, so that a merge either finds these records or has led us to the survivor before.
_HELD = (
    "select account_id from scoring.account where account_id = coalesce("
    "(select survivor_id from scoring.merged_account where account_id = $1), $1) for key share"
)


async def insert_own(connection: Connection, account: UUID, words: Sequence[OwnWord]) -> list[str]:
    """Keep what people said as records of an account, or of its survivor; return their event ids, none: unknown.

    They never come from the feed and never twice, so no order of the feed changes them. `recorded_at` is the
    moment of this call for all of them; of words of one instant the later in `words` counts. It marks nothing:
    `marks.mark_human` does, after this.
    """
    held = await connection.fetchval(_HELD, account) or await connection.fetchval(_HELD, account)
    if held is None:
        return []
    said_at: datetime = await connection.fetchval("select clock_timestamp()")
    rows = [(held, *_own_row(one, said_at, place)) for place, one in enumerate(words)]
    await connection.executemany(
        "insert into scoring.record (account_id, event_id, type, occurred_at, recorded_at, actor, role, item, value,"
        " value_text, due_at, expires_at, properties, source, sequence)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) on conflict do nothing",
        rows,
    )
    return [event_id for _, event_id, *_ in rows]


def _own_row(one: OwnWord, said_at: datetime, place: int) -> tuple[Any, ...]:
    """Return the columns of a word after the account's id, in the order of the statement."""
    at, sequence = one.occurred_at or said_at, f"{said_at:%Y%m%d%H%M%S%f}:{place:06}"
    names = (one.actor, one.role, one.item, one.value, one.value_text)
    rest = (one.due_at, one.expires_at, dict(one.properties), OWN_SOURCE, sequence)
    return (one.event_id or f"own:{new_id()}", one.type, at, said_at, *names, *rest)
