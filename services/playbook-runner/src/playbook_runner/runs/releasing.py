"""Puts a version of a playbook in force, or the one before it again, and says what becomes of open runs.

It never changes a version, and starts no run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import asyncpg
import structlog

from milepost_core.cadence import Leave, wakes_of
from milepost_core.playbooks import Playbook
from milepost_runtime.database import Connection, Pool
from milepost_runtime.placed_documents import Mistake
from milepost_runtime.queue import Hints
from playbook_runner.documents.cataloguing import Catalogue
from playbook_runner.documents.checking import PlaybookDocumentInvalid, read_playbook
from playbook_runner.documents.keeping import NotInForce, PlaybookUnknown
from playbook_runner.queries import locking
from playbook_runner.queries import playbooks as queries
from playbook_runner.runs.stopping import Leaving, stop

log = structlog.get_logger()
InFlight = Literal["stay", "move", "stop"]


@dataclass(frozen=True)
class Released:
    """What became of the open runs of other versions, and what the version names that there is not."""

    version: int
    stayed: int
    moved: int
    stopped: int
    warnings: Sequence[Mistake] = ()


@dataclass(frozen=True)
class Releasing:
    """The use cases of deciding which version is in force."""

    pool: Pool = field(repr=False)
    hints: Hints = field(repr=False)
    catalogue: Catalogue

    async def activate(self, playbook_id: str, number: int, in_flight: InFlight, by: str) -> Released:
        """Put a version in force. Names that the score models in charge do not have are refused.

        Open runs of other versions stay on theirs, move to this one (where it has the step that they are at; the others
        stay), or stop. Raises PlaybookUnknown, PlaybookDocumentInvalid, HealthAway when nobody knows the names.
        """
        kept = await self.catalogue.document(playbook_id, number)
        read = read_playbook(kept.text, f"{playbook_id} version {number}", version=number)
        mistakes = read.unknown(await self.catalogue.vocabulary.known())
        if mistakes:
            raise PlaybookDocumentInvalid(f"{playbook_id} version {number}", mistakes)
        warnings = await self.catalogue.missing(read)
        async with self.pool.acquire() as connection, connection.transaction():
            await queries.lock_playbook(connection, playbook_id)
            return replace(await self._release(connection, read.parsed, in_flight, by), warnings=warnings)

    async def rollback(self, playbook_id: str, in_flight: InFlight, by: str) -> Released:
        """Put the version in force that was there before the one that is, paused if that is; again takes it back.

        Raises PlaybookUnknown, and NotInForce when there was none before. Names are not looked at: it was in force.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            await queries.lock_playbook(connection, playbook_id)
            number = await queries.before_current(connection, playbook_id)
            row = None if number is None else await queries.version(connection, playbook_id, number)
            if row is None or number is None:
                if await queries.newest(connection, playbook_id) is None:
                    raise PlaybookUnknown(f"there is no playbook {playbook_id}")
                raise NotInForce(f"no other version of the playbook {playbook_id} was ever in force")
            playbook = await self.catalogue.keeping.version(connection, playbook_id, number)
            current = await queries.current(connection, playbook_id)
            paused = bool(current) and current[0]["state"] == "paused"
            return await self._release(connection, playbook, in_flight, by, paused=paused)

    async def _release(
        self, connection: Connection, playbook: Playbook, in_flight: InFlight, by: str, *, paused: bool = False
    ) -> Released:
        await locking.runs_held(connection, playbook.id, playbook.version)
        await queries.put_in_force(connection, playbook.id, playbook.version, "paused" if paused else "active")
        if not paused:
            await queries.wake_held(connection, playbook.id)
        runs = await queries.runs_on_other_versions(connection, playbook.id, playbook.version)
        moving = [one["id"] for one in runs if in_flight == "move" and _fits(playbook, one)]
        wakes = {step.id: wakes_of(step) for step in playbook.steps}
        await queries.move_runs(connection, moving, playbook.version, wakes)
        stopped = await self._stop(connection, runs, playbook, by) if in_flight == "stop" else 0
        self.hints.nudge("playbooks.advance")
        log.info("playbook_released", playbook_id=playbook.id, version=playbook.version, in_flight=in_flight, by=by)
        return Released(playbook.version, len(runs) - len(moving) - stopped, len(moving), stopped)

    async def _stop(self, connection: Connection, runs: Sequence[asyncpg.Record], playbook: Playbook, by: str) -> int:
        said = f"{by} put version {playbook.version} in force and stopped the runs of the others"
        leave = Leave("version_replaced", said)
        return len(await stop(connection, [Leaving(one["id"], leave, cancelled=True) for one in runs]))


def _fits(playbook: Playbook, run: asyncpg.Record) -> bool:
    """A run can move when the version has every step that it is at, of the same kind."""
    steps = {f"{step.id}:{step.kind}" for step in playbook.steps}
    return bool(run["open"]) and set(run["open"]) <= steps
