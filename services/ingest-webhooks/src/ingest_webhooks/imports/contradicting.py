"""Finds the lines of an import that say something else than was told under their ids before; it writes nothing.

A digest of every line would cost nearly half of what reading it costs. So only lines whose fact is known are read a
second time, and compared with the digest that the fact was posted with or else with the row that tells it.
"""

import asyncio
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from datetime import UTC, datetime

from ingest_webhooks.forgetting.persons import Persons
from ingest_webhooks.queries import erasures, heads, keys
from ingest_webhooks.sources.line_chunks import Chunk, Errors
from ingest_webhooks.sources.plain import normal_event
from ingest_webhooks.words.meaning import Head, same_meaning, same_names
from ingest_webhooks.words.shapes import AHEAD, Context, NormalEvent
from milepost_runtime.database import Connection
from milepost_runtime.strict_json import read_json

CONFLICT: Errors = [
    {
        "pointer": "/id",
        "detail": "Something else was told under this id before; the first word stays.",
        "code": "conflict",
    }
]
PORTION = 32
# So late that no moment is drawn back: what counts is what the sender said, not when we read it.
_LATE = datetime.max.replace(tzinfo=UTC) - AHEAD


async def contradictions(
    connection: Connection, chunk: Chunk, before: Set[bytes], sender: str, persons: Persons
) -> list[int]:
    """Return the numbers of the lines that contradict a fact known `before` or an earlier line of their chunk.

    What is told of people who are forgotten contradicts nothing: nobody may know any more what was said.
    """
    wanted = before | {key for _, key in chunk.repeats}
    if not wanted:
        return []
    contents = {key: one.content for key, one in (await keys.noted(connection, list(before))).items()}
    unwatched = [_event_id(key) for key, content in contents.items() if not content]
    rows = await heads.of_events(connection, unwatched)
    context, first, found = Context(_LATE, sender=sender), dict[bytes, NormalEvent](), dict[int, NormalEvent]()
    for at, (number, key, line) in enumerate(chunk.lines_of(wanted)):
        if at % PORTION == 0:
            await asyncio.sleep(0)
        event = normal_event(read_json(line), context)
        told = contents.get(key) or (None if key in before else first.setdefault(key, event).content)
        row = rows.get(_event_id(key))
        if (told and told != event.content) or (not told and row is not None and not _same(row, event)):
            found[number] = event
    return await _of_the_known(connection, found, persons)


async def _of_the_known(connection: Connection, found: Mapping[int, NormalEvent], persons: Persons) -> list[int]:
    if not found or not await erasures.any_erased(connection):
        return list(found)
    named = {number: set(_words(event)) for number, event in found.items()}
    gone = await persons.forgotten(connection, set().union(*named.values()))
    return [number for number, names in named.items() if not gone & names]


def _words(event: NormalEvent) -> Iterator[str]:
    """Yield whatever an erasure may have blanked."""
    yield from (word for word in (event.reference, event.actor, event.item, event.value_text) if word)
    yield from (value for value in event.properties.values() if isinstance(value, str))


def _same(row: Head, event: NormalEvent) -> bool:
    return same_names(row, event) and (same_meaning(row, event) or same_meaning(_as_said(row), event))


def _as_said(row: Head) -> Head:
    """Return a row with the moment that its sender told, where ours is another."""
    properties = dict(row.properties)
    try:
        return replace(
            row, occurred_at=datetime.fromisoformat(properties.pop("original_occurred_at")), properties=properties
        )
    except (KeyError, TypeError, ValueError):
        return row


def _event_id(key: bytes) -> str:
    return key[:16].hex()
