"""Claims about names in paths: a slash inside a reference parts nothing, whatever the name ends with."""

from collections.abc import AsyncIterator
from urllib.parse import quote, unquote
from uuid import UUID

import httpx
import pytest
from starlette.responses import Response
from starlette.routing import Match
from support.health_documents import document
from support.histories import Told, new_account
from support.scored import clock, score, thriving
from support.scoring_web import Web, add_key, keep, running

from milepost_runtime.database import Pool
from scoring_api.routers.segments import PageSegments

PLAIN = UUID("0199a1b2-0000-7000-8000-00000000aaaa")
ENDINGS = ("health", "explanation", "history", "milestones", "notes", "change", "feedback", "override", "pulse",
           "path-to/green", "evidence/active_days")  # fmt: skip
NAMED = {ending: UUID(int=PLAIN.int + 1 + at) for at, ending in enumerate(ENDINGS)}


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        who = document().model_dump()["account"]
        for account, name in ((PLAIN, "external:acme"), *((one, f"external:acme/{at}") for at, one in NAMED.items())):
            await keep(made.owner, document(account=who | {"id": account, "references": [name]}))
        yield made


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_name_that_ends_like_a_route_is_its_own_account(web: Web, ending: str) -> None:
    name = quote(f"external:acme/{ending}", safe="")
    async with web.client(key=web.reader) as client:
        short = await client.get(f"/accounts/{name}")
        long = await client.get(f"/accounts/{name}/health")

    assert (short.status_code, short.json()["account"]["id"]) == (200, str(NAMED[ending]))
    assert (long.status_code, long.json()["account"]["id"]) == (200, str(NAMED[ending]))


async def test_a_word_about_one_account_is_never_said_of_another(web: Web, scoring_pool: Pool) -> None:
    short, long = new_account(), new_account()
    now = await clock(web.owner)
    stories = [thriving(short, now), thriving(long, now)]
    for story, name in zip(stories, ("external:beta", "external:beta/notes"), strict=True):
        story.append(Told(story[0].account_id, "account.linked", story[0].occurred_at, value_text=name))
    await score(web, scoring_pool, stories)
    async with web.client(key=await add_key(web.owner, ["read", "write"])) as client:
        refused = await client.post("/accounts/external%3Abeta%2Fnotes", json={"text": "of nobody"})
        made = await client.post("/accounts/external%3Abeta%2Fnotes/notes", json={"text": "of the longer name"})

    assert refused.status_code == 405
    assert made.json()["account_id"] == str(long)


async def test_what_is_encoded_without_need_is_the_same_path(web: Web) -> None:
    async with web.client(key=web.reader) as client:
        answer = await client.get("/accounts/external%3Aacme/%70ulse")

    assert (answer.status_code, answer.json()["account_id"]) == (200, str(PLAIN))


async def test_a_slash_that_is_not_encoded_parts(web: Web) -> None:
    async with web.client(key=web.reader) as client:
        answer = await client.get("/accounts/external:acme/health/health")

    assert answer.status_code == 404


@pytest.mark.parametrize("signal", ["health", "a%2Fb"])
async def test_a_signal_may_be_called_like_a_route(web: Web, signal: str) -> None:
    async with web.client(key=web.reader) as client:
        answer: httpx.Response = await client.get(f"/accounts/{PLAIN}/evidence/{signal}")

    assert answer.json().get("type", "").rpartition("/")[2] == "signal_unknown", answer.text


@pytest.mark.parametrize(
    ("path", "asked"), [("a%2Fchange", None), ("a%2fchange/change", "a/change"), ("a%252F/change", "a%2F")]
)
def test_pages_part_names_as_the_api_does(path: str, asked: str | None) -> None:
    route = PageSegments("/accounts/{asked}/change", lambda request: Response())
    raw = f"/app/accounts/{path}"
    scope = {"type": "http", "method": "GET", "path": unquote(raw), "raw_path": raw.encode(), "root_path": "/app"}
    match, found = route.matches(scope)

    assert found.get("path_params", {}).get("asked") == asked
    assert (match is Match.NONE) == (asked is None)
