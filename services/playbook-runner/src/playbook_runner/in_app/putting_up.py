"""Messages that the product shows: performing one puts a row up; it never reaches out of our own store.

The row's key is the effect's, so a call that is repeated finds its message up already.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from uuid import UUID

from milepost_core.effects import Doubt, GiveUp, Outcome, Performed, TryLater, Unknown
from milepost_runtime.database import STORE_TROUBLE, Pool
from playbook_runner.actions.channel import Sendable
from playbook_runner.queries import in_app as queries

LIMIT_S = 10.0
MOST_TEXT = 4_000


@dataclass(frozen=True)
class InAppCall:
    """One message on its way up."""

    pool: Pool = field(repr=False)
    effect: Sendable

    async def perform(self, may_write: Callable[[], bool]) -> Outcome:
        """Put the message up."""
        said = json.loads(self.effect.payload)
        if len(said["text"]) > MOST_TEXT:
            return GiveUp(f"a message in the product has at most {MOST_TEXT} characters")
        if not may_write():
            return TryLater("the lease had run down before the message could be put up")
        words = [said[name] for name in ("title", "text", "link", "role")]
        try:
            async with asyncio.timeout(LIMIT_S), self.pool.acquire() as connection:
                await queries.show(connection, self.effect.key, UUID(said["account_id"]), words, said["days"])
        except (*STORE_TROUBLE, TimeoutError) as error:
            return Unknown(f"the store was in trouble ({type(error).__name__})")
        return Performed(self.effect.key.hex())


@dataclass(frozen=True)
class InAppChannel:
    """The product's own screen, by way of our store."""

    pool: Pool = field(repr=False)

    @property
    def name(self) -> str:
        """`in_app`."""
        return "in_app"

    @property
    def doubt(self) -> Doubt:
        """Under its key a message is up once, however often it is put up."""
        return Doubt.KEYED

    @property
    def longest_call_s(self) -> float:
        """The limit of one call."""
        return LIMIT_S

    @contextlib.asynccontextmanager
    async def open(self, effect: Sendable) -> AsyncIterator[InAppCall]:
        """Nothing has to be reached."""
        yield InAppCall(self.pool, effect)

    async def ask(self, effect: Sendable) -> bool | None:
        """Who knows keys need not be asked."""
        return None
