"""Claims about who judges: models are kept, tried, put in charge and out of charge over the API."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import httpx
import pytest
from support.histories import new_account
from support.score_models import document
from support.scored import clock, newcomer, score, stalled, thriving
from support.scoring_web import Web, add_key, running

from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from scoring_api.service import Scoring

pytestmark = pytest.mark.anyio
SCORED = {"agg": "count", "where": {"type": "feature.used"}}


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as found:
        yield found


@pytest.fixture(scope="module")
async def author(web: Web, owner: asyncpg.Connection) -> str:
    return await add_key(owner, ["read", "models"], name="policy team")


@pytest.fixture(scope="module")
async def client(web: Web, author: str) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(key=author) as found:
        yield found


@pytest.fixture(scope="module")
async def customers(web: Web, scoring_pool: Pool) -> tuple[Scoring, dict[str, UUID]]:
    now = await clock(web.owner)
    ids = {name: new_account() for name in ("enterprise", "mid-market", "smb")}
    stories = [thriving(ids["enterprise"], now), stalled(ids["mid-market"], now), newcomer(ids["smb"], now)]
    return await score(web, scoring_pool, stories), ids


def small(name: str, **more: object) -> dict[str, object]:
    """A model that counts uses of features, for whoever it applies to."""
    signal = {"id": "uses", "dimension": "d", "source": SCORED, "normalise": {"kind": "saturating", "half_at": 1000}}
    return document(signal, id=name, **more)


async def keep(client: httpx.AsyncClient, doc: dict[str, object]) -> httpx.Response:
    return await client.post("/models", json=doc)


async def judges(client: httpx.AsyncClient, ids: dict[str, UUID], wanted: dict[str, str]) -> dict[str, str]:
    """Who judged each account by its document; a document in memory may be a second old."""
    found: dict[str, str] = {}
    until = time.monotonic() + 3
    while found != wanted and time.monotonic() < until:
        for name, account in ids.items():
            body = (await client.get(f"/accounts/{account}/health")).json()
            found[name] = f"{body['model']['id']}@{body['model']['version']}"
        await asyncio.sleep(0.05)
    return found


async def test_a_fresh_installation_keeps_three_models_and_one_judges(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/models")).json()

    assert [(one["id"], one["in_charge"]) for one in listed["data"]] == [
        ("b2b-onboarding", 1),
        ("enterprise-high-touch", None),
        ("product-led", None),
    ]
    assert listed["data"][1]["applies_to"] == {"segment": ["enterprise"]}
    assert listed["data"][1]["precedence"] > 0


async def test_a_model_put_in_charge_of_a_segment_judges_exactly_its_accounts(
    client: httpx.AsyncClient, customers: tuple[Scoring, dict[str, UUID]], scoring_pool: Pool, owner: asyncpg.Connection
) -> None:
    scoring, ids = customers
    last = await owner.fetchval("select coalesce(max(id), 0) from scoring.change")

    answer = await client.post(
        "/models/enterprise-high-touch/versions/1:activate", json={"reason": "enterprise needs people"}
    )
    assert answer.status_code == 200, answer.text
    assert {one["id"] for one in answer.json()["in_charge"]} == {"b2b-onboarding", "enterprise-high-touch"}
    await drain(scoring_pool, scoring.rescoring.lane, seconds=30)

    wanted = {"enterprise": "enterprise-high-touch@1", "mid-market": "b2b-onboarding@1", "smb": "b2b-onboarding@1"}
    assert await judges(client, ids, wanted) == wanted
    told = await owner.fetch("select account_id, cause, model_id from scoring.change where id > $1", last)
    assert {(row["account_id"], row["cause"], row["model_id"]) for row in told} == {
        (ids["enterprise"], "model", "enterprise-high-touch")
    }


async def test_the_change_log_says_who_put_what_in_charge_and_why(client: httpx.AsyncClient) -> None:
    first = (await client.get("/models/activations", params={"limit": 1})).json()
    rest = (await client.get("/models/activations", params={"cursor": first["next_cursor"]})).json()

    word = first["data"][0]
    assert (word["model"]["id"], word["author"], word["reason"], word["active"]) == (
        "enterprise-high-touch", "policy team", "enterprise needs people", True,
    )  # fmt: skip
    assert [one["model"]["id"] for one in rest["data"]] == ["b2b-onboarding"]
    assert rest["next_cursor"] is None


async def test_a_cursor_of_another_list_is_refused(client: httpx.AsyncClient) -> None:
    first = (await client.get("/models/activations", params={"limit": 1})).json()
    answer = await client.get("/models/activations", params={"cursor": first["next_cursor"], "model": "product-led"})

    assert answer.status_code == 400
    assert answer.json()["type"].endswith("/cursor_broken")


async def test_saying_it_again_changes_nothing(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/models/b2b-onboarding/versions/1:activate", json={"reason": "again"})).json()

    assert (answer["changed"], answer["marked"]) == (False, 0)


async def test_two_models_that_can_take_the_same_accounts_need_different_precedence(client: httpx.AsyncClient) -> None:
    await keep(client, small("rival", version=1))
    answer = await client.post("/models/rival/versions/1:activate", json={"reason": "try"})

    assert answer.status_code == 409
    assert [one["code"] for one in answer.json()["errors"]] == ["equal_precedence"]
    assert "'b2b-onboarding' and 'rival'" in answer.json()["detail"]


async def test_models_whose_accounts_never_meet_may_share_a_precedence(client: httpx.AsyncClient) -> None:
    await keep(client, small("south", version=1, applies_to={"region": "south"}, precedence=3))
    await keep(client, small("north", version=1, applies_to={"region": ["north", "east"]}, precedence=3))
    await keep(client, small("east", version=1, applies_to={"region": ["east"]}, precedence=3))

    codes = [
        (await client.post(f"/models/{name}/versions/1:activate", json={"reason": "regions"})).status_code
        for name in ("south", "north", "east")
    ]
    assert codes == [200, 200, 409]
    for name in ("south", "north"):
        assert (await client.post(f"/models/{name}:retire", json={"reason": "over"})).status_code == 200


async def test_the_last_model_that_takes_everybody_cannot_go(client: httpx.AsyncClient) -> None:
    answer = await client.post("/models/b2b-onboarding:retire", json={"reason": "tidy"})

    assert answer.status_code == 409
    assert [one["code"] for one in answer.json()["errors"]] == ["nobody_left"]


async def test_a_model_gives_way_to_another_at_the_same_moment(
    client: httpx.AsyncClient, customers: tuple[Scoring, dict[str, UUID]], scoring_pool: Pool
) -> None:
    scoring, ids = customers
    wish = {"reason": "our own", "retire": ["b2b-onboarding", "enterprise-high-touch"]}
    answer = await client.post("/models/rival/versions/1:activate", json=wish)
    assert [one["id"] for one in answer.json()["in_charge"]] == ["rival"]
    await drain(scoring_pool, scoring.rescoring.lane, seconds=30)

    wanted = dict.fromkeys(ids, "rival@1")
    assert await judges(client, ids, wanted) == wanted
    back = {"reason": "back", "retire": ["rival"]}
    assert (await client.post("/models/b2b-onboarding/versions/1:activate", json=back)).status_code == 200
    await drain(scoring_pool, scoring.rescoring.lane, seconds=30)


async def test_an_account_that_is_being_scored_while_the_judge_changes_is_looked_at_again(
    client: httpx.AsyncClient, customers: tuple[Scoring, dict[str, UUID]], owner: asyncpg.Connection
) -> None:
    _, ids = customers
    before = {row["account_id"]: row["marked"] for row in await owner.fetch("select * from scoring.rescoring")}
    wish = {"reason": "marks", "retire": ["b2b-onboarding"]}
    answer = (await client.post("/models/rival/versions/1:activate", json=wish)).json()
    after = {row["account_id"]: row["marked"] for row in await owner.fetch("select * from scoring.rescoring")}

    assert answer["marked"] == len(ids)
    assert all(after[account] > before[account] for account in ids.values())
    back = {"reason": "back", "retire": ["rival"]}
    await client.post("/models/b2b-onboarding/versions/1:activate", json=back)


async def test_a_preview_judges_without_leaving_a_trace(
    client: httpx.AsyncClient, customers: tuple[Scoring, dict[str, UUID]], owner: asyncpg.Connection
) -> None:
    _, ids = customers
    counts = "select (select count(*) from scoring.snapshot), (select count(*) from scoring.activation)"
    before = await owner.fetchrow(counts)
    answer = (await client.post("/models/enterprise-high-touch/versions/1:preview", json={})).json()

    assert await owner.fetchrow(counts) == before
    assert (answer["tried"], answer["taken"]) == (3, 1)
    (row,) = answer["accounts"]
    assert row["account_id"] == str(ids["enterprise"])
    assert (row["before"]["model"]["id"], row["after"]["model"]["id"]) == ("b2b-onboarding", "enterprise-high-touch")
    assert row["after"]["score"] is not None
    moved = row["before"]["band"] != row["after"]["band"]
    assert sum(one["accounts"] for one in answer["moves"]) == int(moved)


async def test_a_preview_says_what_the_account_is_given_once_the_version_judges(
    client: httpx.AsyncClient, customers: tuple[Scoring, dict[str, UUID]], scoring_pool: Pool
) -> None:
    scoring, ids = customers
    asked = {"accounts": [str(ids["enterprise"])]}
    tried = await client.post("/models/enterprise-high-touch/versions/1:preview", json=asked)
    assert tried.status_code == 200, tried.text
    (row,) = tried.json()["accounts"]
    await client.post("/models/enterprise-high-touch/versions/1:activate", json={"reason": "as tried"})
    await drain(scoring_pool, scoring.rescoring.lane, seconds=30)

    judged = {"enterprise": ids["enterprise"]}
    await judges(client, judged, {"enterprise": "enterprise-high-touch@1"})
    body = (await client.get(f"/accounts/{ids['enterprise']}/health")).json()
    assert body["model"]["id"] == "enterprise-high-touch"
    assert body["score"] == pytest.approx(row["after"]["score"], abs=0.2)
    assert (await client.post("/models/enterprise-high-touch:retire", json={"reason": "over"})).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/models/nobody/versions/1:activate", {"reason": "r"}),
        ("/models/b2b-onboarding/versions/1:preview", {"retire": ["nobody"]}),
        ("/models/b2b-onboarding/versions/99:activate", {"reason": "r"}),
        ("/models/b2b-onboarding/versions/1:activate", {"reason": "r", "retire": ["nobody"]}),
        ("/models/nobody:retire", {"reason": "r"}),
        ("/models/b2b-onboarding/versions/99:preview", {}),
        ("/models/b2b-onboarding/versions/99:lint", None),
    ],
)
async def test_a_model_that_is_not_kept_is_said_to_be_so(
    client: httpx.AsyncClient, path: str, body: dict[str, object] | None
) -> None:
    answer = await client.post(path, json=body)

    assert answer.status_code == 404
    assert answer.json()["type"].endswith("/model_unknown")


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": 1}, {"reason": "r", "retire": "x"}])
async def test_nobody_is_put_in_charge_without_a_reason(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    answer = await client.post("/models/product-led/versions/1:activate", json=body)

    assert answer.status_code == 422


@pytest.mark.parametrize("path", ["/models", "/models/product-led/versions/1:activate", "/models/product-led:retire"])
async def test_a_key_that_may_only_read_puts_nobody_in_charge(web: Web, path: str) -> None:
    async with web.client(key=web.reader) as reader:
        answer = await reader.post(path, json={"reason": "r"})

    assert answer.status_code == 403


async def test_an_activation_that_is_named_is_carried_out_once(client: httpx.AsyncClient) -> None:
    path, headers = "/models/product-led/versions/1:activate", {"idempotency-key": "once"}
    first = await client.post(path, json={"reason": "named"}, headers=headers)
    again = await client.post(path, json={"reason": "named"}, headers=headers)

    assert first.json() == again.json()
    assert first.json()["changed"] is True
    assert again.headers["idempotent-replayed"] == "true"
    await client.post("/models/product-led:retire", json={"reason": "over"})


async def test_words_on_who_judges_are_only_ever_added(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch("select id, at from scoring.activation order by id")

    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert len(rows) >= 10


async def test_a_version_that_todays_rules_refuse_cannot_be_put_in_charge(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    """A rule may have become stricter since a version was kept."""
    leaky = json.dumps(small("leaky", version=1)).replace("feature.used", "churned")
    await owner.execute(
        "insert into scoring.model_version (model_id, version, title, document, text, digest, author)"
        " values ('leaky', 1, 'Leaky', $1, '', '', 'another release')",
        leaky,
    )
    before = await owner.fetchval("select count(*) from scoring.activation")
    answer = await client.post("/models/leaky/versions/1:activate", json={"reason": "try"})

    assert answer.status_code == 422
    assert "label leak" in answer.text
    assert await owner.fetchval("select count(*) from scoring.activation") == before
