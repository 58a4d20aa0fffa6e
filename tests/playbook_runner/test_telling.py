"""Claims about telling: what people did and what reached a customer comes in through the real front door, once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from support.front_door import admin_key
from support.lifespan import lifespan
from support.outreach import Outreach

from ingest_webhooks.app import create
from ingest_webhooks.settings import IngestSettings
from milepost_runtime.lanes import drain
from playbook_runner.clients.ingest import IngestClient
from playbook_runner.people.telling import Happened, Telling, tell

__all__ = ["admin_key"]
MAIL = {
    "id": "write", "kind": "email", "to": "attribute:champion_email", "subject": "Hello", "text": "Hello.",
    "transactional": True,
}  # fmt: skip


@pytest.fixture(scope="module")
async def front_door(database_url: str, redis_url: str, admin_key: str) -> AsyncIterator[httpx.ASGITransport]:
    """The real front door, over real stores."""
    app: Any = create(IngestSettings(environment="test", database_url=database_url, redis_url=redis_url))
    async with lifespan(app):
        yield httpx.ASGITransport(app=app, raise_app_exceptions=False)


@pytest.fixture
async def telling(outreach: Outreach, front_door: httpx.ASGITransport, admin_key: str) -> AsyncIterator[Telling]:
    async with httpx.AsyncClient(transport=front_door) as client:
        yield replace(outreach.runner.telling, ingest=IngestClient(client, "http://ingest", admin_key))


async def keep(outreach: Outreach, *happened: Happened) -> None:
    async with outreach.pool.acquire() as connection, connection.transaction():
        await tell(connection, happened)


def task_done(**parts: Any) -> Happened:
    values: dict[str, Any] = {
        "id": f"task.completed:{uuid4()}", "type": "task.completed", "account_id": uuid4(), "at": datetime.now(UTC),
        "actor": "Dana", "properties": {"outcome": "helped"},
    } | parts  # fmt: skip
    return Happened(**values)


async def known(outreach: Outreach) -> list[tuple[bool, str]]:
    rows = await outreach.pool.fetch("select told_at is not null as told, error from told order by created_at, id")
    return [(row["told"], row["error"]) for row in rows]


async def test_what_happened_comes_in_through_the_front_door(outreach: Outreach, telling: Telling) -> None:
    await keep(outreach, task_done(), task_done())

    assert await drain(outreach.pool, telling.lane) == 2

    assert await known(outreach) == [(True, ""), (True, "")]
    assert await outreach.pool.fetchval("select count(*) from told where next_at is not null") == 0


async def test_told_twice_it_counts_once(outreach: Outreach, telling: Telling) -> None:
    one = task_done()
    await keep(outreach, one, one)
    await keep(outreach, one)
    assert await outreach.pool.fetchval("select count(*) from told") == 1
    await drain(outreach.pool, telling.lane)
    await outreach.pool.execute("update told set told_at = null, next_at = clock_timestamp()")

    await drain(outreach.pool, telling.lane)

    event = await outreach.pool.fetchval("select event from told")
    answer = await telling.ingest.http.post(
        "http://ingest/events", json=event, headers={"Authorization": f"Bearer {telling.ingest.key}"}
    )
    assert (answer.status_code, answer.json()) == (202, {"accepted": 0, "duplicates": 1, "conflicts": 0})


async def test_what_the_front_door_will_never_take_holds_up_nothing_else(outreach: Outreach, telling: Telling) -> None:
    bad = task_done(type="pulse.given")
    await keep(outreach, task_done(), bad, task_done())

    await drain(outreach.pool, telling.lane)

    (error,) = [error for told, error in await known(outreach) if not told]
    assert "Milepost alone" in error
    assert [told for told, _ in await known(outreach)].count(True) == 2


async def test_while_the_front_door_is_away_everything_is_kept_and_comes_later(
    outreach: Outreach, telling: Telling
) -> None:
    await keep(outreach, task_done())
    async with httpx.AsyncClient(timeout=0.5) as nobody:
        away = replace(telling, ingest=IngestClient(nobody, "http://127.0.0.1:9", "mp_x"))
        await drain(outreach.pool, away.lane)
    ((told, error),) = await known(outreach)
    assert (told, "did not answer" in error) == (False, True)

    await outreach.later("told")
    await drain(outreach.pool, telling.lane)

    assert await known(outreach) == [(True, "")]


async def test_when_the_front_door_is_back_everything_that_waited_comes_at_once(
    outreach: Outreach, telling: Telling
) -> None:
    async with httpx.AsyncClient(timeout=0.5) as nobody:
        away = replace(telling, ingest=IngestClient(nobody, "http://127.0.0.1:9", "mp_x"))
        await keep(outreach, task_done())
        for _ in range(8):
            await outreach.pool.execute("update told set next_at = clock_timestamp()")
            await drain(outreach.pool, away.lane)
        await keep(outreach, task_done())
        await outreach.pool.execute("update told set next_at = clock_timestamp()")
        await drain(outreach.pool, away.lane)
    waits = await outreach.pool.fetch(
        "select attempts, extract(epoch from next_at - clock_timestamp())::float8 as s from told order by created_at"
    )
    assert [row["attempts"] for row in waits] == [9, 1]
    assert 5 < waits[0]["s"] <= 30
    assert waits[1]["s"] < 2

    await keep(outreach, task_done())
    await drain(outreach.pool, telling.lane)
    await drain(outreach.pool, telling.lane)

    assert [told for told, _ in await known(outreach)] == [True, True, True]


async def test_a_key_that_the_front_door_does_not_know_loses_nothing(outreach: Outreach, telling: Telling) -> None:
    await keep(outreach, task_done())
    stranger = replace(telling, ingest=replace(telling.ingest, key="mp_000000000000_wrong"))

    await drain(outreach.pool, stranger.lane)

    ((told, error),) = await known(outreach)
    assert (told, error) == (False, "the front door answered 401")


async def written_to(outreach: Outreach, step: dict[str, Any]) -> UUID:
    document = {
        "format": "playbook/1", "id": "write", "version": 1, "name": "Write", "purpose": "Writes.",
        "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"}, "steps": [step],
    }  # fmt: skip
    await outreach.pool.execute("truncate playbook")
    await outreach.runner.keeping.stock([document])
    account = await outreach.drop()
    outreach.scoring.attributes[account] = {"champion_email": "lee@customer.example"}
    await outreach.all_lanes()
    assert len(outreach.mail.mails) == 1
    return account


async def test_a_mail_to_a_customer_is_told_with_its_playbook_and_without_its_address(
    outreach: Outreach, telling: Telling
) -> None:
    account = await written_to(outreach, MAIL)

    event = (await outreach.one("told", account))["event"]
    assert (event["type"], event["properties"]["playbook"], event["properties"]["step"]) == (
        "message.sent", "write", "write",
    )  # fmt: skip
    assert "lee@customer.example" not in str(event)
    await drain(outreach.pool, telling.lane)
    assert await known(outreach) == [(True, "")]


async def test_a_mail_to_one_of_us_is_nothing_that_a_customer_heard(outreach: Outreach) -> None:
    await written_to(outreach, MAIL | {"to": "owner"})

    assert await known(outreach) == []
