"""Claims about the past: what was known at a moment does not change by anything that is told after it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.chance_feeds import ANCHORS, Story, chance_story
from support.feed_reading import Feed, Row
from support.figures import figures
from support.histories import Told, new_account, tell
from support.own_words import told

from milepost_core.model import ScoreModel
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from scoring_api.documents.founding import read_founding
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import compile_model
from scoring_api.scores.lineup import LineUp
from scoring_api.scores.recording import Recording

MAKE = Callable[[ScoreModel], Recording]
DAY = timedelta(days=1)
SHIPPED = LineUp.of([one.parsed for one in read_founding("b2b-onboarding").shipped])
AROUND = [ANCHORS[0] + timedelta(hours=7 * step) for step in range(-20, 6)]


def moved(story: Story, change: Callable[[Told], Told | None]) -> Story:
    """The same story of another account, with each word changed or left out."""
    old, new, gone = str(story.account), new_account(), new_account()
    others = {one.account_id for one in story.feed.told} - {story.account}

    def own(one: Told) -> Told:
        def renamed(text: Any) -> Any:
            return text.replace(old, str(new)) if isinstance(text, str) else text

        fields = ("event_id", "sequence", "supersedes", "value_text")
        names = {name: renamed(getattr(one, name)) for name in fields}
        return replace(one, account_id=gone if one.account_id in others else new, **names)

    changed = [own(kept) for one in story.feed.told if (kept := change(one)) is not None]
    said = [replace(row, told=own(kept)) for row in story.feed.own if (kept := change(row.told)) is not None]
    return Story(new, Feed(changed, tuple(said)))


def after(one: Told, moment: datetime) -> bool:
    """A word that nobody had heard at the moment, or one of a time after it that took no older word's place."""
    unheard = (one.recorded_at or one.occurred_at) > moment
    return unheard or (one.occurred_at > moment and one.supersedes is None)


def shifted(moment: datetime) -> Callable[[Told], Told | None]:
    def shift(one: Told) -> Told:
        if not after(one, moment):
            return one
        return replace(one, occurred_at=one.occurred_at + DAY, recorded_at=(one.recorded_at or one.occurred_at) + DAY)

    return shift


def deleted(moment: datetime) -> Callable[[Told], Told | None]:
    def delete(one: Told) -> Told | None:
        # A merge says whose words these are, not what they say.
        return one if not after(one, moment) or one.type == "account.merged" else None

    return delete


def added(story: Story, moment: datetime, chance: Random) -> Story:
    """A story with more to it that is told after the moment: events, corrections of old ones, another start."""
    more = chance_story(chance, moment, 20).feed.told
    later = [
        replace(one, account_id=story.account, supersedes=None, event_id=f"{story.account}:more:{place}",
                recorded_at=moment + timedelta(microseconds=1 + place), sequence=None)
        for place, one in enumerate(more) if one.type not in ("account.merged", "account.linked")
    ]  # fmt: skip
    superseded = {one.supersedes for one in story.feed.told}
    free = [one for one in story.feed.told if one.event_id not in superseded and one.type != "account.merged"]
    old = [one for one in free if one.type != "account.linked"]
    later = [
        replace(one, supersedes=old[place].event_id) if place < len(old) // 3 else one
        for place, one in enumerate(later)
    ]
    return Story(story.account, Feed([*story.feed.told, *later], story.feed.own))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
async def test_nothing_that_is_told_after_a_moment_moves_a_figure_of_that_moment(
    seed: int, owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE, shipped: ScoreModel
) -> None:
    chance = Random(seed)
    base = chance.choice(ANCHORS)
    moment = base + timedelta(minutes=30 * chance.randint(-900, 60))
    stories = [chance_story(chance, base, 40) for _ in range(4)]
    same = [moved(one, lambda word: word) for one in stories]
    worlds = [
        same,
        [moved(one, shifted(moment)) for one in same],
        [moved(one, deleted(moment)) for one in same],
        [added(moved(one, lambda word: word), moment, chance) for one in same],
    ]
    ends = []
    for world in worlds:
        await told(owner, recorder(shipped), world)
        known = [story for story in world if await is_known(owner, story.account)]
        async with scoring_pool.acquire() as connection:
            found = await figures(connection, SHIPPED, [story.account for story in known], moment)
        ends.append([found.get(story.account, UNKNOWN) for story in world])
    for end in ends[1:]:
        for place, (first, one) in enumerate(zip(ends[0], end, strict=True)):
            assert one in (first, UNKNOWN), differing(first, one, stories[place])


