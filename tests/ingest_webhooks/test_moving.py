"""Claims about events whose names lead elsewhere: they wait, join and move, each with its own time and each once."""

import itertools
import time
from datetime import UTC, datetime
from typing import Any

from .conftest import Bench, batch, change, linked

_portals = itertools.count(7_000)
HOUR = 3_600_000


def ago(hours: float) -> dict[str, int]:
    return {"occurredAt": int(time.time() * 1000 - hours * HOUR)}


async def send(bench: Bench, *elements: Any) -> None:
    (await bench.deliver(batch(*elements))).raise_for_status()
    await bench.relay()


async def post(bench: Bench, *events: dict[str, Any]) -> None:
    (await bench.client.post("/events", json=list(events))).raise_for_status()
    await bench.relay()


async def counting(bench: Bench, portal: int, company: int) -> list[Any]:
    """Return what counts at a company by now: no row that was taken back or only keeps books."""
    return list(
        await bench.pool.fetch(
            "select e.* from ingest.event e join ingest.reference r using (account_id) where r.reference = $1"
            " and e.source <> 'milepost' and not exists (select from ingest.event c where c.supersedes = e.event_id)"
            " order by e.occurred_at",
            f"hubspot:{portal}:{company}",
        )
    )


async def kinds(bench: Bench, portal: int, company: int) -> list[str]:
    return [row["type"] for row in await counting(bench, portal, company) if row["type"] != "account.updated"]


async def test_a_ticket_that_moves_to_another_company_leaves_nothing_open_at_the_first(bench: Bench) -> None:
    portal = next(_portals)
    await send(bench, change("ticket.creation", portal, 5, **ago(9)), linked("ticket", portal, 5, 1, **ago(8)))
    assert await kinds(bench, portal, 1) == ["ticket.opened"]
    await send(bench, linked("ticket", portal, 5, 1, associationRemoved=True, **ago(4)))
    assert await kinds(bench, portal, 1) == []
    await send(bench, linked("ticket", portal, 5, 2, **ago(3)))
    await send(bench, change("ticket.deletion", portal, 5, **ago(2)))
    opened, resolved = await counting(bench, portal, 2)

    assert await kinds(bench, portal, 1) == []
    assert (opened["type"], resolved["type"]) == ("ticket.opened", "ticket.resolved")
    assert abs((datetime.now(UTC) - opened["occurred_at"]).total_seconds() / 3600 - 9) < 0.1
    assert (await bench.client.get("/books")).json()["balanced"]


async def test_a_moved_ticket_is_told_once_however_often_its_deliveries_are_told(bench: Bench) -> None:
    portal = next(_portals)
    await send(bench, change("ticket.creation", portal, 5, **ago(9)), linked("ticket", portal, 5, 1, **ago(8)))
    await send(bench, linked("ticket", portal, 5, 2, **ago(3)))
    before = await bench.counts()
    rows = await bench.pool.fetch("select id from ingest.delivery where connection_id is not null")
    for row in rows:
        (await bench.client.post(f"/deliveries/{row['id']}/replay")).raise_for_status()
    await bench.relay()

    assert await kinds(bench, portal, 1) == []
    assert await kinds(bench, portal, 2) == ["ticket.opened"]
    assert await bench.counts() == before


async def test_a_contact_who_changes_companies_leaves_what_happened_and_takes_what_comes(bench: Bench) -> None:
    portal = next(_portals)
    contact = f"hubspot:{portal}:contact:7"
    await send(bench, linked("contact", portal, 7, 1, **ago(9)))
    session = {"type": "session.started", "account": contact, "actor": contact}
    moment = (datetime.now(UTC)).isoformat()
    early = datetime.fromtimestamp(time.time() - 5 * 3600, UTC).isoformat()
    await post(bench, session | {"id": f"a{portal}", "occurred_at": early})
    await send(bench, linked("contact", portal, 7, 2, **ago(1)))
    await post(bench, session | {"id": f"b{portal}", "occurred_at": moment})

    assert await kinds(bench, portal, 1) == ["session.started"]
    assert await kinds(bench, portal, 2) == ["session.started"]


async def test_a_word_that_comes_late_moves_only_what_happened_after_it(bench: Bench) -> None:
    portal = next(_portals)
    contact = f"hubspot:{portal}:contact:7"
    await send(bench, linked("contact", portal, 7, 1, **ago(9)))
    for hours in (8, 5, 2):
        at = datetime.fromtimestamp(time.time() - hours * 3600, UTC).isoformat()
        event = {"id": f"{portal}-{hours}", "type": "session.started", "account": contact, "occurred_at": at}
        await post(bench, event)
    await send(bench, linked("contact", portal, 7, 2, **ago(6)))

    assert len(await kinds(bench, portal, 1)) == 1
    assert len(await kinds(bench, portal, 2)) == 2


async def test_an_event_that_waits_joins_the_best_of_its_names_that_becomes_known(bench: Bench) -> None:
    portal = next(_portals)
    ticket = f"hubspot:{portal}:ticket:5"
    opened = {"id": f"w{portal}", "type": "ticket.opened", "account": f"domain:p{portal}.com", "item": ticket}
    at = datetime.fromtimestamp(time.time() - 7200, UTC)
    await post(bench, opened | {"occurred_at": at.isoformat()})
    assert await bench.pool.fetchval("select count(*) from ingest.waiting_event where item = $1", ticket) == 1
    await send(bench, linked("ticket", portal, 5, 1, **ago(1)))
    (row,) = [row for row in await counting(bench, portal, 1) if row["type"] == "ticket.opened"]

    assert row["occurred_at"] == at
    assert await bench.pool.fetchval("select count(*) from ingest.waiting_event where item = $1", ticket) == 0
