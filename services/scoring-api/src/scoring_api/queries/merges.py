"""Moves what is known of an account that was merged away to its survivor; it never decides a merge, never commits."""

from uuid import UUID

from milepost_runtime.database import Connection
from scoring_api.queries.records import Span

_UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_STEPS = (
    # Rows that the survivor has already stay as they are: an event is one event, whoever told it.
    "insert into scoring.record (account_id, event_id, type, occurred_at, recorded_at, actor, role, item, value,"
    " value_text, due_at, properties, source) select $2::uuid, event_id, type, occurred_at, recorded_at, actor, role,"
    " item, value, value_text, due_at, properties, source from scoring.record where account_id = $1"
    " on conflict do nothing",
    "insert into scoring.attribute (account_id, name, event_id, value, occurred_at, recorded_at)"
    " select $2::uuid, name, event_id, value, occurred_at, recorded_at from scoring.attribute where account_id = $1"
    " on conflict do nothing",
    "update scoring.account s set started_at = least(s.started_at, g.started_at),"
    " first_seen_at = least(s.first_seen_at, g.first_seen_at),"
    " start_at = coalesce(least(s.started_at, g.started_at), least(s.first_seen_at, g.first_seen_at))"
    " from scoring.account g where g.account_id = $1 and s.account_id = $2",
    "update scoring.account_reference set account_id = $2 where account_id = $1",
    "insert into scoring.rescoring as r (account_id, next_at, marked, cause)"
    " select $2::uuid, clock_timestamp(), 1, 'backfill' where $1::uuid <> $2::uuid on conflict (account_id) do update"
    " set marked = r.marked + 1, next_at = least(r.next_at, excluded.next_at),"
    " cause = case when r.cause = 'live' then 'live' else excluded.cause end",
)
# Snapshots, changes and restated points stay: they say what was known, and of whom, at the time.
_GONE = ("record", "attribute", "milestone", "health_document", "standing", "rescoring", "account")


async def absorb(connection: Connection, span: Span) -> list[UUID]:
    """Carry out the merges that the range tells of, in the order in which they were told; return the survivors."""
    rows = await connection.fetch(
        "select account_id, value_text from ingest.event where id > $1 and id <= $2"
        " and type = 'account.merged' and value_text ~ $3 order by id",
        *span,
        _UUID,
    )
    merged = [(row["account_id"], UUID(row["value_text"])) for row in rows]
    for gone, survivor in merged:
        if survivor != gone:
            await _absorb_one(connection, gone, survivor)
    return [survivor for _, survivor in merged]


async def _absorb_one(connection: Connection, gone: UUID, survivor: UUID) -> None:
    known = await connection.fetchval(
        "insert into scoring.account (account_id, name, segment, owner, start_at, started_at, first_seen_at,"
        " attributes, updated_at) select $2::uuid, name, segment, owner, start_at, started_at, first_seen_at,"
        " attributes, clock_timestamp() from scoring.account where account_id = $1"
        " on conflict (account_id) do update set updated_at = clock_timestamp() returning account_id",
        gone,
        survivor,
    )
    if known is None:
        return
    for statement in _STEPS:
        await connection.execute(statement, gone, survivor)
    for table in _GONE:
        await connection.execute(f"delete from scoring.{table} where account_id = $1", gone)  # noqa: S608 - our own names
