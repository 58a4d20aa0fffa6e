"""Claims about addresses and secrets: who lacks the secret segment learns nothing, and a rotation refuses nobody."""

import asyncio
import itertools
import json
from typing import Any

import httpx
import pytest
from support.lifespan import lifespan

from ingest_webhooks.app import create
from ingest_webhooks.entrance.pacing import Pace, TooFast
from ingest_webhooks.settings import IngestSettings
from ingest_webhooks.sources.source import address_token

from .conftest import SECRET, Bench, batch, change

JSON = {"content-type": "application/json"}


async def own(bench: Bench, **wanted: Any) -> Bench:
    return Bench(bench.app, bench.client, bench.pool, bench.service, await bench.connect(**wanted))


async def test_the_secret_address_is_shown_once_and_is_derived_from_the_secret(bench: Bench) -> None:
    made = await bench.connect()
    listed = {one["id"]: one for one in (await bench.client.get("/connections")).json()["data"]}[made["id"]]
    rotated = (await bench.client.post(f"/connections/{made['id']}/rotate", json={"secret": "the-next-one"})).json()
    changed = (await bench.client.patch(f"/connections/{made['id']}", json={"name": "other"})).json()

    assert made["secret_webhook_url"] == f"{made['webhook_url']}/{address_token(SECRET.encode())}"
    assert rotated["secret_webhook_url"] == f"{made['webhook_url']}/{address_token(b'the-next-one')}"
    assert (listed["secret_webhook_url"], changed["secret_webhook_url"]) == (None, None)
    assert SECRET not in json.dumps([made, listed, rotated, changed])


async def test_the_address_of_an_unsigned_source_ends_with_its_secret_segment_only_when_it_is_made(
    bench: Bench,
) -> None:
    made = await bench.connect(source="salesforce", secret=None, settings={"organization_id": "00D5f000000abcDEAV"})
    listed = {one["id"]: one for one in (await bench.client.get("/connections")).json()["data"]}[made["id"]]

    assert made["webhook_url"] == made["secret_webhook_url"]
    assert made["webhook_url"].rpartition("/")[0] == listed["webhook_url"]


async def test_an_unsigned_source_without_its_segment_is_the_same_404_as_nobody(bench: Bench) -> None:
    made = await bench.connect(source="salesforce", secret=None, settings={"organization_id": "00D5f000000abcDEAV"})
    there = f"/webhooks/salesforce/{made['id']}"
    paths = (there, f"{there}/{'a' * 32}", f"{there}x", f"{there}x/{'a' * 32}")
    for headers in (
        JSON,
        {"content-type": "text/xml"},
        {"content-type": "image/png"},
        JSON | {"content-encoding": "br"},
    ):
        answers = [
            await bench.client.post(path, content=b"<a/>", headers=headers | {"x-request-id": "same"}) for path in paths
        ]
        assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}


async def test_a_rotation_under_load_refuses_nobody(bench: Bench) -> None:
    mine = await own(bench, secret="secret-0")
    known, numbers, statuses = ["secret-0"], itertools.count(1), []
    done = asyncio.Event()

    async def sender(worker: int) -> None:
        while not done.is_set():
            body = batch(change("company.creation", 5_201, next(numbers)))
            # Some senders learn of a new secret at once, others only towards the end of the overlap.
            statuses.append((await mine.deliver(body, known[-1 if worker % 2 else 0])).status_code)

    async def rotate() -> None:
        for number in range(1, 6):
            await asyncio.sleep(0.05)
            wanted = {"secret": f"secret-{number}", "overlap_seconds": 60}
            (await bench.client.post(f"/connections/{mine.connection['id']}/rotate", json=wanted)).raise_for_status()
            known.append(f"secret-{number}")
            await asyncio.sleep(0.05)
            # The overlap nears its end: by now everybody has learned.
            known.pop(0)
        done.set()

    await asyncio.gather(rotate(), *(sender(worker) for worker in range(8)))
    assert len(statuses) > 40
    assert set(statuses) == {200}


