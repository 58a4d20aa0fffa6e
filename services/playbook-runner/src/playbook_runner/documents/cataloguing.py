"""Playbooks as documents: listing, reading, checking, keeping, comparing them; it puts none in force."""

import asyncio
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from milepost_core.model.comparison import compare_documents
from milepost_core.playbooks.conditions import sentence
from milepost_core.playbooks.parsing import PlaybookInvalid, parse_playbook
from milepost_runtime.database import Connection, Pool
from milepost_runtime.placed_documents import Mistake
from playbook_runner.clients.scoring import HealthAway
from playbook_runner.clients.vocabulary import VocabularyClient
from playbook_runner.documents.checking import PlaybookDocumentInvalid, ReadPlaybook, read_bytes
from playbook_runner.documents.keeping import Keeping, PlaybookUnknown
from playbook_runner.documents.playbook_views import (
    DiffAnswer,
    DifferenceView,
    Finding,
    KeptAnswer,
    LintAnswer,
    PlaybookList,
    PlaybookSummary,
    PlaybookView,
    VersionList,
    VersionView,
)
from playbook_runner.queries import outlets, people, watching
from playbook_runner.queries import playbooks as queries

BODY = "the document"
UNCHECKED = "names of signals could not be looked up ({why}); activating looks again"


@dataclass(frozen=True)
class KeptDocument:
    """One version as it is handed out."""

    document: dict[str, Any]
    text: str


@dataclass(frozen=True)
class Catalogue:
    """The use cases around playbooks as documents."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    vocabulary: VocabularyClient

    async def listed(self) -> PlaybookList:
        """Return every playbook: the version in force, else the newest."""
        rows = await queries.shown(self.pool)
        return PlaybookList(data=[PlaybookSummary.model_validate(_described(row)) for row in rows])

    async def one(self, playbook_id: str, version: int | None = None) -> PlaybookView:
        """Return the version in force (else the newest), or a given one. Raises PlaybookUnknown."""
        row = next(iter(await queries.shown(self.pool, playbook_id)), None)
        if row is None:
            raise await self._unknown(playbook_id)
        if version is None or version == row["version"]:
            fault = await watching.fault(self.pool, playbook_id) or None
            return PlaybookView.model_validate(_described(row) | {"fault": fault})
        other = await queries.version(self.pool, playbook_id, version)
        if other is None:
            known = ", ".join(str(one) for one in row["versions"])
            raise PlaybookUnknown(f"there is no version {version} of the playbook {playbook_id}; there is {known}")
        return PlaybookView.model_validate(_described(other) | {"versions": row["versions"]})

    async def versions(self, playbook_id: str) -> VersionList:
        """Return every version of a playbook. Raises PlaybookUnknown."""
        rows = await queries.versions(self.pool, playbook_id)
        if not rows:
            raise await self._unknown(playbook_id)
        return VersionList(data=[VersionView.model_validate(dict(row)) for row in rows])

    async def document(self, playbook_id: str, version: int) -> KeptDocument:
        """Return one version as its document and as its author wrote it. Raises PlaybookUnknown."""
        row = await queries.version(self.pool, playbook_id, version)
        if row is None:
            await self.one(playbook_id, version)
            raise PlaybookUnknown(f"there is no version {version} of the playbook {playbook_id}")
        return KeptDocument(row["document"], row["text"])

    async def add(self, body: bytes, author: str) -> KeptAnswer:
        """Keep a document as a draft; one without a number gets the next one.

        Raises PlaybookDocumentInvalid, and VersionTaken when its number is kept with another content.
        """
        read = await asyncio.to_thread(read_bytes, body, BODY, version=1)
        warnings = [*read.warnings(), *await self._unknown_names(read), *await self.missing(read)]
        async with self.pool.acquire() as connection, connection.transaction():
            await queries.lock_playbook(connection, read.parsed.id)
            if not read.numbered:
                read = await self._numbered(connection, body, read)
            new = await self.keeping.keep(connection, read, author)
        parsed = read.parsed
        return KeptAnswer(id=parsed.id, version=parsed.version, name=parsed.name, new=new, warnings=findings(warnings))

    async def missing(self, read: ReadPlaybook) -> Sequence[Mistake]:
        """Return warnings about what it names and there is not: connections, and roles that nobody has."""
        unconnected = read.unconnected(await outlets.kinds(self.pool))
        return [*unconnected, *read.unstaffed(await people.roles(self.pool))]

    async def _unknown_names(self, read: ReadPlaybook) -> list[Mistake]:
        """Return the warning that nobody could say which names there are. Raises PlaybookDocumentInvalid for others."""
        try:
            mistakes = read.unknown(await self.vocabulary.known())
        except HealthAway as error:
            return [Mistake(1, 1, "", UNCHECKED.format(why=error), code="names_unchecked")]
        if mistakes:
            raise PlaybookDocumentInvalid(BODY, mistakes)
        return []

    async def _numbered(self, connection: Connection, body: bytes, read: ReadPlaybook) -> ReadPlaybook:
        """Return a document with the next number, or with the newest one if that says the same."""
        newest = await queries.newest(connection, read.parsed.id)
        if newest is None:
            return read
        same = {**read.document, "version": newest["version"]} == newest["document"]
        number = newest["version"] if same else newest["version"] + 1
        return await asyncio.to_thread(read_bytes, body, BODY, version=number)

    async def checked(self, body: bytes) -> LintAnswer:
        """Return what is wrong with a document, or what it may not mean as it says it."""
        try:
            read = await asyncio.to_thread(read_bytes, body, BODY, version=1)
            unknown = [*await self._unknown_names(read), *await self.missing(read)]
        except PlaybookDocumentInvalid as error:
            return LintAnswer(valid=False, mistakes=findings(error.mistakes), warnings=[])
        return LintAnswer(valid=True, mistakes=[], warnings=findings([*read.warnings(), *unknown]))

    async def compare(self, playbook_id: str, before: int, after: int) -> DiffAnswer:
        """Return what a later version says otherwise. Raises PlaybookUnknown."""
        old, new = await self.document(playbook_id, before), await self.document(playbook_id, after)
        found = [DifferenceView.model_validate(one) for one in compare_documents(old.document, new.document)]
        return DiffAnswer(id=playbook_id, from_version=before, to_version=after, differences=found)

    async def _unknown(self, playbook_id: str) -> PlaybookUnknown:
        known = [row["id"] for row in await queries.shown(self.pool)]
        near = difflib.get_close_matches(playbook_id, known, n=1)
        return PlaybookUnknown(f"there is no playbook {playbook_id}" + (f"; did you mean {near[0]}" if near else ""))


def findings(mistakes: Iterable[Mistake]) -> list[Finding]:
    """Return mistakes or warnings as the API shows them."""
    return [
        Finding(line=one.line, column=one.column, pointer=one.pointer, code=one.code, detail=one.said)
        for one in mistakes
    ]


def _described(row: asyncpg.Record) -> dict[str, object]:
    document = row["document"]
    return {
        **dict(row),
        "name": document["name"],
        "purpose": document.get("purpose") or "",
        "audience": _audience(document),
    }


def _audience(document: dict[str, Any]) -> str | None:
    try:
        found = parse_playbook(document).audience
    except PlaybookInvalid:
        return None
    return None if found is None else sentence(found)
