"""Claims about imports: history comes in line by line, once, with its own times, whatever breaks on the way."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from support.house import until

from ingest_webhooks.imports import importing, loading
from ingest_webhooks.sources.line_chunks import Chunk
from ingest_webhooks.sources.plain_lines import LineReader
from milepost_contracts.events import EventRow
from milepost_runtime import failpoints
from milepost_runtime.database import Pool
from milepost_runtime.keys import insert_key, new_key

from .conftest import Bench

_numbers = itertools.count(1)
NOBODYS = "0199a1b2-0000-4000-8000-00000000dead"
JSON = {"content-type": "application/json"}
NDJSON = {"content-type": "application/x-ndjson"}
COUNTS = ("accepted", "duplicates", "conflicts", "unmapped", "ignored", "rejected", "blank")


def event(number: int, account: str = "external:acme", **more: Any) -> dict[str, Any]:
    return {
        "id": f"h{number}",
        "type": "feature.used",
        "account": account,
        "occurred_at": "2025-03-01T09:30:00.25Z",
    } | more


def lines(events: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


async def begin(bench: Bench, **more: Any) -> dict[str, Any]:
    body = {"name": f"import {next(_numbers)}"} | more
    return dict((await bench.client.post("/imports", json=body)).raise_for_status().json())


async def send(bench: Bench, made: dict[str, Any], body: Any, first: int = 0, **more: Any) -> httpx.Response:
    path = f"/imports/{made['id']}/lines?from={first}"
    return await bench.client.post(path, content=body, headers=NDJSON | more)


async def bring_in(bench: Bench, body: Any, **more: Any) -> dict[str, Any]:
    made = await begin(bench, **more)
    return dict((await send(bench, made, body)).raise_for_status().json())


async def rejects(bench: Bench, made: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    query: dict[str, str] = {"limit": "200"}
    while query:
        answer = await bench.client.get(f"/imports/{made['id']}/rejects", params=query)
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        after = answer.json()["next_cursor"]
        query = {"limit": "200", "cursor": after} if after else {}
    return found


def counts(row: dict[str, Any]) -> dict[str, int]:
    assert row["position"] == sum(row[name] for name in COUNTS)
    return {name: row[name] for name in COUNTS if row[name]}


async def test_lines_become_events_with_their_own_times_and_the_load_time_beside_them(bench: Bench) -> None:
    full = event(1, "external:whole", actor="u1", role="sponsor", item="sso", value=4, properties={"a": {"b": [1]}})
    odd = event(2, "external:whole", value="a\tb\\N\n\x00", actor="\\.", properties={'"\\': "\t"})
    plain = event(3, "external:whole", properties={"plan": "pro", "seats": 12, "share": 0.5, "x": None, "y": True})
    row = await bring_in(bench, lines([full, odd, plain, event(4, "external:whole")]))
    found = await bench.events("external:whole")
    first, second, third, fourth = (EventRow.model_validate(dict(one)) for one in found)

    assert counts(row) == {"accepted": 4}
    assert (first.actor, first.role, first.item, first.value, first.value_text) == ("u1", "sponsor", "sso", 4.0, None)
    assert (first.properties, first.source, first.delivery_id) == ({"a": {"b": [1]}}, "import", None)
    assert first.occurred_at == datetime(2025, 3, 1, 9, 30, 0, 250_000, UTC)
    assert datetime.now(UTC) - first.recorded_at < timedelta(minutes=1)
    assert (second.value_text, second.actor, second.properties) == ("a\tb\\N\n\ufffd", "\\.", {'"\\': "\t"})
    assert third.properties == {"plan": "pro", "seats": 12, "share": 0.5, "x": None, "y": True}
    assert (fourth.properties, fourth.item, fourth.value) == ({}, None, None)
    assert {one["reference"] for one in found} == {"external:whole"}
    assert first.correlation_id == row["id"]


async def test_the_same_event_by_import_and_by_post_is_one_event_in_either_order(bench: Bench) -> None:
    both = [event(10, "external:folds"), event(11, "external:folds")]
    await bench.client.post("/events", json=both[0])
    row = await bring_in(bench, lines(both))
    again = await bench.client.post("/events", json=both[1])
    await bench.relay()

    assert counts(row) == {"accepted": 1, "duplicates": 1}
    assert (again.json()["accepted"], again.json()["duplicates"]) == (0, 1)
    assert len(await bench.events("external:folds")) == 2


async def test_another_sender_may_use_the_same_ids(bench: Bench) -> None:
    body = lines([event(15, "external:senders")])
    assert counts(await bring_in(bench, body)) == {"accepted": 1}
    assert counts(await bring_in(bench, body, sender="the old CRM")) == {"accepted": 1}
    assert counts(await bring_in(bench, body, sender="the old CRM")) == {"duplicates": 1}


BAD = [
    (b"{", "", "bad_json"),
    (b"[]", "", "wrong_type"),
    (b"null", "", "wrong_type"),
    (b"\xff\xfe", "", "bad_encoding"),
    (b'{"id":"\xff"}', "", "bad_encoding"),
    (b"\xef\xbb\xbf{}", "", "bad_encoding"),
    (b'{"id":"a","id":"b"}', "", "duplicate_key"),
    (b'{"a":' * 70 + b"1" + b"}" * 70, "", "too_deep"),
    (b'{"value":' + b"1" * 41 + b"}", "", "number_too_long"),
    (b'{"value":NaN}', "", "bad_json"),
    (json.dumps(event(20, properties=None)).encode(), "/properties", ""),
    (json.dumps(event(20, id=None)).encode(), "/id", ""),
    (json.dumps(event(20, id=7)).encode(), "/id", ""),
    (json.dumps(event(20, account="acme")).encode(), "/account", ""),
    (json.dumps(event(20, account=["external:acme"])).encode(), "/account", ""),
    (json.dumps(event(20, type=["x"])).encode(), "/type", ""),
    (json.dumps(event(20, type="account.merged")).encode(), "/type", ""),
    (json.dumps(event(20, type="pulse.given")).encode(), "/type", ""),
    (json.dumps(event(20, occurred_at="2025-02-30T00:00:00Z")).encode(), "/occurred_at", ""),
    (json.dumps(event(20, occurred_at="2025-03-01T09:30:00")).encode(), "/occurred_at", ""),
    (json.dumps(event(20, occurred_at=1793491200)).encode(), "/occurred_at", ""),
    (json.dumps(event(20, value=True)).encode(), "/value", ""),
    (json.dumps(event(20)).replace('"h20"', '"h20", "value": 1e999').encode(), "/value", ""),
    (json.dumps(event(20, vlaue=1)).encode(), "/vlaue", ""),
    (json.dumps(event(20, actor="")).encode(), "/actor", ""),
    (json.dumps(event(20, properties={"": 1})).encode(), "/properties/", ""),
    (json.dumps(event(20)).replace('"h20"', '"h20", "type": "feature.used"').encode(), "", "duplicate_key"),
    (json.dumps(event(20, properties={"a": 1})).replace('"a"', '"a": "}", "a"').encode(), "", "duplicate_key"),
    (json.dumps(event(20, properties={"x": "y" * 300_000})).encode(), "", "line_too_long"),
]


async def test_a_line_that_cannot_be_taken_is_refused_alone_with_its_number_and_reason(bench: Bench) -> None:
    good = [json.dumps(event(100 + number, "external:among")).encode() for number in range(len(BAD))]
    body = b"\n".join(itertools.chain.from_iterable(zip(good, (line for line, *_ in BAD), strict=True)))
    row = await bring_in(bench, body)
    found = await rejects(bench, row)

    assert counts(row) == {"accepted": len(BAD), "rejected": len(BAD)}
    assert [one["line"] for one in found] == list(range(2, 2 * len(BAD) + 1, 2))
    for (line, pointer, code), one in zip(BAD, found, strict=True):
        told = {(error["pointer"], error["code"] if code else "") for error in one["errors"]}
        assert (pointer, code) in told, line[:80]
        assert all(error["detail"] for error in one["errors"])
    assert len(await bench.events("external:among")) == len(BAD)


async def test_what_an_import_refuses_post_events_refuses_too_and_the_other_way_round(bench: Bench) -> None:
    words = ["h", "/", "x" * 255, "x" * 256, "\u0130", "a:b", '"', "\ud800", 7, None, True, 1.5, -0.0, 1e300, [], {}]
    words += ["2025-03-01T24:00:00Z", "2025-03-01T09:30:60Z", "2025-03-01T09:30:00.1234567Z", "2025-03-01t09:30:00z"]
    words += ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "1969-01-01T00:00:00Z", "external:a b", "domain:A.b"]
    words += ["domain:gmail.com", "domain:www.alike.example", "salesforce:1:2"]
    words += ["salesforce:00D000000000062:001D000000IRFma"]
    odd = [
        event(1_000 + number, "external:alike") | {"id": f"alike{number}", name: word}
        for number, (name, word) in enumerate(
            itertools.product(("id", "type", "account", "occurred_at", "actor", "item", "value", "properties"), words)
        )
    ]
    # The first line makes type and account known, so that all others may take the short way.
    row = await bring_in(bench, lines([event(999, "external:alike"), *odd]), sender="by import")
    refused = {one["line"] for one in await rejects(bench, row)}
    answers = [(await bench.client.post("/events", content=json.dumps(one), headers=JSON)).status_code for one in odd]

    assert {number + 2 for number, status in enumerate(answers) if status != 202} == refused
    assert 0 < len(refused) < len(odd)


def test_both_ways_of_reading_a_line_end_in_the_same_row() -> None:
    said = [
        event(
            1, actor="u@a.example", role="sponsor", item="reports", value=12, properties={"a": "x", "b": 1, "c": 0.5}
        ),
        event(2, value="text", properties={"z": None, "y": True, "x": -7, "w": 1e-12}),
        event(3, value=0.25, occurred_at="2025-03-01T09:30:00Z", properties={}),
        event(4, item="Zoë, 東京", role=None, value=None),
    ]
    written = [json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode() for one in said]
    rows: list[list[list[Any]]] = []
    for passes in (1, 2):
        reader, chunk = LineReader("me", datetime.now(UTC)), Chunk(0)
        for _ in range(passes):
            chunk = Chunk(0)
            for line in written:
                reader.read([line], chunk)
        rows.append([[reference, *_columns(text)] for reference, text in chunk.rows.values()])
    assert rows[0] == rows[1]
    assert len(rows[0]) == 4


def _columns(text: str) -> list[Any]:
    event_id, kind, at, *words, value, value_text, properties = text.split("\t")
    number = None if value == "\\N" else float(value)
    return [event_id, kind, datetime.fromisoformat(at), words, number, value_text, json.loads(properties)]


async def test_blank_lines_count_as_lines_and_a_last_line_needs_no_end(bench: Bench) -> None:
    body = b"\n \t\r\n" + lines([event(30, "external:blank")]) + b"\r\n{}\r\n" + json.dumps(event(31)).encode()
    row = await bring_in(bench, body)
    assert counts(row) == {"accepted": 2, "blank": 3, "rejected": 1}
    assert [one["line"] for one in await rejects(bench, row)] == [5]


async def test_events_of_accounts_that_nobody_knows_wait_and_join_with_their_own_times(bench: Bench) -> None:
    row = await bring_in(
        bench, lines([event(40, "domain:later.example"), event(41, "external:now"), event(42, str(uuid4()))])
    )
    account = await bench.pool.fetchval("select account_id from ingest.reference where reference = 'external:now'")
    path = f"/accounts/{account}/references"
    answer = await bench.client.post(path, json={"reference": "domain:later.example"})

    assert counts(row) == {"accepted": 1, "unmapped": 2}
    assert answer.status_code == 201
    found = await bench.events("external:now")
    assert {(one["source"], one["occurred_at"]) for one in found} == {
        ("import", datetime(2025, 3, 1, 9, 30, 0, 250_000, UTC))
    }
    assert len(found) == 2
    more = await bring_in(bench, lines([event(43, "domain:LATER.example"), event(44, str(account).upper())]))
    assert counts(more) == {"accepted": 2}


async def test_an_event_that_waits_joins_when_an_import_opens_its_account(bench: Bench) -> None:
    opened = await bring_in(bench, lines([event(45, "hubspot:7:9001")]))
    again = await bring_in(bench, lines([event(46, "hubspot:7:9001")]))
    assert (counts(opened), counts(again)) == ({"accepted": 1}, {"accepted": 1})
    told = await bench.pool.fetchval(
        "select count(*) from ingest.event where type = 'account.linked' and value_text = 'hubspot:7:9001'"
    )
    assert told == 1


async def test_the_future_is_drawn_back_and_the_far_past_is_history(bench: Bench) -> None:
    future = (datetime.now(UTC) + timedelta(days=900)).isoformat()
    times = [future, "1999-12-31T23:59:59+02:00", "2025-03-01T09:30:00.999999999Z"]
    await bring_in(bench, lines(event(50 + n, "external:times", occurred_at=at) for n, at in enumerate(times)))
    ahead, past, fine = await bench.events("external:times")

    assert abs(ahead["occurred_at"] - datetime.now(UTC) - timedelta(minutes=5)) < timedelta(minutes=1)
    assert datetime.fromisoformat(ahead["properties"]["original_occurred_at"]) == datetime.fromisoformat(future)
    assert past["occurred_at"] == datetime(1999, 12, 31, 21, 59, 59, tzinfo=UTC)
    assert fine["occurred_at"] == datetime(2025, 3, 1, 9, 30, 0, 999_999, UTC)


async def test_what_is_news_of_a_forgotten_person_is_ignored_and_counted(bench: Bench) -> None:
    await bring_in(bench, lines([event(55, "external:forgets", actor="gone@b.example")]))
    await bench.client.post("/erasures", json={"person": "Gone@b.example", "reason": "they asked"})
    body = [
        event(55, "external:forgets", actor="gone@b.example"),
        event(56, "external:forgets", actor="gone@b.example"),
        event(57, "external:forgets", actor="stays@b.example", item="a\tb"),
        event(59, "external:forgets", item="GONE@b.example"),
    ]
    foreseen = await bring_in(bench, lines(body), dry_run=True)
    row = await bring_in(bench, lines(body))

    assert counts(row) == {"accepted": 1, "duplicates": 1, "ignored": 2}
    assert foreseen["ignored"] == 2
    assert "stays@b.example" in {one["actor"] for one in await bench.events("external:forgets")}


async def test_the_books_hold_a_line_for_imports_that_balances(bench: Bench) -> None:
    await bring_in(bench, lines([event(65, "external:booked"), event(65, "external:booked"), {}]))
    made = await bring_in(bench, lines([event(66, "domain:booked.example")]))
    await bench.client.post(f"/imports/{made['id']}:finish")
    books = (await bench.client.get("/books")).json()
    (line,) = (one for one in books["sources"] if one["source"] == "import")
    told = await bench.pool.fetchval("select count(*) from ingest.event where source = 'import'")
    waiting = await bench.pool.fetchval("select count(*) from ingest.waiting_event where source = 'import'")

    assert books["balanced"]
    assert line["done"] >= 1
    assert (line["events"]["done"] - line["events"]["duplicates"], line["events"]["waiting"]) == (told, waiting)


async def test_a_dry_run_says_what_would_be_and_stores_no_event(bench: Bench) -> None:
    await bring_in(bench, lines([event(60, "external:dry")]))
    before = await bench.counts()
    body = lines([event(60, "external:dry"), event(61, "external:fresh"), event(62, "domain:dry.example"), {}])
    body += lines([event(61, "external:fresh")])
    row = await bring_in(bench, body, dry_run=True)

    assert counts(row) == {"accepted": 1, "duplicates": 2, "unmapped": 1, "rejected": 1}
    assert [one["line"] for one in await rejects(bench, row)] == [4]
    assert await bench.counts() == before
    assert counts(await bring_in(bench, body)) == counts(row)


async def test_the_same_fingerprint_goes_on_where_it_was_and_no_line_counts_twice(bench: Bench) -> None:
    body = [json.dumps(event(70 + number, "external:resumed")).encode() + b"\n" for number in range(10)]
    made = await begin(bench, fingerprint="f" * 64, total_lines=10)
    await send(bench, made, b"".join(body[:4]))
    found = await begin(bench, fingerprint="f" * 64, name="another name")
    early = await bench.client.post(f"/imports/{made['id']}:finish")
    overlapping = await send(bench, made, b"".join(body[1:7]), first=1)
    too_far = await send(bench, made, b"".join(body[9:]), first=9)
    done = await send(bench, made, b"".join(body), first=0)
    finished = await bench.client.post(f"/imports/{made['id']}:finish")

    assert (found["id"], found["position"]) == (made["id"], 4)
    assert (early.status_code, early.json()["type"].rpartition("/")[2]) == (409, "import_incomplete")
    assert overlapping.json()["position"] == 7
    assert (too_far.status_code, too_far.json()["errors"][0]["detail"]) == (409, "7 lines are settled")
    assert counts(done.json()) == {"accepted": 10}
    assert finished.json()["state"] == "finished"
    assert (await begin(bench, fingerprint="f" * 64))["state"] == "finished"
    assert (await begin(bench, fingerprint="f" * 64, dry_run=True))["position"] == 0
    assert (await send(bench, made, b"{}", first=10)).status_code == 409
    assert len(await bench.events("external:resumed")) == 10


async def test_a_cancelled_import_takes_nothing_until_it_is_begun_again(bench: Bench) -> None:
    made = await begin(bench, fingerprint="c" * 64)
    await send(bench, made, lines([event(90, "external:cancelled")]))
    cancelled = await bench.client.post(f"/imports/{made['id']}:cancel")
    twice = await bench.client.post(f"/imports/{made['id']}:cancel")
    refused = await send(bench, made, lines([event(91, "external:cancelled")]), first=1)
    again = await begin(bench, fingerprint="c" * 64)
    more = await send(bench, made, lines([event(91, "external:cancelled")]), first=1)

    assert (cancelled.json()["state"], twice.status_code, refused.status_code) == ("cancelled", 200, 409)
    assert (again["state"], more.json()["accepted"]) == ("open", 2)
    assert (await bench.client.post(f"/imports/{uuid4()}:finish")).status_code == 404


async def test_two_streams_of_one_import_settle_no_line_twice(bench: Bench) -> None:
    body = lines(event(2_000 + number, "external:streams") for number in range(500))
    made = await begin(bench)
    answers = await asyncio.gather(send(bench, made, body), send(bench, made, body))
    row = (await bench.client.get(f"/imports/{made['id']}")).json()

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert counts(row) == {"accepted": 500}
    assert len(await bench.events("external:streams")) == 500


async def test_a_stream_in_small_pieces_is_cut_at_lines_only(bench: Bench) -> None:
    body = lines([event(3_000, "external:pieces", actor="Zoë"), {}, event(3_001, "external:pieces", item="é" * 100)])

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 7):
            yield body[at : at + 7]

    row = await bring_in(bench, pieces())
    assert (counts(row), row["bytes"]) == ({"accepted": 2, "rejected": 1}, len(body))
    assert [one["actor"] for one in await bench.events("external:pieces")] == ["Zoë", None]


async def test_what_was_settled_before_a_stream_broke_stays_settled(bench: Bench) -> None:
    made, told = await begin(bench), importing.CHUNK_LINES * 3 // 2

    async def breaking() -> AsyncIterator[bytes]:
        yield lines(event(200_000 + number, "external:broken") for number in range(told))
        raise RuntimeError("the sender went away")

    assert (await send(bench, made, breaking())).status_code == 500
    row = (await bench.client.get(f"/imports/{made['id']}")).json()
    rest = lines(event(200_000 + number, "external:broken") for number in range(row["position"], told + 100))
    done = (await send(bench, made, rest, first=row["position"])).json()

    assert importing.CHUNK_LINES <= row["position"] < told
    assert (counts(done), done["position"]) == ({"accepted": told + 100}, told + 100)
    assert len(await bench.events("external:broken")) == told + 100


async def test_a_chunk_is_written_whole_or_not_at_all_and_tried_again(bench: Bench) -> None:
    made = await begin(bench)
    before = await bench.counts()
    failpoints.arm("import.before_commit=raise")
    try:
        answer = await send(bench, made, lines([event(5_000, "external:whole-chunk"), {}]))
    finally:
        failpoints.arm("")
    assert answer.status_code == 500
    assert await bench.counts() == before
    row = (await bench.client.get(f"/imports/{made['id']}")).json()
    assert (row["position"], row["rejected"]) == (0, 0)
    again = await send(bench, made, lines([event(5_000, "external:whole-chunk"), {}]))
    assert counts(again.json()) == {"accepted": 1, "rejected": 1}


async def test_an_event_whose_key_was_forgotten_is_staged_and_known_all_the_same(bench: Bench) -> None:
    body = [event(6_000 + number, account) for number, account in enumerate(["external:kept", "domain:kept.example"])]
    await bring_in(bench, lines(body))
    await bench.pool.execute("delete from ingest.event_key")
    more = [*body, event(6_010, "external:kept"), event(6_011, "domain:kept.example")]
    row = await bring_in(bench, lines(more))

    assert counts(row) == {"accepted": 1, "unmapped": 1, "duplicates": 2}
    assert len(await bench.events("external:kept")) == 2


async def test_a_key_that_somebody_notes_at_the_same_moment_is_a_duplicate(bench: Bench) -> None:
    """The chunk looks before the other commits and writes after it, so that copying its keys meets the other's."""
    body = [event(6_100 + number, "external:same-moment") for number in range(50)]
    answers = await asyncio.gather(
        *(bring_in(bench, lines(body)) for _ in range(2)),
        *(bench.client.post("/events", json=body) for _ in range(4)),
    )
    await bench.relay()
    taken = sum(one["accepted"] if isinstance(one, dict) else one.json()["accepted"] for one in answers)
    assert taken == 50
    assert len(await bench.events("external:same-moment")) == 50


