"""Brings the shipped score models into the store, and the first line-up; it never replaces a version or a line-up."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from milepost_runtime.database import Connection
from scoring_api.models import ReadModel
from scoring_api.queries import lineups

US = "milepost"


class VersionTaken(Exception):
    """A document differs from the version of the same number that is kept."""

    def __init__(self, model_id: str, version: int) -> None:
        super().__init__(
            f"version {version} of the score model '{model_id}' is kept with another content:"
            " a version never changes, so give the document the next number"
        )


@dataclass(frozen=True)
class Founding:
    """What a new installation starts with: every shipped model kept, and one of them (or a file) in charge."""

    shipped: Sequence[ReadModel]
    first: ReadModel

    async def __call__(self, connection: Connection) -> None:
        """Keep what is not kept yet; put the first model in charge if none ever was, or if its file has a new version.

        Raises VersionTaken.
        """
        async with connection.transaction():
            await lineups.lock(connection)
            for one in (*self.shipped, self.first):
                await keep(connection, one, author=US, shipped=one in self.shipped)
            chosen = (self.first.parsed.id, self.first.parsed.version)
            number = await lineups.number(connection)
            if not number:
                await lineups.activate(connection, chosen, True, US, "the first model of this installation")


async def keep(connection: Connection, model: ReadModel, *, author: str, note: str = "", shipped: bool = False) -> None:
    """Keep a version. Raises VersionTaken if it is kept with another content."""
    parsed = model.parsed
    digest = hashlib.sha256(model.text.encode()).hexdigest()
    row = (parsed.id, parsed.version, parsed.title, dict(model.document), model.text, digest, author, note, shipped)
    if await lineups.keep_version(connection, row) != digest:
        raise VersionTaken(parsed.id, parsed.version)
