"""What is strange but shown to be the provider's: it is answered 200, kept as it came, and stands in nobody's way.

The catalogue says 202 for these; this front door says 200 for every webhook that it has kept. An odd id (W32) is one
element's of a HubSpot batch, and its neighbours count; where the id is the whole delivery's, as Stripe's, it is 400.
"""

import asyncio
import contextlib
import copy
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from support.front_door import SECRET, Bench, batch, change, linked, prop
from support.lifespan import lifespan
from support.providers import sample, sender
from support.stores import Databases

from ingest_webhooks.app import create
from ingest_webhooks.settings import IngestSettings
from milepost_runtime.database import Pool
from milepost_runtime.keys import insert_key, new_key

NOW_MS = int(time.time() * 1000)
YEAR_MS = 365 * 86_400_000


def told(portal: int, **more: Any) -> bytes:
    return batch(change("company.creation", portal, 1, **more))


def written(portal: int, field: str, value: str) -> bytes:
    """A batch in which a field is written exactly so."""
    return told(portal, **{field: "@@"}).replace(b'"@@"', value.encode())


@dataclass(frozen=True)
class Row:
    """What came of a delivery: its state, and how many of its elements went which way."""

    state: str
    relayed: int = 0
    ignored: int = 0
    quarantined: int = 0


QUARANTINED, IGNORED, DONE = Row("quarantined", quarantined=1), Row("ignored", ignored=1), Row("done", relayed=1)
ROWS: list[tuple[str, bytes, Row]] = [
    ("W27-1e999", written(4_301, "objectId", "1e999"), QUARANTINED),
    ("W27-minus-1e999", written(4_302, "occurredAt", "-1e999"), QUARANTINED),
    ("W27-1e-999", written(4_303, "objectId", "1e-999"), QUARANTINED),
    ("W28-zero-in-a-text", batch(prop("company", 4_304, 1, "name", "a\0b")), DONE),
    ("W28-zero-in-a-key", told(4_305, **{"a\0b": 1}), DONE),
    ("W29-lone-surrogate", batch(prop("company", 4_306, 1, "name", "a\ud800b")), DONE),
    ("W30-text", b'"text"', QUARANTINED),
    ("W30-number", b"7", QUARANTINED),
    ("W30-null", b"null", QUARANTINED),
    ("W31-no-event-id", written(4_307, "eventId", "null"), QUARANTINED),
    ("W31-no-object-id", written(4_308, "objectId", "null"), QUARANTINED),
    ("W32-id-is-an-object", written(4_309, "eventId", '{"a": 1}'), QUARANTINED),
    ("W32-id-is-empty", written(4_310, "eventId", '""'), QUARANTINED),
    ("W32-id-of-256-characters", written(4_311, "eventId", f'"{"x" * 256}"'), QUARANTINED),
    ("W33-unknown-type", batch(change("company.frobnication", 4_312, 1)), IGNORED),
    ("W36-year-1", told(4_313, occurredAt=-62_135_596_800_000), DONE),
    ("W36-year-9999", told(4_314, occurredAt=253_402_300_799_000), DONE),
    ("W36-before-1970", told(4_315, occurredAt=-1), DONE),
    ("W36-10-years-ahead", told(4_316, occurredAt=NOW_MS + 10 * YEAR_MS), DONE),
    ("H4-empty-array", b"[]", Row("ignored")),
    ("H4-object-instead-of-array", b'{"a": 1}', QUARANTINED),
]


