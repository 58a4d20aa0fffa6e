"""Claims about score models as documents over the API: kept once and for ever, read as written, compared, checked."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from support.json_schema import agrees
from support.score_models import document, last_signal
from support.scoring_web import Web, add_key, running

from milepost_core.model.schema import document_schema
from scoring_api.documents.checking import read_model
from scoring_api.documents.founding import read_shipped

pytestmark = pytest.mark.anyio
YAML = {"content-type": "application/yaml"}
TEXT = """\
# Ours, and nobody else's.
id: ours
version: 1
dimensions: [{id: d, weight: 1}]
signals:
  - id: uses      # how often
    dimension: d
    source: {agg: count, where: {type: feature.used}}
    normalise: {kind: saturating, half_at: 10}
"""


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as found:
        yield found


@pytest.fixture(scope="module")
async def client(web: Web, owner: asyncpg.Connection) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(key=await add_key(owner, ["read", "models"], name="policy team")) as found:
        yield found


def doc(name: str, **more: Any) -> dict[str, Any]:
    return document(last_signal("a", "d"), id=name, **more)


async def test_a_version_is_given_back_as_its_author_wrote_it(client: httpx.AsyncClient) -> None:
    kept = await client.post("/models", content=TEXT, headers=YAML)
    assert (kept.status_code, kept.headers["location"]) == (201, "/models/ours/versions/1")

    by_accept = await client.get("/models/ours/versions/1", headers={"accept": "application/yaml"})
    by_query = await client.get("/models/ours/versions/1?format=yaml")
    assert by_accept.text == by_query.text == TEXT
    assert by_accept.headers["content-type"].startswith("application/yaml")
    assert (await client.get("/models/ours/versions/1")).json()["signals"][0]["id"] == "uses"


async def test_the_same_document_once_more_changes_nothing(client: httpx.AsyncClient) -> None:
    first = await client.post("/models", json=doc("same", version=1))
    again = await client.post("/models", json=doc("same", version=1))
    commented = await client.post("/models", content=TEXT.replace("# how often", "# often"), headers=YAML)

    assert (first.status_code, again.status_code, commented.status_code) == (201, 200, 200)
    assert again.json() == first.json() | {"new": False}


async def test_a_version_never_changes_and_the_next_free_number_is_told(client: httpx.AsyncClient) -> None:
    await client.post("/models", json=doc("fixed", version=4))
    answer = await client.post("/models", json=doc("fixed", version=4, min_coverage=0.6))

    assert answer.status_code == 409
    assert answer.json()["errors"] == [
        {"pointer": "/version", "code": "version_taken", "detail": "The next free number is 5."}
    ]


async def test_a_document_without_a_number_gets_the_next_one_but_not_twice(client: httpx.AsyncClient) -> None:
    versions = [
        (await client.post("/models", json=doc("counting", **more))).json()["version"]
        for more in ({}, {}, {"min_coverage": 0.6}, {"min_coverage": 0.6}, {})
    ]

    assert versions == [1, 1, 2, 2, 3]
    shown = (await client.get("/models/counting")).json()
    assert [(one["version"], one["author"], one["in_charge"]) for one in shown["history"]] == [
        (1, "policy team", False), (2, "policy team", False), (3, "policy team", False),
    ]  # fmt: skip


async def test_every_mistake_of_a_document_is_told_with_line_and_column(client: httpx.AsyncClient) -> None:
    wrong = TEXT.replace("weight: 1", "wieght: 1").replace("half_at: 10", "half_at: ten")
    answer = await client.post("/models", content=wrong, headers=YAML)

    assert answer.status_code == 422
    assert answer.json()["type"].endswith("/model_invalid")
    places = {(one["pointer"], one["line"], one["column"]) for one in answer.json()["errors"]}
    assert {("/dimensions/0/wieght", 4, 22), ("/signals/0/normalise/half_at", 9, 35)} <= places
    assert "did you mean 'weight'?" in answer.text


async def test_a_label_leak_is_never_kept(client: httpx.AsyncClient) -> None:
    answer = await client.post("/models", content=TEXT.replace("feature.used", "churned"), headers=YAML)

    assert answer.status_code == 422
    assert "label leak" in answer.text


@pytest.mark.parametrize("name", [None, "With Blanks", "a/b", "activations", "é", "", "-x", "x" * 101])
async def test_an_id_that_cannot_stand_in_an_address_is_refused(client: httpx.AsyncClient, name: str | None) -> None:
    body = doc("x")
    body.pop("id")
    answer = await client.post("/models", json=body if name is None else body | {"id": name})

    assert answer.status_code == 422
    assert "/id" in {one["pointer"] for one in answer.json()["errors"]}


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (TEXT.encode(), "text/plain", 415),
        (TEXT.encode(), "application/octet-stream", 415),
        (b"id: \xff", "application/yaml", 422),
        (b"", "application/yaml", 422),
        (b"[]", "application/json", 422),
        (b"x" * 300_000, "application/yaml", 413),
    ],
)
async def test_a_body_that_is_no_document_is_refused_for_what_it_is(
    client: httpx.AsyncClient, content: bytes, media: str, status: int
) -> None:
    for path in ("/models", "/models:lint"):
        answer = await client.post(path, content=content, headers={"content-type": media})
        expected = 200 if status == 422 and path == "/models:lint" else status
        assert answer.status_code == expected, (path, answer.text)


async def test_looking_through_a_document_tells_mistakes_and_warnings_and_keeps_nothing(
    client: httpx.AsyncClient,
) -> None:
    wrong = await client.post("/models:lint", content=TEXT.replace("agg: count", "agg: cuont"), headers=YAML)
    odd = await client.post("/models:lint", content=TEXT.replace("feature.used", "feature.usd"), headers=YAML)

    assert (wrong.json()["valid"], wrong.json()["mistakes"][0]["nearest"]) == (False, "count")
    assert (odd.json()["valid"], odd.json()["warnings"][0]["line"]) == (True, 8)
    assert len((await client.get("/models/ours")).json()["versions"]) == 1


async def test_a_kept_version_can_be_looked_through(client: httpx.AsyncClient) -> None:
    answer = await client.post("/models/b2b-onboarding/versions/1:lint")

    assert answer.json() == {"valid": True, "mistakes": [], "warnings": []}


async def test_a_difference_is_told_place_by_place_with_a_sentence(client: httpx.AsyncClient) -> None:
    new = TEXT.replace("version: 1", "version: 2").replace("half_at: 10", "half_at: 20")
    new += "  - {id: more, label: More, dimension: d, source: {agg: rate}, normalise: {kind: saturating, half_at: 1}}\n"
    assert (await client.post("/models", content=new, headers=YAML)).status_code == 201
    found = (await client.get("/models/ours/diff", params={"from": 1, "to": 2})).json()["differences"]

    assert [(one["pointer"], one["kind"], one["sentence"]) for one in found] == [
        ("/signals/uses/normalise/half_at", "changed", "Half at of normalise of signal 'uses' changed from 10 to 20."),
        ("/signals/more", "added", "Signal 'More' is new."),
    ]


@pytest.mark.parametrize(
    "path", ["/models/nobody", "/models/ours/versions/9", "/models/ours/diff?from=1&to=9", "/models/b2b-onbording"]
)
async def test_a_model_that_is_not_kept_is_named_with_the_nearest_one(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    assert answer.json()["type"].endswith("/model_unknown")
    if "onbording" in path:
        assert "did you mean 'b2b-onboarding'?" in answer.json()["detail"]


async def test_shipped_models_are_kept_as_their_files_say(client: httpx.AsyncClient) -> None:
    for model in read_shipped():
        text = (await client.get(f"/models/{model.parsed.id}/versions/1?format=yaml")).text
        assert read_model(text, "kept").parsed == model.parsed


async def test_nobody_without_a_key_reads_a_model(web: Web) -> None:
    async with web.client() as stranger:
        answers = [
            (await stranger.get("/models")).status_code,
            (await stranger.post("/models", json={})).status_code,
            (await stranger.post("/models:lint", json={})).status_code,
        ]

    assert answers == [401, 401, 401]


async def test_editors_get_the_schema_without_a_key(web: Web) -> None:
    async with web.client() as stranger:
        answer = await stranger.get("/models/schema.json")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/schema+json"
    assert answer.json() == document_schema()


def test_the_schema_in_the_repository_is_the_one_that_is_published(repository: Path) -> None:
    folder = repository / "services/scoring-api/src/scoring_api/library"

    assert json.loads((folder / "score-model.schema.json").read_text()) == document_schema()
    for path in folder.glob("*.yaml"):
        assert path.read_text().startswith("# yaml-language-server: $schema=score-model.schema.json\n"), path.name
        assert agrees(dict(read_model(path.read_text(), path.name).document), document_schema(), document_schema())
