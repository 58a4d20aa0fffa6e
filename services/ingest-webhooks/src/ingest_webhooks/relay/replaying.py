"""Relays ranges of kept deliveries once more by today's mappings, in batches; a dry run tells what that would change.

A dry run does the same work in a transaction that is rolled back, and remembers which facts it would have told, so that
what it counts is what the replay then does. It never changes what was delivered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from asyncpg import Record

from ingest_webhooks.queries import books, deliveries, replays
from ingest_webhooks.queries.events import READER_LANE
from ingest_webhooks.relay.hearing import Hearing
from ingest_webhooks.relay.relaying import report, settle
from ingest_webhooks.relay.telling import Effect, Told, tell
from ingest_webhooks.words.meaning import changes
from milepost_runtime.database import Connection, Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.ids import new_id
from milepost_runtime.lanes import Claim, Lane, finish, hold, release
from milepost_runtime.paging import Cursors
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault

log = structlog.get_logger()
REPLAY_LANE = "ingest.replay"
BATCH = 100
GROUP_BYTES = 1_000_000


class ReplayUnknown(Exception):
    """There is no such replay."""


class ReplayOver(Exception):
    """The replay has ended already."""


@dataclass(frozen=True)
class Range:
    """Which deliveries to relay once more; None: all. They came at or after `received_from`, before `received_to`."""

    connection_id: UUID | None = None
    source: str | None = None
    state: str | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None


class Replaying:
    """The lane `ingest.replay`, and what people do with replays."""

    def __init__(self, pool: Pool, hints: Hints, hearing: Hearing, vault: Vault) -> None:
        self._cursors = Cursors(vault, "replays")
        self._pool = pool
        self._hints = hints
        self._hearing = hearing
        self.lane = Lane(
            name=REPLAY_LANE,
            table="ingest.replay",
            key="id",
            key_type="uuid",
            handle=self.work,
            bury=self.fail,
            batch=1,
            lease_s=30.0,
        )

    async def order(self, wanted: Range, author: str, *, dry_run: bool) -> Record:
        """Make a replay of the deliveries that are there now; the lane works it off."""
        async with self._pool.acquire() as connection:
            row = await replays.add(connection, new_id(), asdict(wanted), author, dry_run=dry_run)
        self._hints.nudge(REPLAY_LANE)
        return row

    async def page(self, cursor: str | None, limit: int) -> tuple[list[Record], str | None]:
        """Return replays, newest first, and the cursor of the next page. Raises CursorBroken."""
        before = UUID(self._cursors.place(None, cursor)) if cursor else None
        async with self._pool.acquire() as connection:
            rows = await replays.page(connection, before, limit + 1)
        more = self._cursors.make(None, str(rows[limit - 1]["id"])) if len(rows) > limit else None
        return rows[:limit], more

    async def one(self, replay_id: UUID) -> Record:
        """Return a replay and how far it has come; raises ReplayUnknown."""
        async with self._pool.acquire() as connection:
            row = await replays.one(connection, replay_id)
        if row is None:
            raise ReplayUnknown(str(replay_id))
        return row

    async def cancel(self, replay_id: UUID) -> Record:
        """End a replay after the batch that is under way; what it did stays. Raises ReplayUnknown, ReplayOver."""
        async with self._pool.acquire() as connection:
            ended = await replays.end(connection, replay_id, "cancelled", "")
        row = await self.one(replay_id)
        if not ended:
            raise ReplayOver(row["status"])
        return row

    async def fail(self, claim: Claim, reason: str) -> None:
        """End a replay that cannot go on."""
        async with self._pool.acquire() as connection:
            await replays.end(connection, claim.key, "failed", reason)

    async def work(self, claims: Sequence[Claim]) -> int:
        """Do the next batch of each replay that was claimed; return how many deliveries were done."""
        return sum([await self._step(claim) for claim in claims])

    async def _step(self, claim: Claim) -> int:
        """Do one batch in one transaction with the progress, so that a replay that is interrupted goes on there."""
        told = Told()
        async with self._pool.acquire() as connection, connection.transaction():
            if not await hold(connection, self.lane, [claim]):
                return 0
            job = await replays.prepare(connection, claim.key)
            if job is None:
                await finish(connection, self.lane, [claim])
                return 1
            ids = await replays.next_batch(connection, job, BATCH, GROUP_BYTES)
            if ids:
                told = await self._relay(connection, job, ids)
                await replays.advance(connection, claim.key, ids[-1], len(ids), _progress(told))
                await release(connection, self.lane, [claim])
            else:
                await replays.end(connection, claim.key, "done", "")
            await afp("replay.before_commit")
        if not job["dry_run"]:
            report(told)
            self._hints.nudge(READER_LANE)
        # What ended counts as done too: another replay may be due.
        return max(1, len(ids))

    async def _relay(self, connection: Connection, job: Record, ids: Sequence[UUID]) -> Told:
        if not job["dry_run"]:
            await books.reopen(connection, ids[0], ids[-1])
            return await self._relay_once(connection, await deliveries.settled(connection, ids), job["id"])
        trial = connection.transaction()
        await trial.start()
        try:
            told = await self._relay_once(connection, await deliveries.settled(connection, ids), job["id"])
        finally:
            await trial.rollback()
        await replays.foresee(connection, job["id"], told.noted)
        return told

    async def _relay_once(self, connection: Connection, ids: Sequence[UUID], replay_id: UUID) -> Told:
        """Tell settled deliveries again; those that still wait for their first time are relayed by today's rules."""
        heard = await self._hearing.hear(connection, ids)
        keys = {event.key for one in heard for event in one.said.events}
        foreseen = await replays.foreseen(connection, replay_id, keys)
        await afp("replay.heard")
        told = await tell(connection, self._hearing.persons, heard, foreseen)
        await settle(connection, told)
        return told


def _progress(told: Told) -> Mapping[str, Any]:
    counts = {
        what: sum(effect.what == what for effect in told.effects)
        for what in ("new", "corrected", "retracted", "unchanged")
    }
    faults = sum(len(one.said.faults) + len(told.outcomes[one.id].conflicts) for one in told.heard)
    shown = [example(effect) for effect in told.effects if effect.what != "unchanged"]
    return counts | {"faults": faults, "examples": shown[: replays.EXAMPLES]}


def example(effect: Effect) -> dict[str, Any]:
    """Return what a replay changed of one fact, without the texts of people: `changed` names what is told otherwise."""
    before, after = effect.before, effect.after
    return {
        "what": effect.what,
        "delivery_id": str(effect.delivery_id),
        "event_id": before.event_id if before is not None else after.event_id if after is not None else "",
        "account_id": None if before is None or before.account_id is None else str(before.account_id),
        "changed": [] if before is None or after is None or before.retracted else changes(before, after),
        "before": None if before is None or before.retracted else _sketch(before),
        "after": None if after is None else _sketch(after),
    }


def _sketch(event: Any) -> dict[str, Any]:
    return {
        "type": event.type,
        "reference": event.reference,
        "occurred_at": event.occurred_at.isoformat(),
        "item": event.item,
        "role": event.role,
        "value": event.value,
        "properties": sorted(event.properties),
    }
