"""Claims about when a condition came true: by its records, whenever we looked and whatever came first."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

import asyncpg
import pytest
from support.conditions import MODEL, Account
from support.histories import Told, tell
from support.scored import clock

from milepost_runtime.database import Pool
from milepost_runtime.queue import Hints
from scoring_api.scores.lineup import OneModel
from scoring_api.service import Scoring, build
from scoring_api.settings import ScoringSettings


@pytest.fixture(scope="module")
def scoring(database_url: str, redis_url: str, scoring_pool: Pool) -> Scoring:
    """The worker's use cases under a model with conditions."""
    settings = ScoringSettings(environment="test", database_url=database_url, redis_url=redis_url)
    return build(settings, OneModel(MODEL), scoring_pool, Hints(redis_url))


class Past(Account):
    """An account of two hundred days whose past is told now."""

    def __init__(self, owner: asyncpg.Connection, scoring: Scoring, now: datetime) -> None:
        super().__init__(owner, scoring)
        self.now = now

    def ago(self, days: float) -> datetime:
        return self.now - timedelta(days=days)

    def event(self, kind: str, days: float, **more: object) -> Told:
        return Told(self.id, kind, self.ago(days), self.now, **more)  # type: ignore[arg-type]

    def used(self, *days: float) -> list[Told]:
        return [self.event("session.started", day, actor=f"u{place}") for place, day in enumerate(days)]

    def seats(self, days: float, number: int) -> Told:
        return self.event("account.updated", days, properties={"seats": number})

    async def when(self, name: str, *, counts: bool = True) -> list[datetime]:
        rows = await self.owner.fetch(
            "select occurred_at from scoring.record where account_id = $1 and item = $2"
            " and type = 'milestone.completed' and (superseded_at is null) = $3 order by occurred_at",
            self.id,
            name,
            counts,
        )
        return [row["occurred_at"] for row in rows]

    async def in_order(self, *tellings: Sequence[Told]) -> None:
        """Tell of the account in parts, and look at it after each and when it has become quiet."""
        for events in tellings:
            await self.told(*events)
        await self.look()
        await self.look()


@pytest.fixture
async def past(owner: asyncpg.Connection, scoring: Scoring) -> Past:
    now = await clock(owner)
    found = Past(owner, scoring, now)
    await found.told(found.event("account.started", 200))
    return found


async def test_while_a_past_arrives_nothing_is_found_and_then_it_is_dated_on_its_own_record(past: Past) -> None:
    known_before = await clock(past.owner)
    await past.told(past.seats(190, 4), *past.used(160, 150.25, 140))
    assert await past.when("rolled_out") == []
    assert (await past.done())["rolled_out"] != "done"
    due = await past.owner.fetchval("select next_at from scoring.rescoring where account_id = $1", past.id)
    assert due <= await clock(past.owner) + timedelta(seconds=60)
    await past.look()
    assert await past.when("rolled_out") == [past.ago(150.25)]
    assert (await past.done())["rolled_out"] == "done"
    told = await past.owner.fetchval(
        "select recorded_at from scoring.record where account_id = $1 and item = 'rolled_out'", past.id
    )
    assert told > known_before


async def test_any_order_of_arrival_ends_in_the_same_completions(owner: asyncpg.Connection, scoring: Scoring) -> None:
    now = await clock(owner)
    one, other, late = (Past(owner, scoring, now) for _ in range(3))
    for account in (one, other, late):
        start = [account.event("account.started", 200), account.seats(200, 2)]
        more, used = [account.seats(100, 100)], account.used(90, 80, 70)
        if account is one:
            await account.in_order([*start, *more, *used])
        elif account is other:
            await account.in_order([*start, *used], more)
        else:
            # Found and kept by half of the past, long before the other half is told.
            await account.in_order([*start, *used])
            assert await account.when("rolled_out") == [account.ago(90)]
            await account.in_order(more)
    assert [await account.when("rolled_out") for account in (one, other, late)] == [[], [], []]
    assert await late.when("rolled_out", counts=False) == [late.ago(90)]
    assert (await late.done())["rolled_out"] != "done"
    # It begins to hold at last, beside the word that was withdrawn.
    await late.in_order([late.seats(60, 3)])
    assert await late.when("rolled_out") == [late.ago(60)]


async def test_history_that_comes_later_dates_an_earlier_completion(past: Past) -> None:
    await past.in_order([past.seats(190, 4), *past.used(30, 20)])
    assert await past.when("rolled_out") == [past.ago(20)]
    await past.in_order([past.event("session.started", 50, actor="early")])
    assert await past.when("rolled_out") == [past.ago(30)]
    assert await past.when("rolled_out", counts=False) == [past.ago(20)]


async def test_a_count_that_never_falls_completes_again_with_the_next_record_after_a_reopening(
    past: Past,
) -> None:
    now = await clock(past.owner)
    await past.in_order([past.event("training.attended", 20), past.event("training.attended", 10)])
    assert await past.when("trained") == [past.ago(10)]
    await past.told(Told(past.id, "milestone.reopened", now, item="trained"))
    await past.look()
    assert len(await past.when("trained")) == 1
    again = await clock(past.owner)
    await past.told(Told(past.id, "training.attended", again))
    assert await past.when("trained") == [past.ago(10), again]
    assert (await past.done())["trained"] == "done"


async def test_a_word_that_history_bears_out_stays(past: Past) -> None:
    await past.in_order([past.seats(190, 4), *past.used(30, 20)])
    await past.in_order([past.event("feature.used", 100, actor="x")])
    assert await past.when("rolled_out") == [past.ago(20)]
    assert await past.when("rolled_out", counts=False) == []


async def test_a_condition_that_held_from_the_start_is_dated_on_the_start(
    owner: asyncpg.Connection, scoring: Scoring
) -> None:
    now = await clock(owner)
    start = datetime.combine((now - timedelta(days=3)).date(), time(0), UTC)
    account = Past(owner, scoring, now)
    await tell(owner, [Told(account.id, "account.started", start)])
    trained = [Told(account.id, "training.attended", start - timedelta(days=day)) for day in (1, 2)]
    await account.told(*trained, Told(account.id, "feature.used", now, actor="ann"))
    assert await account.when("trained") == [start]
