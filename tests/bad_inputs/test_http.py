"""What no healthy client sends: every row of the catalogue's HTTP part, byte by byte over a real socket."""

import asyncio
import contextlib
import gc
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI, Request
from support.listening import listening
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from milepost_runtime.hot import Answer, Application, HotRoute, HotRoutes, Receive, Scope, read_body
from milepost_runtime.web import RequestContext, new_app

LIMIT = 100_000
HOST = b"Host: milepost.example\r\n"


def application() -> Application:
    """One framework route, one hot route and one for long streams, with the house's manners."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield

    app = new_app("Bad inputs", "", lifespan, {})

    @app.post("/framework")
    async def framework(request: Request) -> int:
        return len(await request.body())

    @app.get("/plain")
    async def plain() -> str:
        return "here"

    @app.post("/streams/long")
    async def stream(request: Request) -> int:
        return sum([len(part) async for part in request.stream()])

    async def hot(scope: Scope, receive: Receive, _request_id: str) -> Answer:
        return Answer(
            200, [(b"content-type", b"text/plain")], str(len(await read_body(scope, receive, limit=LIMIT))).encode()
        )

    return HotRoutes(RequestContext(app, app), [HotRoute(frozenset({"POST"}), b"/hot", b"", "/hot", hot)])


@dataclass
class Said:
    """What the server said and did."""

    status: int
    head: bytes
    body: bytes
    closed: bool
    seconds: float

    @property
    def type(self) -> str:
        return str(json.loads(self.body)["type"]).rsplit("/", 1)[-1]


class Wire:
    """A server and raw connections to it."""

    def __init__(self, address: str) -> None:
        self.port = int(address.rsplit(":", 1)[1])

    async def say(self, *parts: bytes, pause: float = 0.0, patience: float = 25.0) -> Said:
        """Write parts with pauses and read until the server closes, or until its answer is whole."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        started = time.monotonic()
        speaking = asyncio.create_task(self._speak(writer, parts, pause))
        try:
            heard, closed = await _hear(reader, patience)
        finally:
            speaking.cancel()
            writer.close()
        head, _, body = heard.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1]) if head else 0
        return Said(status, head.lower(), body, closed, time.monotonic() - started)

    @staticmethod
    async def _speak(writer: asyncio.StreamWriter, parts: tuple[bytes, ...], pause: float) -> None:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)


async def _hear(reader: asyncio.StreamReader, patience: float) -> tuple[bytes, bool]:
    """Return what came until the other side closed (True) or nothing more came for a moment after an answer."""
    heard = b""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            part = await asyncio.wait_for(reader.read(65_536), 0.5 if heard else max(0.1, end - time.monotonic()))
        except TimeoutError:
            return heard, False
        except ConnectionError:
            return heard, True
        if not part:
            return heard, True
        heard += part
    return heard, False


@pytest.fixture(scope="module")
async def wire() -> AsyncIterator[Wire]:
    async with listening(application(), streams=[(b"/streams/", b"")]) as address:
        yield Wire(address)


def request(line: bytes, *fields: bytes, body: bytes = b"") -> bytes:
    """Return a request whose fields are given as they are."""
    return line + b" HTTP/1.1\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


