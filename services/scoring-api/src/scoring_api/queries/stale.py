"""SQL about answers that must not be given from memory any more: what was told since, and from where to ask on."""

from typing import Any

from milepost_runtime.database import Connection

CHANNEL = "scoring.stale_answer"
KEPT_FOR = "10 minutes"
_DELETED_AT_ONCE = 5_000

_HORIZON = "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
# Horizon and rows are of one snapshot. A transaction that this snapshot does not see is not below its horizon, so
# asking from there next time misses none, whatever the order of commits. Nothing visible is from beyond the snapshot,
# unless it came with a dump of another server.
_SINCE = """
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon,
  coalesce(array_agg(id), '{}') as ids, coalesce(array_agg(account_id), '{}') as accounts,
  coalesce(array_agg(reference), '{}') as names
from scoring.stale_answer
where written_by >= $1 and written_by < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
"""
_PRUNE = f"""
delete from scoring.stale_answer where id = any(array(
  select id from scoring.stale_answer order by id limit {_DELETED_AT_ONCE}))
and told_at < clock_timestamp() - interval '{KEPT_FOR}'
"""  # noqa: S608 - constants of ours


async def horizon(connection: Connection) -> int:
    """Return from where to ask for everything that is not visible yet."""
    found: int = await connection.fetchval(_HORIZON)
    return found


async def stale_since(connection: Connection, horizon: int, timeout_s: float) -> Any:
    """Return the next horizon, and what was told since this one: `ids`, with an account or a name (reference) each."""
    return await connection.fetchrow(_SINCE, horizon, timeout=timeout_s)


async def prune(connection: Connection) -> None:
    """Delete what everybody has read long ago."""
    told = f"DELETE {_DELETED_AT_ONCE}"
    while told == f"DELETE {_DELETED_AT_ONCE}":
        told = await connection.execute(_PRUNE)