async def test_the_first_ten_thousand_rejects_are_kept_and_all_are_counted(bench: Bench) -> None:
    row = await bring_in(bench, b"{}\n" * 12_000)
    kept = await bench.pool.fetchval("select count(*) from ingest.import_reject where import_id = $1::uuid", row["id"])
    listed = [one["line"] for one in await rejects(bench, row)]

    assert (row["rejected"], kept) == (12_000, 10_000)
    assert listed == list(range(1, 10_001))


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({"content-type": "application/json"}, "media_type_unsupported"),
        ({"content-type": "application/x-ndjson; charset=utf-16"}, "media_type_unsupported"),
        ({"content-encoding": "gzip"}, "encoding_unsupported"),
    ],
)
async def test_lines_in_another_coat_are_415(bench: Bench, headers: dict[str, str], problem: str) -> None:
    answer = await send(bench, await begin(bench), b"{}", **headers)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (415, problem)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/imports/not-an-id", 422),
        ("GET", f"/imports/{NOBODYS}", 404),
        ("GET", f"/imports/{NOBODYS}/rejects", 404),
        ("GET", "/imports?limit=0", 422),
        ("GET", "/imports?cursor=x", 400),
        ("GET", "/imports?limit=1&limit=2", 422),
        ("POST", f"/imports/{NOBODYS}/lines", 404),
        ("POST", f"/imports/{NOBODYS}/lines?from=-1", 422),
        ("POST", f"/imports/{NOBODYS}/lines?from=1e3", 422),
    ],
)
async def test_what_is_not_there_or_no_number_is_a_clean_answer(
    bench: Bench, method: str, path: str, status: int
) -> None:
    answer = await bench.client.request(method, path, headers=NDJSON if method == "POST" else {})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "x", "total_lines": -1}, {"name": "x", "format": "csv"}, {"name": "x", "a": 1}]
)
async def test_an_import_that_is_none_is_422(bench: Bench, body: dict[str, Any]) -> None:
    assert (await bench.client.post("/imports", json=body)).status_code == 422


