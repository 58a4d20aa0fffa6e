"""Statements that find the newest row of every fact that a delivery told; none of them writes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.words.meaning import Head
from milepost_contracts.events import OWN_SOURCE
from milepost_runtime.database import Connection

_COLUMNS = (
    "event_id, reference, type, occurred_at, actor, role, item, value, value_text, properties, supersedes, fallbacks"
)
# All rows of a fact name the delivery that told it. What Milepost says of accounts beside them is none of its facts.
_ROWS = f"""
    select delivery_id, coalesce(a.merged_into, e.account_id) as account_id, {_COLUMNS}
    from ingest.event e left join ingest.account a on a.account_id = e.account_id
    where delivery_id = any($1::uuid[]) and (source <> $2 or supersedes is not null)
    union all
    select delivery_id, null, {_COLUMNS} from ingest.waiting_event where delivery_id = any($1::uuid[])
"""  # noqa: S608 - constants of ours

_BY_ID = f"""
    select account_id, {_COLUMNS} from ingest.event where event_id = any($1::text[])
    union all
    select null, {_COLUMNS} from ingest.waiting_event where event_id = any($1::text[])
"""  # noqa: S608 - a constant of ours


async def of_deliveries(connection: Connection, ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, Head]]:
    """Return, by delivery, the newest row of each fact that it told, under the id of the fact's first row."""
    if not ids:
        return {}
    found: dict[UUID, list[Record]] = defaultdict(list)
    for row in await connection.fetch(_ROWS, list(ids), OWN_SOURCE):
        found[row["delivery_id"]].append(row)
    return {delivery_id: _heads(rows) for delivery_id, rows in found.items()}


async def of_events(connection: Connection, event_ids: Sequence[str]) -> Mapping[str, Head]:
    """Return the rows of these ids, in the feed or waiting, wherever their facts were told."""
    if not event_ids:
        return {}
    rows = await connection.fetch(_BY_ID, event_ids)
    return {row["event_id"]: Head(**dict(row)) for row in rows}


def _heads(rows: Sequence[Record]) -> dict[str, Head]:
    after = {row["supersedes"]: row for row in rows if row["supersedes"] is not None}
    heads = {}
    for row in rows:
        if row["supersedes"] is None:
            newest = row
            while newest["event_id"] in after:
                newest = after[newest["event_id"]]
            heads[row["event_id"]] = Head(**{name: newest[name] for name in Head.__dataclass_fields__})
    return heads