@pytest.mark.parametrize(("body", "row"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
async def test_what_is_strange_but_authentic_is_answered_200_and_kept_as_it_came(
    bench: Bench, body: bytes, row: Row
) -> None:
    answer = await bench.deliver(body)
    await bench.relay()
    found = await bench.pool.fetchrow(
        "select state, relayed, ignored, quarantined from ingest.delivery where body = $1", body
    )

    assert (answer.status_code, answer.content) == (200, b"")
    assert found is not None
    assert Row(**found) == row


async def test_w28_and_w29_are_mapped_in_what_is_relayed(bench: Bench) -> None:
    await bench.deliver(batch(prop("company", 4_320, 1, "name", "a\0b\ud800c")))
    await bench.relay()
    assert [row["properties"] for row in await bench.events("hubspot:4320:1")] == [{"name": "a\ufffdb\ufffdc"}]


@pytest.mark.parametrize(
    "claimed",
    [
        pytest.param(-62_135_596_800_000, id="W36-year-1"),
        pytest.param(253_402_300_799_000, id="W36-year-9999"),
        pytest.param(-1, id="W36-before-1970"),
        pytest.param(NOW_MS + 10 * YEAR_MS, id="W36-10-years-ahead"),
    ],
)
async def test_w36_an_impossible_time_is_drawn_to_a_possible_one_and_kept_beside_it(bench: Bench, claimed: int) -> None:
    portal = 4_330 + abs(claimed) % 1_000_003
    await bench.deliver(told(portal, occurredAt=claimed))
    await bench.relay()
    (row,) = await bench.events(f"hubspot:{portal}:1")

    assert 0 <= row["occurred_at"].timestamp() <= time.time() + 301
    assert datetime.fromisoformat(row["properties"]["original_occurred_at"]).year in (1, 1969, 2036, 9999)


async def test_w10_the_old_secret_passes_within_the_overlap(bench: Bench) -> None:
    own = Bench(bench.app, bench.client, bench.pool, bench.service, await bench.connect())
    rotation = {"secret": "the-next-secret", "overlap_seconds": 60}
    (await own.client.post(f"/connections/{own.connection['id']}/rotate", json=rotation)).raise_for_status()
    answers = [await own.deliver(told(4_340, eventId=n), s) for n, s in enumerate((SECRET, "the-next-secret"), start=1)]
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize("times", [pytest.param(2, id="W34-twice"), pytest.param(20, id="W34-twenty-times")])
async def test_w34_the_same_at_once_is_one_row(bench: Bench, times: int) -> None:
    body = told(4_350 + times)
    answers = await asyncio.gather(*(bench.deliver(body) for _ in range(times)))
    await bench.relay()

    assert {answer.status_code for answer in answers} == {200}
    assert await bench.pool.fetchval("select count(*) from ingest.delivery where body = $1", body) == 1
    assert len(await bench.events(f"hubspot:{4_350 + times}:1")) == 1


async def test_w35_the_same_id_with_another_body_is_kept_beside_the_first_as_a_conflict(bench: Bench) -> None:
    stripe = await sender(bench, "stripe")
    first = sample("stripe", "invoice.payment_failed.json") | {"livemode": True, "id": "evt_conflict"}
    other = copy.deepcopy(first)
    other["data"]["object"] |= dict.fromkeys(("amount_due", "amount_remaining", "total"), 99_900)
    await stripe.tell(first, other)
    states = [(row["state"], [fault.get("code") for fault in row["faults"]]) for row in await stripe.deliveries()]
    events = await stripe.events() + await stripe.waiting()

    assert states == [("done", []), ("quarantined", ["conflict"])]
    assert len({row["event_id"] for row in events}) == len(events) == 1
    figures = (await bench.client.get("/metrics")).text
    assert 'milepost_event_conflicts_total{source="stripe"}' in figures


async def test_w37_an_event_of_an_unknown_account_waits_for_it_with_its_own_time(bench: Bench) -> None:
    at = NOW_MS - 9 * 86_400_000
    await bench.deliver(batch(change("ticket.creation", 4_360, 5, occurredAt=at)))
    await bench.relay()
    waiting = "select count(*) from ingest.waiting_event where reference = 'hubspot:4360:ticket:5'"
    assert await bench.pool.fetchval(waiting) == 1
    await bench.deliver(batch(linked("ticket", 4_360, 5, 6)))
    await bench.relay()
    (row,) = await bench.events("hubspot:4360:6")

    assert (row["type"], int(row["occurred_at"].timestamp() * 1000)) == ("ticket.opened", at)
    assert await bench.pool.fetchval(waiting) == 0


async def test_w40_above_its_rate_a_connection_answers_429_and_when_to_come_again(bench: Bench) -> None:
    own = Bench(bench.app, bench.client, bench.pool, bench.service, await bench.connect(rate_per_second=2))
    answers = [await own.deliver(told(4_370, eventId=number)) for number in range(1, 6)]
    refused = [answer for answer in answers if answer.status_code == 429]

    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    assert refused
    assert refused[0].json()["type"].endswith("/rate_limited")
    assert int(refused[0].headers["retry-after"]) == 1
    await asyncio.sleep(1)
    assert (await own.deliver(told(4_370, eventId=9))).status_code == 200
    assert (await bench.deliver(told(4_371))).status_code == 200


@contextlib.asynccontextmanager
async def another_house(settings: IngestSettings, **changed: Any) -> AsyncIterator[Bench]:
    """An application of its own, with one connection."""
    own = settings.model_copy(update=changed)
    app: Any = create(own)
    async with lifespan(app):
        service = app._behind._app.state.service
        key = new_key()
        async with service.intake._pool.acquire() as connection:
            await insert_key(connection, "ingest", key, name="tests", scopes=["admin"], days=None)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {key.text}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            made = Bench(app, client, service.intake._pool, service, {})
            made.connection = await made.connect()
            yield made


async def test_w39_while_the_database_is_away_the_answer_is_503_and_when_to_come_again(
    settings: IngestSettings, databases: Databases
) -> None:
    url = await databases.clone()
    name = url.rpartition("/")[2].partition("?")[0]
    # Two databases of one server: nobody may be inside the one that is closed.
    owner = await asyncpg.connect(await databases.empty())
    async with another_house(settings, database_url=url) as house:
        assert (await house.deliver(told(4_380, eventId=1))).status_code == 200
        await owner.execute(f'alter database "{name}" with allow_connections false')
        await owner.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        answer = await house.deliver(told(4_380, eventId=2))
        unsigned = await house.deliver(told(4_380, eventId=2), "wrong")
        await owner.execute(f'alter database "{name}" with allow_connections true')
        back = await house.deliver(told(4_380, eventId=2))
    await owner.close()

    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (503, "temporarily_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert unsigned.status_code == 401
    assert back.status_code == 200


async def test_w41_without_a_queue_everything_is_kept_and_answered(settings: IngestSettings, ingest_pool: Pool) -> None:
    async with another_house(settings, redis_url="redis://127.0.0.1:1/0") as house:
        body = told(4_390)
        assert (await house.deliver(body)).status_code == 200
    assert await ingest_pool.fetchval("select count(*) from ingest.delivery where body = $1", body) == 1


async def test_h1_with_the_public_address_configured_what_was_signed_behind_a_proxy_passes(
    settings: IngestSettings,
) -> None:
    async with another_house(settings, public_url_ingest="https://hooks.example.com/in/") as house:
        assert house.connection["webhook_url"].startswith("https://hooks.example.com/in/webhooks/")
        assert (await house.deliver(told(4_395))).status_code == 200


async def test_h3_one_broken_element_of_a_hundred_is_quarantined_alone(bench: Bench) -> None:
    elements: list[Any] = [change("company.creation", 4_400, number) for number in range(1, 101)]
    elements[40] = {"eventId": 5}
    body = batch(*elements)
    answer = await bench.deliver(body)
    await bench.relay()
    row = await bench.pool.fetchrow("select relayed, quarantined, faults from ingest.delivery where body = $1", body)

    assert answer.status_code == 200
    assert row is not None
    assert (row["relayed"], row["quarantined"]) == (99, 1)
    assert [fault["position"] for fault in row["faults"]] == [40]


async def test_h5_the_same_event_id_of_another_object_is_another_fact(bench: Bench) -> None:
    for number in (1, 2):
        assert (await bench.deliver(batch(change("company.creation", 4_410, number, eventId=77)))).status_code == 200
    await bench.relay()
    assert [len(await bench.events(f"hubspot:4410:{number}")) for number in (1, 2)] == [1, 1]


async def test_h6_a_change_of_a_merged_company_belongs_to_its_survivor(bench: Bench) -> None:
    await bench.deliver(batch(change("company.creation", 4_420, 5), change("company.creation", 4_420, 6)))
    merge = change("company.merge", 4_420, 5, primaryObjectId=5, mergedObjectIds=[6], newObjectId=None)
    await bench.deliver(batch(merge))
    await bench.relay()
    await bench.deliver(batch(prop("company", 4_420, 6, "seats", "12")))
    await bench.relay()

    assert await _account(bench, 6) == await _account(bench, 5)
    assert {"seats": 12} in [row["properties"] for row in await bench.events("hubspot:4420:5")]


async def _account(bench: Bench, number: int) -> UUID | None:
    found: UUID | None = await bench.pool.fetchval(
        "select account_id from ingest.reference where reference = $1", f"hubspot:4420:{number}"
    )
    return found
