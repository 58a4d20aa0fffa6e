"""What no healthy sender sends to a webhook: every row that is refused, by its id, its status and its problem type.

Nothing is parsed before the signature holds, and a refusal leaves nothing behind. What is let in although it is strange
is in `test_webhooks_kept`.
"""

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from support.front_door import SECRET, Bench, batch, change
from support.listening import listening

from ingest_webhooks.sources.hubspot.signature import signature_v2

BODY = batch(change("company.creation", 4_201, 1))
V3, STAMP = "x-hubspot-signature-v3", "x-hubspot-request-timestamp"
Send = Callable[[Bench], Awaitable[httpx.Response]]


def signed(body: bytes = BODY, secret: str = SECRET, **more: Any) -> Send:
    """Deliver a body as HubSpot would, but for what is given."""
    return lambda bench: bench.deliver(body, secret, **more)


def stamped(stamp: bytes) -> Send:
    """Deliver with a right signature over a wrong time."""

    async def send(bench: Bench) -> httpx.Response:
        text = b"POST" + bench.connection["webhook_url"].encode() + BODY + stamp
        signature = hmac.digest(SECRET.encode(), text, hashlib.sha256)
        headers = bench.signed(BODY) | {V3: base64.b64encode(signature).decode()}
        raw: list[tuple[bytes, bytes]] = [(name.encode(), value.encode()) for name, value in headers.items()]
        raw = [(name, value) for name, value in raw if name != STAMP.encode()]
        return await bench.client.post(bench.path, content=BODY, headers=[*raw, (STAMP.encode(), stamp)])

    return send


def cut(bench: Bench) -> Awaitable[httpx.Response]:
    headers = bench.signed(BODY)
    return bench.client.post(bench.path, content=BODY, headers=headers | {V3: headers[V3][:-1]})


def reserialised(bench: Bench) -> Awaitable[httpx.Response]:
    return bench.client.post(bench.path, content=BODY + b" ", headers=bench.signed(BODY))


def twice(bench: Bench) -> Awaitable[httpx.Response]:
    headers = list(bench.signed(BODY).items())
    return bench.client.post(bench.path, content=BODY, headers=[*headers, (V3, "AAAA")])


def not_ascii(bench: Bench) -> Awaitable[httpx.Response]:
    headers = [(name.encode(), value.encode()) for name, value in bench.signed(BODY, headers={V3: None}).items()]
    return bench.client.post(bench.path, content=BODY, headers=[*headers, (V3.encode(), "sïgnature".encode())])


def unknown_label(bench: Bench) -> Awaitable[httpx.Response]:
    right = signature_v2(SECRET.encode(), "POST", bench.connection["webhook_url"], BODY).decode()
    headers = {V3: None, STAMP: None, "x-hubspot-signature": right, "x-hubspot-signature-version": "v9"}
    return bench.deliver(BODY, headers=headers)


def only_v1(bench: Bench) -> Awaitable[httpx.Response]:
    right = hashlib.sha256(SECRET.encode() + BODY).hexdigest()
    return bench.deliver(BODY, headers={V3: None, STAMP: None, "x-hubspot-signature": right})


async def of_another_tenant(bench: Bench) -> httpx.Response:
    other = await bench.connect(secret="the-secret-of-another-tenant")
    return await bench.deliver(BODY, "the-secret-of-another-tenant") if other else httpx.Response(0)


async def retired(bench: Bench) -> httpx.Response:
    own = await _own(bench)
    rotation = {"secret": "the-next-secret", "overlap_seconds": 0.2}
    (await own.client.post(f"/connections/{own.connection['id']}/rotate", json=rotation)).raise_for_status()
    await asyncio.sleep(0.3)
    return await own.deliver(BODY, SECRET)


async def _own(bench: Bench, **wanted: Any) -> Bench:
    return Bench(bench.app, bench.client, bench.pool, bench.service, await bench.connect(**wanted))


async def disabled(bench: Bench) -> httpx.Response:
    own = await _own(bench)
    await own.client.patch(f"/connections/{own.connection['id']}", json={"enabled": False})
    return await own.deliver(BODY)


async def deleted(bench: Bench) -> httpx.Response:
    own = await _own(bench)
    await own.client.delete(f"/connections/{own.connection['id']}")
    return await own.deliver(BODY)


def of_path(path: str) -> Send:
    return lambda bench: bench.client.post(path.format(**bench.connection), content=BODY, headers=bench.signed(BODY))


def with_header(name: str, value: str | None, body: bytes = BODY) -> Send:
    return signed(body, headers={name: value})


def escaped_otherwise(bench: Bench) -> Awaitable[httpx.Response]:
    """The address that was signed says `+` where the one that is called says `%20`."""
    connection = bench.connection
    bench.connection = connection | {"webhook_url": connection["webhook_url"] + "?q=a+b"}
    headers = bench.signed(BODY)
    bench.connection = connection
    return bench.client.post(bench.path + "?q=a%20b", content=BODY, headers=headers)


