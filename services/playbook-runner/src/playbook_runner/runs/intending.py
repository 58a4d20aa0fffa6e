"""Intending: writes down, under its key, what a step means to do outside; it calls nobody outside but the scoring API.

The draft's text only shows that there is something to send: the text that goes out is of that moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import structlog

from milepost_core.cadence import Leave
from milepost_core.playbooks import Playbook
from milepost_runtime.database import Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.lanes import Claim, Lane, hold
from milepost_runtime.queue import Hints
from playbook_runner.clients.scoring import HealthAway
from playbook_runner.documents.keeping import Keeping
from playbook_runner.measures import STEPS
from playbook_runner.queries import advancing as queries
from playbook_runner.queries.advancing import NewEffect, StepEnd
from playbook_runner.runs.deciding import Deciding
from playbook_runner.wording.drafting import Draft

log = structlog.get_logger()


@dataclass(frozen=True)
class Intended:
    """What became of steps that did not become effects: runs that end, and steps to ask for again, with the reason."""

    leaving: Sequence[tuple[asyncpg.Record, Leave]] = ()
    away: Sequence[asyncpg.Record] = ()
    reason: str = ""


@dataclass(frozen=True)
class Intending:
    """The use case of turning steps that go out into effects."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    deciding: Deciding
    hints: Hints = field(repr=False)

    async def intend(self, lane: Lane, mine: Mapping[UUID, Claim], steps: Sequence[asyncpg.Record]) -> Intended:
        """Write effects down for steps that are ours (rows of `contexts`), unless their runs were ended meanwhile."""
        decisions = await self.deciding.today_of(steps, {})
        drafts = {step["step_id"]: found for step in steps if isinstance(found := decisions[step["step_id"]], Draft)}
        if drafts:
            await self._write(lane, mine, [step for step in steps if step["step_id"] in drafts], drafts)
        leaving = [(step, found) for step in steps if isinstance(found := decisions[step["step_id"]], Leave)]
        away = [step for step in steps if isinstance(decisions[step["step_id"]], HealthAway)]
        return Intended(leaving, away, str(decisions[away[0]["step_id"]]) if away else "")

    async def _write(
        self, lane: Lane, mine: Mapping[UUID, Claim], steps: Sequence[asyncpg.Record], drafts: Mapping[UUID, Draft]
    ) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            held = await hold(connection, lane, [mine[step["step_id"]] for step in steps])
            runs = await queries.lock_runs(connection, [step["run_id"] for step in steps])
            running = {run["id"] for run in runs if run["state"] == "running"}
            ours = [step for step in steps if step["step_id"] in held]
            going = [step for step in ours if step["run_id"] in running]
            effects = [
                _effect(
                    step,
                    drafts[step["step_id"]],
                    await self.keeping.version(connection, step["playbook_id"], step["version"]),
                )
                for step in going
            ]
            await queries.insert_effects(connection, effects)
            ends = [StepEnd(step["step_id"], "cancelled", "run cancelled") for step in ours if step not in going]
            await queries.set_steps(connection, [*ends, *(StepEnd(step["step_id"], "performing") for step in going)])
            await afp("playbooks.advance.intended")
        STEPS.labels("intended").inc(len(effects))
        for step, effect in zip(going, effects, strict=True):
            log.info(
                "effect_intended",
                effect=effect.key.hex(),
                channel=effect.channel,
                step=step["path"],
                run_id=str(step["run_id"]),
                account_id=str(step["account_id"]),
                correlation_id=step["correlation_id"],
            )
        self.hints.nudge("playbooks.perform")


def _effect(step: asyncpg.Record, draft: Draft, playbook: Playbook) -> NewEffect:
    return NewEffect(
        key=draft.key,
        account_id=step["account_id"],
        run_id=step["run_id"],
        step_id=step["step_id"],
        channel=step["kind"],
        recipient=draft.recipient,
        correlation_id=step["correlation_id"],
        destination=draft.destination,
        priority=playbook.priority,
        transactional=draft.transactional,
    )
