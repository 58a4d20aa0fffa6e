"""Awaiting: tasks that wait for the customer go on when the customer answers, or when somebody says so.

It makes no task wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection
from playbook_runner.people.clocks import charge, moved
from playbook_runner.people.staffing import staff
from playbook_runner.queries import tasks as queries
from playbook_runner.queries.tasks import Word

ANSWERS: Final = frozenset({"message.replied", "meeting.attended"})
"""Event types by which a customer who is awaited has answered."""


@dataclass(frozen=True)
class Resumed:
    """A task whose clocks run on from a moment, and by whom or what."""

    task: asyncpg.Record
    at: datetime
    by: str
    text: str


async def resume(connection: Connection, tasks: Sequence[Resumed]) -> None:
    """Let clocks run on that stood still while the customer was awaited; the hours until then are the customer's."""
    here = await staff(connection, [], "")
    for one in tasks:
        task = one.task
        await charge(connection, [task], here, one.at)
        clocks = moved(task, task["awaiting_since"], one.at, here.worktime(task["owner"]))
        await queries.change(connection, task["id"], {"awaiting_since": None, "awaiting": ""} | clocks)
    await queries.say(
        connection, [Word(one.task["account_id"], one.task["id"], "went_on", one.by, one.text) for one in tasks]
    )


async def answered(connection: Connection, news: Sequence[tuple[UUID, str, datetime]]) -> None:
    """Let tasks go on whose customers have answered: account, event type, moment; in the caller's transaction.

    What happened before a task began to wait is no answer to it.
    """
    told = [one for one in news if one[1] in ANSWERS]
    if not told:
        return
    rows = await queries.awaiting(connection, sorted({account for account, _, _ in told}))
    found = [
        Resumed(row, min(first), "", "the customer has answered")
        for row in rows
        if (first := [at for account, _, at in told if account == row["account_id"] and at >= row["awaiting_since"]])
    ]
    if found:
        await resume(connection, [Resumed(one.task, min(one.at, one.task["now"]), one.by, one.text) for one in found])
