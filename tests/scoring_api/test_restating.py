"""Claims about restatement: the past is told by today's records, batch by batch, beside what was known."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from support.customers import now_of, tell_healthy, turn
from support.histories import Told, new_account, tell
from support.several_models import Several

from milepost_contracts.health import HealthDocument
from milepost_core.model import ScoreModel, parse_model
from milepost_runtime.database import Pool
from milepost_runtime.lanes import claim, claim_suspects, drain
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault
from scoring_api.answers.reading import Reading
from scoring_api.past.recalling import Recalling
from scoring_api.past.restating import EARLIEST_ZONE, RestatementOver, RestatementUnknown, Restating, Wanted
from scoring_api.scores.lineup import OneModel
from scoring_api.service import Scoring

NOBODY = "redis://127.0.0.1:1/0"


async def course(owner: asyncpg.Connection, account: UUID) -> list[asyncpg.Record]:
    points: list[asyncpg.Record] = await owner.fetch(
        "select day, as_of, score, band, model_id, model_version from scoring.restated_point where account_id = $1"
        " order by model_id, day",
        account,
    )
    return points


async def restate(restating: Restating, wanted: Wanted) -> asyncpg.Record:
    """Order a restatement and work it off; return how it ended."""
    order = await restating.order(wanted, "tests")
    await drain(restating.pool, restating.lane, seconds=60)
    return await restating.one(order["id"])


async def test_history_that_was_told_today_has_a_past_by_day(owner: asyncpg.Connection, scoring: Scoring) -> None:
    now = await now_of(owner)
    account = await tell_healthy(owner, scoring, recorded=now)
    today = now.date()
    row = await restate(scoring.restating, Wanted(today - timedelta(days=40), today))
    points = await course(owner, account)
    assert len(points) == 41
    assert points[-2]["as_of"].date() == today
    assert points[-1]["as_of"] == row["requested_at"]
    assert {point["band"] for point in points[-3:]} == {"green"}
    assert (row["state"], row["accounts_done"]) == ("done", row["accounts"])
    assert await owner.fetchval("select count(*) from scoring.snapshot where account_id = $1", account) == 1


async def test_a_document_tells_its_trend_from_the_restated_past(owner: asyncpg.Connection, scoring: Scoring) -> None:
    now = await now_of(owner)
    account = await tell_healthy(owner, scoring, recorded=now)
    await tell(owner, [Told(account, "stakeholder.left", now - timedelta(days=2), now, role="sponsor")])
    await turn(scoring)
    await restate(scoring.restating, Wanted(now.date() - timedelta(days=60), now.date()))
    await turn(scoring)
    body = await owner.fetchval("select body from scoring.health_document where account_id = $1", account)
    found = HealthDocument.model_validate_json(body)
    points = {point["day"]: point["score"] for point in await course(owner, account)}
    assert found.trend.word == "falling"
    assert found.trend.change_7d == pytest.approx(69.9 - points[now.date() - timedelta(days=8)], abs=0.05)
    assert found.trend.change_28d is not None


async def test_days_before_the_start_and_after_today_have_no_point(owner: asyncpg.Connection, scoring: Scoring) -> None:
    now = await now_of(owner)
    account = new_account()
    await tell(owner, [Told(account, "account.started", now - timedelta(days=3), now)])
    await turn(scoring)
    await restate(scoring.restating, Wanted(now.date() - timedelta(days=10), (now + EARLIEST_ZONE).date()))
    days = [point["day"] for point in await course(owner, account)]
    assert days == [now.date() - timedelta(days=back) for back in (3, 2, 1, 0)]


async def test_restating_twice_leaves_the_same_points(owner: asyncpg.Connection, scoring: Scoring) -> None:
    now = await now_of(owner)
    account = await tell_healthy(owner, scoring, recorded=now)
    wanted = Wanted(now.date() - timedelta(days=20), now.date() - timedelta(days=1), 5)
    await restate(scoring.restating, wanted)
    first = await course(owner, account)
    await restate(scoring.restating, wanted)
    assert await course(owner, account) == first
    assert [(point["day"] - wanted.from_day).days for point in first] == [0, 5, 10, 15]


# -- models and peers of one's own ----------------------------------------------------------------------


def model(name: str, **more: Any) -> ScoreModel:
    """A model of one signal: what the last `m` said."""
    curve = more.pop("normalise", {"kind": "piecewise", "points": [[0, 0], [100, 100]]})
    signal = {"id": "m", "dimension": "all", "source": {"agg": "last", "where": {"type": "m"}}, "normalise": curve}
    plain = {"format": "health-score-model/1", "id": name, "version": 1, "dimensions": [{"id": "all", "weight": 1}]}
    return parse_model(plain | {"signals": [signal], "bands": {"green": 70, "yellow": 40}} | more)


def over(pool: Pool, *models: ScoreModel) -> Restating:
    lineups: Any = OneModel(models[0]) if len(models) == 1 else Several(*models)
    return Restating(pool, Hints(NOBODY), lineups, Vault("x" * 64))


async def told(
    owner: asyncpg.Connection, scoring: Scoring, values: Sequence[float], start: datetime, **attributes: Any
) -> list[UUID]:
    """Accounts that began at `start` and said one value each a day later."""
    accounts = [new_account() for _ in values]
    events = []
    for account, value in zip(accounts, values, strict=True):
        events += [Told(account, "account.started", start, properties=attributes)]
        events += [Told(account, "m", start + timedelta(days=1), value=value)]
    await tell(owner, events)
    await drain(scoring.restating.pool, scoring.recording.lane, seconds=60)
    return accounts


async def test_each_account_is_judged_by_its_own_model_and_by_what_it_was_on_the_day(
    owner: asyncpg.Connection, scoring: Scoring, scoring_pool: Pool
) -> None:
    start = datetime.combine((await now_of(owner)).date() - timedelta(days=10), time(0), UTC)
    (moved,) = await told(owner, scoring, [60], start, tier="small")
    await tell(owner, [Told(moved, "account.updated", start + timedelta(days=5), properties={"tier": "large"})])
    await drain(scoring_pool, scoring.recording.lane, seconds=60)
    halved = {"kind": "piecewise", "points": [[0, 0], [200, 100]]}
    large = model("large", applies_to={"tier": ["large"]}, precedence=5, normalise=halved)
    restating = over(scoring_pool, model("all"), large)
    await restate(restating, Wanted(start.date() + timedelta(days=2), start.date() + timedelta(days=7)))
    rows = sorted(await course(owner, moved), key=lambda one: one["day"])
    points = [(point["model_id"], point["score"]) for point in rows]
    assert points == [("all", 60.0)] * 2 + [("large", 30.0)] * 4

    recalling = Recalling(scoring_pool, Reading(scoring_pool), restating.lineups, "")
    asked = [(await recalling.restated(str(moved), point["as_of"], "now")).document() for point in rows]
    assert [(one.model.id, one.score) for one in asked] == points


async def test_any_version_that_is_kept_may_judge_and_stands_beside_the_others(
    owner: asyncpg.Connection, scoring: Scoring, scoring_pool: Pool
) -> None:
    start = datetime.combine((await now_of(owner)).date() - timedelta(days=6), time(0), UTC)
    (account,) = await told(owner, scoring, [80], start)
    strict = model(
        "strict", applies_to={"tier": ["nobody"]}, normalise={"kind": "piecewise", "points": [[0, 0], [160, 100]]}
    )
    restating = over(scoring_pool, model("plain"), strict)
    day = start.date() + timedelta(days=3)
    await restate(restating, Wanted(day, day))
    await restate(restating, Wanted(day, day, 1, "strict", 1))
    found = {point["model_id"]: (point["score"], point["band"]) for point in await course(owner, account)}
    assert found == {"plain": (80.0, "green"), "strict": (50.0, "yellow")}


async def test_percentiles_are_among_all_accounts_of_that_very_moment(
    owner: asyncpg.Connection, scoring: Scoring, scoring_pool: Pool
) -> None:
    start = datetime.combine((await now_of(owner)).date() - timedelta(days=8), time(0), UTC)
    accounts = await told(owner, scoring, [1, 2, 3, 4, 5], start, group="ranked")
    await tell(owner, [Told(accounts[0], "m", start + timedelta(days=4), value=9)])
    await drain(scoring_pool, scoring.recording.lane, seconds=60)
    ranked = model("ranked", applies_to={"group": ["ranked"]}, precedence=1,
                   normalise={"kind": "percentile", "cohort": ["group"], "min_cohort": 5})  # fmt: skip
    await restate(
        over(scoring_pool, ranked, model("rest")),
        Wanted(start.date() + timedelta(days=2), start.date() + timedelta(days=5)),
    )
    found = [[point["score"] for point in await course(owner, account)] for account in accounts]
    assert found == [[10, 90, 90, 90]] + [[value, *[value - 20] * 3] for value in (30, 50, 70, 90)]


# -- the lane --------------------------------------------------------------------------------------------


@pytest.fixture
async def crowd(owner: asyncpg.Connection, scoring: Scoring) -> tuple[list[UUID], datetime]:
    start = datetime.combine((await now_of(owner)).date() - timedelta(days=5), time(0), UTC)
    return await told(owner, scoring, list(range(40, 90)), start, group="crowd"), start


def small(restating: Restating) -> Restating:
    """The same restating in batches of a few accounts."""
    return replace(restating, pairs=5, pieces=2)


async def test_a_restatement_goes_on_after_the_last_account_that_was_done(
    owner: asyncpg.Connection, scoring_pool: Pool, crowd: tuple[list[UUID], datetime]
) -> None:
    accounts, start = crowd
    day = start.date() + timedelta(days=2)
    restating = small(over(scoring_pool, model("resumed")))
    order = await restating.order(Wanted(day, day), "tests")
    async with scoring_pool.acquire() as connection:
        (held,) = await claim(connection, restating.lane, 1)
    await restating.work([held])
    half = await restating.one(order["id"])
    # Its holder died after the first batch: another process, that knows nothing, takes over.
    await drain(scoring_pool, small(over(scoring_pool, model("resumed"))).lane, seconds=60)
    done = await restating.one(order["id"])
    points = await owner.fetchval("select count(*) from scoring.restated_point where model_id = 'resumed'")
    assert (half["state"], half["accounts_done"]) == ("running", 10)
    assert done["state"] == "done"
    assert done["accounts_done"] == done["points"] == points >= len(accounts)


async def test_a_batch_that_was_lost_is_told_again_and_counted_once(
    owner: asyncpg.Connection, scoring_pool: Pool, crowd: tuple[list[UUID], datetime]
) -> None:
    day = crowd[1].date() + timedelta(days=2)
    restating = small(over(scoring_pool, model("fenced")))
    order = await restating.order(Wanted(day, day), "tests")
    async with scoring_pool.acquire() as connection:
        (slow,) = await claim(connection, restating.lane, 1)
        await connection.execute(
            "update scoring.restatement set lease_until = now() - interval '1 s' where id = $1", order["id"]
        )
        (quick,) = await claim_suspects(connection, restating.lane)
    assert await restating.work([slow]) == 0
    before = await restating.one(order["id"])
    assert await restating.work([quick]) == 10
    after = await restating.one(order["id"])
    assert (before["accounts_done"], after["accounts_done"]) == (0, 10)
    await restating.cancel(order["id"])


async def test_a_cancelled_restatement_keeps_what_was_told(
    scoring_pool: Pool, owner: asyncpg.Connection, crowd: tuple[list[UUID], datetime]
) -> None:
    day = crowd[1].date() + timedelta(days=2)
    restating = small(over(scoring_pool, model("cancelled")))
    order = await restating.order(Wanted(day, day), "tests")
    async with scoring_pool.acquire() as connection:
        (held,) = await claim(connection, restating.lane, 1)
    await restating.work([held])
    row = await restating.cancel(order["id"])
    await drain(scoring_pool, restating.lane, seconds=10)
    assert (row["state"], row["accounts_done"]) == ("cancelled", 10)
    assert await owner.fetchval("select count(*) from scoring.restated_point where model_id = 'cancelled'") == 10
    with pytest.raises(RestatementOver):
        await restating.cancel(order["id"])
    with pytest.raises(RestatementUnknown):
        await restating.one(new_account())


async def test_memory_is_bounded_by_the_batch_whatever_the_number_of_days(
    scoring_pool: Pool, crowd: tuple[list[UUID], datetime]
) -> None:
    restating = replace(over(scoring_pool, model("bounded")), pairs=20, pieces=2)
    day = crowd[1].date() + timedelta(days=1)
    order = await restating.order(Wanted(day, day + timedelta(days=3)), "tests")
    async with scoring_pool.acquire() as connection:
        (held,) = await claim(connection, restating.lane, 1)
    await restating.work([held])
    row = await restating.one(order["id"])
    assert row["accounts_done"] == 10, "40 account-days are 10 accounts of 4 days"
    assert row["points"] <= 40
    await restating.cancel(order["id"])


async def test_bands_follow_one_another_over_batches_as_they_would_have_live(
    owner: asyncpg.Connection, scoring: Scoring, scoring_pool: Pool
) -> None:
    start = datetime.combine((await now_of(owner)).date() - timedelta(days=30), time(0), UTC)
    (account,) = await told(owner, scoring, [80], start, group="bands")
    later = [Told(account, "m", start + timedelta(days=n), value=v) for n, v in ((5, 60), (6, 75))]
    await tell(owner, later)
    await drain(scoring_pool, scoring.recording.lane, seconds=60)
    bands = {"green": 70, "yellow": 40, "margin_up": 3, "dwell_up_days": 14}
    await restate(
        over(scoring_pool, model("banded", bands=bands)),
        Wanted(start.date() + timedelta(days=2), start.date() + timedelta(days=25)),
    )
    words = [point["band"] for point in await course(owner, account)]
    assert words == ["green"] * 2 + ["yellow"] * 15 + ["green"] * 7
