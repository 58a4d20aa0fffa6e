"""A day of a book of accounts in seconds: chance decides what people, customers and accidents do to it, and when.

It judges nothing; what is refused is an answer like any other.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from support.calls import WEBHOOK
from support.outreach import Outreach, health_of, publish
from support.receiver import Receiver

from milepost_core.effects import IllegalMove, Resolution
from milepost_runtime import failpoints
from milepost_runtime.database import Pool
from playbook_runner.clients.scoring import HealthAway
from playbook_runner.effects.resending import NotSentAgain
from playbook_runner.effects.resolving import ResendRefused, RunEnded
from playbook_runner.people.approving import ApprovalEnded
from playbook_runner.people.tending import Outcome, TaskEnded
from playbook_runner.runs.by_hand import NotStarted
from playbook_runner.runs.releasing import InFlight

SECOND = 1 / 86_400
# Who cannot have a lock in time asks again, as everybody would.
BUSY = asyncpg.LockNotAvailableError
REFUSALS = (
    ApprovalEnded, BUSY, HealthAway, IllegalMove, NotSentAgain, NotStarted, ResendRefused, RunEnded, TaskEnded,
)  # fmt: skip
IN_FLIGHT: tuple[InFlight, ...] = ("stay", "move", "move", "stop")
RESOLUTIONS: tuple[Resolution, ...] = ("sent", "resend", "drop")
POINTS = tuple(
    f"playbooks.{point}"
    for point in (
        "advance.written", "advance.given", "advance.intended", "perform.started", "perform.written",
        "perform.committed", "start.answered", "wake.read", "task.ticked", "approve.expired",
    )
)  # fmt: skip


def playbook(name: str, trigger: dict[str, Any], *steps: dict[str, Any], version: int, **more: Any) -> dict[str, Any]:
    head = {"format": "playbook/1", "id": name, "version": version, "name": name, "trigger": trigger}
    return head | {"steps": list(steps), "re_entry": {"days": 0}} | more


def books(version: int) -> list[dict[str, Any]]:
    """Three playbooks that want the same work of people; every other version has a step more."""

    def call(name: str) -> dict[str, Any]:
        return {"id": name} | WEBHOOK

    def wait(name: str, **how: Any) -> dict[str, Any]:
        return {"id": name, "kind": "wait"} | how

    task = {"id": "t", "kind": "task", "owner": ["owner"], "title": "Call", "script": "Hello", "reason": "usage fell"}
    gate = {"id": "ask", "kind": "approval", "by": ["owner"], "about": "h1", "rejected": "t", "otherwise": "reject"}
    red = {"when": {"subject": "band", "operator": "eq", "value": "red"}, "next": "t"}
    which = {"id": "br", "kind": "branch", "cases": [red], "otherwise": "h2", "timeout_days": 2 * SECOND}
    more = [wait(f"x{version}", days=SECOND / 4)] if version % 2 == 0 else []
    churned, recovered = {"kind": "churned"}, {"kind": "recovered", "bands": ["green"]}
    reply = wait("w", events=["meeting.scheduled"], timeout_days=SECOND, on_timeout="br")
    drop = {"kind": "band_changed", "to": ["red"], "direction": "down"}
    opened = {"kind": "event", "events": ["ticket.opened"]}
    return [
        playbook(
            "drop", drop, call("h1"), *more, reply, call("h3"), which, task, call("h2"),
            version=version, exits=[recovered, churned],
        ),
        playbook(
            "hand", {"kind": "by_hand"}, gate, *more, call("h1") | {"next": "w"}, task, wait("w", days=SECOND / 2),
            call("h2"), version=version, exits=[churned],
        ),
        playbook("ticket", opened, task, *more, reply | {"on_timeout": "h2"}, call("h1"), call("h2"), version=version),
    ]  # fmt: skip


@dataclass
class Turmoil:
    """All that may happen to a book of accounts, by people, customers and accidents."""

    outreach: Outreach
    ingest_pool: Pool
    server: Receiver
    chance: Random
    accounts: list[UUID]
    version: int = 1

    @property
    def acts(self) -> dict[Callable[[], Awaitable[Any]], int]:
        """What may happen, and how often."""
        return {
            self.turns_red: 4, self.turns_green: 2, self.starts: 5, self.happens: 10, self.pauses: 2, self.releases: 2,
            self.cancels: 3, self.ends_a_task: 8, self.tends_a_task: 2, self.speaks_of_a_gate: 6, self.loses_leases: 3,
            self.is_slow: 3, self.fails: 1, self.is_silent: 1, self.answers_badly: 1, self.resolves: 2,
            self.sends_again: 1,
        }  # fmt: skip

    async def goes_on(self, seconds: float) -> None:
        """Do one thing after the other for a while; that it is refused is an answer."""
        acts, until = self.acts, time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(*REFUSALS):
                await self.chance.choices(list(acts), list(acts.values()))[0]()
            await asyncio.sleep(self.chance.random() / 60)

    async def turns_red(self) -> None:
        await self._changes("green", "red")

    async def turns_green(self) -> None:
        await self._changes("red", "green")

    async def _changes(self, before: str, now: str) -> None:
        account = self.chance.choice(self.accounts)
        self.outreach.scoring.documents[account] = health_of(account, now)
        await publish(self.outreach.scoring_pool, account, from_band=before, to_band=now)

    async def starts(self) -> None:
        await self.outreach.runner.by_hand.start(self.chance.choice(self.accounts), "hand", "a hunch", "kim")

    async def happens(self) -> None:
        kind = self.chance.choice(["ticket.opened"] * 4 + ["meeting.scheduled"] * 5 + ["churned"])
        await self.ingest_pool.execute(
            "insert into event (event_id, account_id, type, occurred_at, source, properties)"
            " values ($1, $2, $3, clock_timestamp(), 'tests', '{}')",
            str(uuid4()), self.chance.choice(self.accounts), kind,
        )  # fmt: skip

    async def pauses(self) -> None:
        keeping, name = self.outreach.runner.keeping, self.chance.choice(["drop", "hand", "ticket", None])
        for paused in (True, False):
            if name is None:
                await keeping.switch(paused=paused, by="kim")
            else:
                await keeping.set_state(name, "paused" if paused else "active", "kim")
            await asyncio.sleep(self.chance.random() / 4)

    async def releases(self) -> None:
        self.version += 1
        await self.outreach.runner.keeping.stock(books(self.version))
        for one in books(self.version):
            # The one before it again: what runs began meanwhile stays on theirs, moves, or stops.
            await self.outreach.runner.releasing.rollback(
                one["id"], self.chance.choice(["stay", "move", "stop"]), "kim"
            )

    async def _any(self, table: str, key: str, states: str) -> Any:
        return await self.outreach.pool.fetchval(
            f"select {key} from {table} where state = any(string_to_array($1, ' ')) order by random() limit 1", states
        )

    async def cancels(self) -> None:
        if run := await self._any("run", "id", "running"):
            await self.outreach.runner.resolving.cancel(run, "kim")

    async def ends_a_task(self) -> None:
        if task := await self._any("task", "id", "open claimed snoozed"):
            await self.outreach.runner.tending.complete(task, Outcome("helped", "well", 1), "kim")

    async def tends_a_task(self) -> None:
        if task := await self._any("task", "id", "open claimed snoozed"):
            soon = datetime.now(UTC) + timedelta(seconds=0.3)
            await self.outreach.runner.tending.snooze(task, soon, "not now", "kim")

    async def speaks_of_a_gate(self) -> None:
        if gate := await self._any("approval", "id", "open"):
            if self.chance.random() < 0.6:
                await self.outreach.runner.approving.approve(gate, None, "kim")
            else:
                await self.outreach.runner.approving.reject(gate, "no", "kim")

    async def loses_leases(self) -> None:
        for table in ("step", "effect", "cursor", "wake_cursor", "approval", "task"):
            await self.outreach.pool.execute(
                f"update {table} set lease_until = clock_timestamp() - interval '1 second' where ctid = any(array("
                f"select ctid from {table} where lease_until is not null and random() < 0.5 for update skip locked))"
            )

    async def is_slow(self) -> None:
        await self._fault("sleep:0.1")

    async def fails(self) -> None:
        await self._fault("raise")

    async def _fault(self, what: str) -> None:
        failpoints.arm(",".join(f"{point}={what}" for point in self.chance.sample(POINTS, 3)))
        await asyncio.sleep(0.2)
        failpoints.arm("")

    async def answers_badly(self) -> None:
        self.server.answers = self.chance.choices([503, 429, "cut", "garbage", 400], k=2)

    async def is_silent(self) -> None:
        self.outreach.scoring.status = 503
        await asyncio.sleep(0.1)
        self.outreach.scoring.status = 200

    async def resolves(self) -> None:
        if key := await self._any("effect", "key", "in_doubt parked"):
            await self.outreach.runner.resolving.resolve(key, self.chance.choice(RESOLUTIONS), "kim")

    async def sends_again(self) -> None:
        if key := await self._any("effect", "key", "failed_permanent"):
            await self.outreach.runner.resending.one(key, "kim")
