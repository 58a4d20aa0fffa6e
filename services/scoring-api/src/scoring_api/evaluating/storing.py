"""Brings a data set into the store by the front way: its events go into the feed, the recording lane makes records.

It needs a database of its own; the feed is filled by COPY, as an import of plain events fills it.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from milepost_runtime.database import Connection, Pool
from milepost_runtime.lanes import drain
from scoring_api.evaluating.studies import Event, Study
from scoring_api.queries import examples
from scoring_api.scores.recording import Recording

SOURCE = "evaluation"
_CHUNK = 50_000
Progress = Callable[[float, float, str], None]


def ids_of(study: Study) -> list[UUID]:
    """Return the ids of a study's accounts, the same in every run."""
    return [uuid5(NAMESPACE_URL, f"milepost:{study.name}:{one.name}") for one in study.subjects]


async def store(
    feed: Connection, pool: Pool, recording: Recording, study: Study, progress: Progress
) -> tuple[list[UUID], int]:
    """Tell all events and record them; return the accounts' ids and how many events there were."""
    ids, told = ids_of(study), 0
    events = chain(_introductions(study), study.events())
    while rows := await asyncio.to_thread(lambda: list(islice(_rows(events, ids), _CHUNK))):
        await examples.copy(feed, rows)
        told += len(rows)
        progress(told, 0, "telling")
    recorded = 0
    while recorded < told:
        recorded += await drain(pool, recording.lane, seconds=1.0)
        progress(min(recorded, told), told, "recording")
    await examples.settle(feed)
    return ids, told


def _introductions(study: Study) -> Iterator[Event]:
    """That every account began, and what it is like at its start; nothing of a study whose events tell it."""
    if study.tells_itself:
        return
    for at, subject in enumerate(study.subjects):
        yield Event(at, "started", "account.started", subject.start)
        first = min(subject.start, subject.enters)
        if subject.attributes:
            yield Event(at, "about", "account.updated", first, properties=subject.attributes)


def _rows(events: Iterable[Event], ids: Sequence[UUID]) -> Iterator[tuple[Any, ...]]:
    for one in events:
        word = one.value if isinstance(one.value, str) else None
        number = one.value if isinstance(one.value, int | float) else None
        yield (
            f"{ids[one.account]}:{one.id}",
            ids[one.account],
            one.type,
            one.occurred_at,
            _recorded(one),
            one.actor,
            one.role,
            one.item,
            number,
            word,
            json.dumps(dict(one.properties or {})),
            SOURCE,
        )


def _recorded(one: Event) -> datetime:
    return one.recorded_at or one.occurred_at