H = b"Host: a"
REFUSED: dict[str, tuple[bytes, int, str]] = {
    "R1-unknown-path": (request(b"GET /no/such/path", H), 404, "not_found"),
    "R2-trace": (request(b"TRACE /plain", H), 405, "method_not_allowed"),
    "R2-connect": (request(b"CONNECT evil.example:443", H), 400, "bad_framing"),
    "R2-lower-case": (request(b"get /plain", H), 400, "bad_framing"),
    "R2-made-up": (request(b"BREW /plain", H), 400, "bad_framing"),
    "R3-put": (request(b"PUT /framework", H, b"Content-Length: 0"), 405, "method_not_allowed"),
    "R4-two-framings": (
        request(b"POST /hot", H, b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        400,
        "bad_framing",
    ),
    "R5-two-lengths": (
        request(b"POST /hot", H, b"Content-Length: 5", b"Content-Length: 6", body=b"hello"),
        400,
        "bad_framing",
    ),
    "R6-bad-chunk-size": (
        request(b"POST /hot", H, b"Transfer-Encoding: chunked", body=b"zz\r\nhello\r\n0\r\n\r\n"),
        400,
        "bad_framing",
    ),
    "R6-chunk-extension": (
        request(b"POST /hot", H, b"Transfer-Encoding: chunked", body=b"5;" + b"x" * 10_000),
        400,
        "bad_framing",
    ),
    "R10-long-value": (request(b"GET /plain", H, b"X-Long: " + b"x" * 100_000), 431, "header_too_large"),
    "R10-many-fields": (
        request(b"GET /plain", H, *(b"X-%d: 1" % one for one in range(5_000))),
        431,
        "header_too_large",
    ),
    "R10-just-too-many": (
        request(b"GET /plain", H, *(b"X-%d: 1" % one for one in range(100))),
        431,
        "header_too_large",
    ),
    "R11-no-host": (request(b"GET /plain"), 400, "bad_framing"),
    "R11-two-hosts": (request(b"GET /plain", H, b"Host: b"), 400, "bad_framing"),
    "upgrade": (
        request(
            b"GET /plain",
            H,
            b"Connection: Upgrade",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        400,
        "upgrade_unsupported",
    ),
    "R14-zero": (request(b"GET /plain%00", H), 404, "not_found"),
    "R14-dots": (request(b"GET /..%2f..%2fetc/passwd", H), 404, "not_found"),
    "R14-overlong": (request(b"GET /%c0%ae%c0%ae/plain", H), 404, "not_found"),
    "R14-long": (request(b"GET /" + b"a" * 8_000, H), 404, "not_found"),
    "R14-raw-bytes": (request(b"GET /pl\xe4in", H), 400, "bad_framing"),
}


@pytest.mark.parametrize("row", REFUSED)
async def test_what_no_healthy_client_sends_gets_a_clear_answer(wire: Wire, row: str) -> None:
    sent, status, kind = REFUSED[row]
    said = await wire.say(sent)
    assert (said.status, said.type) == (status, kind), said
    assert b"application/problem+json" in said.head
    assert b"x-request-id: " in said.head
    assert said.closed == (kind in ("bad_framing", "header_too_large", "upgrade_unsupported"))


async def test_r3_names_what_is_allowed(wire: Wire) -> None:
    said = await wire.say(request(b"PUT /framework", H, b"Content-Length: 0"))
    assert b"allow: post" in said.head


async def test_r12_only_the_hosts_that_we_answer_for_are_answered() -> None:
    async with listening(application(), allowed_hosts="milepost.example, [::1]") as address:
        wire = Wire(address)
        for host in (b"milepost.example", b"Milepost.Example:8001", b"[::1]", b"[::1]:8001"):
            assert (await wire.say(request(b"GET /plain", b"Host: " + host))).status == 200, host
        for host in (b"evil.example", b"milepost.example.evil.example", b""):
            said = await wire.say(request(b"GET /plain", b"Host: " + host))
            assert (said.status, said.type) == (421, "host_unknown"), host


async def test_r15_a_range_of_ten_thousand_parts_gets_the_plain_answer(wire: Wire) -> None:
    ranges = b"Range: bytes=" + b",".join(b"%d-%d" % (one, one) for one in range(3_000))
    said = await wire.say(request(b"GET /plain", H, ranges))
    assert (said.status, said.body) == (200, b'"here"')


async def test_r16_whoever_asks_for_a_picture_gets_json(wire: Wire) -> None:
    said = await wire.say(request(b"GET /plain", H, b"Accept: image/png"))
    assert said.status == 200
    assert b"content-type: application/json" in said.head


@pytest.fixture(scope="module")
async def slow_ones(wire: Wire) -> AsyncIterator[asyncio.Future[list[Said]]]:
    """Everybody who is slow, at once; they begin before the silent ones of R17, who wait meanwhile."""
    long = request(b"POST /streams/long", H, b"Content-Length: 9")
    said = asyncio.gather(
        wire.say(request(b"POST /hot", H, b"Content-Length: 50", body=b"half of it")),
        wire.say(request(b"POST /framework", H, b"Content-Length: 50", body=b"half of it")),
        wire.say(request(b"POST /hot", H, b"Content-Length: 500"), *([b"x"] * 30), pause=1.0),
        wire.say(request(b"POST /framework", H, b"Content-Length: 500"), *([b"x"] * 30), pause=1.0),
        wire.say(b"GET /plain HTTP/1.1\r\n", *([b"X"] * 20), pause=1.0),
        wire.say(long, *([b"xxx"] * 3), pause=7.5, patience=45.0),
        wire.say(long, b"x", patience=45.0),
    )
    yield said
    said.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await said


@pytest.mark.slow
@pytest.mark.usefixtures("slow_ones")
async def test_r17_a_thousand_silent_connections_hold_nobody_up_and_end(wire: Wire) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", wire.port) for _ in range(1_000)]
    try:
        said = await wire.say(request(b"GET /plain", H))
        assert said.status == 200
        assert said.seconds < 2
        ends = [asyncio.wait_for(reader.read(1), 15) for reader, _ in idle]
        assert set(await asyncio.gather(*ends)) == {b""}
    finally:
        for _, writer in idle:
            writer.close()


@pytest.mark.slow
async def test_r7_to_r9_who_is_too_slow_is_told_so_and_a_stream_may_last(slow_ones: asyncio.Future[list[Said]]) -> None:
    silent, silent_too, trickle, trickle_too, endless_head, stream, silent_stream = await slow_ones
    for told, least, most in ((silent, 4, 15), (silent_too, 4, 15), (silent_stream, 29, 33)):
        assert (told.status, told.type, told.closed) == (408, "request_timeout", True), told
        assert least < told.seconds < most
    for told in (trickle, trickle_too):
        assert (told.status, told.type, told.closed) == (408, "request_timeout", True), told
        assert 14 < told.seconds < 17
    assert (endless_head.status, endless_head.closed) == (0, True)
    assert 9 < endless_head.seconds < 12
    assert (stream.status, stream.body) == (200, b"9")
    assert stream.seconds > 20


async def test_requests_of_one_connection_are_answered_in_their_order(wire: Wire) -> None:
    one = request(b"POST /hot", H, b"Content-Length: 5", body=b"hello")
    two = request(b"POST /hot", H, b"Transfer-Encoding: chunked", body=b"3\r\nabc\r\n3\r\ndef\r\n1\r\ng\r\n0\r\n\r\n")
    said = await wire.say(one + two + request(b"GET /plain", H))
    bodies = said.body.split(b"HTTP/1.1 200 OK")
    assert [part.rpartition(b"\n")[2] for part in (bodies[0], *bodies[1:])] == [b"5", b"7", b'"here"']
    assert not said.closed


async def test_a_body_in_many_small_chunks_is_no_bad_framing(wire: Wire) -> None:
    chunks = b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n"
    said = await wire.say(request(b"POST /hot", H, b"Transfer-Encoding: chunked", body=chunks))
    assert (said.status, said.body) == (200, b"20000")


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(wire: Wire) -> None:
    declared = await wire.say(request(b"POST /hot", H, b"Content-Length: %d" % (LIMIT + 1)))
    assert (declared.status, declared.type, declared.closed) == (413, "body_too_large", True)
    chunk = b"4e20\r\n" + b"x" * 20_000 + b"\r\n"
    endless = await wire.say(request(b"POST /hot", H, b"Transfer-Encoding: chunked"), *([chunk] * 20), pause=0.01)
    assert (endless.status, endless.closed) == (413, True)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"])
async def test_r13_nobody_is_believed_about_who_called(name: str) -> None:
    seen: dict[str, Any] = {}

    async def look(scope: Scope, receive: Receive, send: Any) -> None:
        seen.update(scope)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with listening(look) as address:
        said = await Wire(address).say(request(b"GET /", H, f"{name}: evil.example".encode()))
    assert said.status == 204
    assert (seen["client"][0], seen["scheme"], seen["server"][0]) == ("127.0.0.1", "http", "127.0.0.1")


async def test_an_answered_request_leaves_nothing_for_the_search_for_garbage(wire: Wire) -> None:
    one = request(b"POST /hot", H, b"Content-Length: 5", body=b"hello")
    await wire.say(one)
    gc.collect()
    gc.disable()
    try:
        await asyncio.gather(*(wire.say(one * 5) for _ in range(20)))
        await asyncio.sleep(0.2)  # the server has seen all of them leave
        left = [kind for kind in gc.get_objects() if isinstance(kind, RequestResponseCycle)]
    finally:
        gc.enable()
    assert len(left) <= 1
