"""Forgets a person whom we were asked to forget: in events, words and kept bodies; it never undoes that.

What an account did stays what it did: its score does not change because somebody is forgotten. Bodies are blanked where
they can be understood; those that cannot are counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import structlog
from asyncpg import Record

from ingest_webhooks.forgetting.blanking import blanked, needles_of
from ingest_webhooks.forgetting.persons import Persons, normal_name
from ingest_webhooks.queries import erasures, events
from ingest_webhooks.queries.events import READER_LANE, Origin
from ingest_webhooks.words.shapes import NormalEvent, fact_key
from milepost_contracts.events import FEED, OWN_SOURCE, PERSON_ERASED
from milepost_runtime.database import Pool
from milepost_runtime.feeds import publish_lock
from milepost_runtime.ids import new_id
from milepost_runtime.lanes import Claim, Lane, finish, hold
from milepost_runtime.queue import Hints

log = structlog.get_logger()
LANE = "ingest.erase"
AT_ONCE = 500
BODIES_AT_ONCE = 50


class ErasureUnknown(Exception):
    """There is no such erasure."""


@dataclass
class _Done:
    """What an erasure changed."""

    rows: list[Record]
    waiting: int
    deliveries: set[UUID]
    blanked: int = 0
    left_alone: int = 0


class Erasing:
    """The lane `ingest.erase`, and its door."""

    def __init__(self, pool: Pool, hints: Hints, persons: Persons) -> None:
        self._pool = pool
        self._hints = hints
        self._persons = persons
        self.lane = Lane(
            name=LANE, table="ingest.erasure", key="id", key_type="uuid", handle=self.handle, batch=1, lease_s=60
        )

    async def ask(self, person: str, author: str, reason: str) -> UUID:
        """Drop what is told of a person from now on, and forget what was told before soon after; return the erasure."""
        erasure_id, names = new_id(), _written(person)
        async with self._pool.acquire() as connection, connection.transaction():
            await erasures.ask(connection, {erasure_id: names}, author, reason)
            await erasures.note(connection, erasure_id, names, [self._persons.digest(name) for name in names])
        self._hints.nudge(LANE)
        return erasure_id

    async def one(self, erasure_id: UUID) -> Record:
        """Return how an erasure stands; raises ErasureUnknown."""
        async with self._pool.acquire() as connection:
            row = await erasures.one(connection, erasure_id)
        if row is None:
            raise ErasureUnknown(str(erasure_id))
        return row

    async def handle(self, claims: Sequence[Claim]) -> int:
        """Carry out one erasure; doing it again changes nothing more."""
        (claim,) = claims
        async with self._pool.acquire() as connection, connection.transaction():
            names = await erasures.same_names(connection, await erasures.names_of(connection, claim.key))
            await erasures.note(connection, claim.key, names, [self._persons.digest(name) for name in names])
        done = await self._blank(claim, names)
        async with self._pool.acquire() as connection:
            done.deliveries.update(await erasures.deliveries_naming(connection, needles_of(names)))
        for start in range(0, len(done.deliveries), BODIES_AT_ONCE):
            await self._blank_bodies(sorted(done.deliveries)[start : start + BODIES_AT_ONCE], names, done)
        async with self._pool.acquire() as connection, connection.transaction():
            if await hold(connection, self.lane, claims):
                count = len(done.rows) + done.waiting
                await erasures.done(connection, claim.key, count, done.blanked, done.left_alone)
                await finish(connection, self.lane, claims)
        self._hints.nudge(READER_LANE)
        log.info("person_erased", erasure_id=str(claim.key), events=len(done.rows), deliveries=done.blanked)
        return 1

    async def _blank(self, claim: Claim, names: Sequence[str]) -> _Done:
        """Blank all rows. Most of the feed is looked through before its lock is held, only the newest rows under it."""
        pseudonyms = {name: f"erased:{claim.key.hex}:person:{place}" for place, name in enumerate(names)}
        async with self._pool.acquire() as connection, connection.transaction():
            newest = await erasures.newest_event(connection)
            rows = await erasures.blank_events(connection, names, pseudonyms, 0, newest)
            await publish_lock(connection, FEED)
            rows += await erasures.blank_events(connection, names, pseudonyms, newest, None)
            waiting = await erasures.blank_waiting(connection, names, pseudonyms)
            told = await erasures.blank_references(connection, pseudonyms)
            await events.publish(connection, _announced(claim.key, rows))
        deliveries = {row["delivery_id"] for row in [*rows, *waiting] if row["delivery_id"] is not None} | set(told)
        return _Done(rows, len(waiting), deliveries)

    async def _blank_bodies(self, ids: Sequence[UUID], names: Sequence[str], done: _Done) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            changed: list[tuple[UUID, bytes]] = []
            for row in await erasures.bodies(connection, ids):
                body, sure = blanked(row["body"], names)
                done.left_alone += not sure
                if body != row["body"]:
                    changed.append((row["id"], body))
            await erasures.write_bodies(connection, changed)
            done.blanked += len(changed)


def _written(person: str) -> list[str]:
    """Return the ways in which a person may be written: a mail address is also a reference."""
    name = normal_name(person)
    return sorted({person.strip(), name} | ({f"email:{name}"} if "@" in name and ":" not in name else set()))


def _announced(erasure_id: UUID, rows: Sequence[Record]) -> list[tuple[NormalEvent, Origin, UUID]]:
    """Tell readers of the feed which events of which accounts were blanked: our own word, which names nobody."""
    at, origin = datetime.now(UTC), Origin(OWN_SOURCE, None, None, erasure_id.hex)
    told = []
    for account_id, of_account in groupby(sorted(rows, key=_account), key=_account):
        ids = [row["event_id"] for row in of_account]
        for start in range(0, len(ids), AT_ONCE):
            said: dict[str, Any] = {"event_ids": ids[start : start + AT_ONCE]}
            key = fact_key(PERSON_ERASED, erasure_id.hex, str(account_id), ids[start])
            event = NormalEvent(key, str(account_id), PERSON_ERASED, at, properties=said)
            told.append((event, origin, account_id))
    return told


def _account(row: Record) -> UUID:
    found: UUID = row["account_id"]
    return found
