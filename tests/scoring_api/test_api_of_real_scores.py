"""Claims about what readers get of scores that the service itself made from told events; nothing here is seeded."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from support.gates import require_key_first, require_strict_bodies
from support.histories import Told
from support.scored import clock, score, three_customers
from support.scoring_web import Web, add_key, running

from milepost_contracts.health import HealthDocument
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from scoring_api.pages import wording


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url, "development") as made:
        yield made


@pytest.fixture(scope="module")
async def ids(web: Web, scoring_pool: Pool) -> dict[str, UUID]:
    return await three_customers(web, scoring_pool, await clock(web.owner))


@pytest.fixture
async def client(web: Web, ids: dict[str, UUID]) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(key=web.reader) as made:
        yield made


@pytest.mark.parametrize("kind", ["thriving", "stalled", "newcomer"])
async def test_the_drivers_of_a_real_score_add_up(client: httpx.AsyncClient, ids: dict[str, UUID], kind: str) -> None:
    document = HealthDocument.model_validate_json((await client.get(f"/accounts/{ids[kind]}/health")).content)

    if document.score is None:
        assert document.drivers == ()
        assert document.missing
    else:
        assert document.baseline is not None
        points = sum(one.points for one in document.drivers) + sum(gate.points for gate in document.gates)
        assert round(document.baseline + points, 1) == document.score


async def test_the_stories_end_in_the_bands_that_they_tell(client: httpx.AsyncClient, ids: dict[str, UUID]) -> None:
    bands = {
        kind: (await client.get(f"/accounts/{account}/health")).json()["effective_band"]["band"]
        for kind, account in ids.items()
    }

    assert bands == {"thriving": "green", "stalled": "red", "newcomer": "unknown"}


async def test_a_reference_told_by_an_event_leads_to_the_score(client: httpx.AsyncClient, ids: dict[str, UUID]) -> None:
    answer = await client.get("/accounts/domain:harbourpine.example/health")

    assert answer.json()["account"]["id"] == str(ids["stalled"])


async def test_the_most_urgent_real_account_leads_the_list(client: httpx.AsyncClient, ids: dict[str, UUID]) -> None:
    rows = (await client.get("/accounts")).json()["data"]

    assert rows[0]["account"]["id"] == str(ids["stalled"])
    assert {row["account"]["id"] for row in rows} == {str(one) for one in ids.values()}


async def test_first_scores_stand_in_the_change_feed(client: httpx.AsyncClient, ids: dict[str, UUID]) -> None:
    changes = (await client.get("/changes")).json()["data"]

    assert {row["account_id"] for row in changes} == {str(one) for one in ids.values()}
    assert {row["kind"] for row in changes} == {"first_score"}


async def test_every_driver_has_evidence_behind_it(client: httpx.AsyncClient, ids: dict[str, UUID]) -> None:
    document = (await client.get(f"/accounts/{ids['stalled']}/health")).json()
    for driver in document["drivers"]:
        answer = await client.get(driver["evidence"]["href"])
        assert answer.status_code == 200, answer.text
        newest, records = driver["evidence"]["newest_at"], answer.json()["records"]
        assert not newest or records, f"{driver['signal']} has a newest record, and evidence shows none"

    tickets = (await client.get(f"/accounts/{ids['stalled']}/evidence/open_critical")).json()["records"]
    assert [one["item"] for one in tickets] == ["T-4", "T-9"]


async def test_an_explanation_carries_the_figures_of_the_law(client: httpx.AsyncClient, ids: dict[str, UUID]) -> None:
    explanation = (await client.get(f"/accounts/{ids['stalled']}/explanation")).json()
    sums = explanation["arithmetic"]

    assert round(sums["baseline"] + sums["drivers"] + sums["gates"], 1) == sums["score"]
    assert explanation["figures"]


@pytest.mark.parametrize("kind", ["thriving", "stalled", "newcomer"])
async def test_every_real_score_has_pages(web: Web, ids: dict[str, UUID], kind: str) -> None:
    async with web.client() as visitor:
        page = await visitor.get(f"/app/accounts/{ids[kind]}")
        portfolio = await visitor.get("/app/")

    assert page.status_code == 200
    assert portfolio.status_code == 200
    assert "You have 1 account to act on" in portfolio.text


async def test_a_new_event_makes_a_new_document_and_ends_the_old_validator(
    web: Web, scoring_pool: Pool, client: httpx.AsyncClient, ids: dict[str, UUID]
) -> None:
    url = f"/accounts/{ids['stalled']}/health"
    before = await client.get(url)
    same = await client.get(url, headers={"if-none-match": before.headers["etag"]})
    now = await clock(web.owner) - timedelta(seconds=1)
    await score(web, scoring_pool, [[Told(ids["stalled"], "ticket.resolved", now, item="T-4")]])
    # An answer may come from memory for a second, never longer.
    for _ in range(30):
        after = await client.get(url, headers={"if-none-match": before.headers["etag"]})
        if after.status_code != 304:
            break
        await asyncio.sleep(0.05)

    assert (same.status_code, after.status_code) == (304, 200)
    assert after.json()["score"] > before.json()["score"]


async def test_restating_gives_the_past_a_course_and_the_page_a_dashed_line(
    web: Web, scoring_pool: Pool, client: httpx.AsyncClient, ids: dict[str, UUID]
) -> None:
    scoring = await score(web, scoring_pool, [])
    async with web.client(key=await add_key(web.owner, ["models"])) as author, web.client() as visitor:
        orders = [await author.post("/restatements", json={"days": 30}) for _ in range(2)]
        await drain(scoring_pool, scoring.restating.lane, seconds=30)
        rows = [(await client.get(order.headers["location"])).json() for order in orders]
        page = (await visitor.get(f"/app/accounts/{ids['stalled']}")).text
    today = (await clock(web.owner)).date()
    history = (await client.get(f"/accounts/{ids['stalled']}/history")).json()

    assert [(order.status_code, order.json()["state"]) for order in orders] == [(202, "waiting")] * 2
    # Of the newcomer something was told the day before it started: from then on it was there.
    assert [(row["state"], row["accounts_done"], row["points"]) for row in rows] == [("done", 3, 30 + 30 + 4)] * 2
    assert len(history["restated"]) == 30
    assert "Dashed: recomputed later" in page
    table = page[page.index("Show as table") :]
    assert table.count("recomputed") == 29, "today is known, so it is not shown as recomputed"
    assert table.count(f'<td role="cell">{wording.day(today_at(today))}</td>') == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"days": 0}, "/days"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, "/from"),
        ({"from": "yesterday"}, "/from"),
        ({"accounts": []}, "/accounts"),
    ],
)
async def test_days_that_cannot_be_restated_are_422(web: Web, body: dict[str, Any], pointer: str) -> None:
    async with web.client(key=await add_key(web.owner, ["models"])) as author:
        answer = await author.post("/restatements", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("body", [{"days": "5"}, {"days": True}, {"every_days": 1.5}, {"from": 0}, {"from": "0"}])
async def test_what_is_another_kind_than_it_should_be_restates_nothing(web: Web, body: dict[str, Any]) -> None:
    async with web.client(key=await add_key(web.owner, ["models"])) as author:
        answer = await author.post("/restatements", json=body)
    assert (answer.status_code, [one["pointer"] for one in answer.json()["errors"]]) == (422, [f"/{next(iter(body))}"])


async def test_every_route_that_takes_a_body_asks_for_the_key_first_and_reads_strictly(web: Web) -> None:
    async with web.client(key=await add_key(web.owner, ["admin"])) as anyone:
        await require_key_first(anyone)
        # a model comes in two forms, and its mistakes are told with their places
        await require_strict_bodies(anyone, own_limit=("/models", "/models:lint"))


async def test_restating_needs_the_scope_of_models(client: httpx.AsyncClient) -> None:
    assert (await client.post("/restatements", json={})).status_code == 403


async def test_restatements_are_listed_watched_and_cancelled_once(web: Web, client: httpx.AsyncClient) -> None:
    body = {"from": "2026-01-01", "to": "2026-01-31", "every_days": 7, "model": {"id": "b2b-onboarding", "version": 1}}
    async with web.client(key=await add_key(web.owner, ["models"])) as author:
        order = await author.post("/restatements", json=body, headers={"idempotency-key": "january"})
        again = await author.post("/restatements", json=body, headers={"idempotency-key": "january"})
        cancelled = await author.post(f"{order.headers['location']}/cancel")
        twice = await author.post(f"{order.headers['location']}/cancel")
        strange = await author.post("/restatements", json=body | {"model": {"id": "b2b-onboarding", "version": 99}})
    listed = (await client.get("/restatements", params={"limit": 1})).json()
    unknown = await client.get("/restatements/019a8c20-2222-7c31-9d0e-3f6a2b1c4d5e")

    assert again.json()["id"] == order.json()["id"]
    assert (order.json()["from"], order.json()["model"]) == ("2026-01-01", {"id": "b2b-onboarding", "version": 1})
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert (twice.status_code, twice.json()["type"].rpartition("/")[2]) == (409, "restatement_over")
    assert strange.status_code == unknown.status_code == 404
    assert [one["id"] for one in listed["data"]] == [order.json()["id"]]
    assert listed["next_cursor"]


def today_at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
