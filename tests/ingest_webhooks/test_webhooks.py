"""Claims about the providers' front door: who gets in, what is answered, and what is left behind."""

import asyncio
import gzip
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from .conftest import BATCHES, SAMPLES, Bench, batch, change


@pytest.mark.parametrize("name", BATCHES)
async def test_every_captured_body_is_answered_200_and_the_same_again_changes_nothing(bench: Bench, name: str) -> None:
    body = (SAMPLES / name).read_bytes()
    first = await bench.deliver(body)
    await bench.relay()
    before = await bench.counts()
    again = await bench.deliver(body)
    await bench.relay()

    # The call of a custom action waits for a word; anything else gets an empty answer.
    expected = b'{"outputFields":{"hs_execution_state":"SUCCESS"}}' if "action" in name else b""
    assert (first.status_code, first.content) == (200, expected)
    assert (again.status_code, again.content) == (200, expected)
    assert await bench.counts() == before


async def test_a_batch_sent_again_with_the_next_attempt_number_makes_no_new_event(bench: Bench) -> None:
    elements = [change("company.creation", 41, number) for number in range(1, 6)]
    await bench.deliver(batch(*elements))
    await bench.relay()
    before = await bench.counts()
    await bench.deliver(batch(*(one | {"attemptNumber": 1, "subscriptionId": 99} for one in elements)))
    await bench.relay()

    assert await bench.counts() == before | {"delivery": before["delivery"] + 1}
    row = await bench.pool.fetchrow("select duplicates, relayed from ingest.delivery order by id desc limit 1")
    assert dict(row) == {"duplicates": 5, "relayed": 0}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"secret": "another secret"}, "signature_invalid"),
        ({"headers": {"x-hubspot-signature-v3": None}}, "signature_missing"),
        ({"headers": {"x-hubspot-signature-v3": "AAAA"}}, "signature_invalid"),
        ({"headers": {"x-hubspot-request-timestamp": None}}, "timestamp_invalid"),
        ({"headers": {"x-hubspot-signature-v3": None, "x-hubspot-signature": "ab" * 32}}, "signature_invalid"),
        ({"offset_s": -301}, "timestamp_out_of_window"),
        ({"offset_s": 302}, "timestamp_out_of_window"),
    ],
)
async def test_what_is_not_shown_to_be_hubspots_is_401_and_leaves_nothing(
    bench: Bench, more: dict[str, Any], code: str
) -> None:
    before = await bench.counts()
    answer = await bench.deliver(batch(change("company.creation", 42, 1)), **more)

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].endswith(f"/{code}")
    assert await bench.counts() == before


async def test_unsigned_rubbish_is_401_and_signed_rubbish_is_400(bench: Bench) -> None:
    rubbish = b"{'no': json"
    assert (await bench.deliver(rubbish, secret="wrong")).status_code == 401
    answer = await bench.deliver(rubbish)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (400, "bad_json")


async def test_unknown_disabled_and_deleted_connections_are_the_same_404(bench: Bench) -> None:
    body = batch(change("company.creation", 42, 2))
    disabled, deleted = await bench.connect(name="off"), await bench.connect(name="gone")
    await bench.client.patch(f"/connections/{disabled['id']}", json={"enabled": False})
    await bench.client.delete(f"/connections/{deleted['id']}")
    paths = [f"/webhooks/hubspot/{one}" for one in (disabled["id"], deleted["id"], uuid4(), "x", "x/y", "")]
    paths += [f"/webhooks/stripe/{bench.connection['id']}", "/webhooks/plain/x"]
    answers = [await bench.client.post(path, content=body, headers=bench.signed(body)) for path in paths]

    assert {answer.status_code for answer in answers} == {404}
    assert len({json.dumps(answer.json() | {"request_id": ""}) for answer in answers}) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json; charset=UTF-8"}, 200),
        ({"content-type": "application/json;charset=utf-16"}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": None}, 415),
        ({"content-encoding": "identity"}, 200),
        ({"content-encoding": "gzip"}, 415),
        ({"content-encoding": "br"}, 415),
    ],
)
async def test_only_plain_json_in_utf8_is_read(bench: Bench, headers: dict[str, str | None], status: int) -> None:
    answer = await bench.deliver(batch(change("company.creation", 42, 3)), headers=headers)
    assert answer.status_code == status


