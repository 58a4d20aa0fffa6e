"""Tending: what people do with their tasks: claim, let sleep, wait, hand over, complete, skip; it opens none.

Whatever a person does is a word of the task with its author, and an end is told to the front door with its outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from milepost_core.owning import Owner, named
from milepost_runtime.database import Connection, Pool
from milepost_runtime.queue import Hints
from milepost_runtime.transacting import transact
from playbook_runner.actions.addresses import BadAddress, check_address
from playbook_runner.people.awaiting import Resumed, resume
from playbook_runner.people.clocks import anew, charge, moved
from playbook_runner.people.ending import ended
from playbook_runner.people.staffing import Staff, staff
from playbook_runner.people.telling import tell
from playbook_runner.queries import advancing as steps
from playbook_runner.queries import locking, people
from playbook_runner.queries import tasks as queries
from playbook_runner.queries.tasks import Word

log = structlog.get_logger()
SKIPPED: Final = "skipped"
NOBODY: Final = ""
LONGEST_SNOOZE_DAYS: Final = 90


class TaskUnknown(Exception):
    """There is no such task."""


class TaskEnded(Exception):
    """The task has ended; what became of it stays."""


class TaskTaken(Exception):
    """Somebody else has claimed the task."""


class HandOverRefused(Exception):
    """Nobody can have the task."""


class SnoozeRefused(Exception):
    """The moment is not ahead, or too far ahead."""


@dataclass(frozen=True)
class Outcome:
    """What became of a task: `word` is one of helped, no_effect, false_alarm, root_cause; `minutes` it took."""

    word: str
    note: str = ""
    minutes: float | None = None


@dataclass(frozen=True)
class Tending:
    """The use case behind the moves of a task; each is one transaction."""

    pool: Pool = field(repr=False)
    hints: Hints = field(repr=False)

    async def claim(self, task_id: UUID, who: str, *, take_over: bool) -> None:
        """Make a task somebody's work; their own again changes nothing. Raises TaskUnknown, TaskEnded, TaskTaken.

        `take_over`: also from somebody who has claimed it. One that sleeps wakes, and its clocks run on from now.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            task = await _open(connection, task_id)
            if task["claimed_at"] is not None and task["owner"] == who and task["state"] == "claimed":
                return
            if task["claimed_at"] is not None and task["owner"] != who and not take_over:
                raise TaskTaken(f"{task['owner']} has claimed this task at {task['claimed_at']:%Y-%m-%d %H:%M} UTC")
            here = await self._charged(connection, task)
            awake = {"state": "claimed", "owner": who, "claimed_at": task["now"], "snoozed_until": None}
            await _move(connection, task, awake | _woken(task, here))
            await queries.say(connection, [Word(task["account_id"], task_id, "claimed", who)])

    async def snooze(self, task_id: UUID, until: datetime, reason: str, who: str) -> None:
        """Let a task sleep; its clocks stand still meanwhile. Raises TaskUnknown, TaskEnded, SnoozeRefused.

        What asks for the same work until then adds evidence and wakes nobody.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            task = await _open(connection, task_id)
            if not 0 < (until - task["now"]).total_seconds() <= LONGEST_SNOOZE_DAYS * 86_400:
                raise SnoozeRefused(f"a task sleeps until a moment of the next {LONGEST_SNOOZE_DAYS} days")
            here = await self._charged(connection, task)
            since = task["snoozed_until"] or task["awaiting_since"] or task["now"]
            clocks = moved(task, since, until, here.worktime(task["owner"]))
            asleep = {"state": "snoozed", "snoozed_until": until, "awaiting_since": None, "awaiting": ""}
            await _move(connection, task, asleep | clocks)
            detail = {"until": until.isoformat()}
            await queries.say(connection, [Word(task["account_id"], task_id, "snoozed", who, reason, detail)])

    async def wait_for_customer(self, task_id: UUID, reason: str, who: str) -> None:
        """Let the clocks of a task stand still until the customer answers; said again, it has the new reason.

        Raises TaskUnknown, TaskEnded.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            task = await _open(connection, task_id)
            here = await self._charged(connection, task)
            awake = {"state": "claimed" if task["claimed_at"] else "open", "snoozed_until": None}
            since = {"awaiting_since": task["awaiting_since"] or task["now"], "awaiting": reason}
            await _move(connection, task, awake | since | _woken(task, here))
            await queries.say(connection, [Word(task["account_id"], task_id, "awaiting", who, reason)])

    async def go_on(self, task_id: UUID, who: str) -> None:
        """Let the clocks of a task run on; one that waits for nobody stays as it is. Raises TaskUnknown, TaskEnded."""
        async with self.pool.acquire() as connection, connection.transaction():
            task = await _open(connection, task_id)
            if task["awaiting_since"] is not None:
                await resume(connection, [Resumed(task, task["now"], who, "")])

    async def hand_over(self, task_id: UUID, to: str, reason: str, who: str) -> None:
        """Give a task to somebody else (or who stands in for them); they have to claim it, in as long as the first had.

        Raises as `claim`, and HandOverRefused where nobody has the role or the name, or is there to stand in.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            task = await _open(connection, task_id)
            here = await staff(connection, [[to]], NOBODY)
            owner = _takes(here, to)
            await charge(connection, [task], here)
            await queries.give_all(connection, [_to(task, owner, here)])
            await queries.say(connection, [_given(task["account_id"], task_id, task["owner"], owner.id, who, reason)])

    async def hand_over_all(self, owner: str, to: str, reason: str, who: str) -> int:
        """Give all open tasks of one person to another, or spread them over a role; return how many.

        Raises HandOverRefused as `hand_over`.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            rows = await queries.open_of(connection, await people.names_of(connection, owner))
            here = await staff(connection, [[to]], NOBODY)
            await charge(connection, rows, here)
            found = []
            for row in rows:
                one = _takes(here, to)
                found.append(one)
                here = here.loaded(one.id, row["effort_minutes"])
            pairs = list(zip(rows, found, strict=True))
            await queries.give_all(connection, [_to(row, one, here) for row, one in pairs])
            words = [_given(row["account_id"], row["id"], row["owner"], one.id, who, reason) for row, one in pairs]
            await queries.say(connection, words)
        log.info("tasks_handed_over", tasks=len(rows), by=who)
        return len(rows)

    async def complete(self, task_id: UUID, outcome: Outcome, who: str) -> None:
        """End a task with what became of it; the runs that waited go on. Raises TaskUnknown, TaskEnded."""
        ending = {"state": "done", "outcome": outcome.word, "outcome_note": outcome.note}
        await self._end(task_id, ending | {"minutes_spent": outcome.minutes}, who)

    async def skip(self, task_id: UUID, reason: str, who: str) -> None:
        """End a task undone, with the reason; the runs that waited go on. Raises TaskUnknown, TaskEnded."""
        await self._end(task_id, {"state": SKIPPED, "outcome_note": reason}, who)

    async def _end(self, task_id: UUID, ending: Mapping[str, Any], who: str) -> None:
        word = str(ending.get("outcome") or SKIPPED)

        async def work(connection: Connection) -> None:
            waiting = await queries.steps_of(connection, task_id)
            await locking.runs_of_steps(connection, waiting)
            task = await _open(connection, task_id)
            if await queries.steps_of(connection, task_id) != waiting:
                raise asyncpg.SerializationError("another run asked for the same work meanwhile")
            await self._charged(connection, task)
            await _over(connection, task, ending, word, who)
            await steps.close_steps(connection, waiting, word)

        await transact(self.pool, work)
        self.hints.nudge("playbooks.advance")
        self.hints.nudge("playbooks.tell")
        log.info("task_ended", task_id=str(task_id), outcome=word, by=who)

    async def _charged(self, connection: Connection, task: asyncpg.Record) -> Staff:
        """Charge a task's hours until now to who had them; return everybody."""
        here = await staff(connection, [], NOBODY)
        await charge(connection, [task], here)
        return here