async def test_a_secret_that_another_process_made_live_passes_here_at_once(
    bench: Bench, settings: IngestSettings
) -> None:
    mine = await own(bench, secret="the-first-secret")
    app: Any = create(settings)
    async with lifespan(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as elsewhere:
            there = Bench(app, elsewhere, bench.pool, bench.service, mine.connection)
            assert (
                await there.deliver(batch(change("company.creation", 5_202, 1)), "the-first-secret")
            ).status_code == 200
            await asyncio.sleep(0.3)
            path = f"/connections/{mine.connection['id']}"
            wanted = {"secret": "the-second-secret", "overlap_seconds": 60}
            rotated = (await bench.client.post(f"{path}/rotate", json=wanted)).json()
            there.connection = rotated
            answers = [await there.deliver(batch(change("company.creation", 5_202, 2)), "the-second-secret")]
            await asyncio.sleep(0.3)
            answers.append(await elsewhere.post(rotated["secret_webhook_url"], content=b"[]", headers=JSON))
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_a_connection_that_was_changed_keeps_its_count_until_it_changes(bench: Bench) -> None:
    made = await own(bench, rate_per_second=1)
    await bench.service.doors.refresh()
    door = bench.service.doors.at_hand(f"hubspot/{made.connection['id']}".encode())
    await bench.service.doors.refresh()
    again = bench.service.doors.at_hand(f"hubspot/{made.connection['id']}".encode())
    changed = (await bench.client.patch(f"/connections/{made.connection['id']}", json={"rate_per_second": None})).json()

    assert door is again
    assert changed["rate_per_second"] is None
    statuses = [
        (await made.deliver(batch(change("company.creation", 5_203, number)))).status_code for number in range(1, 9)
    ]
    assert set(statuses) == {200}


@pytest.mark.parametrize("rate", [0, -1, 1e9, "fast"])
async def test_a_rate_that_is_none_is_refused(bench: Bench, rate: Any) -> None:
    body = {"source": "hubspot", "name": "x", "rate_per_second": rate}
    answer = await bench.client.post("/connections", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/rate_per_second")


def test_a_bucket_holds_one_seconds_worth_and_says_when_it_has_refilled() -> None:
    pace = Pace(3)
    for _ in range(3):
        pace.take()
    with pytest.raises(TooFast) as refused:
        pace.take()
    assert 0 < refused.value.seconds <= 1 / 3
    slow = Pace(0.1)
    slow.take()
    with pytest.raises(TooFast) as refused:
        slow.take()
    assert 9 < refused.value.seconds <= 10


async def test_a_sender_of_cloudevents_may_ask_before_it_delivers(bench: Bench) -> None:
    made = await bench.connect(source="cloudevents", secret=None, rate_per_second=2)
    ask = {"webhook-request-origin": "events.example.com", "webhook-request-rate": "500"}
    answer = await bench.client.options(made["webhook_url"], headers=ask)
    nobody = await bench.client.options(made["webhook_url"] + "x", headers=ask)
    silent = await bench.client.options(made["webhook_url"])

    assert (answer.status_code, answer.headers["webhook-allowed-origin"]) == (200, "events.example.com")
    assert (answer.headers["webhook-allowed-rate"], answer.headers["allow"]) == ("120", "POST")
    assert (nobody.status_code, silent.status_code) == (404, 400)
    free = await bench.connect(source="cloudevents", secret=None)
    answer = await bench.client.options(free["webhook_url"], headers=ask)
    assert answer.headers["webhook-allowed-rate"] == "*"


async def test_other_sources_are_asked_nothing(bench: Bench) -> None:
    for url in (bench.connection["webhook_url"], bench.connection["secret_webhook_url"], "/webhooks/hubspot/nobody"):
        answer = await bench.client.options(url, headers={"webhook-request-origin": "events.example.com"})
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_both_documented_routes_answer_like_the_hot_one(bench: Bench) -> None:
    behind = httpx.ASGITransport(app=bench.app._behind, raise_app_exceptions=False)
    paths = (await bench.client.get("/openapi.json")).json()["paths"]
    async with httpx.AsyncClient(transport=behind, base_url="http://test") as slow:
        for url in (bench.connection["secret_webhook_url"], f"{bench.connection['webhook_url']}/{'b' * 32}"):
            one, two = [await client.post(url, content=b"[]", headers=JSON) for client in (bench.client, slow)]
            assert (one.status_code, one.content[:50]) == (two.status_code, two.content[:50])
            assert {*one.headers} == {*two.headers}
    assert {*paths["/webhooks/{source}/{connection}/{token}"]} == {"post", "options"}
