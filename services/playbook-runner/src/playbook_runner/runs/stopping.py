"""Stopping: a run ends before its last step, and with it everything that it still had to do; it sends nothing.

Every function here writes inside the caller's transaction. Why a run ended is its own word and a line of the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

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
    rows = {row["id"]: row for row in await runs.lock_runs(connection, list(by_run))}
    parked: list[asyncpg.Record] = []
    for sentence in sorted({one.leave.sentence for one in by_run.values()}):
        same = [one.run_id for one in by_run.values() if one.leave.sentence == sentence]
        parked += await stopping.stop_waiting(connection, same, sentence)
    ends = [
        runs.RunEnd(one.run_id, one.leave.code, one.leave.sentence, "cancelled" if one.cancelled else "done")
        for one in by_run.values()
    ]
    ended = await runs.end_runs(connection, ends)
    # Once all of them are over: a task of several of them goes with the last.
    closing = {one.run_id: one.leave.sentence for one in by_run.values() if one.leave.close_tasks}
    kept = [run_id for run_id in by_run if run_id not in closing]
    await tell_closed(connection, await stopping.close_tasks(connection, closing, kept))
    told = [
        _entry(
            rows[one.run_id], _outcome(one), "run_cancelled" if one.cancelled else one.leave.code, one.leave.sentence
        )
        for one in by_run.values()
        if one.run_id in ended
    ]
    await ledger.add(connection, [*(_left_open(effect, rows[effect["run_id"]]) for effect in parked), *told])
    return ended


def over(run: asyncpg.Record) -> str:
    """Return why nothing more is done for a run that is over, from any row that has its `end_reason`."""
    return f"its run is over: {run['end_reason']}" if run["end_reason"] else "its run is over"


def _left_open(effect: asyncpg.Record, run: asyncpg.Record) -> ledger.Entry:
    return _entry(run, "parked", "nobody_can_know", effect["reason"])._replace(effect_key=effect["key"])


def _entry(run: asyncpg.Record, outcome: str, code: str, reason: str) -> ledger.Entry:
    return ledger.Entry(
        account_id=run["account_id"],
        playbook_id=run["playbook_id"],
        outcome=outcome,
        code=code,
        reason=reason,
        correlation_id=run["correlation_id"],
        run_id=run["id"],
    )


def _outcome(one: Leaving) -> str:
    if one.cancelled:
        return "cancelled"
    return "failed" if one.leave.code in FAILED else "skipped"
