"""Admitting: passes for CRMs, kept while they are good; at most one purchase at a time, and no long wait for it.

Whoever wants a pass while one is bought waits a moment for it and comes back later; the purchase goes on. It writes to
no CRM and holds nothing of the store.
"""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeAlias
from uuid import UUID

import structlog

from milepost_runtime.database import STORE_TROUBLE, Pool
from milepost_runtime.lines import Lines
from playbook_runner.actions.channel import Unreachable
from playbook_runner.actions.crm.answers import Busy, Crm
from playbook_runner.actions.crm.calling import CrmLine, Pass, at_once
from playbook_runner.actions.crm.channel import Reached
from playbook_runner.actions.crm.hubspot import Hubspot
from playbook_runner.actions.crm.salesforce import Salesforce
from playbook_runner.connections.connecting import OpenOutlet, Outlets, OutletShut, OutletUnknown
from playbook_runner.connections.figuring import record_of
from playbook_runner.connections.outlet_shapes import CRM_KINDS
from playbook_runner.connections.renewing import Held, Renewing
from playbook_runner.queries import outlets as queries

log = structlog.get_logger()
# So long a purchase is waited for; who comes later than that does not wait at all.
PATIENCE_S = 2.0
Place: TypeAlias = tuple[UUID, datetime]


class NoCrm(Exception):
    """The outlet is no CRM."""


@dataclass(frozen=True)
class UnderWay:
    """A purchase that this process makes, since `began` (monotonic)."""

    task: "asyncio.Task[Held]"
    began: float


@dataclass(frozen=True)
class Admitting:
    """The use cases around passes; `crm` is what everybody else needs."""

    pool: Pool = field(repr=False)
    outlets: Outlets
    lines: Lines = field(repr=False)
    _held: dict[Place, Held] = field(default_factory=dict, repr=False)
    _under_way: dict[Place, UnderWay] = field(default_factory=dict, repr=False)
    _closing: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def renewing(self) -> Renewing:
        """How a pass is found or bought."""
        return Renewing(self.pool, self.outlets, self.lines)

    def crm(self, outlet: OpenOutlet, turn: Callable[[], Awaitable[None]] = at_once) -> Crm:
        """Return the CRM behind an outlet, a `turn` taken before each call. Raises NoCrm."""
        if outlet.kind not in CRM_KINDS:
            raise NoCrm(f"the outlet {outlet.name} is no CRM")
        line = CrmLine(self.lines, OutletPasses(self, outlet), turn=turn)
        version = outlet.settings["api_version"]
        return Hubspot(line, version) if outlet.kind == "hubspot" else Salesforce(line, version)

    async def reach(self, name: str, references: tuple[str, ...]) -> Reached:
        """Return the CRM that a step names, and an account's record there, as its channel asks for them.

        Raises Unreachable.
        """
        try:
            outlet = await self.outlets.open_named(name)
            return Reached(self.crm(outlet), record_of(references, outlet), partial(self._tell, outlet))
        except (OutletUnknown, OutletShut, NoCrm) as error:
            raise Unreachable(str(error)) from None

    async def _tell(self, outlet: OpenOutlet, because: str) -> None:
        """Keep why a step's call found the connection unfit; should the store be in trouble, the next call does."""
        try:
            async with self.pool.acquire() as connection:
                await queries.tell_of_step(connection, outlet.id, because)
        except STORE_TROUBLE as error:
            log.warning("trouble_not_told", outlet=outlet.name, error=type(error).__name__)

    async def present(self, outlet: OpenOutlet) -> Pass:
        """Return a pass that is good as far as we know. Raises Busy or Unfit."""
        if "token" in outlet.secrets:
            return Pass(outlet.secrets["token"], outlet.settings["api_url"])
        held = self._held.get(_place(outlet))
        if held is None or not held.good:
            held = await self._found(outlet, None if held is None else held.entry)
        return held.entry

    async def renewed(self, outlet: OpenOutlet, stale: Pass) -> Pass:
        """Return another pass than one that was refused. Raises Busy or Unfit."""
        held = self._held.get(_place(outlet))
        if held is not None and held.good and held.entry.token != stale.token:
            return held.entry
        return (await self._found(outlet, stale)).entry

    async def settled(self) -> None:
        """Begin no purchase any more, and wait for those under way: what they bring may be the last way in."""
        self._closing.set()
        await asyncio.gather(*(one.task for one in self._under_way.values()), return_exceptions=True)

    async def _found(self, outlet: OpenOutlet, stale: Pass | None) -> Held:
        held = await self._awaited(outlet, stale)
        if stale is not None and held.entry.token == stale.token:
            # Somebody else had asked, to whom it was as good as any.
            held = await self._awaited(outlet, stale)
        return held

    async def _awaited(self, outlet: OpenOutlet, stale: Pass | None) -> Held:
        """Take part in the purchase that is under way, or begin one. Raises Busy when it takes too long."""
        under = self._under_way.get(_place(outlet)) or self._begun(outlet, stale)
        await asyncio.wait([under.task], timeout=max(0.0, under.began + PATIENCE_S - time.monotonic()))
        if not under.task.done():
            raise Busy(f"no token yet: who gives them out for {outlet.name} has not answered so far")
        return under.task.result()

    def _begun(self, outlet: OpenOutlet, stale: Pass | None) -> UnderWay:
        if self._closing.is_set():
            raise Busy("no token: this process is about to end")
        place = _place(outlet)
        # What is bound to the logs of the one who came first is not the others'.
        task = asyncio.create_task(self.renewing.another(outlet, stale), context=contextvars.Context())
        under = self._under_way[place] = UnderWay(task, time.monotonic())

        def over(ended: "asyncio.Task[Held]") -> None:
            del self._under_way[place]
            if not ended.cancelled() and ended.exception() is None:
                self._held[place] = ended.result()

        task.add_done_callback(over)
        return under


@dataclass(frozen=True)
class OutletPasses:
    """The passes of one outlet, as a line to its CRM asks for them."""

    admitting: Admitting = field(repr=False)
    outlet: OpenOutlet

    async def present(self) -> Pass:
        """Return a pass that is good as far as we know."""
        return await self.admitting.present(self.outlet)

    async def renewed(self, stale: Pass) -> Pass:
        """Return another pass than one that was refused."""
        return await self.admitting.renewed(self.outlet, stale)


def _place(outlet: OpenOutlet) -> Place:
    """An outlet that was changed needs another pass."""
    return outlet.id, outlet.changed_at
