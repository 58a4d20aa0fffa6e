"""Resolving by hand: what a person decides about an effect in doubt, and the cancelling of a run; it calls nobody."""

from dataclasses import dataclass, field
from uuid import UUID

import structlog

from milepost_core.cadence import Leave
from milepost_core.effects import RESOLUTIONS, EffectState, Move, Resolution, moved, resend_refusal
from milepost_runtime.database import Connection, Pool
from milepost_runtime.queue import Hints
from milepost_runtime.transacting import transact
from playbook_runner.measures import EFFECTS
from playbook_runner.queries import advancing as runs
from playbook_runner.queries import locking
from playbook_runner.queries import performing as queries
from playbook_runner.queries.performing import Moving
from playbook_runner.runs.absorbing import Absorbing, Happened
from playbook_runner.runs.beginning import PERFORM
from playbook_runner.runs.stopping import Leaving, stop

log = structlog.get_logger()


class EffectUnknown(Exception):
    """There is no effect under this key."""


class ResendRefused(Exception):
    """The effect may not be sent again now, or not any more."""


class RunUnknown(Exception):
    """There is no such run."""


class RunEnded(Exception):
    """The run has ended already; there is nothing to cancel."""


@dataclass(frozen=True)
class Resolving:
    """What people may do about runs and effects."""

    pool: Pool = field(repr=False)
    absorbing: Absorbing
    hints: Hints = field(repr=False)

    async def resolve(self, key: bytes, resolution: Resolution, by: str) -> None:
        """Settle an effect that is in doubt or parked: it was sent, send it again, or drop it.

        Raises EffectUnknown, IllegalMove from any other state, or ResendRefused while the quiet time lasts and for
        runs that have ended.
        """
        move = RESOLUTIONS[resolution]
        async with self.pool.acquire() as connection, connection.transaction():
            await locking.runs_of_effects(connection, [key])
            found = await queries.doubt_of(connection, key)
            if found is None:
                raise EffectUnknown(f"there is no effect {key.hex()}")
            state = EffectState(found["state"])
            moved(state, move)
            refusal = resend_refusal(state, found["run_state"], quiet=found["quiet"])
            if move is Move.RESEND and refusal is not None:
                raise ResendRefused(refusal)
            wait = 0.0 if move is Move.RESEND else None
            moved_now = await queries.move(connection, [Moving(key, move, None, f"decided by {by}", wait)])
            assert key in moved_now, "the row is locked and the law allows the move"
            effect = moved_now[key]
            further = await self.absorbing.effect_moved(connection, Happened(effect, move, by_person=True))
        EFFECTS.labels(effect["channel"], move.value).inc()
        log.info("effect_resolved", effect=key.hex(), resolution=resolution, by=by)
        if move is Move.RESEND:
            self.hints.nudge(PERFORM)
        further.tell(self.hints)

    async def cancel(self, run_id: UUID, by: str) -> None:
        """Stop a run: what has not been started will not be. Raises RunUnknown or RunEnded."""
        leaving = Leaving(run_id, Leave("cancelled", f"cancelled by {by}"), cancelled=True)

        async def work(connection: Connection) -> None:
            ended = await stop(connection, [leaving])
            if not ended and await runs.lock_run(connection, run_id) is None:
                raise RunUnknown(f"there is no run {run_id}")
            if not ended:
                raise RunEnded(f"the run {run_id} has ended already")

        await transact(self.pool, work)
        log.info("run_cancelled", run_id=str(run_id), by=by)
