"""Claims about reasons of an earlier moment: what-ifs and evidence as of then, words that set a band, small shifts."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest
from support.histories import Told
from support.people import OVERRIDE, health, open_office
from support.score_models import document, last_signal
from support.scored import clock, score, three_customers
from support.scoring_web import Web, running

from milepost_core import scoring as law
from milepost_core.explanation import Difference, Kind, Step
from milepost_core.explanation.comparison import Movement
from milepost_core.explanation.difference import Cause
from milepost_core.model import parse_model
from milepost_core.readings import Readings
from milepost_core.scoring import Population
from milepost_core.what_if import Situation
from milepost_runtime.database import Pool
from scoring_api.past.attributing import parts_of
from scoring_api.scores.addressing import Behind


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as started:
        yield started


@pytest.fixture
async def accounts(web: Web, scoring_pool: Pool) -> dict[str, UUID]:
    return await three_customers(web, scoring_pool, await clock(web.owner))


async def read(web: Web, path: str, **asked: str) -> httpx.Response:
    async with web.client(key=web.reader) as client:
        return await client.get(path, params=asked)


async def suppose(web: Web, account: UUID, body: Any) -> httpx.Response:
    async with web.client(key=web.reader) as client:
        return await client.post(f"/accounts/{account}/what-if", json=body)


def kind_of(problem: httpx.Response) -> str:
    return str(problem.json()["type"].rsplit("/", 1)[-1])


async def test_a_what_if_starts_from_the_moment_that_is_asked_for(
    web: Web, accounts: dict[str, UUID], scoring_pool: Pool
) -> None:
    account, at = accounts["stalled"], await clock(web.owner)
    then = (await read(web, f"/accounts/{account}/health")).json()["score"]
    now = await clock(web.owner)
    await score(web, scoring_pool, [[Told(account, "ticket.resolved", now, item=f"T-{n}") for n in (9, 4)]])
    supposed = await suppose(web, account, {"changes": {}, "as_of": at.isoformat()})
    ahead = await suppose(web, account, {"changes": {}, "as_of": "2999-01-01T00:00:00Z"})

    assert supposed.status_code == 200, supposed.text
    assert (supposed.json()["before"]["score"], supposed.json()["difference"]) == (then, 0.0)
    assert (await suppose(web, account, {"changes": {}})).json()["before"]["score"] > then
    assert (ahead.status_code, kind_of(ahead)) == (422, "future_moment")
    assert (ahead.json()["errors"][0]["pointer"], ahead.json()["errors"][0]["code"]) == ("/as_of", "future_moment")


@pytest.mark.parametrize(
    ("path", "name"), [("health", "as_of"), ("change", "from"), ("change", "to"), ("evidence/active_days", "as_of")]
)
async def test_a_moment_that_has_not_come_is_told_with_its_place(
    web: Web, accounts: dict[str, UUID], path: str, name: str
) -> None:
    ahead = await read(web, f"/accounts/{accounts['stalled']}/{path}", **{name: "2999-01-01T00:00:00Z"})

    assert (ahead.status_code, kind_of(ahead)) == (422, "future_moment")
    assert ahead.json()["errors"][0]["pointer"] == f"query:{name}"


async def test_evidence_is_of_the_score_that_was_known_then(
    web: Web, accounts: dict[str, UUID], scoring_pool: Pool
) -> None:
    account, at = accounts["stalled"], await clock(web.owner)
    now = await clock(web.owner)
    await score(web, scoring_pool, [[Told(account, "ticket.resolved", now, item=f"T-{n}") for n in (9, 4)]])
    then = (await read(web, f"/accounts/{account}/health", as_of=at.isoformat())).json()
    (driver,) = [one for one in then["drivers"] if one["signal"] == "open_critical"]
    async with web.client(key=web.reader) as client:
        rows = (await client.get(driver["evidence"]["href"])).json()
        fired = (await client.get(then["gates"][0]["evidence"])).json()
        today = (await client.get(f"/accounts/{account}/evidence/open_critical")).json()

    assert (rows["as_of"], {one["type"] for one in rows["records"]}) == (then["as_of"], {"ticket.opened"})
    assert {one["type"] for one in today["records"]} == {"ticket.opened", "ticket.resolved"}
    assert (fired["signal"], fired["label"]) == ("gate:sponsor_left", "The sponsor has left")
    assert [one["type"] for one in fired["records"]] == ["stakeholder.left"]
    assert fired["rule"]["fires_if"] == {"op": "==", "value": "left"}


async def test_an_unknown_signal_ends_in_one_mark(web: Web, accounts: dict[str, UUID]) -> None:
    answer = await read(web, f"/accounts/{accounts['stalled']}/evidence/activ_seats")

    assert answer.json()["detail"].endswith("did you mean active_seats?")


async def test_what_is_too_small_to_show_is_told_in_one_line_a_cause(
    web: Web, accounts: dict[str, UUID], scoring_pool: Pool
) -> None:
    account, at = accounts["stalled"], await clock(web.owner)
    now = await clock(web.owner)
    await score(web, scoring_pool, [[Told(account, "ticket.resolved", now, item=f"T-{n}") for n in (9, 4)]])
    found = (await read(web, f"/accounts/{account}/change", **{"from": at.isoformat()})).json()
    lines = [line for one in found["parts"] for line in one["lines"]]

    assert all(abs(line["exact"]) >= 0.05 for line in lines if line["label"] != "Small shifts")
    assert any(line["label"] == "Small shifts" for line in lines)


def test_small_shifts_of_two_causes_are_two_lines() -> None:
    model = parse_model(document(last_signal("m", "d"), last_signal("n", "d")))
    readings, ages = Readings.empty(model, 1), Population(np.array([9.0]))
    here = Situation(model, ages, readings, law.score(model, ages, readings), 0)
    moved: list[tuple[Cause, dict[str, float]]] = [("model", {"m": 2.0, "n": 0.04}), ("stage", {"m": 0.03, "n": -0.01})]
    steps = tuple(Step(Kind.MODEL, cause, here, here, Movement(value, {}, 0.0)) for cause, value in moved)
    found = Difference(50.0, 52.06, steps)
    part = next(one for one in parts_of(found, Behind("", None), Behind("", None)) if one.kind == "model")

    assert [(line.cause, line.label, round(line.exact, 9)) for line in part.lines] == [
        ("model", "m", 2.0), ("model", "Small shifts", 0.04), ("stage", "Small shifts", 0.02)
    ]  # fmt: skip
    assert round(sum(line.points for line in part.lines), 9) == part.points == 2.1


async def test_no_arithmetic_leads_out_of_a_word_that_lowers_the_band(web: Web, scoring_pool: Pool) -> None:
    office = await open_office(web, scoring_pool)
    account = await office.customer()
    async with office.client() as client:
        before = await clock(web.owner)
        assert (await health(client, account))["effective_band"]["band"] == "green"
        said = await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"author": "Mara"})
        await office.turn()
        document = await health(client, account)
        way = await client.get(f"/accounts/{account}/path-to/yellow")
        found = (await client.get(f"/accounts/{account}/change", params={"from": before.isoformat()})).json()

    assert said.status_code == 201, said.text
    assert (document["effective_band"]["band"], document["effective_band"]["because"]) == ("red", "override")
    assert document["path"] is None
    assert (way.status_code, kind_of(way)) == (422, "band_not_ahead")
    assert "Meanwhile the word of Mara makes the band red" in way.json()["detail"]
    assert "The band in effect went from green to red. Red by Mara until" in found["text"]
    human = next(one for one in found["parts"] if one["kind"] == "human")
    assert (human["points"], "Red by Mara until" in human["sentence"]) == (0.0, True)
    assert [found[side]["effective_band"]["because"] for side in ("from", "to")] == ["model", "override"]


async def test_under_a_word_the_way_is_that_of_the_score(web: Web, scoring_pool: Pool) -> None:
    office = await open_office(web, scoring_pool)
    account = await office.customer(well=False)
    async with office.client() as client:
        plain = (await health(client, account))["path"]
        await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"band": "green", "author": "Mara"})
        await office.turn()
        path = (await health(client, account))["path"]

    assert (path["to"], path["steps"]) == (plain["to"], plain["steps"])
    assert path["sentence"].startswith(plain["sentence"])
    assert "Meanwhile the word of Mara makes the band green" in path["sentence"]


@pytest.mark.parametrize(
    "asked", ["Blvve Fjord Insurance", "lue Fjord Insurance", "www.blue-fjord.example", "https://xlue-fjord.example/"]
)
async def test_what_is_wrong_at_its_beginning_is_guessed_from_the_rest(
    web: Web, accounts: dict[str, UUID], asked: str
) -> None:
    answer = await read(web, f"/accounts/{httpx.QueryParams({'q': asked})['q'].replace('/', '%2F')}/health")

    assert answer.status_code == 404
    assert "Did you mean Blue Fjord Insurance?" in [one["detail"] for one in answer.json()["errors"]]
