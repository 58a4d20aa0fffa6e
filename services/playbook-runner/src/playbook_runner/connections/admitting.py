"""Admitting: passes for CRMs, kept while they are good and renewed by one process at a time; it writes to no CRM.

Renewal holds the outlet's row: of many workers whose pass was refused at once, the first buys another one, and the
others find it. It is kept sealed beside the secrets, so that a process that starts finds it too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from milepost_runtime.database import Pool
from milepost_runtime.lines import Lines
from playbook_runner.actions.channel import Unreachable
from playbook_runner.actions.crm.answers import Crm, Unfit
from playbook_runner.actions.crm.calling import CrmLine, Pass, at_once
from playbook_runner.actions.crm.channel import Reached
from playbook_runner.actions.crm.hubspot import Hubspot
from playbook_runner.actions.crm.salesforce import Salesforce
from playbook_runner.actions.crm.tokens import Granted, buy
from playbook_runner.connections.connecting import OpenOutlet, Outlets, OutletShut, OutletUnknown
from playbook_runner.connections.figuring import record_of
from playbook_runner.connections.outlet_shapes import CRM_KINDS
from playbook_runner.queries import outlets as queries

# A pass is renewed before it ends, so that no call is on its way meanwhile.
MARGIN_S = 60.0


class NoCrm(Exception):
    """The outlet is no CRM."""


@dataclass
class Held:
    """A pass that this process holds, and until when by its own clock (None: until it is refused)."""

    entry: Pass
    until: float | None = None

    @property
    def good(self) -> bool:
        """Whether it is worth trying."""
        return self.until is None or time.monotonic() < self.until


@dataclass(frozen=True)
class Admitting:
    """The use cases around passes; `crm` is what everybody else needs."""

    pool: Pool = field(repr=False)
    outlets: Outlets
    lines: Lines = field(repr=False)
    _held: dict[tuple[UUID, datetime], Held] = field(default_factory=dict, repr=False)

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
            return Reached(self.crm(outlet), record_of(references, outlet))
        except (OutletUnknown, OutletShut, NoCrm) as error:
            raise Unreachable(str(error)) from None

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

    async def _found(self, outlet: OpenOutlet, stale: Pass | None) -> Held:
        """Shielded: a pass that was bought is kept though nobody waits for it any more; it may be the last one."""
        return await asyncio.shield(self._find(outlet, stale))

    async def _find(self, outlet: OpenOutlet, stale: Pass | None) -> Held:
        """With the outlet's row held: take the pass that somebody else has bought meanwhile, else buy one."""
        async with self.pool.acquire() as connection, connection.transaction():
            row = await queries.one(connection, outlet.id, lock=True)
            if row is None:
                raise Unfit(f"the outlet {outlet.name} is gone")
            now = await queries.clock(connection)
            try:
                secrets = self.outlets.opened(row).secrets
            except OutletShut as error:
                raise Unfit(str(error)) from None
            kept = secrets.get("pass")
            if kept is not None and kept["token"] != (stale and stale.token) and _left(kept, now.timestamp()) > 0:
                entry, left = Pass(kept["token"], kept["base"], kept["user"]), _left(kept, now.timestamp())
            else:
                granted = await buy(self.lines, outlet.kind, row["settings"], secrets, now)
                entry, left = granted.entry, (granted.good_for_s or 1e9) - MARGIN_S
                await self.outlets.reseal(connection, outlet, {**secrets, **_kept(granted, now.timestamp())})
        held = Held(entry, None if left > 1e8 else time.monotonic() + left)
        self._held[_place(outlet)] = held
        return held


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


def _place(outlet: OpenOutlet) -> tuple[UUID, datetime]:
    """An outlet that was changed needs another pass."""
    return outlet.id, outlet.changed_at


def _left(kept: dict[str, str | float | None], now: float) -> float:
    until = kept["until"]
    return 1e9 if until is None else float(until) - MARGIN_S - now


def _kept(granted: Granted, now: float) -> dict[str, object]:
    entry = granted.entry
    until = None if granted.good_for_s is None else now + granted.good_for_s
    told: dict[str, object] = {"pass": {"token": entry.token, "base": entry.base, "user": entry.user, "until": until}}
    return told | ({"refresh_token": granted.refresh_token} if granted.refresh_token else {})
