"""Ending: tells of tasks that have ended, whoever ended them, so that they can be joined to outcomes; it ends none."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from milepost_runtime.database import Connection
from playbook_runner.people.clocks import charge
from playbook_runner.people.staffing import staff
from playbook_runner.people.telling import Happened, tell
from playbook_runner.queries import tasks as queries

CLOSED: Final = "closed"
"""What became of a task that ended with its playbook's run, and not by somebody's word."""


def ended(task: Mapping[str, Any], word: str) -> Happened:
    """Return what is told of a task that has ended: which playbook, which run, who, how long, what became of it."""
    return Happened(
        id=f"task.completed:{task['id']}",
        type="task.completed",
        account_id=task["account_id"],
        at=task["ended_at"],
        actor=task["ended_by"],
        item=str(task["id"]),
        properties={
            "reason": task["reason"],
            "playbook": task["playbook_id"],
            "run": str(task["run_id"]) if task["run_id"] else None,
            "outcome": word,
            "note": task["outcome_note"][:2000],
            "minutes": task["minutes_spent"],
            "our_hours": round(task["our_hours"], 2),
            "their_hours": round(task["their_hours"], 2),
        },
    )


async def tell_closed(connection: Connection, closed: Sequence[asyncpg.Record]) -> None:
    """Tell of tasks that a playbook has closed, in the caller's transaction, with their hours charged."""
    if not closed:
        return
    await charge(connection, closed, await staff(connection, [], ""))
    tasks = [await queries.again(connection, row["id"]) for row in closed]
    await tell(connection, [ended(task, CLOSED) for task in tasks])
