"""Claims about the scoring API's contract: what is kept is what is served, it is whole, and its examples run."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jsonschema_rs
import pytest
from support.histories import Told, new_account
from support.scored import clock, score, stalled
from support.scoring_web import Web, add_key, running

from milepost_runtime.database import Pool
from scoring_api.contract import text_of

JSON = "application/json"
OPEN = {"/livez", "/readyz", "/healthz", "/metrics", "/models/schema.json"}
# What earlier examples made: the id of each answer stands in for the parameter of that name later.
MADE = {"/accounts/{account_id}/notes": "note_id", "/accounts/{account_id}/pulse": "pulse_id",
        "/accounts/{account_id}/feedback": "feedback_id", "/accounts/{account_id}/delays": "delay",
        "/restatements": "restatement_id"}  # fmt: skip
# Where an example fits another thing than the story's: somebody has to judge when a model is taken out of charge.
OTHERS = {
    "/models/{model_id}:retire": {"model_id": "product-led"},
    # The account of the examples has its single sign-on already.
    "/accounts/{account_id}/milestones/{milestone}/complete": {"milestone": "data_import"},
}
# For machines that watch us: their answers are their own example.
WATCHED = {"/livez", "/readyz", "/healthz", "/metrics"}
ORDER = {"post": 0, "get": 1, "patch": 2, "put": 2, "delete": 3}


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        yield made


@pytest.fixture(scope="module")
async def account(web: Web, scoring_pool: Pool) -> UUID:
    """The account that the examples speak of, scored by the service itself."""
    identity, now = new_account(), await clock(web.owner)
    story = stalled(identity, now)
    story.append(Told(identity, "account.linked", story[0].occurred_at, value_text="domain:acme.com"))
    story.append(Told(identity, "account.linked", story[0].occurred_at, value_text="hubspot:4711:99"))
    await score(web, scoring_pool, [story])
    return identity


@pytest.fixture(scope="module")
async def contract(web: Web) -> dict[str, Any]:
    async with web.client() as client:
        found: dict[str, Any] = (await client.get("/openapi.json")).json()
    return found


def operations(contract: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in contract["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


async def test_the_contract_in_the_repository_is_the_one_that_is_served(
    contract: dict[str, Any], repository: Path
) -> None:
    kept = (repository / "services/scoring-api/openapi.json").read_text()
    assert kept == text_of(contract), "run: make contract"


async def test_every_operation_says_what_it_is_for_who_may_and_how_it_refuses(contract: dict[str, Any]) -> None:
    assert contract["openapi"].startswith("3.1")
    assert contract["servers"]
    ids = [operation["operationId"] for _, _, operation in operations(contract)]
    assert len(ids) == len(set(ids))
    for path, method, operation in operations(contract):
        named = f"{method} {path}"
        assert operation["summary"], named
        assert operation["tags"], named
        assert ("security" in operation) == (path not in OPEN), named
        if path not in OPEN:
            assert {"401", "403", "422", "503"} <= operation["responses"].keys(), named
        if "requestBody" in operation:
            assert {"400", "413", "415"} <= operation["responses"].keys(), named
        if "{" in path:
            assert "404" in operation["responses"], named


def example_of(contract: dict[str, Any], told: dict[str, Any]) -> Any:
    """The example of a parameter or of a body: its own, its schema's, or made of those of its fields."""
    if "example" in told:
        return told["example"]
    if told.get("examples"):
        examples = told["examples"]
        return examples[0] if isinstance(examples, list) else next(iter(examples.values()))["value"]
    schema = told.get("schema", told)
    schema = next((one for one in schema.get("anyOf", ()) if "$ref" in one), schema)
    if "$ref" in schema:
        return example_of(contract, contract["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if schema.get("examples"):
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    fields = schema.get("properties", {})
    found = {name: example_of(contract, field) for name, field in fields.items() if _has_example(field)}
    missing = set(schema.get("required", ())) - found.keys()
    assert not missing, f"no example of {sorted(missing)}"
    return found


def _has_example(field: dict[str, Any]) -> bool:
    return bool(field.get("example") or field.get("examples"))


def requests_of(
    contract: dict[str, Any], path: str, operation: dict[str, Any], made: dict[str, str]
) -> list[dict[str, Any]]:
    """The example requests of an operation, one for each form of its body, with ids of what earlier examples made."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            name = parameter["name"]
            value = made.get(name) or str(example_of(contract, parameter))
            path = path.replace(f"{{{name}}}", httpx.QueryParams({"x": value})["x"].replace("/", "%2F"))
    query = {
        one["name"]: example_of(contract, one)
        for one in operation.get("parameters", ())
        if one["in"] == "query" and one.get("required")
    }
    request: dict[str, Any] = {"url": path, "params": query}
    forms = operation.get("requestBody", {}).get("content", {})
    bodies = {media: example_of(contract, told) for media, told in forms.items()}
    return [
        request | {"content": body if isinstance(body, str) else json.dumps(body), "headers": {"content-type": media}}
        for media, body in bodies.items()
    ] or [request]


async def test_whatever_is_asked_and_answered_has_an_example(contract: dict[str, Any]) -> None:
    missing = []
    for path, method, operation in operations(contract):
        for media, told in operation.get("requestBody", {}).get("content", {}).items():
            schema = next((one for one in told["schema"].get("anyOf", ()) if "$ref" in one), told["schema"])
            body = contract["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
            if "example" not in told and not body.get("examples"):
                missing.append(f"{method} {path} takes {media}")
        for status, answer in operation["responses"].items():
            for media, told in answer.get("content", {}).items():
                if status.startswith("2") and path not in WATCHED and "example" not in told:
                    missing.append(f"{method} {path} answers {status} as {media}")
    assert not missing, "\n".join(missing)


async def test_a_schema_says_which_of_several_words_is_needed(contract: dict[str, Any]) -> None:
    schema = {**contract["components"]["schemas"]["OverrideRequest"], "components": contract["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema)
    until = {"expires_at": "2026-04-01T00:00:00Z"}

    assert validator.is_valid({"reason": "a call", "score": 40, "days": 3})
    assert validator.is_valid({"reason": "a call", "band": "red"} | until)
    assert not validator.is_valid({"reason": "a call"})
    assert not validator.is_valid({"reason": "a call", "band": "red"})
    assert not validator.is_valid({"reason": "a call"} | until)
    assert not validator.is_valid({"reason": "a call", "band": "red", "days": 3} | until)
    assert validator.is_valid({"reason": "a call", "band": "red", "score": None, "days": None} | until)


@pytest.mark.parametrize("name", ["", " ", "\n", "An\nna", "a\x00", "\x85"])
async def test_what_is_no_name_is_none_in_the_contract_either(web: Web, contract: dict[str, Any], name: str) -> None:
    schema = {**contract["components"]["schemas"]["ErasureRequest"], "components": contract["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema)
    assert validator.is_valid({"person": "Åsa Løken"})
    assert not validator.is_valid({"person": name * 2})
    async with web.client(key=await add_key(web.owner, ["admin"])) as client:
        assert (await client.post("/erasures", json={"person": name * 2})).status_code == 422


async def test_every_example_runs_and_gets_what_is_documented(
    web: Web, account: UUID, contract: dict[str, Any]
) -> None:
    key = await add_key(web.owner, ["read", "write", "models", "admin"])
    made: dict[str, str] = {"account_id": str(account)}
    async with web.client(key=key) as client:
        await client.post("/models/product-led/versions/1:activate", json={"reason": "two lines of business"})
    wrong: list[str] = []
    ranked = sorted(operations(contract), key=_turn)
    async with web.client(key=key) as client:
        for path, method, operation in ranked:
            try:
                requests = requests_of(contract, path, operation, made | OTHERS.get(path, {}))
            except AssertionError as error:
                wrong.append(f"{method} {path}: {error}")
                continue
            for request in requests:
                answer = await client.request(method.upper(), **request)
                if method == "post" and path in MADE and answer.is_success:
                    made[MADE[path]] = answer.json()["id"]
                wrong += [f"{method} {path} {request}: {fault}" for fault in faults(contract, operation, answer)]
    assert not wrong, "\n".join(wrong)


def _turn(one: tuple[str, str, dict[str, Any]]) -> tuple[int, bool, str]:
    """Makers first, then who reads and changes what they made; within these, who needs an id of theirs comes later."""
    path, method, _ = one
    return ORDER[method], any(f"{{{name}}}" in path for name in MADE.values()), path


def faults(contract: dict[str, Any], operation: dict[str, Any], answer: httpx.Response) -> Iterator[str]:
    """How an answer differs from the good one that is documented."""
    good = str(answer.status_code)
    if good not in operation["responses"] or not answer.is_success:
        yield f"{good} is not documented as a good answer: {answer.text[:300]}"
        return
    media = answer.headers.get("content-type", "").partition(";")[0]
    content = operation["responses"][good].get("content", {})
    if answer.content and media not in content:
        yield f"answered as {media}, documented are {sorted(content)}"
    elif answer.content and media == JSON and content[JSON].get("schema"):
        schema = {**content[JSON]["schema"], "components": contract["components"]}
        validator = jsonschema_rs.Draft202012Validator(schema)
        yield from (f"{error.instance_path}: {error.message[:200]}" for error in validator.iter_errors(answer.json()))
