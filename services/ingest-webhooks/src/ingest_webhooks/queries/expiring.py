"""Statements that forget reports of work that ended long ago; what the work did stays."""

from datetime import datetime

from milepost_runtime.database import Connection


async def forget_reports(connection: Connection, before: datetime) -> None:
    """Forget the refused lines of imports, and the replays, that ended before a moment."""
    await connection.execute(
        "delete from ingest.import_reject r using ingest.import i where i.id = r.import_id and i.finished_at < $1",
        before,
    )
    await connection.execute("delete from ingest.replay where finished_at < $1", before)
