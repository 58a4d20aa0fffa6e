"""Tasking: work for people. Asks for it, keeps its clocks, hears what became of it; it writes to no customer.

A step that waits for its task is `performing`; whatever ends the task makes the step due again with `outcome` set, and
the lane that advances runs goes on from there. At most one task of an account and a reason is open: who asks again
adds a piece of evidence to it, and waits for the same end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import structlog

from milepost_core.playbooks.document import TaskStep
from milepost_core.ranking import risk_of
from milepost_runtime.database import Connection, Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.ids import new_id
from milepost_runtime.lanes import Claim, Lane, finish, hold
from milepost_runtime.queue import Hints
from playbook_runner.people.clocks import WARNS_AT, NewClocks, charge, missed, warns
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
    unknown); both are asked for when the step is reached. `owner` is the chain of those whose work it is.
    """

    step: TaskStep
    owner: Sequence[str]
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
        here = await staff(connection, [one.owner for one in wanted], self.otherwise)
        clocks = NewClocks(await connection.fetchval("select clock_timestamp()"), here)
        first = {(one.account_id, one.reason): one for one in reversed(wanted)}
        ordered = [first[pair] for pair in sorted(first, key=lambda pair: (pair[0].int, pair[1]))]
        rows = await queries.ask(connection, [_new(one, here, clocks) for one in ordered])
        tasks = {(row["account_id"], row["reason"]): row for row in rows}
        await queries.say(connection, [_evidence(one, tasks[one.account_id, one.reason]["id"]) for one in wanted])
        await tell(connection, [_created(row, first[row["account_id"], row["reason"]]) for row in rows if row["fresh"]])

    async def tick(self, claims: Sequence[Claim]) -> int:
        """Wake what has slept, warn of clocks that run out, and take to somebody else what missed its clock."""
        async with self.pool.acquire() as connection, connection.transaction():
            ours = await hold(connection, self.lane, claims)
            rows = await queries.due(connection, sorted(ours))
            # Who was sent to sleep again since we came sleeps on.
            awake = [row for row in rows if row["state"] == "snoozed" and row["snoozed_until"] <= row["now"]]
            running = [row for row in rows if row["state"] in ("open", "claimed") and row["awaiting_since"] is None]
            await queries.wake(connection, [row["id"] for row in awake])
            await queries.say(connection, [Word(row["account_id"], row["id"], "woke") for row in awake])
            await self._escalate(connection, [row for row in running if missed(row)])
            await self._warn(connection, [row for row in running if not missed(row) and warns(row)])
            await finish(connection, self.lane, claims)
            await queries.set_clocks(connection, sorted(ours))
            await afp("playbooks.task.ticked")
        return len(claims)

    async def _escalate(self, connection: Connection, rows: Sequence[asyncpg.Record]) -> None:
        """Give late tasks to whom they escalate; each missed clock is told once."""
        if not rows:
            return
        here = await staff(connection, [_upwards(row) for row in rows], self.otherwise)
        await charge(connection, rows, here)
        found = [(row["owner"], row["role"]) if _is_up(row, here) else _up(row, here) for row in rows]
        owners, roles = [owner for owner, _ in found], [role for _, role in found]
        await queries.breach(connection, [row["id"] for row in rows], owners, roles)
        words = [_breached(row, owner) for row, owner in zip(rows, owners, strict=True)]
        await queries.say(connection, words)
        log.warning("tasks_late", tasks=len(rows))

    async def _warn(self, connection: Connection, rows: Sequence[asyncpg.Record]) -> None:
        """Tell owners that clocks of theirs are about to run out; each clock does so once."""
        if not rows:
            return
        await queries.warn(connection, [row["id"] for row in rows])
        await queries.say(connection, [_warned(row) for row in rows])
        await tell(connection, [_told_of_warning(row) for row in rows])


def _new(one: Wanted, here: Staff, clocks: NewClocks) -> NewTask:
    owner = here.owner(one.owner, one.account_owner)
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
        accept_hours=one.step.accept_hours,
        escalate_to=one.step.escalate_to,
        **clocks.of(owner.id, one.step.accept_hours, one.step.finish_hours),
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


def _is_up(row: asyncpg.Record, here: Staff) -> bool:
    """Tell whether a late task has nowhere to go: it does not escalate, or is with one of those to whom it does."""
    up = row["escalate_to"]
    return up is None or here.stands_for(row["owner"], up)


def _up(row: asyncpg.Record, here: Staff) -> tuple[str, str]:
    owner = here.owner(_upwards(row), None)
    return owner.id, owner.role


def _warned(row: asyncpg.Record) -> Word:
    which = warns(row)
    verb, clock = ("finished", row["due_at"]) if which == "finish" else ("accepted", row["accept_by"])
    text = f"to be {verb} by {clock:%Y-%m-%d %H:%M} UTC: {WARNS_AT:.0%} of the time is over"
    return Word(row["account_id"], row["id"], "warned", "", text, {"clock": which, "owner": row["owner"]})


def _told_of_warning(row: asyncpg.Record) -> Happened:
    which = warns(row)
    clock = row["due_at"] if which == "finish" else row["accept_by"]
    return Happened(
        id=f"task.warned:{row['id']}:{which}:{clock.isoformat()}",
        type="task.warned",
        account_id=row["account_id"],
        at=row["now"],
        actor=row["owner"],
        item=str(row["id"]),
        properties={
            "reason": row["reason"],
            "playbook": row["playbook_id"],
            "clock": which,
            "due_at": clock.isoformat(),
        },
    )


def _breached(row: asyncpg.Record, owner: str) -> Word:
    which = missed(row)
    clock = row["due_at"] if which == "finish" else row["accept_by"]
    verb = "finished" if which == "finish" else "accepted"
    text = f"not {verb} by {clock:%Y-%m-%d %H:%M} UTC"
    if owner != row["owner"]:
        text += f"; it went from {row['owner']} to {owner}"
    return Word(row["account_id"], row["id"], "breached", "", text, {"clock": which, "from": row["owner"], "to": owner})
