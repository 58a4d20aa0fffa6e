"""Claims about the web side: every error is a problem document, ids travel, hot routes answer like the others."""

import contextlib
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from milepost_runtime.hot import Answer, HotRoute, HotRoutes, Receive, Scope, read_body
from milepost_runtime.problems import Problem
from milepost_runtime.web import RequestContext, new_app


class Parcel(BaseModel):
    weight: int


class NoSuchParcel(Exception):
    pass


class RefusedByDriver(asyncpg.InterfaceError, ValueError):
    """What the driver raises for a value that it cannot encode: an interface error that is the value's own fault."""


TROUBLE: dict[int, Exception] = {
    14: asyncpg.QueryCanceledError("too slow"),
    15: OverflowError("year 10000"),
    16: RefusedByDriver("no text"),
}


@contextlib.asynccontextmanager
async def nothing(_app: FastAPI) -> AsyncIterator[None]:
    yield


def application() -> HotRoutes:
    app = new_app(
        "Parcels",
        "A test.",
        nothing,
        {NoSuchParcel: lambda _error: Problem(404, "not_found", "There is no such parcel.")},
    )

    @app.post("/parcels")
    async def post_parcel(parcel: Parcel) -> Parcel:
        return parcel

    @app.get("/parcels/{number}")
    async def get_parcel(number: int) -> Parcel:
        if number == 13:
            raise ZeroDivisionError("a secret of ours")
        if number in TROUBLE:
            raise TROUBLE[number]
        raise NoSuchParcel

    async def hot(scope: Scope, receive: Receive, _request_id: str) -> Answer:
        if scope["path"] == "/hot/store":
            raise ConnectionResetError
        if scope["path"] == "/hot/value":
            raise asyncpg.CharacterNotInRepertoireError("zero")
        return Answer(200, [(b"content-type", b"text/plain")], await read_body(scope, receive, limit=10))

    return HotRoutes(RequestContext(app, app), [HotRoute(frozenset({"GET", "POST"}), b"/hot/", b"", "/hot/{x}", hot)])


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=application(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("GET", "/nowhere", None, 404, "not_found"),
        ("PUT", "/parcels", None, 405, "method_not_allowed"),
        ("POST", "/parcels", b'{"weight": "heavy"}', 422, "wrong_type"),
        ("POST", "/parcels", b"{", 400, "bad_json"),
        ("GET", "/parcels/1", None, 404, "not_found"),
        ("GET", "/parcels/13", None, 500, "internal"),
        ("GET", "/parcels/14", None, 503, "temporarily_unavailable"),
        ("GET", "/parcels/15", None, 422, "not_storable"),
        ("GET", "/parcels/16", None, 422, "not_storable"),
        ("GET", "/hot/store", None, 503, "temporarily_unavailable"),
        ("GET", "/hot/value", None, 422, "not_storable"),
        ("POST", "/hot/x", b"x" * 11, 413, "body_too_large"),
    ],
)
async def test_every_error_is_a_problem_document(
    client: httpx.AsyncClient, method: str, path: str, body: bytes | None, status: int, kind: str
) -> None:
    answer = await client.request(method, path, content=body, headers={"content-type": "application/json"})

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["type"].endswith(f"/{kind}")
    assert document["status"] == status
    assert document["request_id"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text


async def test_a_field_error_points_into_the_body(client: httpx.AsyncClient) -> None:
    answer = await client.post("/parcels", json={"weight": "heavy"})

    assert [error["pointer"] for error in answer.json()["errors"]] == ["/weight"]
    assert "heavy" not in answer.text


async def test_a_refused_method_says_which_are_allowed(client: httpx.AsyncClient) -> None:
    assert (await client.put("/parcels")).headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/parcels", "/hot/x"])
async def test_a_callers_request_id_comes_back_and_a_bad_one_is_replaced(client: httpx.AsyncClient, path: str) -> None:
    kept = await client.post(path, content=b"{}", headers={"x-request-id": "order-66"})
    replaced = await client.post(path, content=b"{}", headers={"x-request-id": "a b\tc"})

    assert kept.headers["x-request-id"] == "order-66"
    assert replaced.headers["x-request-id"] not in ("", "a b\tc")


async def test_a_hot_route_reads_a_body_up_to_its_limit(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x"

    answer = await client.post("/hot/x", content=chunks())

    assert (answer.status_code, answer.content) == (200, b"x" * 10)


async def test_the_document_of_the_api_knows_problems_and_camel_case_operations(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    assert document["paths"]["/parcels"]["post"]["operationId"] == "postParcel"
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "4XX" in document["paths"]["/parcels"]["post"]["responses"]
