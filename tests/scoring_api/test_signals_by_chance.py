"""Claims about signals on feeds by chance: the statement finds what the slow reading of the same feed finds."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.chance_feeds import ANCHORS, chance_model, chance_moments, chance_story
from support.feed_reading import Look, read_feed
from support.own_words import told

from milepost_core.model import ScoreModel
from milepost_core.readings import Readings
from milepost_runtime.database import Pool
from scoring_api.documents.founding import read_founding
from scoring_api.queries.attributes import attributes_at
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import compile_model
from scoring_api.scores.recording import Recording

MAKE = Callable[[ScoreModel], Recording]
SEEDS = st.integers(0, 2**32 - 1)
STORIES, MOMENTS = 6, 5


def differences(
    model: ScoreModel, found: Readings, expected: Readings, row: int
) -> list[tuple[str, Any, dict[str, Any]]]:
    """What the statement and the slow reading do not agree on, for one account."""
    assert found.category is not None
    assert expected.category is not None
    wrong: dict[int, dict[str, Any]] = {}
    for name in ("status", "censored", "category", "raw", "age_days"):
        pair = getattr(found, name)[row], getattr(expected, name)[0]
        assert pair[0].shape == pair[1].shape == (len(model.columns),)
        near = name in ("raw", "age_days")
        same = np.isclose(*pair, rtol=1e-9, atol=1e-9, equal_nan=True) if near else pair[0] == pair[1]
        for place in map(int, np.flatnonzero(~same)):
            wrong.setdefault(place, {})[name] = pair[0][place], pair[1][place]
    return [(model.columns[place].id, model.columns[place].source, bad) for place, bad in wrong.items()]


async def compare(
    owner: asyncpg.Connection, pool: Pool, recording: Recording, models: Sequence[ScoreModel], chance: Random
) -> int:
    """Tell stories by chance and hold the statement of each model against the slow reading; return the readings."""
    base = chance.choice(ANCHORS) + timedelta(minutes=30 * chance.randint(0, 95))
    stories = [chance_story(chance, base) for _ in range(STORIES)]
    await told(owner, recording, stories)
    # Several moments of one account stand in one batch, in no order.
    looks = [(story, chance.choice([base, *chance_moments(chance, base)])) for story in stories for _ in range(MOMENTS)]
    chance.shuffle(looks)
    batch = Batch([story.account for story, _ in looks], [moment for _, moment in looks])
    for known_at in (None, base, datetime(9999, 12, 31, tzinfo=UTC)):
        async with pool.acquire() as connection:
            attributes = await attributes_at(connection, batch, known_at=known_at)
            measured = [await measure(connection, compile_model(one), batch, known_at=known_at) for one in models]
        for row, (story, moment) in enumerate(looks):
            look = Look(moment, known_at)
            assert attributes[row] == story.feed.attributes(look), (story, look)
            for model, (readings, ages) in zip(models, measured, strict=True):
                expected, age = read_feed(story.feed, model, look)
                assert np.isclose(ages[row], age, rtol=0, atol=1e-9, equal_nan=True), (ages[row], age, look, story)
                wrong = differences(model, readings, expected, row)
                assert not wrong, f"{wrong} of {look} at {story}"
    return len(looks) * 3 * sum(len(model.columns) for model in models)


QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(seed=SEEDS)
async def test_models_by_chance_measure_what_the_slow_reading_of_the_feed_reads(
    seed: int, owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE, shipped: ScoreModel
) -> None:
    chance = Random(seed)
    assert await compare(owner, scoring_pool, recorder(shipped), [chance_model(chance)], chance) > 1000


@settings(QUICK, max_examples=15)
@given(seed=SEEDS)
async def test_shipped_models_measure_what_the_slow_reading_of_the_feed_reads(
    seed: int, owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE, shipped: ScoreModel
) -> None:
    models = [view for one in read_founding("b2b-onboarding").shipped for view in views(one.parsed)]
    assert await compare(owner, scoring_pool, recorder(shipped), models, Random(seed)) > 3000


def views(model: ScoreModel) -> list[ScoreModel]:
    """A model as every account without a segment sees it, and as each segment does."""
    return [model, *(segment.model for segment in model.segments)]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(QUICK, max_examples=400)
@given(seed=SEEDS)
async def test_many_models_by_chance_measure_what_the_slow_reading_of_the_feed_reads(
    seed: int, owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE, shipped: ScoreModel
) -> None:
    chance = Random(seed)
    assert await compare(owner, scoring_pool, recorder(shipped), [chance_model(chance)], chance) > 1000
