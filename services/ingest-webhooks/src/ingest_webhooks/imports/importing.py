"""Brings history in: an import is a file of plain events that comes as lines, in streams that may break and go on.

Lines are read in small portions between which everything else gets its turn, and settled in chunks: while one chunk is
being written the next one is read. What is settled is never asked for again; it never keeps more than two chunks.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import structlog
from asyncpg import Record

from ingest_webhooks.forgetting.persons import Persons
from ingest_webhooks.imports.loading import ImportClosed, ImportMoved, Loader
from ingest_webhooks.queries import imports
from ingest_webhooks.queries.imports import NewImport
from ingest_webhooks.sources.line_chunks import Chunk
from ingest_webhooks.sources.plain_lines import LINE_LIMIT, LineReader
from milepost_runtime.database import Pool
from milepost_runtime.paging import Cursors
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault

log = structlog.get_logger()
CHUNK_LINES = 25_000
CHUNK_BYTES = 8 * 2**20
# Settling whom something belongs to is done under the feed's lock, which others wait for: new accounts are dear, and so
# is what a moment or a thing decides about.
CHUNK_NEWCOMERS = 500
CHUNK_SPECIAL = 2_000
PORTION = 32
STREAMS = 2


class ImportUnknown(Exception):
    """There is no such import."""


class ImportIncomplete(Exception):
    """Fewer lines are settled than the import was said to have."""


class TooManyStreams(Exception):
    """As many imports are being read as this process takes at a time."""


class Importing:
    """Imports as their senders see them."""

    def __init__(self, pool: Pool, hints: Hints, persons: Persons, vault: Vault) -> None:
        self._pool = pool
        self._hints = hints
        self._persons = persons
        self._cursors = Cursors(vault, "imports")
        self._reject_cursors = Cursors(vault, "rejects")
        self._streams = 0

    async def make(self, new: NewImport) -> tuple[Record, bool]:
        """Return the import and whether it is new; the same one again is gone on with, also after it was cancelled."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await imports.make(connection, new)

    async def page(self, cursor: str | None, limit: int) -> tuple[list[Record], str | None]:
        """Return imports, newest first, and the cursor of the next page. Raises CursorBroken."""
        before = UUID(self._cursors.place("", cursor)) if cursor else None
        async with self._pool.acquire() as connection:
            rows = await imports.page(connection, before=before, limit=limit + 1)
        more = self._cursors.make("", str(rows[limit - 1]["id"])) if len(rows) > limit else None
        return rows[:limit], more

    async def one(self, import_id: UUID) -> Record:
        """Return how an import stands; raises ImportUnknown."""
        async with self._pool.acquire() as connection:
            row = await imports.one(connection, import_id)
        if row is None:
            raise ImportUnknown(str(import_id))
        return row

    async def rejects(self, import_id: UUID, cursor: str | None, limit: int) -> tuple[list[Record], str | None]:
        """Return refused lines in their order, and the cursor of the next page. Raises ImportUnknown, CursorBroken."""
        await self.one(import_id)
        after = int(self._reject_cursors.place(import_id, cursor)) if cursor else 0
        async with self._pool.acquire() as connection:
            rows = await imports.rejects(connection, import_id, after=after, limit=limit + 1)
        more = self._reject_cursors.make(import_id, str(rows[limit - 1]["line"])) if len(rows) > limit else None
        return rows[:limit], more

    async def close(self, import_id: UUID, state: str) -> Record:
        """Finish or cancel an import; doing it again changes nothing.

        Raises ImportUnknown, ImportClosed when it ended the other way, ImportIncomplete when lines are missing.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await imports.hold(connection, import_id)
            closed = await imports.close(connection, import_id, state)
            row = await imports.one(connection, import_id)
        if row is None:
            raise ImportUnknown(str(import_id))
        if not closed and row["state"] == "open":
            raise ImportIncomplete(f"{row['position']} of {row['total_lines']} lines are settled")
        if row["state"] != state:
            raise ImportClosed(row["state"])
        return row

    async def take(self, import_id: UUID, start: int, blocks: AsyncIterator[bytes]) -> Record:
        """Settle the lines of a stream, the first of which has `start` lines in front of it; return how it stands.

        Lines that are settled already are passed over. Raises ImportUnknown, ImportClosed, ImportMoved (lines are
        missing in front of the stream, or another stream is faster), TooManyStreams.
        """
        row = await self.one(import_id)
        if row["state"] != "open":
            raise ImportClosed(row["state"])
        if start > row["position"]:
            raise ImportMoved(row["position"])
        with self._stream():
            async with self._pool.acquire() as connection:
                await imports.begin_stream(connection, import_id)
            reader = LineReader(row["sender"], datetime.now(UTC))
            loader = Loader(self._pool, self._hints, self._persons, import_id, row["sender"], row["dry_run"])
            await _Stream(reader, loader, Chunk(row["position"]), row["position"] - start).take(blocks)
        settled = await self.one(import_id)
        log.info("import_stream_ended", import_id=str(import_id), position=settled["position"])
        return settled

    @contextlib.contextmanager
    def _stream(self) -> Iterator[None]:
        if self._streams >= STREAMS:
            raise TooManyStreams
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1


@dataclass
class _Stream:
    """A stream on its way into chunks; the first `skip` lines are settled already."""

    reader: LineReader
    loader: Loader
    chunk: Chunk
    skip: int
    loading: "asyncio.Task[None] | None" = None

    async def take(self, blocks: AsyncIterator[bytes]) -> None:
        try:
            async for lines in _lines(blocks):
                await self._read(lines)
            await self._flush()
        finally:
            await self._settled()

    async def _read(self, lines: list[bytes]) -> None:
        skipped = min(self.skip, len(lines))
        self.skip -= skipped
        for at in range(skipped, len(lines), PORTION):
            self.reader.read(lines[at : at + PORTION], self.chunk)
            if _full(self.chunk):
                await self._flush()
            await asyncio.sleep(0)

    async def _flush(self) -> None:
        """Hand the chunk over to be written, as soon as the one before it is."""
        self.chunk.seal()
        draft = self.loader.draft(self.chunk)
        await self._settled()
        if self.chunk.lines:
            self.loading = asyncio.create_task(self.loader.load(self.chunk, draft))
            self.chunk = Chunk(self.chunk.before + self.chunk.lines)

    async def _settled(self) -> None:
        if self.loading is not None:
            loading, self.loading = self.loading, None
            await loading


def _full(chunk: Chunk) -> bool:
    return (
        chunk.lines >= CHUNK_LINES
        or chunk.size >= CHUNK_BYTES
        or chunk.newcomers >= CHUNK_NEWCOMERS
        or len(chunk.special) >= CHUNK_SPECIAL
    )


async def _lines(blocks: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Cut blocks into lines; of a line that is too long only enough is kept to see that."""
    rest = b""
    async for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > LINE_LIMIT + 1:
            rest = rest[: LINE_LIMIT + 2]
        if lines:
            yield lines
    if rest:
        yield [rest]