def behind_a_proxy(bench: Bench) -> Awaitable[httpx.Response]:
    """The provider signed the public address, but nobody told us which that is."""
    connection = bench.connection
    public = connection["webhook_url"].replace("http://test", "https://hooks.example.com")
    bench.connection = connection | {"webhook_url": public}
    headers = bench.signed(BODY)
    bench.connection = connection
    return bench.client.post(bench.path, content=BODY, headers=headers)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


TOO_MANY = 2**20 + 1
ROWS: list[tuple[str, Send, int, str]] = [
    ("W1-no-signature", with_header(V3, None), 401, "signature_missing"),
    ("W2-wrong", with_header(V3, "AAAA"), 401, "signature_invalid"),
    ("W2-cut-by-a-byte", cut, 401, "signature_invalid"),
    ("W2-not-ascii", not_ascii, 401, "signature_invalid"),
    ("W2-10-kB", with_header(V3, "A" * 10_000), 401, "signature_invalid"),
    ("W3-another-tenant", of_another_tenant, 401, "signature_invalid"),
    ("W4-unknown-version", unknown_label, 401, "signature_invalid"),
    ("W5-6-minutes-old", signed(offset_s=-360), 401, "timestamp_out_of_window"),
    ("W5-6-minutes-ahead", signed(offset_s=360), 401, "timestamp_out_of_window"),
    ("W6-missing", with_header(STAMP, None), 401, "timestamp_invalid"),
    ("W6-negative", stamped(b"-1793491200000"), 401, "timestamp_invalid"),
    ("W6-float", stamped(b"1793491200000.5"), 401, "timestamp_invalid"),
    ("W6-seconds", stamped(b"%d" % time.time()), 401, "timestamp_invalid"),
    ("W6-20-digits", stamped(b"1" * 20), 401, "timestamp_invalid"),
    ("W6-arabic-digits", stamped("١٦٩٣٦٥٧٥٦٠٠٠٠".encode()), 401, "timestamp_invalid"),
    ("W7-twice", twice, 400, "ambiguous_header"),
    ("W8-one-blank-more", reserialised, 401, "signature_invalid"),
    ("W9-retired-secret", retired, 401, "signature_invalid"),
    ("W11-disabled", disabled, 404, "not_found"),
    ("W11-deleted", deleted, 404, "not_found"),
    ("W11-unknown", of_path(f"/webhooks/hubspot/{uuid4()}"), 404, "not_found"),
    ("W11-other-source", of_path("/webhooks/nobody/{id}"), 404, "not_found"),
    ("W11-unknown-token", of_path("/webhooks/hubspot/{id}/" + "a" * 32), 404, "not_found"),
    ("W11-unsigned-without-token", of_path("/webhooks/hubspot/{id}/"), 404, "not_found"),
    ("W14-gzip", with_header("content-encoding", "gzip", gzip.compress(BODY)), 415, "encoding_unsupported"),
    ("W14-several", with_header("content-encoding", "identity, br"), 415, "encoding_unsupported"),
    ("W15-bomb", with_header("content-encoding", "gzip", gzip.compress(b" " * 10**7)), 415, "encoding_unsupported"),
    ("W15-cut-gzip", with_header("content-encoding", "gzip", gzip.compress(BODY)[:20]), 415, "encoding_unsupported"),
    ("W16-text", with_header("content-type", "text/plain"), 415, "media_type_unsupported"),
    ("W16-xml", with_header("content-type", "application/xml"), 415, "media_type_unsupported"),
    ("W16-form", with_header("content-type", "multipart/form-data; boundary=x"), 415, "media_type_unsupported"),
    ("W16-none", with_header("content-type", None), 415, "media_type_unsupported"),
    ("W17-charset", with_header("content-type", "application/json; charset=UTF-16"), 415, "media_type_unsupported"),
    ("W17-utf-16", signed("[]".encode("utf-16")), 400, "bad_encoding"),
    ("W17-utf-16-be", signed("[]".encode("utf-16-be")), 400, "bad_encoding"),
    ("W17-utf-32", signed("[]".encode("utf-32-le")), 400, "bad_encoding"),
    ("W18-invalid", signed(b'["\xff"]'), 400, "bad_encoding"),
    ("W18-overlong", signed(b'["\xc0\xaf"]'), 400, "bad_encoding"),
    ("W18-surrogates", signed(b'["\xed\xa0\x80"]'), 400, "bad_encoding"),
    ("W19-byte-order-mark", signed(b"\xef\xbb\xbf[]"), 400, "bad_encoding"),
    ("W20-empty", signed(b""), 400, "bad_json"),
    ("W20-blanks", signed(b" \r\n\t "), 400, "bad_json"),
    ("W21-cut", signed(BODY[:-1]), 400, "bad_json"),
    ("W21-trailing", signed(BODY + b"x"), 400, "bad_json"),
    ("W21-comment", signed(b"[] // nothing"), 400, "bad_json"),
    ("W21-single-quotes", signed(b"['a']"), 400, "bad_json"),
    ("W22-nan", signed(b"[NaN]"), 400, "bad_json"),
    ("W22-infinity", signed(b"[Infinity]"), 400, "bad_json"),
    ("W22-minus-infinity", signed(b"[-Infinity]"), 400, "bad_json"),
    ("W23-top", signed(b'[{"a": 1, "a": 2}]'), 400, "duplicate_key"),
    ("W23-deep", signed(b'[{"x": [{"y": {"a": 1, "a": 1}}]}]'), 400, "duplicate_key"),
    ("W24-depth-65", signed(nested(65)), 400, "too_deep"),
    ("W24-100000-brackets", signed(nested(50_000)), 400, "too_deep"),
    ("W25-2001-keys", signed(json.dumps([{str(n): n for n in range(2_001)}]).encode()), 400, "too_wide"),
    ("W25-200000-values", signed(json.dumps(list(range(200_000)))[:-1].encode()[: 2**20 - 1] + b"]"), 400, "too_wide"),
    ("W26-41-digits", signed(b"[" + b"9" * 41 + b"]"), 400, "number_too_long"),
    ("W26-5000-digits", signed(b"[" + b"9" * 5_000 + b"]"), 400, "number_too_long"),
    ("H1-escaped-otherwise", escaped_otherwise, 401, "signature_invalid"),
    ("H1-other-host", behind_a_proxy, 401, "signature_invalid"),
    ("H2-only-version-1", only_v1, 401, "signature_invalid"),
]


