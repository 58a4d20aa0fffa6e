"""Brings examples' histories into the store by the recording lane and scores them by the signals SQL and the law."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from milepost_core.cohorts import Cohort, CohortColumn, Peers
from milepost_core.model import ModelInvalid, ScoreModel, parse_model
from milepost_core.overrides import Override
from milepost_core.scoring import Population, score
from milepost_runtime.database import Connection, Pool
from milepost_runtime.lanes import drain
from milepost_runtime.queue import Hints
from scoring_api.queries.attributes import attributes_at
from scoring_api.queries.marks import Arrival
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import compile_model
from scoring_api.scores.peering import peers_at
from scoring_api.scores.recording import Recording
from scoring_api.verifying.answering import Scored
from scoring_api.verifying.cases import Json, NotUnderstood, Story
from scoring_api.verifying.moments import required
from scoring_api.verifying.telling import events_of, new_account, tell

_OF_EVENTS = frozenset(
    {"count", "distinct", "active_days", "sum", "mean", "decayed_sum", "last", "days_since_last", "time_to_first",
     "slope", "momentum", "breadth", "rate"}
)  # fmt: skip
# Under which names examples write the points of words.
_MAPS = ("map", "points", "categories", "scores")
# Nobody waits for hints here: this address is never spoken to.
_NOBODY = "redis://127.0.0.1:1/0"


@dataclass(frozen=True)
class Placed:
    """An example whose accounts have ids, in the order of its accounts."""

    story: Story
    ids: tuple[UUID, ...]


@dataclass(frozen=True)
class Store:
    """The database that examples run in: `feed` may write the feed, `pool` acts as the scoring service."""

    feed: Connection = field(repr=False)
    pool: Pool = field(repr=False)

    async def record(self, stories: Sequence[Story]) -> list[Placed]:
        """Tell the histories and let the lane record them. Raises NoMoment and Untellable before anything is told."""
        placed = [Placed(one, tuple(new_account() for _ in one.accounts)) for one in stories]
        told = [
            event
            for one in placed
            for account, its_id in zip(one.story.accounts, one.ids, strict=True)
            for event in events_of(account, its_id)
        ]
        await tell(self.feed, told)
        await drain(self.pool, recording(self.pool).lane, seconds=600)
        return placed

    async def score(self, placed: Placed, at: int, override: Override | None) -> list[Scored]:
        """Score every account of an example at one of its moments. Raises NotUnderstood."""
        story, moment = placed.story, placed.story.moments[at]
        model = _parsed(story.models[at], story)
        async with self.pool.acquire() as connection:
            attributes = await attributes_at(connection, Batch(placed.ids, [moment] * len(placed.ids)))
            found = [
                await self._one(connection, (account, moment), model.for_segment(its))
                for account, its in zip(placed.ids, attributes, strict=True)
            ]
        starts = [required(account["start_at"]) for account in story.accounts]
        return [
            _scored(one, moment, _peers(story, found, attributes, starts, place), override)
            for place, one in enumerate(found)
        ]

    @staticmethod
    async def _one(connection: Connection, of: tuple[UUID, datetime], model: ScoreModel) -> "Measured":
        readings, ages = await measure(connection, compile_model(model), Batch([of[0]], [of[1]]))
        return Measured(model, readings, ages)


@dataclass(frozen=True)
class Measured:
    """One account's readings by its model; `ages` holds its one age in days."""

    model: ScoreModel
    readings: Any
    ages: Any


def recording(pool: Pool) -> Recording:
    """Return the use case that reads the feed; it wakes nobody."""

    async def nothing_is_outdated() -> int:
        return 0

    arrival = Arrival(timedelta(hours=48), timedelta(days=1))
    return Recording(pool, Hints(_NOBODY), arrival, "scoring.rescore", nothing_is_outdated)


def _scored(one: Measured, moment: datetime, cohort: Cohort, override: Override | None) -> Scored:
    population = Population(one.ages)
    scores = score(one.model, population, one.readings, cohort)
    return Scored(one.model, moment, population, one.readings, scores, cohort, override)


def _peers(
    story: Story,
    found: Sequence[Measured],
    attributes: Sequence[Mapping[str, Any]],
    starts: Sequence[datetime],
    place: int,
) -> Cohort:
    """The peers that the example names by their values, or else all its accounts."""
    if story.peers:
        return {
            name: CohortColumn((Peers.exactly(np.array(raw)),), np.zeros(1, np.int64))
            for name, raw in story.peers.items()
        }
    if len(found) == 1:
        return {}
    model = found[place].model
    readings = found[0].readings
    together = type(readings)(
        *(np.concatenate([getattr(one.readings, name) for one in found]) for name in readings.__slots__)
    )
    cohort = peers_at(model, together, attributes, starts)
    return {name: column.slice(slice(place, place + 1)) for name, column in cohort.items()}


def _parsed(document: Json, story: Story) -> ScoreModel:
    try:
        return parse_model(_typed(document, story))
    except ModelInvalid as error:
        raise NotUnderstood(f"/model: {error.problems[0].pointer}: {error.problems[0].message}") from None


def _typed(part: Any, story: Story) -> Any:
    """Let questions about any event mean the example's own events: what the feed says beside them is ours."""
    if isinstance(part, list):
        return [_typed(one, story) for one in part]
    if not isinstance(part, Mapping):
        return part
    whole = {key: _typed(value, story) for key, value in part.items()}
    if whole.get("kind") == "map" and "values" not in whole:
        whole = {
            "values" if key in _MAPS and isinstance(value, Mapping) else key: value for key, value in whole.items()
        }
    where = whole.get("where", {})
    if whole.get("agg") in _OF_EVENTS and isinstance(where, Mapping) and "type" not in where:
        types = {str(event.get("type")) for account in story.accounts for event in account.get("events") or []}
        whole["where"] = {**where, "type": sorted(types) or ["nothing"]}
    return whole