async def test_writing_history_takes_the_scopes_ingest_and_write(bench: Bench, ingest_pool: Pool) -> None:
    made = await begin(bench)
    for scopes, status in ((["ingest"], 403), (["write"], 403), (["ingest", "write"], 200)):
        key = new_key()
        async with ingest_pool.acquire() as connection:
            await insert_key(connection, "ingest", key, name="historian", scopes=scopes, days=None)
        answer = await send(bench, made, b"", authorization=f"Bearer {key.text}")
        assert answer.status_code == status, scopes
    assert (await send(bench, made, b"", authorization="")).status_code == 401


async def test_a_third_stream_at_once_is_asked_to_come_again(bench: Bench) -> None:
    held = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"\n"
        await held.wait()

    made = [await begin(bench) for _ in range(3)]
    running = [asyncio.create_task(send(bench, one, slow())) for one in made[:2]]
    await asyncio.sleep(0.3)
    refused = await send(bench, made[2], b"\n")
    held.set()
    await asyncio.gather(*running)

    assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
    assert (await send(bench, made[2], b"\n")).status_code == 200


async def test_the_list_shows_every_import_with_its_rate(bench: Bench) -> None:
    made = await begin(bench, total_lines=4)
    await send(bench, made, lines(event(7_000 + number, "external:listed") for number in range(2)))
    first = (await bench.client.get("/imports?limit=1")).json()
    second = (await bench.client.get(f"/imports?limit=1&cursor={first['next_cursor']}")).json()

    assert (first["data"][0]["id"], first["data"][0]["position"]) == (made["id"], 2)
    assert first["data"][0]["rate"] > 0
    assert first["data"][0]["seconds_left"] > 0
    assert second["data"][0]["id"] < made["id"]


