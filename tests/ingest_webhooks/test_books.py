"""Claims about the books: they balance whatever was delivered, at every moment, and notice what was lost."""

import asyncio
import itertools
from typing import Any

from support import salesforce

from milepost_runtime.lanes import drain

from .conftest import Bench, batch, change, linked, prop


async def test_the_books_balance_whatever_was_delivered(bench: Bench) -> None:
    bodies = [
        b"[]",
        b"7",
        batch(change("ticket.creation", 71, 1), change("deal.creation", 71, 2), {"broken": True}),
        batch(linked("contact", 71, 3, 4), change("company.creation", 71, 4), change("company.creation", 71, 4)),
    ]
    for body in bodies:
        await bench.deliver(body)
    await bench.client.post(
        "/events", json={"id": "b", "type": "x.y", "account": "domain:b.example", "occurred_at": "2026-01-01T00:00:00Z"}
    )
    unread = (await bench.client.get("/books")).json()
    await bench.relay()
    books = (await bench.client.get("/books")).json()
    hubspot = {one["source"]: one for one in books["sources"]}["hubspot"]

    assert unread["balanced"]
    assert books["balanced"]
    assert hubspot["waiting"] == 0
    assert hubspot["events"]["waiting"] == await bench.pool.fetchval(
        "select count(*) from ingest.waiting_event where source = 'hubspot'"
    )
    stored = await bench.pool.fetchval(
        "select count(*) from ingest.event"
        " where source = 'hubspot' and type not in ('account.linked', 'account.merged')"
    )
    links = await bench.pool.fetchval("select sum(linked + duplicates) from ingest.delivery where source = 'hubspot'")
    assert hubspot["events"]["done"] == stored + links


async def test_the_books_notice_an_event_that_is_a_row_nowhere(bench: Bench) -> None:
    await bench.deliver(batch(change("company.creation", 82, 1), change("ticket.creation", 82, 7)))
    await bench.relay()
    whole = (await bench.client.get("/books")).json()
    taken = await bench.pool.fetchrow(
        "delete from ingest.waiting_event where reference = 'hubspot:82:ticket:7' returning *"
    )
    await bench.pool.execute(
        "delete from ingest.event where delivery_id = $1 and type = 'account.updated'", taken["delivery_id"]
    )
    short = (await bench.client.get("/books")).json()
    # So that the books of the claims after this one are whole again.
    await bench.pool.execute("update ingest.delivery set relayed = 0, ignored = 2 where id = $1", taken["delivery_id"])

    assert (whole["balanced"], next(one["events"]["missing"] for one in whole["sources"])) == (True, 0)
    assert short["balanced"] is False
    assert {one["source"]: one["events"]["missing"] for one in short["sources"]}["hubspot"] == 2


async def test_the_books_notice_a_delivery_that_was_accepted_and_is_gone(bench: Bench) -> None:
    await bench.deliver(batch(change("company.creation", 83, 1), change("company.creation", 83, 2)))
    await bench.relay()
    whole = await _hubspot(bench)
    newest = await bench.pool.fetchval("select id from ingest.delivery order by id desc limit 1")
    row = await bench.pool.fetchrow("delete from ingest.delivery where id = $1 returning *", newest)
    short = await _hubspot(bench)
    # So that the books of the claims after this one are whole again.
    names = ", ".join(row.keys())
    marks = ", ".join(f"${place}" for place in range(1, len(row) + 1))
    await bench.pool.execute(f"insert into ingest.delivery ({names}) values ({marks})", *row.values())

    assert (whole["balanced"], whole["missing"]) == (True, 0)
    assert (short["balanced"], short["missing"], short["events"]["balanced"]) == (False, 1, False)
    assert short["accepted"] == whole["accepted"]
    assert (await _hubspot(bench))["balanced"]


