"""Keeping playbooks: shipped ones into the table, versions out of it, pauses and the one switch; it starts no run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import structlog

from milepost_core.playbooks import Playbook
from milepost_core.playbooks.parsing import PlaybookInvalid, parse_playbook
from milepost_runtime.database import Connection, Pool
from playbook_runner.documents import check_document
from playbook_runner.queries import playbooks as queries

log = structlog.get_logger()


class PlaybookUnknown(Exception):
    """There is no such playbook, or no such version of it."""


@dataclass(frozen=True)
class Kept:
    """The version in force of a playbook, and whether it is active or paused."""

    playbook: Playbook
    state: str


@dataclass(frozen=True)
class Keeping:
    """The use cases around playbook documents. Versions never change, so each is read once per process."""

    pool: Pool = field(repr=False)
    _read: dict[tuple[str, int], Playbook] = field(default_factory=dict, repr=False)

    async def stock(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Bring shipped documents into the table and into force; what people paused stays paused.

        A version that is there already is left as it is: runs rely on it. Raises PlaybookInvalid.
        """
        for document in documents:
            playbook = check_document(document)
            async with self.pool.acquire() as connection, connection.transaction():
                await queries.lock_playbook(connection, playbook.id)
                await self._stock_one(connection, playbook, document)

    async def _stock_one(self, connection: Connection, playbook: Playbook, document: Mapping[str, Any]) -> None:
        known = await queries.version(connection, playbook.id, playbook.version)
        if known is not None:
            if known["document"] != dict(document):
                log.warning("playbook_differs_from_shipped", playbook_id=playbook.id, version=playbook.version)
            return
        in_force = await queries.current(connection, playbook.id)
        newer = not in_force or in_force[0]["version"] < playbook.version
        state = in_force[0]["state"] if in_force else "active"
        if newer:
            await queries.retire(connection, playbook.id)
        await queries.insert_version(connection, playbook.id, playbook.version, document, state if newer else "retired")
        log.info("playbook_stocked", playbook_id=playbook.id, version=playbook.version, in_force=newer)

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
            self._read[key] = parse_playbook(row["document"])
        return self._read[key]

    async def set_state(self, playbook_id: str, state: str, by: str) -> asyncpg.Record:
        """Pause or activate the version in force; activating lets what waited go on. Raises PlaybookUnknown."""
        async with self.pool.acquire() as connection, connection.transaction():
            await queries.lock_playbook(connection, playbook_id)
            if not await queries.set_state(connection, playbook_id, state):
                raise PlaybookUnknown(f"there is no playbook {playbook_id}")
            if state == "active":
                await queries.wake_held(connection, playbook_id)
            row = (await queries.current(connection, playbook_id))[0]
        log.info("playbook_state", playbook_id=playbook_id, state=state, by=by)
        return row

    async def switch(self, *, paused: bool, by: str) -> asyncpg.Record:
        """Pause or resume all outreach; resuming lets what waited go on."""
        async with self.pool.acquire() as connection, connection.transaction():
            row = await queries.set_control(connection, paused=paused, by=by)
            if not paused:
                await queries.wake_held(connection)
        log.info("outreach_switched", paused=paused, by=by)
        return row
