"""Telling: what people did and what reached a customer goes back through the front door, as any other event.

It never speaks to the scoring service, and what it tells is written down with what it tells of.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid5

import structlog

from milepost_core.effects import retry_after
from milepost_runtime.database import Connection, Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.lanes import Claim, Lane, finish, hold, postpone
from playbook_runner.clients.ingest import FrontDoorAway, IngestClient
from playbook_runner.queries import telling as queries

log = structlog.get_logger()
LANE = "playbooks.tell"
AT_ONCE = 500
# However long the front door is away, each event asks for it again at least this often.
LONGEST_WAIT_S = 30.0
_NAMES: Final = UUID("6f1c4bd8-52b5-4a53-9c0f-7f0c6b0e8a11")


@dataclass(frozen=True)
class Happened:
    """One thing that happened here: `id` makes its repetition harmless, `type` is one of Milepost's words."""

    id: str
    type: str
    account_id: UUID
    at: datetime
    actor: str = ""
    item: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Return it as the front door takes it."""
        event = {
            "id": self.id,
            "type": self.type,
            "account": str(self.account_id),
            "occurred_at": self.at.astimezone(UTC).isoformat(),
            "actor": self.actor[:255].strip() or None,
            "item": self.item or None,
            "properties": {name: value for name, value in self.properties.items() if value is not None},
        }
        return {name: value for name, value in event.items() if value is not None}


async def tell(connection: Connection, happened: Sequence[Happened]) -> None:
    """Write down, in the caller's transaction, what is to be told; the lane tells it as soon as that is there."""
    if happened:
        ids = [uuid5(_NAMES, one.id) for one in happened]
        await queries.add(connection, ids, [one.account_id for one in happened], [one.plain() for one in happened])


@dataclass(frozen=True)
class Telling:
    """The use case behind the lane `playbooks.tell`."""

    pool: Pool = field(repr=False)
    ingest: IngestClient = field(repr=False)
    lease_s: float = 15.0

    @property
    def lane(self) -> Lane:
        """The lane over events that are to be told."""
        return Lane(LANE, "told", "id", self.post, bury=self.bury, key_type="uuid", batch=AT_ONCE, lease_s=self.lease_s)

    async def post(self, claims: Sequence[Claim]) -> int:
        """Tell a batch in one call; what the front door will never take is put aside, and says why."""
        rows = await queries.events(self.pool, [claim.key for claim in claims])
        by_key = {claim.key: claim for claim in claims}
        try:
            refused = await self.ingest.tell([row["event"] for row in rows])
        except FrontDoorAway as error:
            await self._later(claims, {row["id"]: row["attempts"] for row in rows}, str(error))
            return len(claims)
        await afp("playbooks.tell.posted")
        bad = {rows[place]["id"]: why for place, why in refused.items()}
        if not bad:
            await self._settle(claims)
            return len(claims)
        await self._put_aside([by_key[key] for key in bad], bad)
        # A list is taken as a whole or not at all, so the others come again without these.
        good = [claim for claim in claims if claim.key not in bad]
        return len(bad) + (await self.post(good) if good else 0)

    async def _settle(self, claims: Sequence[Claim]) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await queries.mark_told(connection, sorted(await finish(connection, self.lane, claims)))
            back = await queries.hurry(connection)
        log.info("events_told", events=len(claims), hurried=back)

    async def _put_aside(self, claims: Sequence[Claim], errors: Mapping[UUID, str]) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            ours = sorted(await finish(connection, self.lane, claims))
            await queries.note_trouble(connection, ours, [errors[key] for key in ours])
        log.error("events_refused", events=len(ours), error=next(iter(errors.values())))

    async def _later(self, claims: Sequence[Claim], attempts: Mapping[UUID, int], reason: str) -> None:
        """Put events off, each by its own tries: the first that comes in when the door is back calls the others."""
        waits: dict[int, list[Claim]] = {}
        for claim in claims:
            waits.setdefault(attempts.get(claim.key, 0), []).append(claim)
        async with self.pool.acquire() as connection, connection.transaction():
            ours = await hold(connection, self.lane, claims)
            await queries.note_trouble(connection, sorted(ours), [reason] * len(ours))
            for tries, some in waits.items():
                await postpone(connection, self.lane, some, _wait(tries + 1))
        log.warning("front_door_away", reason=reason, events=len(claims))

    async def bury(self, claim: Claim, reason: str) -> None:
        """Put one event aside that cannot be told."""
        await self._put_aside([claim], {claim.key: reason})


def _wait(attempts: int) -> float:
    return min(retry_after(attempts, random.random()) or LONGEST_WAIT_S, LONGEST_WAIT_S)
