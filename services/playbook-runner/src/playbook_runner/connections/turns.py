"""Turns at a CRM for calls that are no effects: they keep to its rate, its rest and its circuit; it calls nobody."""

import asyncio
import time
from dataclasses import dataclass, field

from milepost_core.destinations import Go, admit, rested, tallied
from milepost_runtime.database import Pool
from playbook_runner.actions.crm.answers import Busy, Unclear
from playbook_runner.queries import destinations as queries

NO_TIME_S = 1.0


class NoTurn(Busy):
    """There is no turn now; the CRM was not called."""


@dataclass(frozen=True)
class Turns:
    """The turns of one outlet, by its name, until a moment (monotonic); after that there are none."""

    pool: Pool = field(repr=False)
    name: str
    until: float

    async def take(self) -> None:
        """Wait for a turn. Raises NoTurn when there is none soon, or when time is up."""
        if time.monotonic() > self.until:
            raise NoTurn("there was no time left for this call", NO_TIME_S)
        async with self.pool.acquire() as connection, connection.transaction():
            now, known = await queries.locked(connection, [self.name])
            after, (turn,) = admit(known[self.name], [True], now)
            await queries.keep(connection, {self.name: after})
        if not isinstance(turn, Go):
            raise NoTurn(f"{self.name} is left alone for a while: {turn.code}", turn.after_s)
        await asyncio.sleep(turn.after_s)

    async def tell(self, error: Exception | None) -> None:
        """Remember how a call ended: None says that it was answered."""
        if isinstance(error, NoTurn):
            return
        failed = isinstance(error, Unclear) or (isinstance(error, Busy) and error.after_s is None)
        async with self.pool.acquire() as connection, connection.transaction():
            now, known = await queries.locked(connection, [self.name])
            after = tallied(known[self.name], int(not failed), int(failed), now)
            if isinstance(error, Busy) and error.everyone and error.after_s:
                after = rested(after, error.after_s, now)
            await queries.keep(connection, {self.name: after})
