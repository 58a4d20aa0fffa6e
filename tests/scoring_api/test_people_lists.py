"""Claims about the screens over many accounts that people fill: the inbox of doubts, overrides; and plans by hand."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from support.forms import FORMS, send, words
from support.people import OVERRIDE, Office
from support.scoring_web import Web, running

EVIL = '<script>alert(1)</script>\n"><img src=x onerror=alert(2)>'


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url, "production") as made:
        yield made


@pytest.fixture
async def account(office: Office) -> UUID:
    return await office.customer()


@pytest.fixture(scope="module")
async def shared(office: Office) -> UUID:
    return await office.customer()


async def test_a_state_that_no_doubt_has_is_refused_on_the_screen_as_in_the_list(
    visitor: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    answers = [await client.get("/feedback?state=zz"), await visitor.get("/app/feedback?state=zz")]
    assert [one.status_code for one in answers] == [422, 422]
    assert "open or answered" in answers[1].text
    assert (await visitor.get("/app/feedback?state=")).status_code == 200


async def test_the_inbox_shows_what_waits_and_takes_the_answer(
    visitor: httpx.AsyncClient, client: httpx.AsyncClient, account: UUID
) -> None:
    made = (await client.post(f"/accounts/{account}/feedback", json=FORMS["feedback"])).json()
    inbox = await visitor.get("/app/feedback", params={"owner": "Dana Reyes"})
    path = f"/app/feedback/{made['id']}/answer"
    refused = await send(visitor, path, {"verdict": "explained", "answer": ""})
    taken = await send(visitor, f"{path}?owner=Dana+Reyes", {"verdict": "explained", "answer": "They are real."})
    again = await send(visitor, path, {"verdict": "explained", "answer": "Once more."})
    page = words((await visitor.get(f"/app/accounts/{account}")).text)

    assert made["because"] in words(inbox.text)
    assert refused.status_code == 422
    assert f'id="{made["id"]}-answer-wrong">This is needed.' in refused.text
    assert re.search(r'<option value="explained" selected>', refused.text)
    assert (taken.status_code, taken.headers["location"]) == (303, "/app/feedback?owner=Dana+Reyes")
    assert again.status_code == 422
    assert "It was answered already, by crm bridge." in words(again.text)
    assert "The score is right, and this is why They are real. crm bridge" in page


async def test_the_portfolio_says_how_many_scores_are_doubted(
    visitor: httpx.AsyncClient, client: httpx.AsyncClient, account: UUID
) -> None:
    await client.post(f"/accounts/{account}/feedback", json=FORMS["feedback"])
    waiting = (await client.get("/feedback", params={"state": "open", "owner": "Dana Reyes"})).json()["open"]
    page = (await visitor.get("/app/", params={"owner": "Dana Reyes"})).text

    assert f'<a href="/app/feedback?owner=Dana+Reyes">{waiting} ' in page
    assert "/app/feedback?" not in (await visitor.get("/app/?owner=Nobody")).text


async def test_the_page_of_overrides_lists_them_with_the_review(
    visitor: httpx.AsyncClient, client: httpx.AsyncClient, account: UUID
) -> None:
    await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"author": "Dana Reyes"})
    page = words((await visitor.get("/app/overrides")).text)
    everything = await visitor.get("/app/overrides?active=false")

    assert "Blue Fjord Insurance At risk Their sponsor told us that they are leaving." in page
    assert "Dana Reyes through crm bridge" in page
    assert "How often the model was overruled" in page
    assert everything.status_code == 200


async def test_lost_addresses_help(visitor: httpx.AsyncClient) -> None:
    for answer in (
        await send(visitor, f"/app/accounts/{uuid4()}/notes", FORMS["notes"]),
        await send(visitor, f"/app/feedback/{uuid4()}/answer", {"verdict": "explained", "answer": "x"}),
        await send(visitor, "/app/feedback/x/answer", {"verdict": "explained", "answer": "x"}),
        await visitor.get("/app/feedback?cursor=x"),
    ):
        assert answer.status_code in (400, 404)
        assert answer.headers["content-type"].startswith("text/html")
    large = await send(visitor, f"/app/accounts/{uuid4()}/notes", {"text": "x" * 70_000})
    assert large.status_code == 413


async def test_a_milestone_is_reached_by_hand_and_taken_back(
    office: Office, visitor: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    account = await office.customer(well=False)
    page, path = f"/app/accounts/{account}", f"/app/accounts/{account}/milestones"
    reached = await send(visitor, f"{path}/complete", {"milestone": "data_import", "evidence": "https://x.example/1"})
    await office.turn()
    done = (await client.get(f"/accounts/{account}/milestones")).json()["milestones"]
    twice = await send(visitor, f"{path}/complete", {"milestone": "data_import", "evidence": "Again."})
    back = await send(visitor, f"{path}/reopen", {"milestone": "data_import", "reason": "Half of it was missing."})
    empty = await send(visitor, f"{path}/complete", {"milestone": "first_report", "evidence": " "})
    again = (await client.get(f"/accounts/{account}/milestones")).json()["milestones"]

    def of(plan: list[dict[str, Any]]) -> dict[str, Any]:
        return next(one for one in plan if one["id"] == "data_import")

    assert (reached.status_code, reached.headers["location"]) == (303, f"{page}#milestones")
    assert (of(done)["state"], of(done)["evidence"]) == ("done", "https://x.example/1")
    assert (back.status_code, of(again)["state"] != "done") == (303, True)
    assert [(one["what"], one["by"]) for one in of(again)["history"]] == [
        ("completed", "crm bridge"), ("reopened", "crm bridge"),
    ]  # fmt: skip
    assert twice.status_code == 422
    assert "is done already" in words(twice.text)
    assert re.search(r'id="milestones-complete\d+-evidence-wrong">This is needed.', empty.text)
    assert empty.text.count("evidence-wrong") == 2, "one field is wrong, and says so"
    assert (await send(visitor, f"{path}/complete", {"milestone": "nope", "evidence": "x"})).status_code == 404
