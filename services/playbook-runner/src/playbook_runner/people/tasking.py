"""Tasking: work for people. Asks for it, keeps its clocks, hears what became of it; it writes to no customer.

A step that waits for its task is `performing`; whatever ends the task makes the step due again with `outcome` set, and
the lane that advances runs goes on from there. At most one task of an account and a reason is open: who asks again
adds a piece of evidence to it, and waits for the same end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from milepost_core.playbooks.document import TaskStep
from milepost_core.ranking import risk_of
from milepost_core.worktime import hours_after
from milepost_runtime.database import Connection, Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.ids import new_id
from milepost_runtime.lanes import Claim, Lane, finish, hold
from milepost_runtime.queue import Hints
from playbook_runner.people.staffing import Staff, staff
from playbook_runner.people.telling import Happened, tell
from playbook_runner.queries import tasks as queries
from playbook_runner.queries.tasks import NewTask, Word

log = structlog.get_logger()
LANE = "playbooks.task"


@dataclass(frozen=True)
class Wanted:
    """What a step wants of a person, and why now: `evidence` is a sentence; `title` and `script` are rendered.

    `account_owner` is the account's owner as the health document names it, `value` what the customer is worth (0:
    unknown); both are asked for when the step is reached.
    """

    step: TaskStep
    account_id: UUID
    run_id: UUID
    step_id: UUID
    playbook_id: str
    title: str
    script: str
    account_owner: str | None
    score: float | None
    band: str
    value: float
    evidence: str

    @property
    def reason(self) -> str:
        """What the work is about: tasks of one account and reason are one."""
        return self.step.reason or f"{self.playbook_id}/{self.step.id}"


@dataclass(frozen=True)
class Tasking:
    """The use case behind tasks and the lane `playbooks.task`; `otherwise` owns what nobody else can."""

    pool: Pool = field(repr=False)
    hints: Hints = field(repr=False)
    otherwise: str
    lease_s: float = 15.0

    @property
    def lane(self) -> Lane:
        """The lane over tasks whose clocks have something to say."""
        return Lane(LANE, "task", "id", self.tick, key_type="uuid", batch=200, lease_s=self.lease_s)

    async def ask(self, connection: Connection, wanted: Sequence[Wanted]) -> None:
        """Open tasks in the caller's transaction, or add evidence to those that are open already."""
        if not wanted:
            return
        here = await staff(connection, [one.step.owner for one in wanted], self.otherwise)
        now = await connection.fetchval("select clock_timestamp()")
        first = {(one.account_id, one.reason): one for one in reversed(wanted)}
        ordered = [first[pair] for pair in sorted(first, key=lambda pair: (pair[0].int, pair[1]))]
        rows = await queries.ask(connection, [_new(one, here, now) for one in ordered])
        tasks = {(row["account_id"], row["reason"]): row for row in rows}
        await queries.say(connection, [_evidence(one, tasks[one.account_id, one.reason]["id"]) for one in wanted])
        await tell(connection, [_created(row, first[row["account_id"], row["reason"]]) for row in rows if row["fresh"]])

    async def tick(self, claims: Sequence[Claim]) -> int:
        """Wake what has slept, and take to somebody else what missed its clock."""
        async with self.pool.acquire() as connection, connection.transaction():
            ours = await hold(connection, self.lane, claims)
            rows = await queries.due(connection, sorted(ours))
            awake = [row for row in rows if row["state"] == "snoozed"]
            late = [row for row in rows if row["state"] in ("open", "claimed")]
            await queries.wake(connection, [row["id"] for row in awake])
            await queries.say(connection, [Word(row["account_id"], row["id"], "woke") for row in awake])
            await self._escalate(connection, [row for row in late if missed(row)])
            await finish(connection, self.lane, claims)
            await queries.set_clocks(connection, sorted(ours))
            await afp("playbooks.task.ticked")
        return len(claims)

    async def _escalate(self, connection: Connection, rows: Sequence[asyncpg.Record]) -> None:
        """Give late tasks to whom they escalate; each missed clock is told once."""
        if not rows:
            return
        here = await staff(connection, [_upwards(row) for row in rows], self.otherwise)
        found = [here.owner(_upwards(row), None) for row in rows]
        owners = [owner.id if row["escalate_to"] else row["owner"] for row, owner in zip(rows, found, strict=True)]
        roles = [owner.role if row["escalate_to"] else row["role"] for row, owner in zip(rows, found, strict=True)]
        await queries.breach(connection, [row["id"] for row in rows], owners, roles)
        words = [_breached(row, owner) for row, owner in zip(rows, owners, strict=True)]
        await queries.say(connection, words)
        log.warning("tasks_late", tasks=len(rows))


def missed(task: asyncpg.Record) -> str:
    """Return which clock of an open task has run out since the last one that did: `accept`, `finish`, or nothing."""
    told = task["breached_at"]

    def out(clock: Any) -> bool:
        return clock is not None and clock <= task["now"] and (told is None or clock > told)

    if out(task["due_at"]):
        return "finish"
    return "accept" if task["state"] == "open" and out(task["accept_by"]) else ""


def _new(one: Wanted, here: Staff, now: Any) -> NewTask:
    owner = here.owner(one.step.owner, one.account_owner)
    hours = here.worktime(owner.id)
    accept = one.step.accept_hours
    return NewTask(
        id=new_id(),
        account_id=one.account_id,
        run_id=one.run_id,
        step_id=one.step_id,
        playbook_id=one.playbook_id,
        reason=one.reason,
        title=one.title,
        script=one.script,
        owner=owner.id,
        role=owner.role,
        risk=risk_of(one.score, one.band),
        value=one.value,
        effort_minutes=one.step.effort_minutes,
        accept_by=None if accept is None else hours_after(now, accept, hours),
        due_at=hours_after(now, one.step.finish_hours, hours),
        escalate_to=one.step.escalate_to,
    )


def _evidence(one: Wanted, task_id: UUID) -> Word:
    detail = {"run_id": str(one.run_id), "step_id": str(one.step_id), "playbook_id": one.playbook_id}
    return Word(one.account_id, task_id, "evidence", "", one.evidence, detail)


def _created(row: asyncpg.Record, one: Wanted) -> Happened:
    return Happened(
        id=f"task.created:{row['id']}",
        type="task.created",
        account_id=row["account_id"],
        at=row["created_at"],
        actor=row["owner"],
        item=str(row["id"]),
        properties={"reason": row["reason"], "playbook": one.playbook_id, "run": str(one.run_id)},
    )


def _upwards(row: asyncpg.Record) -> list[str]:
    return [row["escalate_to"], row["owner"]] if row["escalate_to"] else [row["owner"]]


def _breached(row: asyncpg.Record, owner: str) -> Word:
    which = missed(row)
    clock = row["due_at"] if which == "finish" else row["accept_by"]
    verb = "finished" if which == "finish" else "accepted"
    text = f"not {verb} by {clock:%Y-%m-%d %H:%M} UTC"
    if owner != row["owner"]:
        text += f"; it went from {row['owner']} to {owner}"
    return Word(row["account_id"], row["id"], "breached", "", text, {"clock": which, "from": row["owner"], "to": owner})
