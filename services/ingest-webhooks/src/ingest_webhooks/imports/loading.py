"""Writes one chunk of an import, whole or not at all; it never reads a line.

A chunk is one transaction: hold the import, note the facts that are new, settle whom references belong to, copy the new
events into the feed, count, move the position. Only from the second step on is the feed's lock held.
"""

import asyncio
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC
from operator import itemgetter
from uuid import UUID

import structlog

from ingest_webhooks.accounts.attaching import Attached, attach_references, follow
from ingest_webhooks.forgetting.persons import Persons
from ingest_webhooks.imports.contradicting import CONFLICT, contradictions
from ingest_webhooks.queries import erasures, events, imports, keys
from ingest_webhooks.queries.events import READER_LANE, Origin
from ingest_webhooks.queries.imports import Progress
from ingest_webhooks.sources.line_chunks import Chunk
from ingest_webhooks.sources.plain_lines import COLUMNS, PLACE, names_in, place_of
from ingest_webhooks.words.shapes import NormalEvent, Normalised, other_names
from milepost_contracts.events import FEED
from milepost_runtime.database import Connection, Pool, is_store_trouble
from milepost_runtime.failpoints import fp
from milepost_runtime.feeds import publish_lock
from milepost_runtime.queue import Hints

log = structlog.get_logger()
SOURCE = "import"
TRIES = 4
_ORIGIN = ("source", "correlation_id")


class ImportMoved(Exception):
    """The import's position is another one by now; `position` says which."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the position is {position}")
        self.position = position


class ImportClosed(Exception):
    """The import takes no lines any more; the text is its state."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The feed's rows of a chunk, written ahead while the chunk before it is loaded: right if `heads` still are.

    Heads are what stands in front of a row for each reference: its account and the columns of PLACE.
    """

    heads: Mapping[str, str]
    rows: str


@dataclass
class Loader:
    """Loads the chunks of one import, one after the other.

    `mostly_new` is whether all of the last one was new, `heads` are where its references led.
    """

    pool: Pool
    hints: Hints
    persons: Persons
    import_id: UUID
    sender: str
    dry_run: bool
    mostly_new: bool = True
    heads: Mapping[str, str] = field(default_factory=dict)

    def draft(self, chunk: Chunk) -> Draft | None:
        """Write a chunk's rows as if every reference led where it led lately; None when that cannot be known."""
        heads = self.heads
        if self.dry_run or chunk.special or not chunk.first_told.keys() <= heads.keys():
            return None
        return Draft(heads, _plain_rows(chunk, heads, self._end))

    async def load(self, chunk: Chunk, draft: Draft | None = None) -> None:
        """Settle a chunk; raises ImportMoved and ImportClosed, and what the store raises when it stays in trouble."""
        for tried in range(1, TRIES + 1):
            try:
                await self._load(chunk, draft)
            except Exception as error:
                if tried == TRIES or not is_store_trouble(error):
                    raise
                log.warning("import_chunk_again", import_id=str(self.import_id), error=repr(error)[:200])
                await asyncio.sleep(0.2 * tried)
            else:
                break
        self.hints.nudge(READER_LANE)

    async def _load(self, chunk: Chunk, draft: Draft | None) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            position, state = await imports.hold(connection, self.import_id)
            if state != "open":
                raise ImportClosed(state)
            if position != chunk.before:
                raise ImportMoved(position)
            before = await self._before(connection, chunk)
            contrary = await contradictions(connection, chunk, before, self.sender, self.persons)
            written = await (
                self._look(connection, chunk, before) if self.dry_run else self._write(connection, chunk, before, draft)
            )
            if chunk.rejects or contrary:
                listed = sorted([*chunk.rejects, *((line, CONFLICT) for line in contrary)], key=itemgetter(0))
                await imports.refuse(connection, self.import_id, listed)
            await imports.advance(connection, self.import_id, _progress(chunk, *written, len(contrary)))
            fp("import.before_commit")

    async def _before(self, connection: Connection, chunk: Chunk) -> Set[bytes]:
        """Note the facts of a chunk, unless it runs dry; return those that are known."""
        if not chunk.keys:
            return frozenset()
        if self.dry_run:
            return await imports.known_keys(connection, chunk.keys)
        before = await keys.reserve_many(connection, chunk.keys, self.import_id, mostly_new=self.mostly_new)
        self.mostly_new = not before
        return before

    async def _write(
        self, connection: Connection, chunk: Chunk, before: Set[bytes], draft: Draft | None
    ) -> tuple[int, int]:
        """Write what is new; return how many events went into the feed and how many wait for an account."""
        if len(before) == len(chunk.keys):
            return 0, 0
        await publish_lock(connection, FEED)
        await self._leave_out(connection, chunk, before)
        attached = await attach_references(connection, [(_spoken(chunk), self._origin)])
        await events.publish(connection, attached.told)
        self.heads = heads = _heads(chunk, attached)
        if draft is not None and not before and not chunk.ignored and heads.items() <= draft.heads.items():
            known, waiting = draft.rows, ""
        else:
            known, waiting = _rows(chunk, before, attached, self._end)
        published = await imports.write(connection, "event", ("account_id", *PLACE, *COLUMNS, *_ORIGIN), known)
        await follow(connection, attached)
        return published, await imports.write(connection, "waiting_event", (*PLACE, *COLUMNS, *_ORIGIN), waiting)

    async def _look(self, connection: Connection, chunk: Chunk, before: Set[bytes]) -> tuple[int, int]:
        """Return what `_write` would return, and leave nothing behind."""
        trial = connection.transaction()
        await trial.start()
        try:
            await publish_lock(connection, FEED)
            await self._leave_out(connection, chunk, before)
            attached = await attach_references(connection, [(_spoken(chunk), self._origin)])
            rows = _rows(chunk, before, attached, "\n")
        finally:
            await trial.rollback()
        return rows[0].count("\n"), rows[1].count("\n")

    async def _leave_out(self, connection: Connection, chunk: Chunk, before: Set[bytes]) -> None:
        """Take what is news of forgotten people out of a chunk; those who are forgotten from now on find it written."""
        if not await erasures.any_erased(connection):
            return
        named = {key: names_in(*row) for key, row in chunk.rows.items() if key not in before}
        gone = await self.persons.forgotten(connection, {name for names in named.values() for name in names})
        for key, names in named.items():
            if gone.intersection(names):
                chunk.leave_out(key)
        for name in gone:
            chunk.first_told.pop(name, None)

    @property
    def _end(self) -> str:
        return f"\t{SOURCE}\t{self.import_id}\n"

    @property
    def _origin(self) -> Origin:
        return Origin(SOURCE, None, None, str(self.import_id))


