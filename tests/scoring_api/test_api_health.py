"""Claims about `GET /accounts/{id}/health`: the stored bytes, by any name, validated cheaply, to those who may."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from support.health_documents import ACCOUNT, document
from support.scoring_web import Web, keep, running

HEALTH = f"/accounts/{ACCOUNT}/health"


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        await keep(made.owner, document())
        for name in ("external:a/b c%", "salesforce:00D000000000062EAA:001D000000IRFmaIAH"):
            await made.owner.execute("insert into scoring.account_reference values ($2, $1, now())", ACCOUNT, name)
        yield made


@pytest.fixture
async def client(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(key=web.reader) as made:
        yield made


async def stored_body(web: Web) -> bytes:
    body: bytes = await web.owner.fetchval("select body from scoring.health_document where account_id = $1", ACCOUNT)
    return body


@pytest.mark.parametrize(
    "name",
    [
        str(ACCOUNT),
        str(ACCOUNT).upper(),
        "hubspot:4711:90210",
        "domain:harbourpine.example",
        "domain:HarbourPine.Example",
        "DOMAIN:www.HarbourPine.Example.",
        "salesforce:00D000000000062:001D000000IRFma",
        "salesforce:00D000000000062EAA:001D000000IRFmaIAH",
        "external:a/b c%",
    ],
)
async def test_our_id_and_every_reference_lead_to_the_stored_bytes(
    web: Web, client: httpx.AsyncClient, name: str
) -> None:
    answer = await client.get(f"/accounts/{quote(name, safe='')}/health")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == await stored_body(web)


async def test_the_answer_may_be_kept_for_a_moment_by_its_reader_alone(client: httpx.AsyncClient) -> None:
    answer = await client.get(HEALTH)

    assert answer.headers["cache-control"] == "private, max-age=0, stale-if-error=600"
    assert answer.headers["vary"] == "Authorization, Accept"
    assert answer.headers["etag"].startswith('"')
    changed = parsedate_to_datetime(answer.headers["last-modified"])
    assert changed == document().computed_at.replace(microsecond=0)
    assert changed < datetime.now(UTC).replace(year=2100)


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"a" ,W/{} , "b"', "*"])
async def test_whoever_has_the_document_gets_304_without_a_body(client: httpx.AsyncClient, form: str) -> None:
    first = await client.get(HEALTH)
    again = await client.get(HEALTH, headers={"if-none-match": form.format(first.headers["etag"])})

    assert again.status_code == 304
    assert again.content == b""
    for name in ("etag", "cache-control", "vary", "last-modified"):
        assert again.headers[name] == first.headers[name]


@pytest.mark.parametrize("lines", [['"other"', "{}"], ["{}", '"other"'], ['"a", "b"', 'W/{}, "c"']])
async def test_several_lines_of_validators_are_one_list(client: httpx.AsyncClient, lines: list[str]) -> None:
    etag = (await client.get(HEALTH)).headers["etag"]
    headers = [("if-none-match", line.format(etag)) for line in lines]

    assert (await client.get(HEALTH, headers=headers)).status_code == 304


@pytest.mark.parametrize("form", ['"other"', 'W/"other"', "unquoted"])
async def test_another_validator_gets_the_document(client: httpx.AsyncClient, form: str) -> None:
    assert (await client.get(HEALTH, headers={"if-none-match": form})).status_code == 200


async def test_head_answers_like_get_without_the_body(client: httpx.AsyncClient) -> None:
    head, get = await client.head(HEALTH), await client.get(HEALTH)

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == str(len(get.content))
    assert head.headers["etag"] == get.headers["etag"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_told_what_is_allowed(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, HEALTH)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.json()["type"].endswith("/method_not_allowed")


async def test_without_a_key_nobody_reads(web: Web) -> None:
    async with web.client() as nobody:
        answer = await nobody.get(HEALTH)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_key_for_something_else_does_not_read(web: Web) -> None:
    async with web.client(key=web.stranger) as other:
        answer = await other.get(HEALTH)

    assert answer.status_code == 403
    assert "'read'" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["api_key", "apikey", "API_KEY", "access_token"])
async def test_a_key_in_the_address_is_refused_even_when_the_header_is_right(
    web: Web, client: httpx.AsyncClient, name: str
) -> None:
    answer = await client.get(HEALTH, params={name: web.reader})

    assert answer.status_code == 401
    assert web.reader not in answer.text


async def test_an_unknown_account_is_404_with_what_looks_like_it(client: httpx.AsyncClient) -> None:
    answer = await client.get("/accounts/domain:harborpine.example/health")

    problem = answer.json()
    assert answer.status_code == 404
    assert problem["type"].endswith("/account_unknown")
    assert [near["id"] for near in problem["errors"]] == [str(ACCOUNT)]
    assert problem["request_id"] == answer.headers["x-request-id"]


async def test_an_unknown_id_of_ours_has_no_near_match(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/accounts/{uuid4()}/health")

    assert answer.status_code == 404
    assert "errors" not in answer.json()


async def test_an_account_before_its_first_score_says_so(web: Web, client: httpx.AsyncClient) -> None:
    account = uuid4()
    await web.owner.execute(
        "insert into scoring.account (account_id, name, start_at, first_seen_at, updated_at)"
        " values ($1, 'Early Bird', now(), now(), now())",
        account,
    )
    answer = await client.get(f"/accounts/{account}/health")

    assert answer.status_code == 404
    assert answer.json()["type"].endswith("/not_scored_yet")
    assert answer.headers["retry-after"] == "2"


async def test_an_unknown_query_parameter_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get(HEALTH, params={"asof": "2026-01-01"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query:asof"


async def test_both_ways_to_the_document_answer_alike(web: Web, client: httpx.AsyncClient) -> None:
    """The framework's route stays behind the hot one: same status, same body, same validators."""
    hot = await client.get(HEALTH)
    behind = web.app._behind._behind  # type: ignore[attr-defined]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=behind), base_url="http://localhost") as long_way:
        slow = await long_way.get(HEALTH, headers={"authorization": f"Bearer {web.reader}"})

    assert (slow.status_code, slow.content) == (hot.status_code, hot.content)
    for name in ("etag", "cache-control", "vary", "last-modified", "content-type"):
        assert slow.headers[name] == hot.headers[name]


async def test_a_changed_document_is_seen_within_a_second(web: Web, client: httpx.AsyncClient) -> None:
    before = await client.get(HEALTH)
    await web.owner.execute(
        "update scoring.health_document set body = $2, etag = $3 where account_id = $1",
        ACCOUNT, b'{"score":1.0}', '"changed"',
    )  # fmt: skip
    known = {"if-none-match": before.headers["etag"]}
    asked_until = asyncio.get_running_loop().time() + 1
    after = await client.get(HEALTH, headers=known)
    while after.status_code == 304 and asyncio.get_running_loop().time() < asked_until:
        after = await client.get(HEALTH, headers=known)

    assert after.status_code == 200
    assert after.json() == {"score": 1.0}