async def test_the_books_balance_at_every_moment_of_a_busy_time(bench: Bench) -> None:
    over = asyncio.Event()
    numbers = itertools.count()

    async def load() -> None:
        while not over.is_set():
            portal = 8_400 + next(numbers) % 40
            elements = [change("company.creation", portal, 1), change("ticket.creation", portal, 2), {"broken": True}]
            await bench.deliver(batch(*elements[: 1 + portal % 3]))
            event = {"id": str(next(numbers)), "type": "x.y", "account": f"external:{portal}"}
            await bench.client.post("/events", json=event | {"occurred_at": "2026-01-01T00:00:00Z"})

    async def work() -> None:
        while not over.is_set():
            await bench.relay()
            await asyncio.sleep(0)

    busy = [asyncio.create_task(one) for one in (load(), load(), load(), work(), work())]
    asked: list[dict[str, Any]] = []
    for _ in range(200):
        asked.append((await bench.client.get("/books")).raise_for_status().json())
    over.set()
    await asyncio.gather(*busy)
    unbalanced = [one for one in asked if not one["balanced"]]
    totals = [sum(source["accepted"] for source in one["sources"]) for one in asked]

    assert unbalanced == []
    assert totals == sorted(totals)
    assert totals[-1] > totals[0]
    assert any(source["waiting"] for one in asked for source in one["sources"])


async def _hubspot(bench: Bench) -> dict[str, Any]:
    books = (await bench.client.get("/books")).json()
    (found,) = (one for one in books["sources"] if one["source"] == "hubspot")
    return dict(found)


async def delivered(bench: Bench, connection: dict[str, Any]) -> list[dict[str, Any]]:
    """Relay, and return the deliveries of a connection, the oldest first."""
    await bench.relay()
    found = await bench.client.get(f"/deliveries?connection={connection['id']}")
    return list(reversed(found.raise_for_status().json()["data"]))


def counts(delivery: dict[str, Any]) -> dict[str, int]:
    names = ("elements", "relayed", "linked", "duplicates", "ignored", "quarantined")
    return {name: delivery[name] for name in names if delivery[name]}


async def test_an_element_of_which_several_facts_contradict_what_was_told_is_quarantined_once(bench: Bench) -> None:
    made = await bench.connect(source="salesforce", secret=None, settings={"organization_id": salesforce.ORG})
    path = made["secret_webhook_url"].removeprefix("http://test")

    def changed(plan: str, seats: int, number: int = 1) -> dict[str, Any]:
        header = {"sequenceNumber": number}
        return salesforce.change("Account", salesforce.ACME, header=header, Plan__c=plan, Seats__c=seats)

    other, again, third = changed("free", 3), changed("growth", 8, 2), changed("growth", 9, 3)
    for body in (changed("growth", 7), [other, again, third], [third, other, other]):
        (await bench.client.post(path, json=body)).raise_for_status()
        found = await delivered(bench, made)

    assert [counts(one) for one in found] == [
        {"elements": 1, "relayed": 1},
        {"elements": 3, "relayed": 2, "quarantined": 1},
        {"elements": 3, "duplicates": 1, "quarantined": 2},
    ]
    assert [{fault["position"] for fault in one["faults"]} for one in found] == [set(), {0}, {1, 2}]
    assert (await bench.client.get("/books")).json()["balanced"] is True


async def test_an_element_that_would_tell_several_events_of_the_forgotten_is_ignored_once(bench: Bench) -> None:
    own = Bench(bench.app, bench.client, bench.pool, bench.service, await bench.connect())
    event = {"type": "seat.added", "actor": "a.person@books.example"}
    rules = {"company.seats": event | {"also": [event | {"type": "seat.counted"}]}}
    (await own.client.put(f"/connections/{own.connection['id']}/mapping", json={"rules": rules})).raise_for_status()
    (await own.client.post("/erasures", json={"person": "a.person@books.example"})).raise_for_status()
    await drain(own.pool, own.service.erasing.lane)
    await own.deliver(batch(prop("company", 87, 1, "seats", "7"), prop("company", 87, 1, "domain", "books.example")))
    (found,) = await delivered(own, own.connection)

    assert counts(found) == {"elements": 2, "relayed": 1, "ignored": 1}
    assert (await own.client.get("/books")).json()["balanced"] is True
