"""Keeps the mappings of connections, version by version, and checks them; it translates nothing itself.

A version never changes. Going back to an old one makes a new version with its rules, so that the list of versions tells
what counted when.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.entrance.doors import ConnectionUnknown
from ingest_webhooks.mapping import Remark, lint
from ingest_webhooks.queries import mappings
from ingest_webhooks.sources import SOURCES
from ingest_webhooks.words.rules import MappingDocument, Rule
from milepost_runtime.database import Connection, Pool


class MappingInvalid(Exception):
    """A mapping says what no mapping can; `remarks` are its errors."""

    def __init__(self, remarks: list[Remark]) -> None:
        super().__init__(f"{len(remarks)} mistakes")
        self.remarks = remarks


class MappingChanged(Exception):
    """Somebody has made a newer version than the one that this change was made from."""

    def __init__(self, current: int) -> None:
        super().__init__(f"the current version is {current}")
        self.current = current


class VersionUnknown(Exception):
    """There is no such version of this mapping."""


@dataclass(frozen=True)
class Version:
    """A connection's own rules at one version; version 0 is none at all."""

    version: int
    rules: Mapping[str, Any]
    author: str = ""
    note: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True)
class Author:
    """Who makes a version, why, and which one it was made from (None: whichever is current)."""

    name: str
    note: str = ""
    expects: int | None = None


class Translating:
    """What the owner of the deployment does with the mapping of a connection."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def current(self, connection_id: UUID) -> tuple[Version, Mapping[str, Any]]:
        """Return the rules that count, and the defaults of the source. Raises ConnectionUnknown."""
        async with self._pool.acquire() as connection:
            row = _known(await mappings.look(connection, connection_id))
            version = await _version(connection, connection_id, row["mapping_version"])
        return version, {topic: as_document(rule) for topic, rule in SOURCES[row["source"]].rules.items()}

    async def change(self, connection_id: UUID, rules: Any, author: Author) -> Version:
        """Let these rules count from now on, as a new version.

        Raises ConnectionUnknown, MappingInvalid, MappingChanged.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = _expected(await mappings.lock(connection, connection_id), author)
            source = SOURCES[row["source"]]
            remarks = lint(rules, source.rules, source.has_value)
            errors = [one for one in remarks if one.severity == "error"]
            if errors:
                raise MappingInvalid(errors)
            kept = {topic: as_document(rule) for topic, rule in MappingDocument(rules=rules).rules.items()}
            return await _add(connection, connection_id, row["mapping_version"] + 1, kept, author)

    async def activate(self, connection_id: UUID, version: int, author: Author) -> Version:
        """Let the rules of an earlier version count again, as a new version; 0: no rules of its own.

        Raises ConnectionUnknown, VersionUnknown, MappingChanged, and MappingInvalid for rules that are none any more.
        """
        async with self._pool.acquire() as connection:
            earlier = await _version(connection, connection_id, version)
        return await self.change(connection_id, dict(earlier.rules), author)

    async def versions(self, connection_id: UUID) -> list[Record]:
        """Return all versions, newest first, without their rules. Raises ConnectionUnknown."""
        async with self._pool.acquire() as connection:
            _known(await mappings.look(connection, connection_id))
            return await mappings.versions(connection, connection_id)

    async def version(self, connection_id: UUID, version: int) -> Version:
        """Return one version with its rules. Raises ConnectionUnknown, VersionUnknown."""
        async with self._pool.acquire() as connection:
            _known(await mappings.look(connection, connection_id))
            return await _version(connection, connection_id, version)

    async def lint(self, connection_id: UUID, rules: Any) -> list[Remark]:
        """Return all that is wrong with rules or hardly meant. Raises ConnectionUnknown."""
        async with self._pool.acquire() as connection:
            row = _known(await mappings.look(connection, connection_id))
        source = SOURCES[row["source"]]
        return lint(rules, source.rules, source.has_value)


def as_document(rule: Rule) -> dict[str, Any]:
    """Return a rule as it is written: without what it leaves open."""
    return rule.model_dump(mode="json", exclude_defaults=True)


def _known(row: Record | None) -> Record:
    if row is None:
        raise ConnectionUnknown
    return row


def _expected(row: Record | None, author: Author) -> Record:
    current = _known(row)
    if author.expects not in (None, current["mapping_version"]):
        raise MappingChanged(current["mapping_version"])
    return current


async def _version(connection: Connection, connection_id: UUID, version: int) -> Version:
    if version == 0:
        return Version(0, {})
    row = await mappings.one(connection, connection_id, version)
    if row is None:
        raise VersionUnknown(str(version))
    return Version(**dict(row))


async def _add(
    connection: Connection, connection_id: UUID, version: int, rules: dict[str, Any], author: Author
) -> Version:
    row = await mappings.add(connection, connection_id, version, rules, author.name, author.note)
    return Version(**dict(row))