async def test_a_compressed_body_is_never_unpacked(bench: Bench) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    assert (await bench.deliver(bomb, headers={"content-encoding": "gzip"})).status_code == 415


async def test_more_than_a_megabyte_is_413_whether_declared_or_not(bench: Bench) -> None:
    body = batch(change("company.creation", 42, 4, propertyValue="x" * 2**20))

    async def chunks() -> Any:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    declared = await bench.deliver(body)
    chunked = await bench.client.post(bench.path, content=chunks(), headers=bench.signed(body))
    assert (declared.status_code, chunked.status_code) == (413, 413)
    fits = batch(change("company.propertyChange", 42, 4, propertyName="note", propertyValue="x" * 60_000))
    assert (await bench.deliver(fits)).status_code == 200


async def test_a_get_on_the_door_is_405(bench: Bench) -> None:
    answer = await bench.client.get(bench.path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "HEAD, OPTIONS, POST")


async def test_the_senders_request_id_is_kept_and_returned(bench: Bench) -> None:
    body = batch(change("company.creation", 43, 1))
    answer = await bench.deliver(body, headers={"x-request-id": "their-id.1"})
    await bench.relay()

    assert answer.headers["x-request-id"] == "their-id.1"
    assert [row["correlation_id"] for row in await bench.events("hubspot:43:1")] == ["their-id.1"]
    odd = await bench.deliver(batch(change("company.creation", 43, 2)), headers={"x-request-id": "no spaces allowed"})
    assert len(odd.headers["x-request-id"]) == 32


async def test_the_same_body_twenty_times_at_once_is_one_delivery(bench: Bench) -> None:
    body = batch(change("company.creation", 44, 1))
    before = await bench.counts()
    answers = await asyncio.gather(*(bench.deliver(body) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert (await bench.counts())["delivery"] == before["delivery"] + 1


async def test_five_hundred_deliveries_at_once_are_all_kept(bench: Bench) -> None:
    before = await bench.counts()
    bodies = [batch(change("company.creation", 45, number)) for number in range(500)]
    answers = await asyncio.gather(*(bench.deliver(body) for body in bodies))

    assert {answer.status_code for answer in answers} == {200}
    assert (await bench.counts())["delivery"] == before["delivery"] + 500


async def test_the_signature_covers_the_query_and_the_twelve_escapes(bench: Bench) -> None:
    body = batch(change("company.creation", 46, 1))
    query = "?a=%2F&b=%20&c=%C3%A9"
    connection = dict(bench.connection)
    bench.connection["webhook_url"] += query.replace("%2F", "/")
    try:
        headers = bench.signed(body)
    finally:
        bench.connection = connection
    answer = await bench.client.post(bench.path + query, content=body, headers=headers)
    assert answer.status_code == 200


async def test_the_documented_route_answers_like_the_hot_one(bench: Bench) -> None:
    behind = httpx.ASGITransport(app=bench.app._behind, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=behind, base_url="http://test") as slow:
        for secret in ("wrong", None):
            body = batch(change("company.creation", 47, 1, propertyValue=str(secret)))
            headers = bench.signed(body, secret) if secret else bench.signed(body)
            one, two = [await client.post(bench.path, content=body, headers=headers) for client in (bench.client, slow)]
            assert (one.status_code, one.content[:50]) == (two.status_code, two.content[:50])
            assert {*one.headers} == {*two.headers}
    assert "/webhooks/{source}/{connection}" in (await bench.client.get("/openapi.json")).json()["paths"]
