"""Claims about conflicts: the first word under an id stays, another one is kept aside once, for everybody to see."""

import asyncio
import itertools
import json
import time
from typing import Any

from ingest_webhooks.sources import SOURCES
from ingest_webhooks.words.shapes import Received
from milepost_runtime.metrics import REGISTRY

from .conftest import Bench

_numbers = itertools.count(1)


def event(name: str, value: int, **more: Any) -> dict[str, Any]:
    made = {"id": name, "type": "survey.answered", "account": "external:conflicts", "value": value}
    return made | {"occurred_at": "2026-03-02T09:30:00Z"} | more


def fresh() -> str:
    return f"conflict-{next(_numbers)}"


async def post(bench: Bench, events: Any) -> tuple[int, int, int]:
    answer = await bench.client.post("/events", json=events)
    assert answer.status_code == 202, answer.text
    return answer.json()["accepted"], answer.json()["duplicates"], answer.json()["conflicts"]


async def values(bench: Bench, name: str) -> list[float]:
    await bench.relay()
    rows = await bench.events("external:conflicts")
    return [row["value"] for row in rows if row["properties"].get("name") == name]


def counted() -> float:
    return REGISTRY.get_sample_value("milepost_event_conflicts_total", {"source": "plain"}) or 0.0


async def quarantined(bench: Bench) -> list[dict[str, Any]]:
    await bench.relay()
    return list((await bench.client.get("/deliveries?state=quarantined&source=plain&limit=200")).json()["data"])


async def test_the_first_word_stays_and_another_one_is_kept_aside(bench: Bench) -> None:
    name, before = fresh(), counted()
    first = event(name, 1, properties={"name": name})
    other = event(name, 2, properties={"name": name})
    assert [await post(bench, one) for one in (first, first, other)] == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    kept = (await quarantined(bench))[0]

    assert await values(bench, name) == [1.0]
    assert (kept["elements"], kept["relayed"], kept["quarantined"]) == (1, 0, 1)
    (fault,) = kept["faults"]
    assert fault["code"] == "conflict"
    assert "the first one stays" in fault["reason"]
    assert counted() == before + 1
    assert (await bench.client.get("/books")).json()["balanced"] is True


async def test_a_conflict_that_comes_again_is_known(bench: Bench) -> None:
    name = fresh()
    await post(bench, event(name, 1))
    assert await post(bench, event(name, 2)) == (0, 0, 1)
    before = len(await quarantined(bench))
    assert [await post(bench, one) for one in (event(name, 2), event(name, 1))] == [(0, 1, 0), (0, 1, 0)]
    assert await post(bench, event(name, 3)) == (0, 0, 1)
    assert len(await quarantined(bench)) == before + 1


async def test_within_one_request_the_first_of_an_id_counts(bench: Bench) -> None:
    name, other = fresh(), fresh()
    posted = [event(name, 1), event(name, 2), event(other, 5), event(name, 1), event(name, 2)]
    assert await post(bench, [one | {"properties": {"name": name}} for one in posted]) == (2, 2, 1)
    kept = (await quarantined(bench))[0]
    assert sorted(await values(bench, name)) == [1.0, 5.0]
    assert (kept["elements"], kept["relayed"], kept["duplicates"], kept["quarantined"]) == (3, 2, 0, 1)


async def test_of_many_contents_at_once_one_is_told(bench: Bench) -> None:
    name = fresh()
    posted = [event(name, number, properties={"name": name}) for number in range(12)]
    answers = await asyncio.gather(*(post(bench, one) for one in posted))
    assert sorted(answers) == [(0, 0, 1)] * 11 + [(1, 0, 0)]
    assert len(await values(bench, name)) == 1


async def test_a_replayed_conflict_stays_one_and_is_counted_once(bench: Bench) -> None:
    name = fresh()
    await post(bench, event(name, 1, properties={"name": name}))
    await post(bench, event(name, 2, properties={"name": name}))
    kept, before = (await quarantined(bench))[0], counted()
    await bench.client.post(f"/deliveries/{kept['id']}/replay")
    again = (await quarantined(bench))[0]

    assert (again["id"], again["faults"]) == (kept["id"], kept["faults"])
    assert await values(bench, name) == [1.0]
    assert counted() == before


async def test_the_same_words_in_another_order_of_keys_are_no_conflict(bench: Bench) -> None:
    name = fresh()
    one = event(name, 1, properties={"a": 1, "b": [1, {"c": 2, "d": 3}]})
    other = dict(reversed(event(name, 1, properties={"b": [1, {"d": 3, "c": 2}], "a": 1}).items()))
    assert [await post(bench, sent) for sent in (one, other)] == [(1, 0, 0), (0, 1, 0)]


async def test_a_provider_that_says_something_else_under_a_known_id_is_answered_and_kept_aside(bench: Bench) -> None:
    made = await bench.connect(source="standard", secret=None)
    path = made["webhook_url"].removeprefix("http://test")

    async def deliver(value: int) -> int:
        told = event("a", value, type="seat.added")
        body = json.dumps({"type": "seat.added", "timestamp": told["occurred_at"], "data": told}).encode()
        received = Received("POST", made["webhook_url"], [(b"webhook-id", b"msg_1")], {b"webhook-id": b"msg_1"}, body)
        headers = dict(SOURCES["standard"].sign(received, made["secret"].encode(), time.time()))
        return (await bench.client.post(path, content=body, headers=headers)).status_code

    rules = {"*": {"type": "survey.answered", "account": "external:{data.account}", "value": "{data.value}"}}
    await bench.client.put(f"/connections/{made['id']}/mapping", json={"rules": rules})
    statuses = [await deliver(value) for value in (1, 1, 2)]
    await bench.relay()
    listed = (await bench.client.get(f"/deliveries?connection={made['id']}")).json()["data"]

    assert statuses == [statuses[0]] * 3
    assert statuses[0] // 100 == 2
    assert [one["state"] for one in listed] == ["quarantined", "done"]
    assert listed[0]["faults"][0]["code"] == "conflict"
