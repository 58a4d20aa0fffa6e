"""Claims about the inbox: any delivery is found by what is known of it, page by page."""

from datetime import UTC, datetime, timedelta
from typing import Any

from .conftest import Bench, batch, change, prop


async def ids(bench: Bench, query: str) -> list[str]:
    answer = await bench.client.get(f"/deliveries?{query}")
    return [one["id"] for one in answer.raise_for_status().json()["data"]]


async def delivered(bench: Bench, body: bytes, correlation_id: str) -> str:
    """Deliver a body under a request id, and return the delivery's id."""
    await bench.deliver(body, headers={"x-request-id": correlation_id})
    found = await bench.pool.fetchval("select id from ingest.delivery where correlation_id = $1", correlation_id)
    return str(found)


async def test_each_filter_finds_the_delivery_and_excludes_others(bench: Bench) -> None:
    own = Bench(bench.app, bench.client, bench.pool, bench.service, await bench.connect())
    one = await delivered(own, batch(prop("company", 501, 1, "seats", "many")), "inbox-one")
    other = await delivered(bench, batch(change("company.creation", 502, 1)), "inbox-other")
    await bench.relay()
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    begin, end = ((now + shift).strftime("%Y-%m-%dT%H:%M:%SZ") for shift in (-hour, hour))
    finds = [
        f"connection={own.connection['id']}",
        "state=quarantined",
        "correlation_id=inbox-one",
        "fault=IS%20NO%20number",
        f"source=hubspot&from={begin}&to={end}",
    ]
    excludes = ["state=ignored", "source=plain", "correlation_id=inbox", "fault=%25", f"to={begin}", f"from={end}"]

    assert [one in await ids(bench, query) for query in finds] == [True] * len(finds)
    assert [one in await ids(bench, query) for query in excludes] == [False] * len(excludes)
    assert [other in await ids(bench, query) for query in finds[:4]] == [False] * 4


async def test_pages_hold_everything_once_and_end(bench: Bench) -> None:
    for number in range(7):
        await bench.deliver(batch(change("company.creation", 503, number)))
    await bench.relay()
    seen: list[str] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        wanted: dict[str, Any] = {"limit": 3, "source": "hubspot"} | ({"cursor": cursor} if cursor else {})
        page = (await bench.client.get("/deliveries", params=wanted)).raise_for_status().json()
        seen += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        pages += 1
    stored = await bench.pool.fetch("select id from ingest.delivery where source = 'hubspot' order by id desc")

    assert seen == [str(row["id"]) for row in stored]
    assert pages == -(-len(stored) // 3)
