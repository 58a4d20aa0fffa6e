"""Claims about Segment's door: signatures as Segment makes them, secret addresses, and accounts by user and company."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.segment import basic, compact, signed, tracked

from ingest_webhooks.sources.segment.signature import signed_part
from ingest_webhooks.sources.segment.source import Segment, SegmentSettings
from ingest_webhooks.words.shapes import Received

from .conftest import Bench

SAMPLES = Path(__file__).parent / "samples" / "segment"
SECRET = "a-shared-secret-of-segment"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
async def door(bench: Bench) -> dict[str, Any]:
    return await bench.connect(source="segment", secret=SECRET)


async def send(bench: Bench, door: dict[str, Any], *messages: dict[str, Any]) -> None:
    """Deliver a batch at the secret address and relay it."""
    answer = await bench.client.post(door["secret_webhook_url"], content=compact(list(messages)), headers=JSON)
    assert answer.status_code == 200
    await bench.relay()


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.iterdir()))
async def test_every_published_body_is_let_in_by_its_signature_alone_and_counts_once(
    bench: Bench, door: dict[str, Any], name: str
) -> None:
    body = (SAMPLES / name).read_bytes()
    first = await bench.client.post(door["webhook_url"], content=body, headers=signed(body, SECRET))
    await bench.relay()
    before = await bench.counts()
    again = await bench.client.post(door["webhook_url"], content=body + b" ", headers=signed(body + b" ", SECRET))
    await bench.relay()

    assert (first.status_code, again.status_code) == (200, 200)
    assert await bench.counts() == before | {"delivery": before["delivery"] + 1}
    states = await bench.pool.fetch(
        "select state from ingest.delivery where connection_id = $1 order by received_at desc limit 2", door["id"]
    )
    assert {row["state"] for row in states} <= {"done", "ignored"}


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.iterdir()))
async def test_a_published_body_with_one_blank_more_than_was_signed_is_401(
    bench: Bench, door: dict[str, Any], name: str
) -> None:
    body = (SAMPLES / name).read_bytes()
    answer = await bench.client.post(door["webhook_url"], content=body + b" ", headers=signed(body, SECRET))
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":1}', (b'{"a":1}', True)),
        (b' {"a":1} ', (b' {"a":1} ', True)),
        (b'[{"a":1}]', (b'{"a":1}', True)),
        (b' [ {"a":1} ] ', (b'{"a":1}', True)),
        (b'[{"a":[{}]},{"b":2}]', (b'{"a":[{}]}', False)),
        (b'[{"a":"]}\\"},{"},{}]', (b'{"a":"]}\\"},{"}', False)),
        (b"[1,2]", (b"", False)),
        (b"[]", (b"", True)),
        (b'[{"a":1', (b"", False)),
        (b"", (b"", True)),
        (b'[{"a":1}] [', (b'{"a":1}', False)),
    ],
)
def test_of_a_list_the_first_element_as_it_stands_is_what_is_signed(body: bytes, expected: tuple[bytes, bool]) -> None:
    assert signed_part(body) == expected


def test_what_we_sign_for_a_test_is_what_we_verify() -> None:
    for document in (tracked(), [tracked()]):
        body = compact(document)
        headers = Segment().sign(Received("POST", "https://x", [], {}, body), SECRET.encode(), 0)
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        Segment().verify(Received("POST", "https://x", raw, dict(raw), body), [SECRET.encode()], SegmentSettings(), 0)


async def test_a_relay_that_signs_nothing_is_known_by_the_address_or_by_a_header(
    bench: Bench, door: dict[str, Any]
) -> None:
    token = door["secret_webhook_url"].rpartition("/")[2]
    for address, headers in (
        (door["secret_webhook_url"], {}),
        (door["webhook_url"], {"authorization": f"Bearer {SECRET}"}),
        (door["webhook_url"], {"authorization": f"bearer {token}"}),
        (door["webhook_url"], {"authorization": basic(SECRET)["authorization"]}),
    ):
        body = compact([tracked(rudderId="r"), tracked()])
        answer = await bench.client.post(address, content=body, headers=JSON | headers)
        assert answer.status_code == 200


async def test_after_a_group_call_a_users_events_find_the_account_without_naming_it(
    bench: Bench, door: dict[str, Any]
) -> None:
    await send(bench, door, tracked("Too Early", userId="joiner", context=None))
    await send(
        bench, door, tracked(type="group", event=None, groupId="joined", userId="joiner", traits={"plan": "pro"})
    )
    await send(bench, door, tracked("Later", userId="joiner", context=None))

    events = await bench.events("external:joined")
    assert {row["item"] for row in events if row["type"] == "feature.used"} == {"Too Early", "Later"}
    assert [row["properties"] for row in events if row["type"] == "account.updated"] == [{"plan": "pro"}]


async def test_a_users_company_domain_finds_an_account_that_is_known_and_opens_none(
    bench: Bench, door: dict[str, Any]
) -> None:
    accounts = (await bench.counts())["account"]
    identify = tracked(type="identify", event=None, context=None, userId="by-domain", traits={"email": "a@known-by.io"})
    await send(bench, door, identify, tracked("By Domain", userId="by-domain", context=None))
    assert (await bench.counts())["account"] == accounts
    await send(bench, door, tracked(context={"groupId": "known-by"}))
    (account,) = {row["account_id"] for row in await bench.events("external:known-by")}
    added = await bench.client.post(f"/accounts/{account}/references", json={"reference": "domain:known-by.io"})
    await bench.relay()
    await send(bench, door, identify | {"messageId": "once-more"}, tracked("Again", userId="by-domain", context=None))

    assert added.status_code == 201
    items = {row["item"] for row in await bench.events("external:known-by")}
    assert {"By Domain", "Again"} <= items


async def test_an_alias_brings_the_earlier_names_events_along(bench: Bench, door: dict[str, Any]) -> None:
    group = tracked(type="group", event=None, groupId="aliased", userId="newer")
    alias = tracked(type="alias", event=None, context=None, userId="newer", previousId="older")
    await send(bench, door, tracked("As Older", userId="older", context=None))
    await send(bench, door, group, alias)
    await send(bench, door, tracked("As Older Again", userId="older", context=None))

    items = {row["item"] for row in await bench.events("external:aliased")}
    assert {"As Older", "As Older Again"} <= items


async def test_the_same_message_by_webhook_and_by_library_is_one_event(bench: Bench, door: dict[str, Any]) -> None:
    event = tracked(context={"groupId": "both-ways"})
    await send(bench, door, event)
    answer = await bench.client.post("/v1/track", content=compact(event), headers=basic(SECRET))
    await bench.relay()

    assert answer.json() == {"success": True}
    assert len(await bench.events("external:both-ways")) == 1


async def test_a_write_key_is_not_kept_with_what_it_let_in(bench: Bench, door: dict[str, Any]) -> None:
    event = tracked(writeKey=SECRET)
    single = await bench.client.post("/v1/t", content=compact(event), headers={"content-type": "text/plain"})
    body = compact({"batch": [event | {"messageId": "w-2"}], "writeKey": SECRET, "context": {"library": {"name": "x"}}})
    many = await bench.client.post("/v1/b", content=body, headers=JSON)
    hidden = {"writeKey": SECRET, "integrations": [{"write_key": SECRET}], "kept": "deep-1"}
    nested = tracked(writeKey=SECRET, messageId="w-3", properties={"a": [hidden]}, context={"traits": hidden})
    deep = await bench.client.post("/v1/t", content=compact(nested), headers=JSON)
    body = compact({"batch": [nested | {"messageId": "w-4"}], "writeKey": SECRET, "context": hidden, "sentAt": None})
    deeper = await bench.client.post("/v1/b", content=body, headers=JSON)
    assert {one.status_code for one in (single, many, deep, deeper)} == {200}

    bodies = await bench.pool.fetch("select body from ingest.delivery where connection_id = $1", door["id"])
    assert not any(SECRET.encode() in row["body"] for row in bodies)
    assert any(b'"w-2"' in row["body"] for row in bodies)
    assert sum(row["body"].count(b'"deep-1"') for row in bodies) == 5


async def test_each_call_says_its_type_by_its_address(bench: Bench, door: dict[str, Any]) -> None:
    message = tracked(type=None, context={"groupId": "by-address"})
    for call in ("track", "group", "identify", "page", "screen", "alias"):
        body = compact(
            message | {"messageId": f"call-{call}", "groupId": "by-address", "previousId": "p", "traits": {"a": 1}}
        )
        answer = await bench.client.post(f"/v1/{call}", content=body, headers=basic(SECRET))
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    await bench.relay()

    assert {row["type"] for row in await bench.events("external:by-address")} == {"feature.used", "account.updated"}


async def test_both_secrets_are_write_keys_during_a_rotation_and_the_older_one_none_after_it(bench: Bench) -> None:
    made = await bench.connect(source="segment", secret="the-first-write-key")
    for overlap, statuses in ((60, (200, 200)), (0, (401, 200))):
        newest = f"the-write-key-{overlap}"
        older = "the-first-write-key" if overlap else "the-write-key-60"
        path = f"/connections/{made['id']}/rotate"
        await bench.client.post(path, json={"secret": newest, "overlap_seconds": overlap})
        answers = [
            await bench.client.post("/v1/track", content=compact(tracked()), headers=basic(key))
            for key in (older, newest)
        ]
        assert tuple(answer.status_code for answer in answers) == statuses
    await bench.client.patch(f"/connections/{made['id']}", json={"enabled": False})
    answer = await bench.client.post("/v1/track", content=compact(tracked()), headers=basic("the-write-key-0"))
    assert answer.status_code == 401


async def test_any_page_may_call(bench: Bench, door: dict[str, Any]) -> None:
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    for call in ("track", "b"):
        answer = await bench.client.options(f"/v1/{call}", headers=asked)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")
        assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    said = await bench.client.post("/v1/track", content=compact(tracked()), headers=basic(SECRET) | asked)
    assert said.headers["access-control-allow-origin"] == "*"
    other = await bench.client.post("/events", content=b"{}", headers=asked)
    assert "access-control-allow-origin" not in other.headers


async def test_a_message_is_found_by_its_correlation_id(bench: Bench, door: dict[str, Any]) -> None:
    headers = basic(SECRET) | {"x-request-id": "sdk-call-1"}
    answer = await bench.client.post(
        "/v1/track", content=compact(tracked(context={"groupId": "traced"})), headers=headers
    )
    await bench.relay()
    assert answer.headers["x-request-id"] == "sdk-call-1"
    assert [row["correlation_id"] for row in await bench.events("external:traced")] == ["sdk-call-1"]
    assert json.loads(answer.content) == {"success": True}
