"""Writes what worked examples and evaluations tell into a database of their own: feed rows; it never commits.

Only there: in a house that is in use, ingest alone writes the feed.
"""

from collections.abc import Sequence
from typing import Any

from milepost_runtime.database import Connection

_FEED = """
insert into ingest.event (event_id, account_id, type, occurred_at, recorded_at, actor, role, item, value, value_text,
  properties, source, correlation_id, supersedes, told_at, sequence)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12, $13, $14, $15, $16) on conflict do nothing
"""


_PLAIN = (
    "event_id", "account_id", "type", "occurred_at", "recorded_at", "actor", "role", "item", "value", "value_text",
    "properties", "source",
)  # fmt: skip


async def publish(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add rows to the feed in this order; what is known already stays."""
    await connection.executemany(_FEED, rows)


async def copy(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add many plain rows to the feed at once; each has an event id that is not known yet."""
    await connection.copy_records_to_table("event", schema_name="ingest", columns=_PLAIN, records=rows)


async def settle(connection: Connection) -> None:
    """Let the planner see what has been filled in."""
    await connection.execute("analyze scoring.record, scoring.account, scoring.attribute")