def differing(first: bytes, one: bytes, story: Story) -> str:
    """Where two looks part."""
    place = next(place for place, pair in enumerate(zip(first, one, strict=False)) if pair[0] != pair[1])
    part = slice(max(0, place - 200), place + 100)
    return f"{first[part]!r} became {one[part]!r} at {story}"


UNKNOWN = b"not known to this day"


async def is_known(owner: asyncpg.Connection, account: UUID) -> bool:
    return bool(await owner.fetchval("select exists(select from scoring.account where account_id = $1)", account))


async def ages(
    pool: Pool, model: ScoreModel, account: UUID, moments: Sequence[datetime], **known: Any
) -> list[float | None]:
    """The account's age in days at each moment, None where nobody knew it."""
    async with pool.acquire() as connection:
        batch = Batch([account] * len(moments), moments)
        readings, found = await measure(connection, compile_model(model), batch, **known)
    unknown = np.isnan(found)
    assert (readings.status[unknown] == 1).all()
    return [None if np.isnan(age) else round(float(age), 9) for age in found]


START = ANCHORS[0]


async def test_a_start_that_moves_is_the_old_one_for_whoever_looks_before_it_moved(
    owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    words = [
        Told(account, "feature.used", START),
        Told(account, "account.started", START + 2 * DAY, START + 3 * DAY),
        Told(account, "account.started", START + 1 * DAY, START + 6 * DAY),
    ]
    await tell(owner, words)
    await drain(recording.pool, recording.lane)
    looks = [START + timedelta(days=days) for days in (-1, 0, 2, 3, 5, 6, 7)]
    assert await ages(scoring_pool, shipped, account, looks) == [None, 0, 2, 1, 3, 5, 6]
    # As all is known by now, the day before the account started is a day of its life on which only use was seen.
    assert await ages(scoring_pool, shipped, account, looks, restated=True) == [None, 0, 1, 2, 4, 5, 6]


async def test_a_start_that_is_taken_back_counted_until_it_was(
    owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    wrong = Told(account, "account.started", START + DAY, event_id=f"{account}:wrong")
    back = Told(account, "event.retracted", START + DAY, START + 4 * DAY, supersedes=wrong.event_id)
    await tell(owner, [Told(account, "feature.used", START), back, wrong])
    await drain(recording.pool, recording.lane)
    looks = [START + timedelta(days=days) for days in (0, 1, 3, 4, 5)]
    assert await ages(scoring_pool, shipped, account, looks) == [0, 0, 2, 4, 5]


async def test_a_name_makes_an_account_known_from_when_we_heard_it(
    owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    await tell(owner, [Told(account, "account.linked", START, START + 2 * DAY, value_text=f"external:{account}")])
    await drain(recording.pool, recording.lane)
    looks = [START + timedelta(days=days) for days in (0, 1, 2, 3)]
    assert await ages(scoring_pool, shipped, account, looks) == [None, None, 0, 1]
    assert await ages(scoring_pool, shipped, account, looks, restated=True) == [None, None, 0, 1]


@pytest.mark.parametrize(("days", "counts"), [(0, 1.0), (3, 1.0), (4, None), (5, None)])
async def test_a_word_that_ran_out_is_not_seen_and_was_seen_before(
    days: int, counts: float | None, owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE
) -> None:
    model = SHIPPED.judge_of({})
    account, recording = new_account(), recorder(model)
    pulse = Told(account, "pulse.given", START, value=1.0, source="milepost", event_id=f"{account}:own", sequence="own")
    row = Row(pulse, (), START + 4 * DAY, own=True)
    story = Story(account, Feed([Told(account, "account.started", START - 30 * DAY)], (row,)))
    await told(owner, recording, [story])
    place = next(place for place, signal in enumerate(model.signals) if "pulse.given" in str(signal.source))
    for restated in (False, True):
        async with scoring_pool.acquire() as connection:
            batch = Batch([account], [START + timedelta(days=days)])
            readings, _ = await measure(connection, compile_model(model), batch, restated=restated)
        found = readings.raw[0, place]
        assert (None if np.isnan(found) else found) == counts
