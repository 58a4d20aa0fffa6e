"""Intending: writes down, under its key, what a step means to do outside; it calls nobody outside but the scoring API.

Where a message goes may hang on today's health. Then it is drafted here too, and its text only shows that there is
something to send: the text that goes out is of that moment. What goes where its playbook says needs no draft yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from milepost_core.cadence import Leave
from milepost_core.playbooks import Playbook
from milepost_runtime.database import Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.lanes import Claim, Lane, hold
from milepost_runtime.queue import Hints
from playbook_runner.clients.scoring import HealthAway
from playbook_runner.documents.keeping import Keeping
from playbook_runner.queries import advancing as queries
from playbook_runner.queries.advancing import NewEffect, StepEnd
from playbook_runner.runs.beginning import Further, new_effect
from playbook_runner.runs.deciding import Deciding
from playbook_runner.runs.stopping import over
from playbook_runner.wording.drafting import Draft, Envelope, envelope


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
        playbooks = await self._playbooks(steps)
        envelopes = {step["step_id"]: to for step in steps if (to := _known(step, playbooks)) is not None}
        asked = [step for step in steps if step["step_id"] not in envelopes]
        decisions = await self.deciding.today_of(asked, {}) if asked else {}
        envelopes |= {step_id: found.envelope for step_id, found in decisions.items() if isinstance(found, Draft)}
        effects = {
            step["step_id"]: new_effect(step, envelopes[step["step_id"]], playbooks[step["step_id"]])
            for step in steps
            if step["step_id"] in envelopes
        }
        if effects:
            await self._write(lane, mine, [step for step in steps if step["step_id"] in effects], effects)
        leaving = [(step, found) for step in asked if isinstance(found := decisions[step["step_id"]], Leave)]
        away = [step for step in asked if isinstance(decisions[step["step_id"]], HealthAway)]
        return Intended(leaving, away, str(decisions[away[0]["step_id"]]) if away else "")

    async def _playbooks(self, steps: Sequence[asyncpg.Record]) -> dict[UUID, Playbook]:
        async with self.pool.acquire() as connection:
            return {
                step["step_id"]: await self.keeping.version(connection, step["playbook_id"], step["version"])
                for step in steps
            }

    async def _write(
        self, lane: Lane, mine: Mapping[UUID, Claim], steps: Sequence[asyncpg.Record], effects: Mapping[UUID, NewEffect]
    ) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            runs = await queries.lock_runs(connection, [step["run_id"] for step in steps])
            held = await hold(connection, lane, [mine[step["step_id"]] for step in steps])
            ended = {run["id"]: over(run) for run in runs if run["state"] != "running"}
            ours = [step for step in steps if step["step_id"] in held]
            going = [step for step in ours if step["run_id"] not in ended]
            await queries.insert_effects(connection, [effects[step["step_id"]] for step in going])
            gone = [step for step in ours if step["run_id"] in ended]
            ends = [StepEnd(step["step_id"], "cancelled", ended[step["run_id"]]) for step in gone]
            await queries.set_steps(connection, [*ends, *(StepEnd(step["step_id"], "performing") for step in going)])
            await afp("playbooks.advance.intended")
        Further(begun=[effects[step["step_id"]] for step in going]).tell(self.hints)


def _known(step: asyncpg.Record, playbooks: Mapping[UUID, Playbook]) -> Envelope | None:
    node = playbooks[step["step_id"]].step(step["path"])
    return None if node is None else envelope(node, step["run_id"], step["path"], step["iteration"])