async def test_live_events_come_through_while_an_import_runs(bench: Bench) -> None:
    """The feed's lock is held for one chunk at a time, and reading lines gives way to everything else."""
    done = asyncio.Event()
    slowest = 0.0

    async def live() -> int:
        nonlocal slowest
        for number in itertools.count():
            since = asyncio.get_running_loop().time()
            await bench.client.post("/events", json=event(number, "external:live", id=f"live{number}"))
            await bench.relay()
            slowest = max(slowest, asyncio.get_running_loop().time() - since)
            if done.is_set():
                return number + 1
        raise AssertionError

    posting = asyncio.create_task(live())
    row = await bring_in(bench, lines(event(20_000 + number, f"external:b{number % 500}") for number in range(40_000)))
    done.set()
    posted = await posting

    assert counts(row) == {"accepted": 40_000}
    assert len(await bench.events("external:live")) == posted
    assert posted > 3
    assert slowest < 2.0


async def test_a_reference_that_moves_while_an_import_runs_is_followed_from_the_next_chunk_on(bench: Bench) -> None:
    other = await bring_in(bench, lines([event(300_000, "external:other")]))
    account = await bench.pool.fetchval("select account_id from ingest.reference where reference = 'external:other'")
    made, size = await begin(bench), importing.CHUNK_LINES

    async def settled(least: int) -> bool:
        return bool((await bench.client.get(f"/imports/{made['id']}")).json()["position"] >= least)

    async def moving() -> AsyncIterator[bytes]:
        for turn in range(1, 4):
            yield lines(event(700_000 + turn * size + number, "external:moves") for number in range(size))
            await until(lambda least=turn * size: settled(least), "the chunk")
            if turn == 2:
                path, body = f"/accounts/{account}/references", {"reference": "external:moves", "move": True}
                moved = await bench.client.post(path, json=body)
                assert moved.status_code == 201, moved.text

    row = (await send(bench, made, moving())).json()
    late = await bench.pool.fetch(
        "select distinct account_id from ingest.event where reference = 'external:moves' and source = 'import'"
        " and id > (select max(id) from ingest.event where type = 'account.linked' and value_text = 'external:moves')"
    )
    assert (counts(other), counts(row)) == ({"accepted": 1}, {"accepted": 3 * size})
    assert {one["account_id"] for one in late} == {account}


async def test_a_chunk_holds_the_feed_for_less_than_half_a_second(bench: Bench) -> None:
    """Watched from outside: how long one after another waits for the lock while full chunks are written."""
    waits: list[float] = []
    done = asyncio.Event()

    async def watch() -> None:
        async with bench.pool.acquire() as connection:
            while not done.is_set():
                since = asyncio.get_running_loop().time()
                async with connection.transaction():
                    await loading.publish_lock(connection, loading.FEED)
                waits.append(asyncio.get_running_loop().time() - since)
                await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    body = lines(event(80_000 + number, f"external:held{number}") for number in range(8_000))
    await bring_in(bench, body + lines(event(90_000 + number, "external:held1") for number in range(22_000)))
    done.set()
    await watching
    assert max(waits) < 0.5
