"""Showing messages in the product: what is up for an account, and that it was seen or put away; it makes no message.

An account that was merged is asked about under either id: what is up is that of the one that lives on. A product asks
with an API key, or its page asks for itself with a token that its back end was given: a token speaks for one account
(and role) until it ends, and for nothing else.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg

from milepost_runtime.database import Pool
from milepost_runtime.secrets import SealBroken, Vault
from playbook_runner.queries import in_app as queries
from playbook_runner.queries.merging import living_one

MOST_SHOWN = 20
_PURPOSE = "in_app"


class MessageUnknown(Exception):
    """The account has no such message."""


class TokenRefused(Exception):
    """The token is none of ours, was changed, or has ended."""


@dataclass(frozen=True)
class Audience:
    """For whom messages are asked: an account, and a role in it (None: all of its people)."""

    account_id: UUID
    role: str | None = None


@dataclass(frozen=True)
class Showing:
    """The use cases around messages in the product."""

    pool: Pool = field(repr=False)
    vault: Vault = field(repr=False)

    async def up(self, audience: Audience) -> list[asyncpg.Record]:
        """Return what is up, newest first, at most twenty."""
        account = await living_one(self.pool, audience.account_id)
        return await queries.up(self.pool, account, audience.role, MOST_SHOWN)

    async def note(self, account_id: UUID, key: bytes, what: Literal["seen", "dismissed"]) -> asyncpg.Record:
        """Keep that a message was seen or put away; the first time counts. Raises MessageUnknown."""
        async with self.pool.acquire() as connection, connection.transaction():
            account = await living_one(connection, account_id)
            row = await queries.note(connection, account, key, dismissed=what == "dismissed")
        if row is None:
            raise MessageUnknown("the account has no such message")
        return row

    async def grant(self, audience: Audience, hours: float) -> tuple[str, datetime]:
        """Return a token for an audience and when it ends."""
        until: datetime = await queries.in_hours(self.pool, hours)
        said = [audience.account_id.hex, audience.role, until.isoformat()]
        return self.vault.sign(_PURPOSE, json.dumps(said)), until

    async def granted(self, token: str) -> Audience:
        """Return for whom a token speaks. Raises TokenRefused."""
        try:
            account, role, until = json.loads(self.vault.unsign(_PURPOSE, token))
        except (SealBroken, ValueError):
            raise TokenRefused("the token is none of ours, or was changed") from None
        if not await queries.ahead(self.pool, datetime.fromisoformat(until)):
            raise TokenRefused("the token has ended")
        return Audience(UUID(hex=account), role)
