"""The panel of a study, measured: accounts at the moments they are looked at, and what became of them; it scores none.

What is measured at a moment is what was visible then; who left is looked up beside it and goes nowhere near the store.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from milepost_core.model import ScoreModel
from milepost_core.readings import Readings
from milepost_runtime.database import Pool
from scoring_api.evaluating.studies import Look, Study, Subject
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import Compiled, compile_model

Floats = np.ndarray[Any, np.dtype[np.float64]]
Progress = Callable[[float, float, str], None]
SIDES = ("", "train", "test")
# So many accounts are measured by one statement, and so many statements at a time.
BATCH = 4000
AT_ONCE = 2


@dataclass(frozen=True)
class Rows:
    """Who is looked at in one look: places in the study's subjects, moments, labels, and the side of each row."""

    look: Look
    places: np.ndarray[Any, np.dtype[np.int64]]
    moments: list[datetime]
    labels: np.ndarray[Any, np.dtype[np.bool_]]
    sides: np.ndarray[Any, np.dtype[np.int8]]


@dataclass(frozen=True)
class Measured:
    """One look measured: readings by the columns of a model, and ages in days, row by row."""

    rows: Rows
    readings: Readings
    ages: Floats


def only(rows: Rows, side: str) -> Rows:
    """Return the rows of one side of a look."""
    mine = rows.sides == SIDES.index(side)
    moments = [moment for moment, kept in zip(rows.moments, mine, strict=True) if kept]
    return Rows(rows.look, rows.places[mine], moments, rows.labels[mine], rows.sides[mine])


def panel(study: Study) -> list[Rows]:
    """Return every look with its rows; looks at nobody are left out."""
    found = (_rows(study, look) for look in study.looks)
    return [rows for rows in found if rows.places.size]


def _rows(study: Study, look: Look) -> Rows:
    places, moments, labels, sides = [], [], [], []
    for place, subject in enumerate(study.subjects):
        moment = look.moment(subject)
        label = study.label(subject, moment)
        side = study.side(subject, moment)
        if label is not None and side:
            places.append(place)
            moments.append(moment)
            labels.append(label)
            sides.append(SIDES.index(side))
    return Rows(look, np.array(places, np.int64), moments, np.array(labels, np.bool_), np.array(sides, np.int8))


@dataclass(frozen=True)
class Measuring:
    """How a panel is measured: the pool, the accounts with their ids, and what to tell of the progress."""

    pool: Pool
    ids: Sequence[UUID]
    subjects: Sequence[Subject]
    progress: Progress

    async def measure(self, model: ScoreModel, panel: Sequence[Rows], what: str) -> list[Measured]:
        """Measure every look by a model, each account by its segment's view. Raises KeyError for unknown accounts."""
        compiled: dict[int, Compiled] = {}
        done, total = 0, sum(rows.places.size for rows in panel)
        found = []
        for rows in panel:
            found.append(await self._look(model, rows, compiled))
            done += int(rows.places.size)
            self.progress(done, total, what)
        return found

    async def _look(self, model: ScoreModel, rows: Rows, compiled: dict[int, Compiled]) -> Measured:
        readings = Readings.empty(model, rows.places.size)
        ages = np.full(rows.places.size, np.nan)
        free = asyncio.Semaphore(AT_ONCE)

        async def part(view: ScoreModel, picked: np.ndarray[Any, np.dtype[np.int64]]) -> None:
            statement = compiled.setdefault(id(view), compile_model(view))
            batch = Batch([self.ids[rows.places[at]] for at in picked], [rows.moments[at] for at in picked])
            async with free, self.pool.acquire() as connection:
                own, its_ages = await measure(connection, statement, batch)
            ages[picked] = its_ages
            _put(readings, picked, own)

        async with asyncio.TaskGroup() as group:
            for view, at in self._views(model, rows):
                for start in range(0, at.size, BATCH):
                    group.create_task(part(view, at[start : start + BATCH]))
        return Measured(rows, _slim(readings), ages)

    def _views(self, model: ScoreModel, rows: Rows) -> Iterator[tuple[ScoreModel, np.ndarray[Any, np.dtype[np.int64]]]]:
        """Yield each segment's view of the model with the rows that it judges."""
        own = [self.subjects[at].attributes_at(then) for at, then in zip(rows.places, rows.moments, strict=True)]
        yield from views(model, own)


def views(
    model: ScoreModel, attributes: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[ScoreModel, np.ndarray[Any, np.dtype[np.int64]]]]:
    """Yield each segment's view of a model with the rows that it judges."""
    if not model.segments:
        yield model, np.arange(len(attributes))
        return
    groups: dict[int, tuple[ScoreModel, list[int]]] = {}
    for row, its in enumerate(attributes):
        view = model.for_segment(its)
        groups.setdefault(id(view), (view, []))[1].append(row)
    yield from ((view, np.array(found, np.int64)) for view, found in groups.values())


def _put(readings: Readings, at: np.ndarray[Any, np.dtype[np.int64]], own: Readings) -> None:
    readings.raw[at], readings.status[at] = own.raw, own.status
    readings.censored[at], readings.age_days[at] = own.censored, own.age_days
    if readings.category is not None and own.category is not None:
        readings.category[at] = own.category


def _slim(readings: Readings) -> Readings:
    """Let go of the column of words where there are none: it is the largest part."""
    words = readings.category
    if words is not None and all(word is None for word in words.ravel()):
        return Readings(readings.raw, None, readings.status, readings.censored, readings.age_days)
    return readings
