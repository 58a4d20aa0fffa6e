"""Claims about losing the queue: everything still happens, at most two seconds later."""

import time
from pathlib import Path
from urllib.parse import quote

import pytest
import redis.asyncio
from support import house as houses
from support.house import House, until
from support.hubspot import PORTAL, Connection, drifting_company, send

from milepost_devstack.stores import EmbeddedValkey

pytestmark = pytest.mark.chaos


async def seconds_to_score(house: House, crm: Connection, number: int) -> float:
    path = f"/accounts/{quote(f'hubspot:{PORTAL}:{number}', safe='')}/health"
    assert (await send(house.client, crm, drifting_company(number))).status_code == 200
    started = time.monotonic()

    async def red() -> bool:
        answer = await house.get("scoring_api", path)
        return answer.status_code == 200 and answer.json()["band"] == "red"

    await until(red, f"the score of {number}")
    return time.monotonic() - started


async def test_scores_and_mails_go_on_without_the_queue(tmp_path: Path) -> None:
    queue = EmbeddedValkey(tmp_path / "queue", fast=True)
    await queue.start()
    async with houses.running(tmp_path / "state", MILEPOST_REDIS_URL=queue.url) as house:
        made = (await house.post("ingest_webhooks", "/connections", json={"source": "hubspot", "name": "x"})).json()
        crm = Connection(made["webhook_url"], made["secret"])
        await seconds_to_score(house, crm, 1)

        async with redis.asyncio.Redis.from_url(queue.url) as store:
            await store.flushall()
        flushed = await seconds_to_score(house, crm, 2)
        await queue.stop()
        stopped = [await seconds_to_score(house, crm, number) for number in range(3, 6)]

        assert flushed < 2
        assert max(stopped) < 2
        await until(lambda: _mails(house, 5), "a nudge for each of the five accounts", patience_s=20)


async def _mails(house: House, expected: int) -> bool:
    return len(await house.mails()) == expected
