"""Setting up: makes what a CRM needs before Milepost can write to it, then lets it be told of the whole book."""

from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import structlog

from milepost_runtime.database import Pool
from milepost_runtime.queue import Hints
from playbook_runner.actions.crm.answers import Busy, Refused, Unclear, Unfit
from playbook_runner.connections.admitting import Admitting
from playbook_runner.connections.connecting import Outlets
from playbook_runner.connections.writing_back import LANE
from playbook_runner.queries import outlets as connections
from playbook_runner.queries import writing_back as queries

log = structlog.get_logger()
_REFUSALS = (Busy, Refused, Unclear, Unfit)


class SetUpFailed(Exception):
    """The CRM did not let itself be set up; what was made so far stays, and the set-up may be repeated."""


@dataclass(frozen=True)
class ToldOf:
    """How many accounts wait to be told and were refused, the troubled ones, and records that several share."""

    waiting: int
    refused: int
    troubled: list[asyncpg.Record]
    shared: list[asyncpg.Record]


@dataclass(frozen=True)
class SettingUp:
    """The use cases around a CRM's beginnings and its present state."""

    pool: Pool = field(repr=False)
    outlets: Outlets
    admitting: Admitting
    hints: Hints = field(repr=False)

    async def set_up(self, outlet_id: UUID) -> tuple[asyncpg.Record, dict[str, str], int]:
        """Make properties and permissions; return the outlet, what was made, and how many accounts will be told.

        Raises OutletUnknown, OutletShut, NoCrm, SetUpFailed. Repeating it is safe.
        """
        outlet = await self.outlets.open(outlet_id)
        try:
            made = await self.admitting.crm(outlet).set_up()
        except _REFUSALS as error:
            raise SetUpFailed(f"{outlet.name} was not set up: {error}") from None
        async with self.pool.acquire() as connection, connection.transaction():
            await connections.set_up(connection, outlet_id)
            accounts = await queries.mark_all(connection, outlet_id)
        self.hints.nudge(LANE)
        log.info("crm_set_up", outlet=outlet.name, accounts=accounts)
        return await self.outlets.one(outlet_id), made, accounts

    async def told(self, outlet_id: UUID, limit: int) -> ToldOf:
        """Return how a CRM that is told of health stands. Raises OutletUnknown."""
        await self.outlets.one(outlet_id)
        async with self.pool.acquire() as connection:
            waiting, refused = await queries.counts(connection, outlet_id)
            troubled = await queries.troubled(connection, outlet_id, limit)
            return ToldOf(waiting, refused, troubled, await queries.shared(connection, outlet_id, limit))
