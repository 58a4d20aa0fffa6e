"""Writes what rescoring found: snapshots, standings, documents, the published changes; it never commits."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from milepost_contracts.changes import FEED
from milepost_runtime.database import Connection
from milepost_runtime.feeds import publish_lock
from scoring_api.queries.records import OwnWord, insert_own

_SNAPSHOT = """
insert into scoring.snapshot (account_id, as_of, computed_at, model_id, model_version, score, display, band,
  effective_band, coverage, confidence, inputs_hash, readings, detail, correlation_id, cohort_id, override_id,
  feed_behind, lineup)
select v.account_id, v.as_of, clock_timestamp(), v.model_id, v.model_version, v.score, v.display, v.band,
  v.effective_band, v.coverage, v.confidence, v.inputs_hash, v.readings, v.detail, v.correlation_id, v.cohort_id,
  v.override_id, v.feed_behind, v.lineup
from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::int[], $5::float8[], $6::float8[], $7::text[], $8::text[],
  $9::float8[], $10::float8[], $11::text[], $12::jsonb[], $13::jsonb[], $14::text[], $15::bigint[], $16::uuid[],
  $17::bigint[], $18::bigint[]) as v(account_id, as_of, model_id, model_version, score, display, band, effective_band,
  coverage, confidence, inputs_hash, readings, detail, correlation_id, cohort_id, override_id, feed_behind, lineup)
"""

_STANDING = """
insert into scoring.standing (account_id, band, pending_direction, pending_since, effective_band,
  published_score, display, content_digest, snapshot_as_of, as_of, lineup, journey, milestones, stale)
select v.account_id, v.band, v.direction, v.since, v.effective_band, v.published_score, v.display, v.content_digest,
  case when v.wrote then v.as_of else coalesce(t.snapshot_as_of, v.as_of) end, v.as_of, v.lineup, v.journey,
  v.milestones, v.stale
from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::float8[], $7::float8[], $8::text[],
  $9::timestamptz[], $10::bool[], $11::bigint[], $12::text[], $13::jsonb[], $14::bool[]) as v(account_id, band,
  direction, since, effective_band, published_score, display, content_digest, as_of, wrote, lineup, journey,
  milestones, stale)
left join scoring.standing t on t.account_id = v.account_id
on conflict (account_id) do update set band = excluded.band, pending_direction = excluded.pending_direction,
  pending_since = excluded.pending_since, effective_band = excluded.effective_band,
  published_score = excluded.published_score, display = excluded.display, content_digest = excluded.content_digest,
  snapshot_as_of = excluded.snapshot_as_of, as_of = excluded.as_of,
  lineup = excluded.lineup, journey = excluded.journey, milestones = excluded.milestones, stale = excluded.stale
"""

_DOCUMENT = """
insert into scoring.health_document (account_id, body, etag, score, band, effective_band, stage, segment, owner,
  name, computed_at, as_of, fresh_until, change_28d, top_reason, confidence_word,
  model_id, journey, urgency)
select * from unnest($1::uuid[], $2::bytea[], $3::text[], $4::float8[], $5::text[], $6::text[], $7::text[],
  $8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::float8[],
  $15::text[], $16::text[], $17::text[], $18::text[], $19::float8[])
on conflict (account_id) do update set body = excluded.body, etag = excluded.etag, score = excluded.score,
  band = excluded.band, effective_band = excluded.effective_band, stage = excluded.stage,
  segment = excluded.segment, owner = excluded.owner, name = excluded.name, computed_at = excluded.computed_at,
  as_of = excluded.as_of, fresh_until = excluded.fresh_until, change_28d = excluded.change_28d,
  top_reason = excluded.top_reason, confidence_word = excluded.confidence_word, model_id = excluded.model_id,
  journey = excluded.journey, urgency = excluded.urgency
"""

_CHANGE = """
insert into scoring.change (account_id, kind, from_band, to_band, from_score, to_score, cause, model_id,
  model_version, as_of, computed_at, snapshot_as_of, correlation_id, subject, detail)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp(), $10, $11, $12, $13)
"""

# What we find ourselves changes the score that it was found with: the account is looked at again, for the same reason.
_AGAIN = "update scoring.rescoring set marked = marked + 1 where account_id = $1"

_WITHDRAW = """
update scoring.record set superseded_at = clock_timestamp()
where account_id = $1 and event_id = any($2::text[]) and superseded_at is null
"""

# Marked meanwhile: due at once, and the reason that waits is kept. Else asleep until something turns.
_SETTLE = """
update scoring.rescoring r set lease_until = null, crashes = 0,
  next_at = case when r.marked > v.marked then clock_timestamp() else v.next_at end,
  cause = case when r.marked > v.marked then r.cause else 'silence' end,
  late = r.marked > v.marked and r.late,
  correlation_id = case when r.marked > v.marked then r.correlation_id else '' end
from unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) as v(account_id, marked, next_at)
where r.account_id = v.account_id
"""


# Nobody had recorded the account when its batch was looked at. Who has by now made it due, and so it stays.
STRANGER = """
lease_until = null, crashes = 0,
  next_at = case when exists (select from scoring.account a where a.account_id = t.account_id) then t.next_at end
"""


def _joined(*statements: str) -> tuple[str, tuple[int, ...]]:
    """Return one statement that does what several do, each with its own numbers of parameters, and how many those are.

    One question for a batch instead of one for each of its tables: most of their cost is in asking.
    """
    widths = tuple(max(int(number) for number in _NUMBER.findall(one)) for one in statements)
    shifted = [_shifted(one, sum(widths[:place])) for place, one in enumerate(statements)]
    named = ", ".join(f"part{place} as ({one})" for place, one in enumerate(shifted[:-1]))
    return f"with {named} {shifted[-1]}", widths


def _shifted(statement: str, by: int) -> str:
    """Return a statement whose parameters count from `by` on."""
    return _NUMBER.sub(lambda found: f"${int(found[1]) + by}", statement)


_NUMBER = re.compile(r"\$(\d+)")
_WRITE, _WIDTHS = _joined(_SNAPSHOT, _STANDING, _DOCUMENT, _SETTLE)

# A score of another line-up, or links to another address, are not today's: they are made anew.
_OUTDATED = """
insert into scoring.rescoring as r (account_id, next_at, marked, cause)
select d.account_id, clock_timestamp(), 1, 'model' from scoring.health_document d
left join scoring.standing t on t.account_id = d.account_id
where t.lineup is distinct from $1::bigint or position($2::text in convert_from(d.body, 'UTF8')) = 0
order by 1
on conflict (account_id) do update set next_at = least(r.next_at, excluded.next_at), marked = r.marked + 1,
  cause = case when r.cause = 'silence' then excluded.cause else r.cause end
returning account_id
"""

# A row of the feed in the order of the statement's parameters, from account to subject and detail.
ChangeTuple: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True)
class Rows:
    """One account's rows, in the order of the statements' parameters; None: nothing to write there."""

    account_id: UUID
    marked: int
    next_at: datetime
    standing: tuple[Any, ...]
    snapshot: tuple[Any, ...] | None
    document: tuple[Any, ...] | None
    changes: tuple[ChangeTuple, ...]
    words: tuple[OwnWord, ...] = ()
    withdrawn: tuple[str, ...] = ()
    """The event ids of words of ours that today's records do not bear out any more."""


async def write(connection: Connection, rows: Sequence[Rows]) -> int:
    """Write all rows of accounts that are held by this transaction; return how many changes were published.

    Publishing comes last: the feed's lock is held from here to the commit.
    """
    for row in rows:
        if row.withdrawn:
            await connection.execute(_WITHDRAW, row.account_id, list(row.withdrawn))
        if row.words or row.withdrawn:
            await insert_own(connection, row.account_id, row.words)
            await connection.execute(_AGAIN, row.account_id)
    if rows:
        await connection.execute(_WRITE, *_columns(rows))
    changes = [change for row in rows for change in row.changes]
    if changes:
        await publish_lock(connection, FEED)
        await connection.executemany(_CHANGE, changes)
    return len(changes)


def _columns(rows: Sequence[Rows]) -> list[Sequence[Any]]:
    """Return what `_WRITE` takes, column by column."""
    columns: list[Sequence[Any]] = []
    for part, width in zip(_parts(rows), _WIDTHS, strict=True):
        columns += zip(*part, strict=True) if part else [()] * width
    return columns


def _parts(rows: Sequence[Rows]) -> tuple[list[tuple[Any, ...]], ...]:
    return (
        [row.snapshot for row in rows if row.snapshot],
        [row.standing for row in rows],
        [row.document for row in rows if row.document],
        [(row.account_id, row.marked, row.next_at) for row in rows],
    )


async def mark_outdated(connection: Connection, lineup: int, page: str) -> int:
    """Make accounts due that another line-up scored, or whose page is not under `page`; return how many."""
    return len(await connection.fetch(_OUTDATED, lineup, page))
