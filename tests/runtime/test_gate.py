"""Claims about the gate: who may not is told so before a byte is understood, and nobody makes us read without end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel
from support.gates import JSON, LIMIT, NOT_STRICT, told
from support.listening import listening

from ingest_webhooks.settings import SCHEMA
from milepost_runtime.database import Pool
from milepost_runtime.hot import read_body
from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import KeyRing, insert_key, new_key, require_scope
from milepost_runtime.metrics import HTTP_SECONDS
from milepost_runtime.web import RequestContext, new_app

OWN: dict[str, Any] = {"requestBody": {"content": {"application/octet-stream": {}}}}


class Thing(BaseModel):
    name: str


class House:
    """A served application, the keys to it, and what its routes were called with."""

    def __init__(self, client: httpx.AsyncClient, master: str, reader: str) -> None:
        self.client = client
        self.master = {"authorization": f"Bearer {master}"}
        self.reader = {"authorization": f"Bearer {reader}"}

    async def post(self, path: str, content: Any, **headers: str) -> httpx.Response:
        return await self.client.post(path, content=content, headers=self.master | JSON | headers)


def application(pool: Pool) -> RequestContext:
    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield

    app = new_app("House", "", lifespan, {})
    app.state.keys = KeyRing(pool, SCHEMA)
    router = APIRouter(prefix="/things", dependencies=[require_scope("write")])

    @router.post("")
    async def make(thing: Thing) -> str:
        return thing.name

    @router.patch("/{number}")
    async def change(number: int, thing: Thing | None = None) -> str:
        return f"{number} {thing.name if thing else 'as it was'}"

    @router.post("/{number}:act")
    async def act(number: int, request: Request) -> int:
        return number + len(await request.body())

    @router.post("/{number}/pages", openapi_extra=OWN)
    async def read(number: int, request: Request) -> int:
        return number + len(await read_body(request.scope, request.receive, limit=10 * LIMIT))

    app.include_router(router)
    return RequestContext(app, app)


@pytest.fixture(scope="module")
async def house(ingest_pool: Pool) -> AsyncIterator[House]:
    keys = {scope: new_key() for scope in ("write", "read")}
    async with ingest_pool.acquire() as connection:
        for scope, key in keys.items():
            await insert_key(connection, "ingest", key, name=scope, scopes=[scope], days=None)
    async with listening(application(ingest_pool)) as address, httpx.AsyncClient(base_url=address) as client:
        yield House(client, keys["write"].text, keys["read"].text)


async def test_a_body_passes_the_gate_as_it_was_sent(house: House) -> None:
    assert (await house.post("/things", b'{"name": "Zo\xc3\xab"}')).json() == "Zoë"
    assert (await house.client.patch("/things/1", json={"name": "b"}, headers=house.master)).json() == "1 b"
    assert (await house.client.patch("/things/1", headers=house.master)).json() == "1 as it was"
    assert (await house.post("/things/5:act", b"what nobody asked for")).json() == 5 + 21
    assert (await house.post("/things/5/pages", b"x" * 3 * LIMIT)).json() == 5 + 3 * LIMIT


async def test_a_body_that_is_said_to_be_too_large_is_refused_before_anything_of_it_comes(house: House) -> None:
    for path in ("/things", "/things/5:act"):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.client.base_url.port)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {60 * 2**20}\r\n\r\n".encode())
        said = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert said.startswith(b"HTTP/1.1 413 ")
        assert b"/body_too_large" in said


async def test_the_key_comes_before_the_media_type_and_that_before_the_content(house: House) -> None:
    rubbish, text = b"{" * 10, {"content-type": "text/plain"}
    sent: list[tuple[dict[str, str], bytes, tuple[int, str]]] = [
        (text, rubbish, (401, "unauthenticated")),
        (house.reader | text, rubbish, (403, "forbidden")),
        (house.master | text, rubbish, (415, "media_type_unsupported")),
        (house.master | {"content-type": "application/json; charset=utf-16"}, rubbish, (415, "media_type_unsupported")),
        (house.master | JSON | {"content-encoding": "gzip"}, rubbish, (415, "encoding_unsupported")),
        (house.master | JSON, rubbish, (400, "bad_json")),
        (house.master | JSON, b"", (400, "bad_json")),
        (house.master | JSON, b"[]", (422, "wrong_type")),
    ]
    for headers, body, answer in sent:
        assert told(await house.client.post("/things", content=body, headers=headers)) == answer


@pytest.mark.parametrize("kind", NOT_STRICT)
async def test_json_that_two_readers_could_understand_differently_is_refused_by_name(house: House, kind: str) -> None:
    assert told(await house.post("/things", NOT_STRICT[kind])) == (400, kind)
    answer = await house.client.patch("/things/1", content=NOT_STRICT[kind], headers=house.master | JSON)
    assert told(answer) == (400, kind)


@pytest.mark.parametrize("path", ["/things", "/things/5:act"])
async def test_a_body_of_unknown_length_is_read_up_to_the_limit_and_without_a_key_not_at_all(
    house: House, path: str
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 60 * 2**20:
            sent += 65_536
            yield b" " * 65_536

    # The connection may be closed while we still speak; then the answer is lost on the way.
    with contextlib.suppress(httpx.WriteError, httpx.ReadError):
        assert told(await house.client.post(path, content=endless(), headers=house.master | JSON)) == (
            413,
            "body_too_large",
        )
    assert sent < 30 * 2**20
    sent = 59 * 2**20
    assert told(await house.client.post(path, content=endless(), headers=JSON)) == (401, "unauthenticated")


@pytest.mark.parametrize(("path", "template"), [("/things", "/things"), ("/things/5:act", "/things/{number}:act")])
async def test_whoever_hangs_up_is_no_fault_of_ours(
    house: House, caplog: pytest.LogCaptureFixture, path: str, template: str
) -> None:
    port = house.client.base_url.port
    head = "\r\n".join(
        [f"POST {path} HTTP/1.1", "Host: a", f"Authorization: {house.master['authorization']}", "Content-Length: 50"]
    )
    counted = HTTP_SECONDS.labels(template, "POST", 400)._sum
    before = counted.get()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{head}\r\nContent-Type: application/json\r\n\r\nhalf".encode())
    await writer.drain()
    await asyncio.sleep(0.2)
    writer.close()
    for _ in range(50):
        if counted.get() > before:
            break
        await asyncio.sleep(0.05)
    assert counted.get() > before
    assert not [record for record in caplog.records if record.exc_info]


def test_a_route_that_reads_its_body_itself_cannot_be_named() -> None:
    router = APIRouter(route_class=NamedRequests)
    with pytest.raises(ValueError, match="reads its body itself"):
        router.add_api_route("/streams", lambda: None, methods=["POST"], openapi_extra=OWN)
