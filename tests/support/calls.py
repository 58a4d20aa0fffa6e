"""Runs that stand at a step which calls a connection of ours: webhooks and Slack, with their effects ready."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from support.outreach import Outreach, health_of
from support.receiver import CHANNEL, Receiver

from milepost_core.effects import effect_key
from milepost_runtime.lanes import Claim, claim, drain
from playbook_runner.connections.connecting import NewOutlet

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "xoxb-of-the-test"
WEBHOOK = {"kind": "webhook", "connection": "hook", "fields": {"said": "{{ account.name }} is {{ band }}"}}
SLACK = {"kind": "slack", "connection": "room", "channel": CHANNEL, "text": "{{ account.name }} is {{ band }}"}


def playbook(step: dict[str, Any], steps: int = 1) -> dict[str, Any]:
    """Return a playbook of so many equal steps."""
    return {
        "format": "playbook/1",
        "id": f"call-{step['kind']}",
        "version": 1,
        "name": "Call",
        "purpose": "Calls somebody outside when health drops.",
        "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"},
        "steps": [{"id": f"call-{number}", **step} for number in range(1, steps + 1)],
    }


@dataclass
class Calls:
    """An outreach whose playbook calls a receiver of the test."""

    outreach: Outreach
    step: dict[str, Any]
    server: Receiver

    async def set_up(self, rate_per_s: float | None = None, steps: int = 1) -> None:
        """Connect to the receiver and stock the playbook."""
        runner = self.outreach.runner
        await runner.keeping.stock([playbook(self.step, steps)])
        new = (
            NewOutlet("hook", "webhook", {"url": f"{self.server.url}/in"}, {"secret": SECRET}, rate_per_s)
            if self.step["kind"] == "webhook"
            else NewOutlet("room", "slack", {"api_url": f"{self.server.url}/api"}, {"token": TOKEN}, rate_per_s)
        )
        await runner.outlets.create(new)

    async def intended(self, count: int = 1) -> list[UUID]:
        """Bring so many new accounts to an effect that is ready."""
        accounts = [uuid4() for _ in range(count)]
        for account in accounts:
            self.outreach.scoring.documents[account] = health_of(account)
        kind, place = self.step["kind"], self.step["connection"]
        recipient = self.step.get("channel", place)
        runs, steps = [uuid4() for _ in accounts], [uuid4() for _ in accounts]
        keys = [effect_key(str(run), "call-1", 0, kind, recipient) for run in runs]
        pool = self.outreach.pool
        await pool.execute(
            "insert into run (id, account_id, playbook_id, version, trigger_kind, trigger_key, state, correlation_id)"
            " select r, a, $3, 1, 'band_changed', sha256(uuid_send(r)), 'running', 'corr-1'"
            " from unnest($1::uuid[], $2::uuid[]) as t(r, a)",
            runs,
            accounts,
            f"call-{kind}",
        )
        await pool.execute(
            "insert into step (id, account_id, run_id, path, kind, state)"
            " select s, a, r, 'call-1', $4, 'performing' from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as t(s, a, r)",
            steps,
            accounts,
            runs,
            kind,
        )
        await pool.execute(
            "insert into effect (key, account_id, run_id, step_id, channel, destination, recipient, correlation_id,"
            " state, next_at) select k, a, r, s, $5, $6, $7, 'corr-1', 'ready', clock_timestamp()"
            " from unnest($1::bytea[], $2::uuid[], $3::uuid[], $4::uuid[]) as t(k, a, r, s)",
            keys,
            accounts,
            runs,
            steps,
            kind,
            place,
            recipient,
        )
        return accounts

    async def claimed(self) -> list[Claim]:
        """Claim every effect that is due."""
        lane = self.outreach.runner.performing.lane
        async with self.outreach.pool.acquire() as connection:
            return await claim(connection, lane, lane.batch)

    async def perform(self) -> None:
        """Perform every effect that is due."""
        await drain(self.outreach.pool, self.outreach.runner.performing.lane)

    async def states(self) -> dict[str, int]:
        """Return how many effects are in which state."""
        rows = await self.outreach.pool.fetch("select state, count(*) from effect group by 1")
        return {row["state"]: row["count"] for row in rows}
