"""Takes records out of the count from the moment on when another row of the feed superseded them; it never commits.

A correction may be read before what it corrects: whoever keeps a row asks the feed whether it is superseded already.
"""

from uuid import UUID

from milepost_runtime.database import Connection


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


async def supersede(connection: Connection, after: int, upto: int) -> list[UUID]:
    """Carry out what the range corrects or takes back; return the accounts whose attributes it touches."""
    await connection.execute(_SUPERSEDE.format(table="record"), after, upto)
    rows = await connection.fetch(_SUPERSEDE.format(table="attribute"), after, upto)
    return sorted({row["account_id"] for row in rows})
