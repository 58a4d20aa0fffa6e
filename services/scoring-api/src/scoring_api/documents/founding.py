"""Brings the shipped score models into the store, and the first line-up; it never replaces a version.

`MILEPOST_SCORING_MODEL` names what judges first: the id of a shipped model, or a file. On an empty installation that
model is put in charge. A file is the word of whoever runs the installation: each new version in it is put in charge at
the next start, in place of the models that could take the same accounts with the same precedence. A version that was
kept before is left as it is, in charge or not.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import structlog

from milepost_core.model import parse_model
from milepost_runtime.database import Connection
from milepost_runtime.lawful_documents import LARGEST_DOCUMENT
from milepost_runtime.settings import PREFIX
from scoring_api.documents.checking import ReadModel, read_bytes
from scoring_api.queries import catalogue, lineups
from scoring_api.scores.gathering import make_due
from scoring_api.scores.lineup import can_meet

log = structlog.get_logger()
US = "milepost"
SETTING = f"{PREFIX}SCORING_MODEL"
DEFAULT = "b2b-onboarding"


class FirstModelMissing(Exception):
    """The setting names neither a shipped model nor a file that can be read."""


class VersionTaken(Exception):
    """A document differs from the version of the same number that is kept; `free` is the next number."""

    def __init__(self, model_id: str, version: int, free: int) -> None:
        super().__init__(
            f"version {version} of the score model '{model_id[:100]}' is kept with another content:"
            f" a version never changes, so give the document the next number, {free}"
        )
        self.free = free


@dataclass(frozen=True)
class Founding:
    """What a new installation starts with: every shipped model kept, and one of them (or a file) in charge."""

    shipped: Sequence[ReadModel]
    first: ReadModel
    path: str = ""
    """The file of the first model; empty if it is a shipped one."""

    async def __call__(self, connection: Connection) -> None:
        """Keep what is not kept yet; put the first model in charge if none ever was, or if its file has a new version.

        Raises VersionTaken.
        """
        async with connection.transaction():
            await lineups.lock(connection)
            for one in self.shipped:
                await keep(connection, one, author=US, shipped=True)
            fresh = bool(self.path) and await keep(connection, self.first, author=US, note=f"file {self.path}")
            number = await lineups.number(connection)
            if not number:
                await self._begin(connection)
            elif fresh:
                number = await self._replace(connection, number)
                await make_due(connection, number)
            else:
                await self._tell_if_idle(connection, number)

    async def _begin(self, connection: Connection) -> None:
        """Put the first model in charge; where it takes only some accounts, the default one takes all others."""
        reason = f"file {self.path}" if self.path else "the first model of this installation"
        if self.first.parsed.applies_to:
            default = next(one for one in self.shipped if one.parsed.id == DEFAULT)
            await lineups.activate(connection, reference(default), True, US, "takes all other accounts")
        await lineups.activate(connection, reference(self.first), True, US, reason)

    async def _replace(self, connection: Connection, number: int) -> int:
        """Put the file's new version in charge, and whom it meets at the same precedence out of charge."""
        own, reason = self.first.parsed, f"file {self.path}"
        beside = [one for one in await lineups.in_charge(connection, number) if one[0] != own.id]
        number = await lineups.activate(connection, reference(self.first), True, US, reason)
        for row in await lineups.documents(connection, beside):
            other = parse_model(row["document"])
            if other.precedence == own.precedence and can_meet(own, other):
                number = await lineups.activate(connection, (other.id, other.version), False, US, reason)
        return number

    async def _tell_if_idle(self, connection: Connection, number: int) -> None:
        wanted = reference(self.first)
        if wanted not in await lineups.in_charge(connection, number):
            log.info("first_model_not_in_charge", setting=SETTING, model=wanted[0], version=wanted[1])


def reference(model: ReadModel) -> tuple[str, int]:
    """Return id and version."""
    return model.parsed.id, model.parsed.version


def read_founding(named: str) -> Founding:
    """Return the shipped models, and `named` (the id of one of them, or the path of a file) as the first to judge.

    Raises ModelDocumentInvalid for a document that the law refuses, FirstModelMissing where there is none; both name
    the setting and the file.
    """
    shipped = read_shipped()
    chosen = next((one for one in shipped if one.parsed.id == named), None)
    if chosen is not None:
        return Founding(shipped, chosen)
    first = _read_file(named, [one.parsed.id for one in shipped])
    known = next((one for one in shipped if reference(one) == reference(first)), None)
    if known is not None and digest(known.document) != digest(first.document):
        raise VersionTaken(*reference(first), first.parsed.version + 1)
    return Founding(shipped, first, named)


def read_shipped() -> list[ReadModel]:
    """Return the models that Milepost ships, by id."""
    items = sorted(files("scoring_api.library").iterdir(), key=lambda one: one.name)
    return [read_bytes(one.read_bytes(), one.name) for one in items if one.name.endswith(".yaml")]


def _read_file(named: str, ids: Iterable[str]) -> ReadModel:
    try:
        with Path(named).open("rb") as file:
            body = file.read(LARGEST_DOCUMENT + 1)
    except OSError as error:
        raise FirstModelMissing(
            f"{SETTING} names '{named}', which is none of the shipped models ({', '.join(ids)})"
            f" and no file that can be read ({error.strerror or error})"
        ) from None
    return read_bytes(body, f"the file '{named}' that {SETTING} names")


async def keep(connection: Connection, model: ReadModel, *, author: str, note: str = "", shipped: bool = False) -> bool:
    """Keep a version; return whether it is new. Raises VersionTaken if it is kept with another content."""
    parsed, own = model.parsed, digest(model.document)
    row = (parsed.id, parsed.version, parsed.title, dict(model.document), model.text, own, author, note, shipped)
    fresh, kept = await lineups.keep_version(connection, row)
    if kept != own:
        newest, _ = await catalogue.newest(connection, parsed.id)
        raise VersionTaken(parsed.id, parsed.version, newest + 1)
    return fresh


def digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a document says: comments, order of keys and spacing do not count."""
    said = json.dumps({key: value for key, value in document.items() if value is not None}, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()
