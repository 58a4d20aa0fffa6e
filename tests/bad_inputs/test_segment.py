"""What no healthy sender of Segment's messages sends, and what healthy ones send of a sick clock or a sick id."""

import gzip
import time
from typing import Any

import pytest
from support.front_door import Bench
from support.segment import basic, compact, signed, tracked

SECRET = "a-shared-secret-of-segment"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
async def door(bench: Bench) -> dict[str, Any]:
    return await bench.connect(source="segment", secret=SECRET)


async def said_of(bench: Bench, door: dict[str, Any]) -> dict[str, Any]:
    """Relay, and return what became of the newest delivery of a connection."""
    await bench.relay()
    row = await bench.pool.fetchrow(
        "select * from ingest.delivery where connection_id = $1 order by received_at desc, id desc limit 1", door["id"]
    )
    assert row is not None
    return dict(row)


def kind(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


@pytest.mark.parametrize("number", [2, 3, 50])
async def test_g1_a_batch_on_the_signature_of_its_first_event_alone_is_401(
    bench: Bench, door: dict[str, Any], number: int
) -> None:
    events = [tracked() for _ in range(number)]
    headers = signed(compact(events), SECRET, over=compact(events[0]))
    before = await bench.counts()
    answer = await bench.client.post(door["webhook_url"], content=compact(events), headers=headers)

    assert kind(answer) == (401, "batch_not_authenticated")
    assert await bench.counts() == before


async def test_g1_at_the_secret_address_the_whole_batch_is_vouched_for(bench: Bench, door: dict[str, Any]) -> None:
    events = [tracked() for _ in range(3)]
    headers = signed(compact(events), SECRET, over=compact(events[0]))
    answer = await bench.client.post(door["secret_webhook_url"], content=compact(events), headers=headers)

    assert answer.status_code == 200
    assert (await said_of(bench, door))["relayed"] == 3


@pytest.mark.parametrize("over", ["the whole batch", "the second", "nothing"])
async def test_g1_any_other_signature_of_a_batch_is_wrong_also_at_the_secret_address(
    bench: Bench, door: dict[str, Any], over: str
) -> None:
    events = [tracked(), tracked()]
    text = {"the whole batch": compact(events), "the second": compact(events[1]), "nothing": b""}[over]
    headers = signed(compact(events), SECRET, over=text)
    for address in ("webhook_url", "secret_webhook_url"):
        answer = await bench.client.post(door[address], content=compact(events), headers=headers)
        assert kind(answer) == (401, "signature_invalid")


async def test_g1_a_batch_of_one_is_signed_as_a_whole(bench: Bench, door: dict[str, Any]) -> None:
    event = tracked()
    headers = signed(compact([event]), SECRET, over=compact(event))
    answer = await bench.client.post(door["webhook_url"], content=compact([event]), headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("message_id", ["m" * 101, "m" * 10_000, 5, {"a": 1}, ["m"], True])
async def test_g2_a_message_id_that_no_library_makes_is_400(
    bench: Bench, door: dict[str, Any], message_id: Any
) -> None:
    body = compact(tracked(messageId=message_id))
    answer = await bench.client.post(door["webhook_url"], content=body, headers=signed(body, SECRET))
    assert kind(answer) == (400, "bad_event_id")


async def test_g2_in_a_batch_it_is_quarantined_alone(bench: Bench, door: dict[str, Any]) -> None:
    body = compact([tracked(), tracked(messageId="m" * 101), tracked(messageId="m" * 100)])
    assert (await bench.client.post(door["secret_webhook_url"], content=body, headers=JSON)).status_code == 200
    row = await said_of(bench, door)
    assert (row["elements"], row["relayed"], row["quarantined"], row["state"]) == (3, 2, 1, "quarantined")


@pytest.mark.parametrize(
    "clocks",
    [
        {"sentAt": "2036-01-01T00:00:00Z", "timestamp": "2036-01-01T00:00:00Z"},
        {"timestamp": "9999-12-31T23:59:59Z", "sentAt": "0001-01-01T00:00:00Z"},
        {"timestamp": None, "originalTimestamp": "1970-01-01T00:00:00Z"},
        {"timestamp": None, "originalTimestamp": "0001-01-01T00:00:00Z", "sentAt": "9999-12-31T23:59:59Z"},
        {"timestamp": "soon", "sentAt": {"a": 1}, "originalTimestamp": "", "receivedAt": 10**30},
        {"timestamp": -(10**17)},
    ],
)
@pytest.mark.parametrize("way", ["webhook", "library"])
async def test_g3_a_sick_clock_is_taken_and_capped_by_ours(
    bench: Bench, door: dict[str, Any], clocks: dict[str, Any], way: str
) -> None:
    event = tracked(context={"groupId": "sick-clock"}, **clocks)
    if way == "webhook":
        body = compact(event)
        answer = await bench.client.post(door["webhook_url"], content=body, headers=signed(body, SECRET))
    else:
        answer = await bench.client.post("/v1/track", content=compact(event), headers=basic(SECRET))
    row = await said_of(bench, door)

    assert (answer.status_code, row["state"], row["relayed"]) == (200, "done", 1)
    newest = (await bench.events("external:sick-clock"))[-1]["occurred_at"]
    assert newest.year >= 1970
    assert newest.timestamp() <= row["received_at"].timestamp() + 301


@pytest.mark.parametrize("user", ["null", "undefined", "", 0])
async def test_g4_a_user_id_that_stands_for_nobody_is_quarantined(
    bench: Bench, door: dict[str, Any], user: Any
) -> None:
    body = compact(tracked(userId=user))
    answer = await bench.client.post(door["webhook_url"], content=body, headers=signed(body, SECRET))
    row = await said_of(bench, door)
    assert (answer.status_code, row["state"], row["quarantined"], row["relayed"]) == (200, "quarantined", 1, 0)
    assert "names nobody" in row["faults"][0]["reason"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-signature": ""},
        {"x-signature": "00"},
        {"x-signature": "\xff\xfe"},
        {"x-signature": "a" * 10_000},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic " + "w" * 400},
    ],
)
async def test_what_nobody_vouches_for_is_401(bench: Bench, door: dict[str, Any], headers: dict[str, str]) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in (JSON | headers).items()]
    answer = await bench.client.post(door["webhook_url"], content=compact(tracked()), headers=raw)
    assert kind(answer) == (401, "signature_invalid" if "x-signature" in headers else "signature_missing")


