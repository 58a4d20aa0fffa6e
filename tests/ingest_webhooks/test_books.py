"""Claims about the books: they balance whatever was delivered, and notice what was lost."""

from .conftest import Bench, batch, change, linked


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
