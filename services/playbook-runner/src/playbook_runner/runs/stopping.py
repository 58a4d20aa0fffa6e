"""Stopping: a run ends before its last step, and with it everything that it still had to do; it sends nothing.

Every function here writes inside the caller's transaction. Why a run ended is its own word and a line of the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from milepost_core.cadence import Leave
from milepost_runtime.database import Connection
from playbook_runner.people.ending import tell_closed
from playbook_runner.queries import advancing as runs
from playbook_runner.queries import ledger, stopping

FAILED = frozenset({"failed", "not_sendable"})


@dataclass(frozen=True)
class Leaving:
    """A run that is to end, and why; `by` names a person who wants it so."""

    run_id: UUID
    leave: Leave
    cancelled: bool = False


async def stop(connection: Connection, leaving: Sequence[Leaving]) -> set[UUID]:
    """End runs with all that they still had to do; return those that were open."""
    if not leaving:
        return set()
    by_run = {one.run_id: one for one in sorted(leaving, key=lambda one: one.run_id)}
    kept = [one.run_id for one in by_run.values() if not one.leave.close_tasks]
    rows = {row["id"]: row for row in await runs.lock_runs(connection, list(by_run))}
    for sentence in sorted({one.leave.sentence for one in by_run.values()}):
        same = [one.run_id for one in by_run.values() if one.leave.sentence == sentence]
        await tell_closed(connection, await stopping.stop_waiting(connection, same, sentence, kept))
    ends = [
        runs.RunEnd(one.run_id, one.leave.code, one.leave.sentence, "cancelled" if one.cancelled else "done")
        for one in by_run.values()
    ]
    ended = await runs.end_runs(connection, ends)
    entries = [
        ledger.Entry(
            account_id=rows[one.run_id]["account_id"],
            playbook_id=rows[one.run_id]["playbook_id"],
            outcome=_outcome(one),
            code="run_cancelled" if one.cancelled else one.leave.code,
            reason=one.leave.sentence,
            correlation_id=rows[one.run_id]["correlation_id"],
            run_id=one.run_id,
        )
        for one in by_run.values()
        if one.run_id in ended
    ]
    await ledger.add(connection, entries)
    return ended


def _outcome(one: Leaving) -> str:
    if one.cancelled:
        return "cancelled"
    return "failed" if one.leave.code in FAILED else "skipped"
