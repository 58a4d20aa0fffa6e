"""Claims about figures: how fresh, late, much and whole each source is, from what was delivered."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ingest_webhooks.upkeep.measuring import volume
from milepost_runtime.lanes import drain

from .conftest import Bench, batch, change, prop


@pytest.fixture(scope="module")
async def own(bench: Bench) -> Bench:
    """A connection of the module's own with three deliveries: late events, an ignored topic, a fault."""
    made = Bench(bench.app, bench.client, bench.pool, bench.service, await bench.connect())
    hour_ago = int(time.time() * 1000) - 3_600_000
    await made.deliver(batch(*(change("company.creation", 601, n, occurredAt=hour_ago) for n in range(4))))
    await made.deliver(batch(change("ticket.creation", 601, 7, occurredAt=hour_ago), change("deal.creation", 601, 8)))
    await made.deliver(batch(prop("company", 601, 1, "seats", "many"), prop("company", 601, 1, "seats", "few")))
    await made.relay()
    return made


async def figures(bench: Bench, connection: str) -> dict[str, Any]:
    return dict((await bench.client.get(f"/connections/{connection}/figures")).raise_for_status().json())


async def test_a_connections_figures_say_what_came_when_and_what_became_of_it(own: Bench) -> None:
    found = await figures(own, own.connection["id"])

    assert found["states"] == {"done": 2, "quarantined": 1}
    assert found["freshness"]["silent_seconds"] < 60
    assert 3_590 < found["lag"]["p50_seconds"] < 3_700
    assert found["lag"]["events"] == 5
    assert found["nulls"]["account"] == pytest.approx(0.2)
    assert found["nulls"]["actor"] == 1.0
    # A midnight may lie between what came and the question.
    lately, today = found["volume"]["days"][-2:], datetime.now(UTC).date()
    assert sorted((one["deliveries"], one["elements"]) for one in lately) == [(0, 0), (3, 8)]
    assert date.fromisoformat(lately[-1]["day"]) in (today, today - timedelta(days=1))
    assert len(found["volume"]["days"]) == 31
    assert (found["volume"]["word"], found["volume"]["usual_per_day"]) == ("unknown", None)


async def test_what_fails_and_what_is_ignored_is_named_with_how_often(own: Bench) -> None:
    found = await figures(own, own.connection["id"])

    assert found["faults"] == [{"name": "the value is no number", "count": 2}]
    assert found["ignored_topics"][0]["count"] == 1
    assert "deal" in found["ignored_topics"][0]["name"]


async def test_the_figures_of_all_sources_add_their_connections(own: Bench) -> None:
    found = {one["source"]: one for one in (await own.client.get("/figures")).raise_for_status().json()["data"]}
    listed = await own.pool.fetchval("select count(*) from ingest.delivery where source = 'hubspot'")

    assert found["hubspot"]["volume"]["days"][-1]["deliveries"] == listed
    assert sum(found["hubspot"]["states"].values()) == listed


async def test_a_connection_that_never_delivered_has_figures_without_numbers(own: Bench) -> None:
    found = await figures(own, (await own.connect())["id"])

    assert found["freshness"] == {"last_received": None, "last_occurred": None, "silent_seconds": None}
    assert (found["lag"], found["nulls"], found["states"], found["faults"]) == (None, None, {}, [])


async def test_an_unknown_connection_has_none(own: Bench) -> None:
    answer = await own.client.get("/connections/00000000-0000-7000-8000-000000000000/figures")
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (404, "not_found")


async def test_sources_are_listed_with_what_their_settings_may_hold(own: Bench) -> None:
    listed = {one["name"]: one for one in (await own.client.get("/sources")).raise_for_status().json()["data"]}

    assert listed["hubspot"]["title"] == "HubSpot"
    assert (listed["hubspot"]["connectable"], listed["plain"]["connectable"]) == (True, False)
    assert "app_id" in listed["hubspot"]["settings"]["properties"]


async def test_the_newest_delivery_and_the_backlog_are_measured_for_alerts(own: Bench) -> None:
    await own.deliver(batch(change("company.creation", 602, 1)))
    await own.service.measuring.publish()
    text = (await own.client.get("/metrics")).text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("milepost_source_"))
    await own.relay()

    newest = float(lines['milepost_source_newest_delivery_timestamp_seconds{source="hubspot"}'])
    assert time.time() - newest < 60
    assert float(lines['milepost_source_waiting_deliveries{source="hubspot"}']) == 1.0


async def test_after_replays_that_correct_only_what_counts_now_is_measured(bench: Bench) -> None:
    own = Bench(bench.app, bench.client, bench.pool, bench.service, await bench.connect())
    path = f"/connections/{own.connection['id']}"

    async def replayed(rule: dict[str, Any]) -> dict[str, Any]:
        rules = {"rules": {"company.seats": rule}}
        (await own.client.put(f"{path}/mapping", json=rules)).raise_for_status()
        (await own.client.post("/replays", json={"connection_id": own.connection["id"]})).raise_for_status()
        await drain(own.pool, own.service.replaying.lane)
        return await figures(own, own.connection["id"])

    counted = {"type": "seats.counted", "value": "{value}", "reads": "number"}
    await own.deliver(
        batch(*(prop("company", 603, n, "seats", "7") for n in range(3)), change("company.creation", 603, 1))
    )
    await own.relay()
    first = await replayed(counted)
    corrected = await replayed(counted | {"item": "seat", "actor": "{fields.sourceId}"})
    taken_back = await replayed({"ignore": True})

    assert [one["lag"]["events"] for one in (first, corrected, taken_back)] == [4, 4, 1]
    assert [one["nulls"]["item"] for one in (first, corrected)] == [1.0, 0.25]


async def test_a_topic_that_is_no_text_is_named_all_the_same(bench: Bench) -> None:
    own = Bench(bench.app, bench.client, bench.pool, bench.service, await bench.connect())
    await own.deliver(batch(change("deal.\ud800", 604, 1)))
    await own.relay()
    assert (await figures(own, own.connection["id"]))["ignored_topics"] == [{"name": "deal.\ufffd", "count": 1}]


@pytest.mark.parametrize(
    ("counts", "usual", "word"),
    [
        ([10, 12, 11, 10, 12, 3], 11, "quiet"),
        ([10, 12, 11, 10, 12, 11], 11, "usual"),
        ([10, 12, 11, 10, 12, 40], 11, "busy"),
        ([10, 12, 11], None, "unknown"),
        ([], None, "unknown"),
    ],
)
def test_a_day_is_compared_with_the_days_before_it(counts: list[int], usual: float | None, word: str) -> None:
    now = datetime(2026, 3, 20, 12, tzinfo=UTC)
    first = now.date() - timedelta(days=len(counts))
    rows = [
        {"day": first + timedelta(days=place), "deliveries": number, "elements": number}
        for place, number in enumerate(counts)
    ]
    found = volume(rows, now)
    assert (found.usual_per_day, found.word) == (usual, word)
