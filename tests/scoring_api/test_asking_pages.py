"""The screens that answer questions show the figures of the API, without scripts, also for what cannot be."""

import re
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from support.people import health
from support.scored import clock, score, three_customers
from support.scoring_web import Web, add_key, running

from milepost_runtime.database import Pool


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url, "development") as started:
        yield started


@pytest.fixture(scope="module")
async def ids(web: Web, scoring_pool: Pool) -> dict[str, UUID]:
    return await three_customers(web, scoring_pool, await clock(web.owner))


@pytest.fixture
async def client(web: Web, ids: dict[str, UUID]) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(key=web.reader) as made:
        made.headers["sec-fetch-site"] = "same-origin"
        yield made


async def test_the_page_of_a_change_shows_its_four_parts(client: httpx.AsyncClient, ids: dict[str, UUID]) -> None:
    page = await client.get(f"/app/accounts/{ids['stalled']}/change")

    assert page.status_code == 200, page.text
    for part in ("Behaviour", "Model", "Data", "People"):
        assert part in page.text
    assert 'type="date"' in page.text
    assert "<script" not in page.text


async def test_a_day_before_the_first_score_is_told(client: httpx.AsyncClient, ids: dict[str, UUID]) -> None:
    early = await client.get(f"/app/accounts/{ids['stalled']}/change?from=2020-01-01")
    wrong = await client.get(f"/app/accounts/{ids['stalled']}/change?from=yesterday")

    assert (early.status_code, wrong.status_code) == (404, 422)
    assert "The first one is of" in early.text


async def test_a_what_if_is_a_form_that_answers_itself(client: httpx.AsyncClient, ids: dict[str, UUID]) -> None:
    address = f"/app/accounts/{ids['stalled']}/what-if"
    empty = await client.get(address)
    found = await client.post(address, data={"signal-open_critical": "0", "signal-active_seats": "80"})
    told = await client.post(
        f"/accounts/{ids['stalled']}/what-if", json={"changes": {"open_critical": 0, "active_seats": 0.8}}
    )

    assert empty.status_code == 200, empty.text
    assert 'name="signal-open_critical"' in empty.text
    assert found.status_code == 200, found.text
    assert re.search(rf'class="big">{told.json()["after"]["score"]:.1f}<', found.text)
    assert "not a promise" in found.text


async def test_a_value_that_cannot_be_stays_in_its_field_with_a_word_beside_it(
    client: httpx.AsyncClient, ids: dict[str, UUID]
) -> None:
    address = f"/app/accounts/{ids['stalled']}/what-if"
    for typed, word in (("many", "A number."), ("-2", "It cannot be below 0.")):
        page = await client.post(address, data={"signal-open_critical": typed})

        assert page.status_code == 422
        assert f'value="{typed}"' in page.text
        assert word in page.text


async def test_the_page_of_an_account_leads_to_all_questions(client: httpx.AsyncClient, ids: dict[str, UUID]) -> None:
    page = (await client.get(f"/app/accounts/{ids['stalled']}")).text

    assert f'action="/app/accounts/{ids["stalled"]}/change"' in page
    assert f"/app/accounts/{ids['stalled']}/what-if" in page
    assert f"/app/accounts/{ids['stalled']}/path-to/yellow" in page
    assert "What happened on the way" in page


async def test_the_way_to_a_band_is_a_page_or_says_why_there_is_none(
    client: httpx.AsyncClient, ids: dict[str, UUID]
) -> None:
    page = await client.get(f"/app/accounts/{ids['stalled']}/path-to/yellow")
    never = await client.get(f"/app/accounts/{ids['thriving']}/path-to/green")

    assert page.status_code in (200, 422)
    assert never.status_code == 422
    assert "already" in never.text


@pytest.mark.parametrize(
    ("kind", "band", "offered"), [("thriving", "red", []), ("stalled", "green", ["yellow", "green"])]
)
async def test_only_ways_ahead_of_the_score_are_offered_whatever_a_person_says(
    web: Web, scoring_pool: Pool, ids: dict[str, UUID], kind: str, band: str, offered: list[str]
) -> None:
    address = f"/accounts/{ids[kind]}"
    async with web.client(key=await add_key(web.owner, ["read", "write"])) as client:
        client.headers["sec-fetch-site"] = "same-origin"
        word = {"band": band, "reason": f"We see it as {band}.", "days": 2}
        assert (await client.post(f"{address}/override", json=word)).status_code == 201
        await score(web, scoring_pool, [])
        acts = (await health(client, ids[kind]))["effective_band"]
        page = (await client.get(f"/app{address}")).text
        answers = [(await client.get(f"{address}/path-to/{one}")).text for one in ("yellow", "green")]
        assert (await client.delete(f"{address}/override")).status_code == 204
    await score(web, scoring_pool, [])

    assert (acts["band"], acts["because"]) == (band, "override")
    assert re.findall(r"/path-to/(\w+)", page) == offered
    assert ["band_not_ahead" not in one for one in answers] == [one in offered for one in ("yellow", "green")]
