"""Claims about the real analytics library for Python, unmodified: with another host its calls end on the account."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from segment.analytics import Client
from support.listening import listening

from .conftest import Bench


@pytest.fixture(scope="module")
async def host(bench: Bench) -> AsyncIterator[str]:
    """The web application on a real socket."""
    async with listening(bench.app) as address:
        yield address


async def used(client: Client) -> list[Any]:
    """Let the library send what it holds and stop; its own threads wait, so ours must not."""
    await asyncio.to_thread(client.flush)
    await asyncio.to_thread(client.join)
    return []


@pytest.mark.parametrize("packed", [False, True])
async def test_identify_group_and_track_end_on_the_account(bench: Bench, host: str, packed: bool) -> None:
    made = await bench.connect(source="segment", secret=None)
    failed: list[Any] = []
    client = Client(made["secret"], host=host, gzip=packed, on_error=lambda *said: failed.append(said), max_retries=1)
    company, user = f"company-of-library-{packed}", f"user-of-library-{packed}"
    earlier = datetime.now(UTC) - timedelta(days=3)
    client.identify(user, {"email": "dana@gmail.com", "name": "Dana"})
    client.group(user, company, {"name": "Acme", "plan": "pro", "employees": 12})
    client.track(user, "Report Opened", {"rows": 7})
    client.track(user, "Import Finished", timestamp=earlier)
    client.track(user, "Report Opened", message_id=f"the-same-{packed}")
    client.track(user, "Report Opened", message_id=f"the-same-{packed}")
    client.page(user, "Docs", "Start")
    client.alias(f"earlier-{user}", user)
    client.screen(user, "Home")
    await used(client)
    await bench.relay()

    assert failed == []
    events = await bench.events(f"external:{company}")
    features = [row for row in events if row["type"] == "feature.used"]
    assert sorted(row["item"] for row in features) == ["Import Finished", "Report Opened", "Report Opened"]
    assert {row["actor"] for row in features} == {f"segment:main:user:{user}"}
    (old,) = [row for row in features if row["item"] == "Import Finished"]
    assert abs(old["occurred_at"] - earlier) < timedelta(seconds=10)
    (attributes,) = [row["properties"] for row in events if row["type"] == "account.updated"]
    assert attributes == {"name": "Acme", "plan": "pro", "employees": 12}
    states = await bench.pool.fetch(
        "select state, quarantined from ingest.delivery where connection_id = $1", made["id"]
    )
    assert {(row["state"], row["quarantined"]) for row in states} == {("done", 0)}


async def test_the_library_is_told_when_its_write_key_is_wrong(bench: Bench, host: str) -> None:
    failed: list[Any] = []
    client = Client("no live key", host=host, on_error=lambda error, batch: failed.append((error.status, len(batch))))
    client.track("u", "Report Opened")
    await used(client)
    assert failed == [(401, 1)]


async def test_five_hundred_calls_in_a_row_are_five_hundred_events(bench: Bench, host: str) -> None:
    made = await bench.connect(source="segment", secret=None)
    client = Client(made["secret"], host=host)
    for number in range(500):
        client.track(f"user-{number % 20}", f"Feature {number % 7}", context={"groupId": "five-hundred"})
    await used(client)
    await bench.relay()

    events = await bench.events("external:five-hundred")
    assert len(events) == 500
    assert (len({row["actor"] for row in events}), len({row["item"] for row in events})) == (20, 7)
