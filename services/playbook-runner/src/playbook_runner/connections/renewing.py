"""Renewing: finds the pass that lies sealed beside an outlet's secrets, or buys another one; it keeps none in memory.

One process at a time buys: the outlet's row says so for a while, and others look again until the pass is there. Nothing
of the store is held while a CRM is asked. A refresh token may be good for one purchase only, so the answer is listened
for longer than anybody waits for it, and what it brought is kept whatever became of those who wanted it.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import structlog

from milepost_runtime.database import STORE_TROUBLE, Connection, Pool, is_store_trouble
from milepost_runtime.lines import Lines
from playbook_runner.actions.crm.answers import Busy, Unfit
from playbook_runner.actions.crm.calling import Pass
from playbook_runner.actions.crm.tokens import LISTEN_S, Granted, buy
from playbook_runner.connections.connecting import OpenOutlet, Outlets, OutletShut
from playbook_runner.queries import outlets as queries

log = structlog.get_logger()
# A pass is renewed before it ends, so that no call is on its way meanwhile.
MARGIN_S = 60.0
# Longer than a purchase may take: who has not written down what it bought by then is gone.
RENEWAL_S = LISTEN_S + 15.0
LOOK_AGAIN_S = 0.25
KEEP_TRIES = 30
KEEP_AGAIN_S = 1.0


@dataclass(frozen=True)
class Held:
    """A pass, and until when it is good by this process's clock (None: until it is refused)."""

    entry: Pass
    until: float | None = None

    @property
    def good(self) -> bool:
        """Whether it is worth trying."""
        return self.until is None or time.monotonic() < self.until


@dataclass(frozen=True)
class Purchase:
    """The right to buy, under an id of its own, with what is to be presented; `now` is the store's clock in seconds."""

    id: UUID
    settings: Mapping[str, Any]
    secrets: Mapping[str, Any] = field(repr=False)
    now: float
    began: float


@dataclass(frozen=True)
class Renewing:
    """The use case around one pass of one outlet."""

    pool: Pool = field(repr=False)
    outlets: Outlets
    lines: Lines = field(repr=False)

    async def another(self, outlet: OpenOutlet, stale: Pass | None) -> Held:
        """Return a pass that is good as far as we know, and another one than this. Raises Busy or Unfit."""
        while True:
            found = await self._looked(outlet, stale)
            if isinstance(found, Held):
                return found
            if found is not None:
                return await self._bought(outlet, found)
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _looked(self, outlet: OpenOutlet, stale: Pass | None) -> Held | Purchase | None:
        """Return the pass that is kept, or the right to buy one; None while somebody else has that."""
        try:
            async with self.pool.acquire() as connection, connection.transaction():
                row = await self._locked(connection, outlet)
                secrets = self.outlets.opened(row).secrets
                now = (await queries.clock(connection)).timestamp()
                kept = secrets.get("pass")
                if kept is not None and kept["token"] != (stale and stale.token):
                    left = None if kept["until"] is None else float(kept["until"]) - MARGIN_S - now
                    if left is None or left > 0:
                        return _held(Pass(kept["token"], kept["base"], kept["user"]), left)
                purchase = Purchase(uuid4(), row["settings"], secrets, now, time.monotonic())
                ours = await queries.begin_renewal(connection, outlet.id, purchase.id, RENEWAL_S)
                return purchase if ours else None
        except Exception as error:
            raise _busy(error) from None

    async def _locked(self, connection: Connection, outlet: OpenOutlet) -> asyncpg.Record:
        row = await queries.one(connection, outlet.id, lock=True)
        if row is None:
            raise Unfit(f"the outlet {outlet.name} is gone")
        return row

    async def _bought(self, outlet: OpenOutlet, purchase: Purchase) -> Held:
        try:
            granted = await buy(self.lines, outlet.kind, purchase.settings, purchase.secrets, purchase.now)
        except BaseException:
            await self._let_others(outlet, purchase)
            raise
        for left in reversed(range(KEEP_TRIES)):
            try:
                return await self._keep(outlet, purchase, granted)
            except Exception as error:
                if not is_store_trouble(error) or not left:
                    raise _busy(error) from None
                log.warning("pass_not_kept", outlet=outlet.name, error=type(error).__name__, tries_left=left)
            await asyncio.sleep(KEEP_AGAIN_S)
        raise AssertionError("the last try returns or raises")

    async def _keep(self, outlet: OpenOutlet, purchase: Purchase, granted: Granted) -> Held:
        """Seal what was bought, were the outlet switched off meanwhile, but not beside other secrets.

        Where it leads elsewhere by now the pass is no good, but the refresh token is.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            row = await self._locked(connection, outlet)
            given = self.outlets.unsealed(row)
            await queries.end_renewal(connection, outlet.id, purchase.id)
            same = given == {name: value for name, value in purchase.secrets.items() if name != "pass"}
            here = same and row["settings"] == purchase.settings
            if same:
                bought = (_lasting(granted, purchase.now) if here else {}) | _next(granted)
                await self.outlets.reseal(connection, outlet, {**given, **bought})
        if not here:
            raise Busy(f"the outlet {outlet.name} was changed while a token was bought")
        gone = time.monotonic() - purchase.began
        return _held(granted.entry, None if granted.good_for_s is None else granted.good_for_s - MARGIN_S - gone)

    async def _let_others(self, outlet: OpenOutlet, purchase: Purchase) -> None:
        """Give the right to buy back; should the store be in trouble, it ends by itself."""
        try:
            async with self.pool.acquire() as connection:
                await queries.end_renewal(connection, outlet.id, purchase.id)
        except STORE_TROUBLE as error:
            log.warning("renewal_not_ended", outlet=outlet.name, error=type(error).__name__)


def _busy(error: Exception) -> Exception:
    """Return what the call that wanted a pass is told: the store's trouble is over some time, a shut outlet is not."""
    if isinstance(error, OutletShut):
        return Unfit(str(error))
    return Busy(f"no token: the store was in trouble ({type(error).__name__})") if is_store_trouble(error) else error


def _held(entry: Pass, left_s: float | None) -> Held:
    return Held(entry, None if left_s is None else time.monotonic() + left_s)


def _lasting(granted: Granted, now: float) -> dict[str, Any]:
    entry = granted.entry
    until = None if granted.good_for_s is None else now + granted.good_for_s
    return {"pass": {"token": entry.token, "base": entry.base, "user": entry.user, "until": until}}


def _next(granted: Granted) -> dict[str, Any]:
    return {"refresh_token": granted.refresh_token} if granted.refresh_token else {}
