"""Claims about restatement: the past is told by today's records, day by day, beside what was known."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from support.customers import now_of, tell_healthy, turn
from support.histories import Told, new_account, tell

from milepost_contracts.health import HealthDocument
from scoring_api.restating import SpanRefused
from scoring_api.service import Scoring


async def course(owner: asyncpg.Connection, account: UUID) -> list[asyncpg.Record]:
    points: list[asyncpg.Record] = await owner.fetch(
        "select day, as_of, score, band from scoring.restated_point where account_id = $1 order by day", account
    )
    return points


async def test_history_that_was_told_today_has_a_past_by_day(owner: asyncpg.Connection, scoring: Scoring) -> None:
    now = await now_of(owner)
    account = await tell_healthy(owner, scoring, recorded=now)
    today = now.date()
    done: list[tuple[int, int]] = []
    await scoring.restating.restate(today - timedelta(days=40), today, 1, lambda *far: done.append(far))
    points = await course(owner, account)
    assert len(points) == 41
    assert points[-2]["as_of"].date() == today
    assert points[-1]["as_of"] <= await now_of(owner)
    assert {point["band"] for point in points[-3:]} == {"green"}
    assert done[-1][0] == done[-1][1]
    assert await owner.fetchval("select count(*) from scoring.snapshot where account_id = $1", account) == 1


async def test_a_document_tells_its_trend_from_the_restated_past(owner: asyncpg.Connection, scoring: Scoring) -> None:
    now = await now_of(owner)
    account = await tell_healthy(owner, scoring, recorded=now)
    await tell(owner, [Told(account, "stakeholder.left", now - timedelta(days=2), now, role="sponsor")])
    await turn(scoring)
    await scoring.restating.restate(now.date() - timedelta(days=60), now.date())
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
    await scoring.restating.restate(now.date() - timedelta(days=10), now.date() + timedelta(days=10))
    days = [point["day"] for point in await course(owner, account)]
    assert days == [now.date() - timedelta(days=back) for back in (3, 2, 1, 0)]


async def test_restating_twice_leaves_the_same_points(owner: asyncpg.Connection, scoring: Scoring) -> None:
    now = await now_of(owner)
    account = await tell_healthy(owner, scoring, recorded=now)
    span = now.date() - timedelta(days=20), now.date() - timedelta(days=1)
    await scoring.restating.restate(*span, 5)
    first = await course(owner, account)
    await scoring.restating.restate(*span, 5)
    assert await course(owner, account) == first
    assert [(point["day"] - span[0]).days for point in first] == [0, 5, 10, 15]


@pytest.mark.parametrize(("back", "ahead", "step"), [(1, -2, 1), (1, 0, 0), (2000, 0, 1)])
async def test_spans_that_make_no_sense_are_refused(
    owner: asyncpg.Connection, scoring: Scoring, back: int, ahead: int, step: int
) -> None:
    today = (await now_of(owner)).date()
    with pytest.raises(SpanRefused):
        await scoring.restating.restate(today - timedelta(days=back), today + timedelta(days=ahead), step)
