"""Claims about relaying: every fact once, on the right account, and one bad delivery alone."""

import asyncio
import itertools
import json
import secrets
import time
from typing import Any

import pytest

from milepost_runtime import failpoints
from milepost_runtime.lanes import claim, claim_suspects, drain

from .conftest import Bench, batch, change, linked, prop

_portals = itertools.count(1_000)


async def types_of(bench: Bench, reference: str) -> list[str]:
    return [row["type"] for row in await bench.events(reference)]


async def test_a_tickets_events_wait_for_the_association_and_keep_their_times(bench: Bench) -> None:
    early = int(time.time() * 1000) - 86_400_000
    await bench.deliver(
        batch(change("ticket.creation", 61, 7, occurredAt=early), prop("ticket", 61, 7, "hs_ticket_priority", "HIGH"))
    )
    await bench.relay()
    unmapped = (await bench.client.get("/accounts/unmapped")).json()["data"]
    await bench.deliver(batch(linked("ticket", 61, 7, 900)))
    await bench.relay()
    rows = await bench.events("hubspot:61:900")

    assert ("hubspot:61:ticket:7", 2) in {(one["reference"], one["events"]) for one in unmapped}
    assert [row["type"] for row in rows] == ["ticket.opened", "ticket.escalated"]
    assert int(rows[0]["occurred_at"].timestamp() * 1000) == early
    assert (
        await bench.pool.fetchval("select count(*) from ingest.waiting_event where reference like 'hubspot:61:%'") == 0
    )


async def test_an_association_in_the_same_batch_counts_wherever_it_stands(bench: Bench) -> None:
    await bench.deliver(
        batch(change("ticket.creation", 62, 7), linked("ticket", 62, 7, 1), change("company.creation", 62, 1))
    )
    await bench.relay()
    assert sorted(await types_of(bench, "hubspot:62:1")) == ["account.updated", "ticket.opened"]


async def test_readers_are_told_once_where_a_name_leads(bench: Bench) -> None:
    await bench.deliver(batch(change("company.creation", 63, 1), prop("company", 63, 1, "domain", "told.example")))
    await bench.deliver(batch(prop("company", 63, 1, "name", "Told")))
    await bench.relay()
    told = await bench.pool.fetch(
        "select e.value_text, e.id, r.account_id = e.account_id as right from ingest.event e"
        " join ingest.reference r on r.reference = e.value_text"
        " where e.type = 'account.linked' and e.value_text = any($1) order by e.id",
        ["hubspot:63:1", "domain:told.example"],
    )
    first_other = await bench.pool.fetchval("select min(id) from ingest.event where properties ->> 'name' = 'Told'")

    assert sorted(row["value_text"] for row in told) == ["domain:told.example", "hubspot:63:1"]
    assert all(row["right"] and row["id"] < first_other for row in told)


async def test_one_broken_element_is_quarantined_alone(bench: Bench) -> None:
    broken = prop("company", 64, 50, "seats", "many")
    elements = [change("company.creation", 64, number) for number in range(99)]
    await bench.deliver(batch(*elements[:50], broken, *elements[50:]))
    await bench.relay()
    listed = (await bench.client.get("/deliveries?state=quarantined&limit=1")).json()["data"][0]
    relayed = await bench.pool.fetchval(
        "select count(*) from ingest.event where delivery_id = $1::text::uuid and type = 'account.updated'",
        listed["id"],
    )

    assert (listed["elements"], listed["relayed"], listed["quarantined"]) == (100, 99, 1)
    assert listed["faults"] == [{"position": 50, "reason": "the value is no number"}]
    assert relayed == 99


@pytest.mark.parametrize(("body", "state"), [(b"[]", "ignored"), (b"{}", "quarantined"), (b"null", "quarantined")])
async def test_strange_but_authentic_bodies_are_kept(bench: Bench, body: bytes, state: str) -> None:
    assert (await bench.deliver(body)).status_code == 200
    await bench.relay()
    row = await bench.pool.fetchrow("select state from ingest.delivery where body = $1", body)
    assert row["state"] == state


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_moves_of_a_ticket_mean_the_same_in_whatever_order_they_arrive(
    bench: Bench, order: tuple[int, ...]
) -> None:
    portal = next(_portals)
    start = int(time.time() * 1000) - 10_000_000
    stages = ["2", "4", "3"]
    await bench.deliver(batch(linked("ticket", portal, 7, 1)))
    for place in order:
        at = start + 1_000 * place
        await bench.deliver(batch(prop("ticket", portal, 7, "hs_pipeline_stage", stages[place], occurredAt=at)))
        await bench.relay()
    rows = sorted(await bench.events(f"hubspot:{portal}:1"), key=lambda row: row["occurred_at"])

    assert [(row["type"], row["properties"]) for row in rows] == [
        ("ticket.updated", {"stage": "2", "open": True}),
        ("ticket.resolved", {"stage": "4"}),
        ("ticket.updated", {"stage": "3", "open": True}),
    ]


