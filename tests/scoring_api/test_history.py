"""Claims about an account's history: one line is one model's, switches are no falls, what has not come is refused."""

import copy
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from support.scored import clock, score, three_customers
from support.scoring_web import Web, add_key, running

from milepost_runtime.database import Pool
from milepost_runtime.ids import new_id
from milepost_runtime.lanes import drain
from scoring_api.past.restating import SpanRefused, Wanted
from scoring_api.queries import lineups
from scoring_api.service import Scoring


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as started:
        yield started


@pytest.fixture
async def accounts(web: Web, scoring_pool: Pool) -> dict[str, UUID]:
    return await three_customers(web, scoring_pool, await clock(web.owner))


@pytest.fixture
async def worker(web: Web, scoring_pool: Pool) -> Scoring:
    return await score(web, scoring_pool, [])


async def read(web: Web, path: str, **asked: str) -> httpx.Response:
    async with web.client(key=web.reader) as client:
        return await client.get(path, params=asked)


async def history(web: Web, account: UUID, **asked: str) -> dict[str, Any]:
    answer = await read(web, f"/accounts/{account}/history", **asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def kind_of(problem: httpx.Response) -> tuple[int, str]:
    return problem.status_code, str(problem.json()["type"].rsplit("/", 1)[-1])


async def restate(worker: Scoring, days: int, model: tuple[str, int] | None = None) -> None:
    today = datetime.now(UTC).date()
    chosen = model or (None, None)
    await worker.restating.order(Wanted(today - timedelta(days=days - 1), today, 1, *chosen), "tests")
    await drain(worker.restating.pool, worker.restating.lane, seconds=60)
    await drain(worker.rescoring.pool, worker.rescoring.lane, seconds=60)


async def keep_like_shipped(pool: Pool, model_id: str, version: int, **other: Any) -> None:
    """Keep a version that says the same as the shipped model except for what is given; it judges nobody."""
    async with pool.acquire() as connection:
        (row,) = await lineups.documents(connection, [("b2b-onboarding", 1)])
        document = copy.deepcopy(dict(row["document"])) | {"id": model_id, "version": version} | other
        await lineups.keep_version(
            connection, [model_id, version, "Like it", document, "", new_id().hex * 2, "test", "", False]
        )


async def test_a_restated_line_is_told_by_one_model_and_names_the_others(
    web: Web, accounts: dict[str, UUID], worker: Scoring, scoring_pool: Pool
) -> None:
    account = accounts["stalled"]
    await keep_like_shipped(scoring_pool, "zealous", 3)
    await restate(worker, 10)
    await restate(worker, 5, ("zealous", 3))
    own, other = await history(web, account), await history(web, account, model="zealous@3")

    assert {(one["model"]["id"], one["model"]["version"]) for one in own["restated"]} == {("b2b-onboarding", 1)}
    assert {(one["model"]["id"], one["model"]["version"]) for one in other["restated"]} == {("zealous", 3)}
    assert len(own["restated"]) > len(other["restated"]) > 1
    named = [(one["model"]["id"], one["points"]) for one in own["restated_models"]]
    assert named == [("b2b-onboarding", 10), ("zealous", 5)]
    assert own["course"] == other["course"]


@pytest.mark.parametrize("asked", ["b2b-onboarding@99", "nonsense@1", "b2b-onboarding", "@", "b2b-onboarding@1x"])
async def test_a_line_of_a_version_that_nobody_keeps_is_refused(
    web: Web, accounts: dict[str, UUID], asked: str
) -> None:
    answer = await read(web, f"/accounts/{accounts['stalled']}/history", model=asked)

    assert kind_of(answer) == (404, "model_unknown")
    assert answer.json()["errors"][0]["pointer"] == "query:model"


@pytest.mark.parametrize("end", ["from", "to"])
@pytest.mark.parametrize("moment", ["2999-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_a_stretch_that_has_not_come_is_refused(
    web: Web, accounts: dict[str, UUID], end: str, moment: str
) -> None:
    answer = await read(web, f"/accounts/{accounts['stalled']}/history", **{end: moment})

    assert kind_of(answer) == (422, "future_moment")
    assert answer.json()["errors"][0]["pointer"] == f"query:{end}"


async def test_the_first_day_of_the_calendar_has_no_history(web: Web, accounts: dict[str, UUID]) -> None:
    answer = await read(web, f"/accounts/{accounts['stalled']}/history", to="0001-01-01T00:00:00Z")

    assert kind_of(answer) == (422, "not_valid")


@pytest.mark.parametrize(
    "body",
    [
        {"from": "9999-12-31", "to": "9999-12-31"},
        {"from": "1969-12-31", "to": "1970-01-02"},
        {"to": "0001-01-01"},
        {"to": "9999-12-31"},
    ],
)
async def test_days_that_nobody_can_have_known_are_not_restated(web: Web, body: dict[str, str]) -> None:
    key = await add_key(web.owner, ["models"])
    before = await web.owner.fetchval("select count(*) from scoring.restatement")
    async with web.client(key=key) as client:
        answer = await client.post("/restatements", json=body)

    assert kind_of(answer) == (422, "not_valid")
    assert await web.owner.fetchval("select count(*) from scoring.restatement") == before


@pytest.mark.parametrize("day", [date.min, date.max])
async def test_an_order_for_days_at_the_end_of_the_calendar_ends_without_points(
    web: Web, worker: Scoring, day: date
) -> None:
    order = new_id()
    await web.owner.execute(
        "insert into scoring.restatement (id, from_day, to_day, lineup, next_at)"
        " select $1, $2, $2, max(id), now() from scoring.activation",
        order,
        day,
    )
    await drain(worker.restating.pool, worker.restating.lane, seconds=30)
    row = await worker.restating.one(order)

    assert (row["state"], row["points"]) == ("done", 0)


async def test_a_model_that_nobody_keeps_restates_nothing_and_two_orders_at_once_both_end(
    web: Web, accounts: dict[str, UUID], worker: Scoring
) -> None:
    key = await add_key(web.owner, ["models", "read"])
    async with web.client(key=key) as client:
        unknown = await client.post("/restatements", json={"days": 2, "model": {"id": "nobody", "version": 1}})
        both = [await client.post("/restatements", json={"days": days}) for days in (2, 3)]
        await drain(worker.restating.pool, worker.restating.lane, seconds=60)
        ended = [(await client.get(one.headers["location"])).json() for one in both]
        late = await client.post(f"{both[0].headers['location']}/cancel")
        missing = await client.get(f"/restatements/{new_id()}")

    assert kind_of(unknown)[0] == 404
    assert [one["state"] for one in ended] == ["done", "done"]
    assert len((await history(web, accounts["stalled"]))["restated"]) >= 2
    assert (kind_of(late), kind_of(missing)) == ((409, "restatement_over"), (404, "restatement_unknown"))


async def test_history_and_document_tell_one_trend(web: Web, accounts: dict[str, UUID], worker: Scoring) -> None:
    await restate(worker, 70)
    words = set()
    for account in accounts.values():
        document = (await read(web, f"/accounts/{account}/health")).json()
        course = (await history(web, account))["course"]
        if course is not None:
            words.add(course["word"])
            assert course["word"] == document["trend"]["word"]
    assert words & {"falling", "rising"}, "a past that was told today is a course, too"


async def look_back(web: Web, account: UUID, weeks: int, *, version: int, display: float, raw: float) -> None:
    """Keep a score of so many weeks ago as if a version had judged then."""
    await web.owner.execute(
        "insert into scoring.snapshot select (jsonb_populate_record(s, jsonb_build_object("
        "'as_of', s.as_of - $2 * interval '7 days', 'computed_at', s.computed_at - $2 * interval '7 days',"
        " 'model_version', $3::int, 'display', $4::float8, 'score', $4::float8,"
        " 'detail', s.detail || jsonb_build_object('raw_score', $5::float8)))).* from scoring.snapshot s"
        " where account_id = $1 order by as_of desc limit 1",
        account, weeks, version, display, raw,
    )  # fmt: skip


async def test_another_version_in_charge_is_no_fall(web: Web, accounts: dict[str, UUID], worker: Scoring) -> None:
    account = accounts["thriving"]
    for weeks in (6, 5, 4, 3, 2, 1):
        await look_back(web, account, weeks, version=7, display=20.0, raw=20.0)
    await web.owner.execute("update scoring.rescoring set next_at = now(), marked = marked + 1")
    await web.owner.execute("update scoring.health_document set fresh_until = now()")
    await drain(worker.rescoring.pool, worker.rescoring.lane, seconds=60)
    bare, line = (await read(web, f"/accounts/{account}/health")).json()["trend"], await history(web, account)
    await restate(worker, 60)
    told, after = (await read(web, f"/accounts/{account}/health")).json()["trend"], await history(web, account)

    assert (bare["word"], bare["change_28d"]) == ("unknown", None)
    assert bare["note"]
    assert (line["course"]["word"], line["course"]["change"], line["course"]["note"]) == ("unknown", None, bare["note"])
    assert told["change_28d"] is not None
    assert told["note"] is None
    assert after["course"]["word"] == told["word"]


async def test_levels_are_those_of_the_score_before_gates(web: Web, accounts: dict[str, UUID]) -> None:
    account = accounts["stalled"]
    latest = (await history(web, account))["known"][-1]
    for weeks in range(10, 0, -1):
        raw = 95.0 if weeks > 5 else latest["raw_score"]
        await look_back(web, account, weeks, version=1, display=latest["score"], raw=raw)
    found = await history(web, account)

    assert [one["label"] for one in found["markers"] if one["kind"] == "level"] == ["The score runs at a lower level"]
    assert len({one["score"] for one in found["known"]}) == 1


@pytest.mark.parametrize(
    ("back", "ahead", "step"), [(1, -2, 1), (1, 0, 0), (2000, 0, 1), (1, 2, 1), (30_000, -29_990, 1)]
)
async def test_spans_that_make_no_sense_are_refused(
    web: Web, worker: Scoring, back: int, ahead: int, step: int
) -> None:
    today = (await clock(web.owner)).date()
    wanted = Wanted(today - timedelta(days=back), today + timedelta(days=ahead), step)
    with pytest.raises(SpanRefused):
        await worker.restating.order(wanted, "tests")
