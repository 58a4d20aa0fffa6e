"""What was known of accounts at given moments: the attributes that choose a model and a segment; it never commits."""

from datetime import datetime
from typing import Any

from milepost_runtime.database import Connection
from scoring_api.queries.ordering import newest_first
from scoring_api.queries.signals.measuring import BEYOND, Batch
from scoring_api.queries.signals.selecting import told_by
from scoring_api.queries.signals.statement import ASKED

_AT = f"""
select coalesce(jsonb_object_agg(n.name, n.value) filter (where n.name is not null), '{{}}') as attributes
from {ASKED} b
left join lateral (select distinct on (a.name) a.name, a.value from scoring.attribute a
  where a.account_id = b.account_id and {told_by("a")} order by a.name, {newest_first("a")}) n on true
group by b.place order by b.place
"""  # noqa: S608 - names of ours


async def attributes_at(
    connection: Connection, batch: Batch, *, restated: bool = False, known_at: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the attributes of each account of a batch as they were known at its moment, in the order asked for.

    `known_at` and `restated` look past `recorded_at` as `measure` does. Of an account that nobody knew there are none.
    """
    told = BEYOND if restated else known_at
    rows = await connection.fetch(_AT, list(batch.accounts), list(batch.moments), told)
    return [row["attributes"] for row in rows]
