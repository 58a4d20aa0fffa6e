"""Moves what is known of an account that was merged away to its survivor; it never decides a merge, never commits."""

from datetime import timedelta
from uuid import UUID

from milepost_contracts.events import ACCOUNT_MERGED, OWN_SOURCE
from milepost_runtime.database import Connection
from scoring_api.queries.corrections import superseded
from scoring_api.queries.marks import waiting
from scoring_api.queries.records import Span
from scoring_api.queries.starts import newer_start

_UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_STEPS = (
    # Rows that the survivor has already stay as they are: an event is one event, whoever told it.
    "insert into scoring.record (account_id, event_id, type, occurred_at, recorded_at, actor, role, item, value,"  # noqa: S608 - names of ours
    " value_text, due_at, properties, source, sequence, told_at, expires_at, came_from, superseded_at)"
    " select $2::uuid, event_id,"
    " type, occurred_at, recorded_at, actor, role, item, value, value_text, due_at, properties, source, sequence,"
    f" told_at, expires_at, coalesce(came_from, $1), coalesce({superseded('r')}, r.superseded_at)"
    " from scoring.record r where account_id = $1 on conflict do nothing",
    "insert into scoring.attribute (account_id, name, event_id, value, occurred_at, recorded_at, sequence,"  # noqa: S608 - as below
    " came_from, superseded_at) select $2::uuid, name, event_id, value, occurred_at, recorded_at, sequence,"
    f" coalesce(came_from, $1), {superseded('a')}"
    " from scoring.attribute a where account_id = $1 on conflict do nothing",
    f"update scoring.account s set {newer_start('s', 'g')}"  # noqa: S608 - names of ours
    " from scoring.account g where g.account_id = $1 and s.account_id = $2",
    "update scoring.account_reference r set account_id = $2, absorbed_id = coalesce((select m.account_id"
    " from scoring.merged_account m where m.account_id = r.absorbed_id and m.survivor_id = $2), $1)"
    " where account_id = $1",
    # One person's word is in force at a time: the survivor's own.
    "update scoring.override o set ended_at = clock_timestamp(), ended_because = 'the accounts were merged'"
    " where account_id = $1 and ended_at is null and expires_at > clock_timestamp() and exists (select from"
    " scoring.override s where s.account_id = $2 and s.ended_at is null and s.expires_at > clock_timestamp())",
    "update scoring.override set account_id = $2 where account_id = $1",
    "update scoring.note set account_id = $2 where account_id = $1",
    "update scoring.feedback set account_id = $2 where account_id = $1",
)
_MARK = (
    "insert into scoring.rescoring as r (account_id, next_at, marked, cause, late)"  # noqa: S608 - constants of ours
    " values ($1, clock_timestamp(), 1, 'backfill', true)"
    f" on conflict (account_id) do update set {waiting('$2::interval')}"
)
# Rescorers lock their accounts in this order before they write anything. Merges touch accounts in the order in which
# they are told, so all that the range may touch is locked before.
_HOLD = """
with named as (
  select account_id from ingest.event where id > $1 and id <= $2 union
  select case when value_text ~ $4 then value_text::uuid end from ingest.event where id > $1 and id <= $2 and type = $3
), led as (
  select n.account_id from named n union
  select m.survivor_id from named n join scoring.merged_account m using (account_id)
)
select r.account_id from scoring.rescoring r where r.account_id in (select account_id from led)
order by r.account_id for update
"""
# Snapshots, changes and restated points stay: they say what was known, and of whom, at the time.
_GONE = ("record", "attribute", "health_document", "standing", "rescoring", "account")


async def hold(connection: Connection, span: Span) -> None:
    """Lock all accounts that the range tells of, in the order in which everybody locks them."""
    await connection.fetch(_HOLD, *span, ACCOUNT_MERGED, _UUID)


async def absorb(connection: Connection, span: Span, arrives_within: timedelta) -> list[UUID]:
    """Carry out the merges that the range tells of, in the order in which they were told; return the survivors."""
    rows = await connection.fetch(
        "select account_id, value_text from ingest.event where id > $1 and id <= $2"
        " and type = $3 and source = $4 and value_text ~ $5 order by id",
        *span,
        ACCOUNT_MERGED,
        OWN_SOURCE,
        _UUID,
    )
    if rows:
        await hold(connection, span)
    survivors = []
    for row in rows:
        survivor = await _lead(connection, row["account_id"], UUID(row["value_text"]))
        if survivor is not None:
            await _absorb_one(connection, row["account_id"], survivor, arrives_within)
            survivors.append(survivor)
    return survivors


async def _lead(connection: Connection, gone: UUID, told: UUID) -> UUID | None:
    """Let the id of an account that is gone lead to its survivor; return that, None if nobody is gone.

    The survivor may itself be gone by now, and others may have been led to the one that is gone: every id that
    is gone leads to one that is not, in one step.
    """
    survivor: UUID = await connection.fetchval(
        "select coalesce((select survivor_id from scoring.merged_account where account_id = $1), $1)", told
    )
    if survivor == gone:
        return None
    await connection.execute(
        "insert into scoring.merged_account (account_id, survivor_id, into_id) values ($1, $2, $2)"
        " on conflict (account_id) do update set survivor_id = excluded.survivor_id",
        gone,
        survivor,
    )
    await connection.execute(
        "update scoring.merged_account set survivor_id = $2 where survivor_id = $1 and account_id <> $2",
        gone,
        survivor,
    )
    return survivor


async def _absorb_one(connection: Connection, gone: UUID, survivor: UUID, arrives_within: timedelta) -> None:
    known = await connection.fetchval(
        "insert into scoring.account (account_id, name, segment, owner, start_at, started_at, started_told_at,"
        " started_sequence, first_seen_at, start_settled_at, named_at, attributes, updated_at) select $2::uuid, name,"
        " segment, owner, start_at, started_at, started_told_at, started_sequence, first_seen_at, start_settled_at,"
        " named_at, attributes, clock_timestamp()"
        # Nobody adds a word of his own to an account that is about to be gone.
        " from scoring.account where account_id = $1 for update"
        " on conflict (account_id) do update set updated_at = clock_timestamp() returning account_id",
        gone,
        survivor,
    )
    if known is None:
        return
    for statement in _STEPS:
        await connection.execute(statement, gone, survivor)
    await connection.execute(_MARK, survivor, arrives_within)
    for table in _GONE:
        await connection.execute(f"delete from scoring.{table} where account_id = $1", gone)  # noqa: S608 - our own names