async def test_a_wrong_secret_segment_is_the_404_of_any_unknown_address(bench: Bench, door: dict[str, Any]) -> None:
    body = compact(tracked())
    for headers in (JSON, signed(body, SECRET)):
        answer = await bench.client.post(f"{door['webhook_url']}/wrong", content=body, headers=headers)
        assert kind(answer) == (404, "not_found")


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b"[" + b"{" * 100_000, b"[" + b"{[]" * 300_000, b'["' + b"\\" * 200_000, b"[" + b" " * 900_000],
)
async def test_unsigned_brackets_without_end_are_refused_quickly(
    bench: Bench, door: dict[str, Any], body: bytes
) -> None:
    started = time.perf_counter()
    answer = await bench.client.post(door["webhook_url"], content=body, headers=JSON | {"x-signature": "00"})
    assert kind(answer) == (401, "signature_invalid")
    assert time.perf_counter() - started < 0.5


# --- the calls of the libraries


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (compact(tracked()), basic("no live key"), (401, "write_key_invalid")),
        (compact(tracked()), JSON, (401, "write_key_missing")),
        (compact(tracked(writeKey="no live key")), JSON, (401, "write_key_invalid")),
        (compact(tracked(writeKey=7)), JSON, (401, "write_key_missing")),
        (compact(tracked(writeKey=SECRET)), basic("no live key"), (401, "write_key_invalid")),
        (b"{'no': json", basic("no live key"), (401, "write_key_invalid")),
        (b"{'no': json", basic(SECRET), (400, "bad_json")),
        (b"[]", basic(SECRET), (400, "bad_json")),
        (b'{"a": NaN}', basic(SECRET), (400, "bad_json")),
        (b'{"a": 1, "a": 2}', basic(SECRET), (400, "duplicate_key")),
        (b'{"a": ' + b"[" * 65 + b"]" * 65 + b"}", basic(SECRET), (400, "too_deep")),
        (b'{"a": "\xff"}', basic(SECRET), (400, "bad_encoding")),
        (compact(tracked(properties={"x": "x" * 33_000})), basic(SECRET), (400, "event_too_large")),
        (compact(tracked(properties={"x": "x" * 600_000})), basic(SECRET), (400, "body_too_large")),
        (compact(tracked()), basic(SECRET) | {"content-type": "application/xml"}, (415, "media_type_unsupported")),
        (compact(tracked()), basic(SECRET) | {"content-encoding": "br"}, (415, "encoding_unsupported")),
        (b"no gzip", basic(SECRET) | {"content-encoding": "gzip"}, (400, "bad_encoding")),
        (gzip.compress(b"{}", mtime=0)[:-5], basic(SECRET) | {"content-encoding": "gzip"}, (400, "bad_encoding")),
        (gzip.compress(b"{}", mtime=0) * 2, basic(SECRET) | {"content-encoding": "gzip"}, (400, "bad_encoding")),
        (
            gzip.compress(b" " * 50_000_000, mtime=0),
            basic(SECRET) | {"content-encoding": "gzip"},
            (400, "body_too_large"),
        ),
    ],
)
async def test_what_no_library_sends_gets_a_clean_answer_and_leaves_nothing(
    bench: Bench, door: dict[str, Any], body: bytes, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    before = await bench.counts()
    answer = await bench.client.post("/v1/track", content=body, headers=headers)
    assert kind(answer) == expected
    assert answer.headers["access-control-allow-origin"] == "*"
    assert await bench.counts() == before


async def test_a_batch_that_is_no_list_is_400_and_an_empty_one_is_taken(bench: Bench, door: dict[str, Any]) -> None:
    wrong = await bench.client.post("/v1/batch", content=b'{"batch": {}}', headers=basic(SECRET))
    empty = await bench.client.post("/v1/batch", content=b'{"batch": []}', headers=basic(SECRET))
    assert kind(wrong) == (400, "bad_json")
    assert (empty.status_code, empty.json()) == (200, {"success": True})


async def test_one_bad_message_never_fails_a_librarys_batch(bench: Bench, door: dict[str, Any]) -> None:
    good = [compact(tracked()).decode() for _ in range(2)]
    bad = [
        "null",
        "7",
        '{"type": "track", "userId": "u", "event": "x", "properties": {"n": 1e999}}',
        compact(tracked(messageId="m" * 101)).decode(),
        compact(tracked(userId="null")).decode(),
        '{"type": "track", "userId": "u\\ud800", "event": "\\u0000", "context": {"groupId": "company-1"}}',
    ]
    body = f'{{"batch": [{",".join([good[0], *bad, good[1]])}]}}'.encode()
    answer = await bench.client.post("/v1/batch", content=body, headers=basic(SECRET))
    row = await said_of(bench, door)

    assert answer.status_code == 200
    assert (row["elements"], row["relayed"], row["quarantined"]) == (8, 3, 5)


@pytest.mark.parametrize("path", ["/v1/", "/v1/tracks", "/v1/x", "/v1/track/x"])
async def test_an_unknown_call_is_404(bench: Bench, door: dict[str, Any], path: str) -> None:
    answer = await bench.client.post(path, content=compact(tracked()), headers=basic(SECRET))
    assert answer.status_code == 404


async def test_w7_two_signatures_and_two_credentials_are_ambiguous(bench: Bench, door: dict[str, Any]) -> None:
    body = compact(tracked())
    for address, headers in ((door["webhook_url"], signed(body, SECRET)), ("/v1/track", basic(SECRET))):
        twice = [*headers.items(), [(name, one) for name, one in headers.items() if name != "content-type"][-1]]
        assert kind(await bench.client.post(address, content=body, headers=twice)) == (400, "ambiguous_header")


async def test_a_call_by_get_is_405(bench: Bench, door: dict[str, Any]) -> None:
    answer = await bench.client.get("/v1/track", headers=basic(SECRET))
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]
