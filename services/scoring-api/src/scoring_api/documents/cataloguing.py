"""The score models that this deployment keeps: listing, reading, adding, comparing them; it puts none in charge."""

import asyncio
import difflib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from milepost_contracts.health import ModelRef
from milepost_core.model import ScoreModel
from milepost_core.model.comparison import compare_documents
from milepost_runtime.database import Pool
from milepost_runtime.placed_documents import Mistake
from milepost_runtime.secrets import SealBroken, Vault
from scoring_api.answers.listing import CursorBroken
from scoring_api.documents.checking import ModelDocumentInvalid, ReadModel, read_bytes, read_model
from scoring_api.documents.founding import digest, keep
from scoring_api.documents.model_views import (
    ActivationPage,
    ActivationView,
    DiffAnswer,
    DifferenceView,
    Finding,
    KeptAnswer,
    LintAnswer,
    ModelList,
    ModelSummary,
    ModelVersions,
    VersionView,
)
from scoring_api.queries import catalogue as queries
from scoring_api.queries import lineups
from scoring_api.scores.lineup import LineUp, LineUps, ModelNotKept

BODY = "the document"


class ModelUnknown(Exception):
    """No score model has this id, or not this version."""

    def __init__(self, model_id: str, version: int | None, known: Mapping[str, Iterable[int]]) -> None:
        asked = f"score model '{model_id[:100]}'" + ("" if version is None else f" version {version}")
        if model_id in known:
            numbers = ", ".join(str(one) for one in known[model_id])
            hint = f"it has {'version' if numbers.isdigit() else 'versions'} {numbers}"
        else:
            near = difflib.get_close_matches(model_id, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
        super().__init__(f"there is no {asked}; {hint}")


@dataclass(frozen=True)
class KeptDocument:
    """One version as it is handed out."""

    document: dict[str, Any]
    text: str
    digest: str


@dataclass(frozen=True)
class Catalogue:
    """The use cases around score models as documents."""

    pool: Pool = field(repr=False)
    lineups: LineUps = field(repr=False)
    vault: Vault = field(repr=False)

    async def in_charge(self) -> LineUp:
        """Return the models that judge now."""
        async with self.pool.acquire() as connection:
            return await self.lineups.now(connection)

    async def closest(self, model_id: str, version: int) -> ScoreModel:
        """Return the model that made a score, or what judges everybody when it is not kept any more."""
        async with self.pool.acquire() as connection:
            try:
                return await self.lineups.model(connection, model_id, version)
            except ModelNotKept:
                return (await self.lineups.now(connection)).models[-1]

    async def listed(self) -> ModelList:
        """Return every model with its versions and whether one of them is in charge."""
        number = (await self.in_charge()).number
        by_id = await self._by_id()
        return ModelList(data=tuple(_summary(name, rows) for name, rows in by_id.items()), line_up=number)

    async def one(self, model_id: str) -> ModelVersions:
        """Return one model with its versions. Raises ModelUnknown."""
        by_id = await self._by_id()
        if model_id not in by_id:
            raise ModelUnknown(model_id, None, _numbers(by_id))
        rows = by_id[model_id]
        history = tuple(VersionView(**{name: row[name] for name in VersionView.model_fields}) for row in rows)
        return ModelVersions(**_summary(model_id, rows).model_dump(), history=history)

    async def document(self, model_id: str, version: int) -> KeptDocument:
        """Return one version as its document. Raises ModelUnknown."""
        row = await queries.version(self.pool, model_id, version)
        if row is None:
            raise ModelUnknown(model_id, version, _numbers(await self._by_id()))
        return KeptDocument(row["document"], row["text"], row["digest"])

    async def read(self, model_id: str, version: int) -> ReadModel:
        """Return one version as its author wrote it, with places. Raises ModelUnknown."""
        kept = await self.document(model_id, version)
        return await asyncio.to_thread(read_model, kept.text, f"{model_id} version {version}", version=version)

    async def add(self, body: bytes, author: str, note: str) -> KeptAnswer:
        """Keep a document as a new version; one without a number gets the next one.

        Raises ModelDocumentInvalid, and VersionTaken when its number is kept with another content.
        """
        read = await asyncio.to_thread(read_bytes, body, BODY, version=1)
        async with self.pool.acquire() as connection, connection.transaction():
            await lineups.lock(connection)
            if not read.numbered:
                read = await self._numbered(connection, body, read.parsed.id)
            new = await keep(connection, read, author=author, note=note)
        parsed, warnings = read.parsed, _findings(await asyncio.to_thread(read.warnings))
        return KeptAnswer(id=parsed.id, version=parsed.version, title=parsed.title, new=new, warnings=warnings)

    async def _numbered(self, connection: asyncpg.Connection, body: bytes, model_id: str) -> ReadModel:
        """Return a document with the next number, or with the newest one if that says the same."""
        newest, kept = await queries.newest(connection, model_id)
        same = await asyncio.to_thread(read_bytes, body, BODY, version=max(newest, 1))
        if digest(same.document) == kept:
            return same
        return await asyncio.to_thread(read_bytes, body, BODY, version=newest + 1)

    async def compare(self, model_id: str, before: int, after: int) -> DiffAnswer:
        """Return what a later version says otherwise. Raises ModelUnknown."""
        old, new = await self.document(model_id, before), await self.document(model_id, after)
        found = [
            DifferenceView(
                pointer=one.pointer, kind=one.kind, before=one.before, after=one.after, sentence=one.sentence
            )
            for one in compare_documents(old.document, new.document)
        ]
        return DiffAnswer(id=model_id, from_version=before, to_version=after, differences=tuple(found))

    async def activations(self, cursor: str | None, model_id: str | None, limit: int) -> ActivationPage:
        """Return the change log page by page, newest first. Raises CursorBroken."""
        rows = await queries.activations(self.pool, self._before(cursor, model_id), model_id, limit + 1)
        page = tuple(
            ActivationView(
                model=ModelRef(id=row["model_id"], version=row["version"]),
                **{name: row[name] for name in ("id", "at", "title", "active", "before", "author", "reason")},
            )
            for row in rows[:limit]
        )
        more = self.vault.sign("activations", json.dumps([page[-1].id, model_id])) if len(rows) > limit else None
        return ActivationPage(data=page, next_cursor=more)

    def _before(self, cursor: str | None, model_id: str | None) -> int | None:
        if cursor is None:
            return None
        try:
            before, listed = json.loads(self.vault.unsign("activations", cursor))
        except SealBroken:
            raise CursorBroken("this cursor is not one of ours, or not whole") from None
        if listed != model_id:
            raise CursorBroken("this cursor belongs to another list: start at the first page")
        return int(before)

    async def _by_id(self) -> dict[str, list[asyncpg.Record]]:
        await self.in_charge()  # on an empty installation, this is what brings the shipped models in
        found: dict[str, list[asyncpg.Record]] = defaultdict(list)
        for row in await queries.versions(self.pool):
            found[row["model_id"]].append(row)
        return dict(found)


def checked(body: bytes) -> LintAnswer:
    """Return what is wrong with a document, or what it may not mean as it says it."""
    try:
        read = read_bytes(body, BODY, version=1)
    except ModelDocumentInvalid as error:
        return LintAnswer(valid=False, mistakes=_findings(error.mistakes), warnings=())
    return LintAnswer(valid=True, mistakes=(), warnings=_findings(read.warnings()))


def _findings(mistakes: Iterable[Mistake]) -> tuple[Finding, ...]:
    return tuple(Finding(**{name: getattr(one, name) for name in Finding.model_fields}) for one in mistakes)


def _summary(model_id: str, rows: list[asyncpg.Record]) -> ModelSummary:
    shown = next((row for row in rows if row["in_charge"]), rows[-1])
    asked = shown["applies_to"] or {}
    return ModelSummary(
        id=model_id,
        title=shown["title"],
        in_charge=shown["version"] if shown["in_charge"] else None,
        versions=tuple(row["version"] for row in rows),
        applies_to={name: value if isinstance(value, list) else [value] for name, value in asked.items()},
        precedence=shown["precedence"],
        shipped=shown["shipped"],
    )


def _numbers(by_id: Mapping[str, list[asyncpg.Record]]) -> dict[str, list[int]]:
    return {name: [row["version"] for row in rows] for name, rows in by_id.items()}
