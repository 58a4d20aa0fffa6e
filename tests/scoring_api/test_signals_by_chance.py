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
from support.chance_feeds import ANCHORS, Story, chance_model, chance_moments, chance_story
from support.feed_reading import Look, read_feed
from support.histories import tell

from milepost_core.model import ScoreModel
from milepost_core.readings import Readings
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from scoring_api.queries.attributes import attributes_at
from scoring_api.queries.records import OwnWord, insert_own
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import compile_model
from scoring_api.recording import Recording

MAKE = Callable[[ScoreModel], Recording]
SEEDS = st.integers(0, 2**32 - 1)
STORIES, MOMENTS = 6, 5
BACKDATED = (
    "update scoring.record set event_id = $2, recorded_at = $3, sequence = $4 where account_id = $1 and event_id = $5"
)


async def told(owner: asyncpg.Connection, recording: Recording, stories: Sequence[Story]) -> None:
    """Tell stories through the feed and let our own people say their words on the days they say them."""
    await tell(owner, [one for story in stories for one in story.feed.told])
    await drain(recording.pool, recording.lane, seconds=60)
    for story in stories:
        for row in story.feed.own:
            one = row.told
            word = OwnWord(one.type, row.at, item=one.item, value=one.value, expires_at=row.expires_at)
            async with recording.pool.acquire() as connection:
                (event_id,) = await insert_own(connection, story.account, [word])
            await owner.execute(BACKDATED, story.account, one.event_id, row.known, one.sequence, event_id)


def differences(
    model: ScoreModel, found: Readings, expected: Readings, row: int
) -> list[tuple[str, Any, dict[str, Any]]]:
    """What the statement and the slow reading do not agree on, for one account."""
    assert found.category is not None
    assert expected.category is not None
    wrong = []
    for place, column in enumerate(model.columns):
        pairs = {
            "status": (found.status[row, place], expected.status[0, place]),
            "censored": (found.censored[row, place], expected.censored[0, place]),
            "word": (found.category[row, place], expected.category[0, place]),
        }
        bad = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
        for name in ("raw", "age_days"):
            pair = getattr(found, name)[row, place], getattr(expected, name)[0, place]
            if not np.isclose(*pair, rtol=1e-9, atol=1e-9, equal_nan=True):
                bad[name] = pair
        if bad:
            wrong.append((column.id, column.source, bad))
    return wrong


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


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(QUICK, max_examples=400)
@given(seed=SEEDS)
async def test_many_models_by_chance_measure_what_the_slow_reading_of_the_feed_reads(
    seed: int, owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE, shipped: ScoreModel
) -> None:
    chance = Random(seed)
    assert await compare(owner, scoring_pool, recorder(shipped), [chance_model(chance)], chance) > 1000