def _woken(task: asyncpg.Record, here: Staff) -> dict[str, datetime]:
    """Return the clocks of a task that sleeps and is to wake now: what it will not sleep, they do not stand still."""
    if task["state"] != "snoozed" or task["snoozed_until"] <= task["now"]:
        return {}
    return moved(task, task["snoozed_until"], task["now"], here.worktime(task["owner"]))


def _takes(here: Staff, to: str) -> Owner:
    owner = here.owner([to], None)
    if owner.id == NOBODY or not (named(owner.id, here.colleagues) or _is_address(owner.id)):
        raise HandOverRefused(f"nobody can have it: {to} names nobody who is here, or for whom somebody stands in")
    return owner


def _is_address(word: str) -> bool:
    try:
        check_address(word)
    except BadAddress:
        return False
    return True


def _to(task: asyncpg.Record, owner: Owner, here: Staff) -> queries.Given:
    return queries.Given(task["id"], owner.id, owner.role, **anew(task, here.worktime(owner.id)))


async def _open(connection: Connection, task_id: UUID) -> asyncpg.Record:
    task = await queries.lock(connection, task_id)
    if task is None:
        raise TaskUnknown(f"there is no task {task_id}")
    if task["state"] not in ("open", "claimed", "snoozed"):
        raise TaskEnded(f"this task has ended: {task['state']}")
    return task


async def _move(connection: Connection, task: asyncpg.Record, columns: Mapping[str, Any]) -> None:
    await queries.change(connection, task["id"], columns)


async def _over(connection: Connection, task: asyncpg.Record, ending: Mapping[str, Any], word: str, who: str) -> None:
    over = {"ended_at": task["now"], "ended_by": who, "awaiting_since": None, "awaiting": ""}
    await _move(connection, task, dict(ending) | over)
    detail = {"outcome": word, "minutes": ending.get("minutes_spent")}
    said = Word(task["account_id"], task["id"], str(ending["state"]), who, str(ending["outcome_note"]), detail)
    await queries.say(connection, [said])
    await tell(connection, [ended(await queries.again(connection, task["id"]), word)])


def _given(account_id: UUID, task_id: UUID, owner: str, to: str, who: str, reason: str) -> Word:
    return Word(account_id, task_id, "handed_over", who, reason, {"from": owner, "to": to})