async def test_a_name_that_no_index_could_hold_is_quarantined_and_its_neighbours_are_not(bench: Bench) -> None:
    name = secrets.token_hex(30_000)
    kind = linked("ticket", 81, 7, 1, associationType=f"{name}_TO_COMPANY")
    elements = (prop("company", 81, 1, name, "x"), kind, prop("company", 81, 1, "city", "Oslo"))
    await bench.deliver(batch(*elements))
    await bench.relay()
    (row,) = await bench.events("hubspot:81:1")
    settled = await bench.pool.fetchrow("select * from ingest.delivery where id = $1", row["delivery_id"])

    assert row["properties"] == {"city": "Oslo"}
    assert (settled["state"], settled["relayed"], settled["quarantined"]) == ("quarantined", 1, 2)
    assert [fault["position"] for fault in settled["faults"]] == [0, 1]


async def test_a_replay_adds_nothing_that_is_known_and_follows_todays_mapping(bench: Bench) -> None:
    made = await bench.connect()
    own = Bench(bench.app, bench.client, bench.pool, bench.service, made)
    await own.deliver(
        batch(
            change("company.creation", 67, 1), prop("deal", 67, 9, "dealstage", "closedlost"), linked("deal", 67, 9, 1)
        )
    )
    await bench.relay()
    delivery = (await bench.client.get(f"/deliveries?connection={made['id']}")).json()["data"][0]
    before = await bench.counts()
    await bench.client.post(f"/deliveries/{delivery['id']}/replay")
    await bench.relay()
    unchanged = await bench.counts()
    rules = {"deal.dealstage": {"when": {"closedlost": {"type": "churned"}}}}
    await bench.client.put(f"/connections/{made['id']}/mapping", json={"rules": rules})
    await bench.client.post(f"/deliveries/{delivery['id']}/replay")
    await bench.relay()

    assert unchanged == before
    assert await types_of(bench, "hubspot:67:1") == ["account.updated", "churned"]


async def test_a_delivery_that_takes_workers_down_three_times_is_buried_and_its_neighbours_are_not(
    bench: Bench,
) -> None:
    await bench.deliver(batch(change("company.creation", 68, 1)))
    lane = bench.service.relaying.lane
    for _ in range(4):
        # A worker that dies leaves its lease to run out.
        async with bench.pool.acquire() as connection:
            taken = await claim(connection, lane, 1) or await claim_suspects(connection, lane)
            assert len(taken) == 1
            await connection.execute(
                "update ingest.delivery set lease_until = clock_timestamp() where id = $1", taken[0].key
            )
    await bench.deliver(batch(change("company.creation", 68, 2)))
    await bench.relay()
    await bench.relay()
    row = await bench.pool.fetchrow(
        "select state, faults, quarantined from ingest.delivery where id = $1", taken[0].key
    )

    assert (row["state"], row["quarantined"]) == ("quarantined", 1)
    assert "brought a worker down" in row["faults"][0]["reason"]
    assert await types_of(bench, "hubspot:68:1") == []
    assert await types_of(bench, "hubspot:68:2") == ["account.updated"]
    await bench.client.post(f"/deliveries/{taken[0].key}/replay")
    await bench.relay()
    assert await types_of(bench, "hubspot:68:1") == ["account.updated"]


async def test_what_fails_before_the_commit_leaves_nothing_and_is_done_again(bench: Bench) -> None:
    await bench.deliver(batch(change("company.creation", 69, 1)))
    before = await bench.counts()
    failpoints.arm("relay.before_commit=raise")
    try:
        await bench.relay()
        assert await bench.counts() == before
    finally:
        failpoints.arm("")
    await bench.pool.execute("update ingest.delivery set next_at = clock_timestamp() where state = 'new'")
    await bench.relay()
    assert await types_of(bench, "hubspot:69:1") == ["account.updated"]


async def test_four_workers_at_once_relay_every_fact_once(bench: Bench) -> None:
    elements: list[dict[str, Any]] = [change("company.creation", 70, number % 20) for number in range(200)]
    for start in range(0, 200, 10):
        await bench.deliver(batch(*elements[start : start + 10]))
        await bench.deliver(batch(*(one | {"attemptNumber": 1} for one in elements[start : start + 10])))
    await asyncio.gather(*(drain(bench.pool, bench.service.relaying.lane) for _ in range(4)))
    events = await bench.pool.fetchval(
        "select count(*) from ingest.event join ingest.reference using (account_id)"
        " where reference.reference like 'hubspot:70:%' and type = 'account.updated'"
    )
    accounts = await bench.pool.fetchval(
        "select count(distinct account_id) from ingest.reference where reference like 'hubspot:70:%'"
    )
    assert (events, accounts) == (200, 20)


async def test_a_looked_at_delivery_hides_what_people_wrote(bench: Bench) -> None:
    await bench.deliver(batch(prop("company", 72, 1, "note", "call Ms Person")), headers={"cookie": "session=1"})
    await bench.relay()
    delivery = (await bench.client.get("/deliveries")).json()["data"][0]
    detail = (await bench.client.get(f"/deliveries/{delivery['id']}")).json()

    assert detail["body"][0]["propertyName"] == "note"
    assert "Person" not in json.dumps(detail)
    assert set(detail["headers"]) == {"content-type", "user-agent"}