def _heads(chunk: Chunk, attached: Attached) -> dict[str, str]:
    leads = attached.accounts
    return {name: f"{leads[name]}\t{place_of(name, None)}" for name in chunk.first_told if name in leads}


def _plain_rows(chunk: Chunk, heads: Mapping[str, str], end: str) -> str:
    return "".join([f"{heads[reference]}{text}{end}" for reference, text in chunk.rows.values()])


def _rows(chunk: Chunk, before: Set[bytes], attached: Attached, end: str) -> tuple[str, str]:
    """Return the rows for the feed and for the waiting room, as COPY reads them, without what was known before."""
    heads = _heads(chunk, attached)
    if not chunk.special and not before and len(heads) == len(chunk.first_told):
        return _plain_rows(chunk, heads, end), ""
    known, waiting = [], []
    for key, (reference, text) in chunk.rows.items():
        special = chunk.special.get(key)
        if key in before:
            continue
        if special is not None:
            account_id, place = attached.account_of(special), place_of(reference, other_names(special))
            head = None if account_id is None else f"{account_id}\t{place}"
        else:
            head, place = heads.get(reference), place_of(reference, None)
        if head is None:
            waiting.append(place + text + end)
        else:
            known.append(head + text + end)
    return "".join(known), "".join(waiting)


def _spoken(chunk: Chunk) -> Normalised:
    """Say once for each reference that it was spoken of, from the first moment on, and all that is special."""
    said = [
        NormalEvent(key=b"", reference=name, type="", occurred_at=at.astimezone(UTC), opens=name in chunk.opening)
        for name, at in chunk.first_told.items()
    ]
    return Normalised(events=[*said, *chunk.special.values()])


def _progress(chunk: Chunk, accepted: int, unmapped: int, conflicts: int) -> Progress:
    rejected = len(chunk.rejects)
    return Progress(
        lines=chunk.lines,
        size=chunk.size,
        accepted=accepted,
        duplicates=chunk.lines - accepted - unmapped - conflicts - chunk.ignored - rejected - chunk.blank,
        conflicts=conflicts,
        unmapped=unmapped,
        ignored=chunk.ignored,
        rejected=rejected,
        blank=chunk.blank,
    )
