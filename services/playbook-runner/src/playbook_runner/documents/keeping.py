"""Keeping playbooks: versions into the table, into and out of force, pauses and the one switch; it starts no run."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import structlog

from milepost_core.playbooks import Playbook
from milepost_core.playbooks.parsing import PlaybookInvalid, Problem, parse_playbook
from milepost_runtime.database import Connection, Pool
from playbook_runner.documents.checking import ReadPlaybook, read_playbook
from playbook_runner.queries import locking
from playbook_runner.queries import playbooks as queries

log = structlog.get_logger()
US: Final = "milepost"
"""The author of shipped versions."""
ACTIVE_AT_FIRST: Final = frozenset({"nudge-owner-on-drop"})
"""Of the library only what writes to our own people begins by itself; the others wait for somebody to read them."""


class PlaybookUnknown(Exception):
    """There is no such playbook, or no such version of it."""


class NotInForce(Exception):
    """No version of the playbook is in force, so there is nothing to pause or to resume."""


class InForceChanged(Exception):
    """A playbook has another version in force by now than was read, or that one was paused or resumed."""


class VersionTaken(Exception):
    """A document differs from the version of the same number that is kept; `free` is the next number."""

    def __init__(self, playbook_id: str, version: int, free: int) -> None:
        super().__init__(
            f"version {version} of the playbook {playbook_id} says something else and never changes; {free} is free"
        )
        self.free = free


@dataclass(frozen=True)
class Kept:
    """The version in force of a playbook, and whether it is active or paused."""

    playbook: Playbook
    state: str


async def stay_in_force(connection: Connection, kept: Iterable[Kept]) -> None:
    """Have what was read as in force stay so until the transaction ends. Raises InForceChanged: then read it again."""
    read = {one.playbook.id: (one.playbook.version, one.state) for one in kept}
    if not read:
        return
    await queries.share_playbooks(connection, list(read))
    # Read once the lock is given, so that it is what its last holder left.
    now = {row["id"]: (row["version"], row["state"]) for row in await queries.in_force(connection, list(read))}
    changed = sorted(name for name in read if read[name] != now.get(name))
    if changed:
        raise InForceChanged(f"in force is not what was read of {', '.join(changed)}")


@dataclass(frozen=True)
class Keeping:
    """The use cases around playbook documents. Versions never change, so each is read once per process."""

    pool: Pool = field(repr=False)
    _read: dict[tuple[str, int], Playbook] = field(default_factory=dict, repr=False)

    async def stock(
        self, playbooks: Sequence[ReadPlaybook | Mapping[str, Any]], active: Collection[str] | None = None
    ) -> None:
        """Bring playbooks of ours into the table; a mapping is a document that nobody wrote as text.

        Newcomers come into force if they are named in `active` (None: all), else they are drafts. A newer version takes
        the place of an older one of ours, paused if that is; what people have written stays in force. A version that is
        there already is left as it is: runs rely on it. Raises PlaybookDocumentInvalid.
        """
        for one in playbooks:
            read = one if isinstance(one, ReadPlaybook) else read_playbook(json.dumps(dict(one)), str(one.get("id")))
            async with self.pool.acquire() as connection, connection.transaction():
                await queries.lock_playbook(connection, read.parsed.id)
                await self._stock_one(connection, read, active is None or read.parsed.id in active)

    async def _stock_one(self, connection: Connection, read: ReadPlaybook, active: bool) -> None:
        playbook = read.parsed
        known = await queries.version(connection, playbook.id, playbook.version)
        if known is not None:
            if known["document"] != read.document:
                log.warning("playbook_differs_from_shipped", playbook_id=playbook.id, version=playbook.version)
            return
        newest = await queries.newest(connection, playbook.id)
        await queries.insert_draft(connection, playbook.id, playbook.version, read.document, read.text, US)
        in_force = await queries.current(connection, playbook.id)
        if newest is None and active:
            await queries.put_in_force(connection, playbook.id, playbook.version, "active")
        elif in_force and in_force[0]["author"] == US and in_force[0]["version"] < playbook.version:
            await queries.put_in_force(connection, playbook.id, playbook.version, in_force[0]["state"])
        log.info("playbook_stocked", playbook_id=playbook.id, version=playbook.version)

    async def keep(self, connection: Connection, read: ReadPlaybook, author: str) -> bool:
        """Keep a numbered version as a draft, under the playbook's lock; False when it was kept before, as it is.

        Raises VersionTaken when its number is kept with another content.
        """
        playbook = read.parsed
        known = await queries.version(connection, playbook.id, playbook.version)
        if known is None:
            await queries.insert_draft(connection, playbook.id, playbook.version, read.document, read.text, author)
            log.info("playbook_kept", playbook_id=playbook.id, version=playbook.version, by=author)
            return True
        if known["document"] == read.document:
            return False
        newest = await queries.newest(connection, playbook.id)
        raise VersionTaken(playbook.id, playbook.version, (newest["version"] if newest else playbook.version) + 1)

    async def in_force(self, connection: Connection) -> list[Kept]:
        """Return every playbook that is active or paused; one that cannot be read does not hold up the others."""
        kept: list[Kept] = []
        for row in await queries.current(connection):
            try:
                kept.append(Kept(self._parsed(row), row["state"]))
            except PlaybookInvalid as error:
                log.error("playbook_unreadable", playbook_id=row["id"], version=row["version"], error=str(error)[:300])
        return kept

    async def version(self, connection: Connection, playbook_id: str, number: int) -> Playbook:
        """Return one version, in force or not. Raises PlaybookUnknown."""
        known = self._read.get((playbook_id, number))
        if known is not None:
            return known
        row = await queries.version(connection, playbook_id, number)
        if row is None:
            raise PlaybookUnknown(f"there is no version {number} of the playbook {playbook_id}")
        return self._parsed(row)

    def _parsed(self, row: asyncpg.Record) -> Playbook:
        key = (row["id"], row["version"])
        if key not in self._read:
            read = parse_playbook(row["document"])
            if (read.id, read.version) != key:
                # Whoever opens runs by a document would never find it in force.
                another = f"this is version {read.version} of {read.id}, kept as version {key[1]} of {key[0]}"
                raise PlaybookInvalid((Problem("/version", "kept_as_another", another),))
            self._read[key] = read
        return self._read[key]

    async def set_state(self, playbook_id: str, state: str, by: str) -> None:
        """Pause or resume the version in force; resuming lets what waited go on.

        Raises PlaybookUnknown, and NotInForce for one that was never activated.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            await queries.lock_playbook(connection, playbook_id)
            if not await queries.set_state(connection, playbook_id, state):
                if await queries.newest(connection, playbook_id) is None:
                    raise PlaybookUnknown(f"there is no playbook {playbook_id}")
                raise NotInForce(f"no version of the playbook {playbook_id} is in force: activate one of them")
            if state == "active":
                await locking.runs_held(connection, playbook_id)
                await queries.wake_held(connection, playbook_id)
        log.info("playbook_state", playbook_id=playbook_id, state=state, by=by)

    async def switch(self, *, paused: bool, by: str) -> asyncpg.Record:
        """Pause or resume all outreach; resuming lets what waited go on."""
        async with self.pool.acquire() as connection, connection.transaction():
            row = await queries.set_control(connection, paused=paused, by=by)
            if not paused:
                await locking.runs_held(connection, None)
                await queries.wake_held(connection)
        log.info("outreach_switched", paused=paused, by=by)
        return row