@pytest.mark.parametrize(("send", "status", "kind"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
async def test_what_no_healthy_sender_sends_is_refused(bench: Bench, send: Send, status: int, kind: str) -> None:
    kept = await bench.pool.fetchval("select count(*) from ingest.delivery")
    answer = await send(bench)

    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (status, kind)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert await bench.pool.fetchval("select count(*) from ingest.delivery") == kept
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    "body",
    [pytest.param(nested(50_000), id="W24-brackets"), pytest.param(b"[" * 10**6, id="W24-open-brackets")],
)
async def test_deep_nesting_is_refused_within_fifty_milliseconds_of_work(bench: Bench, body: bytes) -> None:
    await bench.deliver(b"[[]", secret=SECRET)
    before = time.thread_time()
    answer = await bench.deliver(body)
    assert (answer.status_code, time.thread_time() - before < 0.05) == (400, True)


async def test_nothing_is_parsed_before_the_signature_holds(bench: Bench) -> None:
    for body in (b"['x']", b"[NaN]", nested(65), b"", b"\xff"):
        assert (await bench.deliver(body, secret="wrong")).status_code == 401


async def test_every_address_where_nobody_is_answers_alike_and_in_about_the_same_time(bench: Bench) -> None:
    """W11: a disabled and a deleted connection, a wrong token and an unknown name are one and the same."""
    off, gone = await bench.connect(), await bench.connect()
    await bench.client.patch(f"/connections/{off['id']}", json={"enabled": False})
    await bench.client.delete(f"/connections/{gone['id']}")
    names = [off["id"], gone["id"], str(uuid4()), f"{bench.connection['id']}/{'a' * 32}"]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    bodies = set()
    for _ in range(25):
        for name in names:
            headers = bench.signed(BODY) | {"x-request-id": "the-same"}
            started = time.perf_counter()
            answer = await bench.client.post(f"/webhooks/hubspot/{name}", content=BODY, headers=headers)
            seconds[name].append(time.perf_counter() - started)
            bodies.add((answer.status_code, answer.content, tuple(sorted(answer.headers.items()))))
    medians = [sorted(times)[len(times) // 2] for times in seconds.values()]

    assert len(bodies) == 1
    assert max(medians) - min(medians) < 0.005


@pytest.fixture
async def address(bench: Bench) -> AsyncIterator[tuple[str, int]]:
    """The door on a real socket."""
    async with listening(bench.app) as base:
        yield "127.0.0.1", int(base.rpartition(":")[2])


def head(bench: Bench, framing: str) -> bytes:
    """Return a head without a signature: what is too large is refused before anybody would look at one."""
    return f"POST {bench.path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n{framing}\r\n\r\n".encode()


async def answer_to(address: tuple[str, int], *parts: bytes) -> tuple[bytes, bool]:
    """Send bytes as they are; return what came back, and whether the connection was closed."""
    reader, writer = await asyncio.open_connection(*address)
    said, closed = b"", False
    try:
        for part in parts:
            writer.write(part)
        async with asyncio.timeout(5):
            while not closed:
                read = await reader.read(65_536)
                said, closed = said + read, not read
    except ConnectionError:
        closed = True
    finally:
        writer.close()
    return said, closed


async def test_w12_a_body_that_declares_to_be_too_large_is_refused_before_it_is_read(
    bench: Bench, address: tuple[str, int]
) -> None:
    said, closed = await answer_to(address, head(bench, f"Content-Length: {TOO_MANY}"))
    assert said.startswith(b"HTTP/1.1 413")
    assert b"/body_too_large" in said
    assert closed


async def test_w13_a_chunked_body_is_refused_at_the_limit_and_the_connection_closed(
    bench: Bench, address: tuple[str, int]
) -> None:
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    said, closed = await answer_to(address, head(bench, "Transfer-Encoding: chunked"), *[chunk] * 17)
    assert said.startswith(b"HTTP/1.1 413")
    assert b"/body_too_large" in said
    assert closed
