"""Claims about killed workers and receivers over HTTP: who knows keys or can be asked hears of each effect once.

A worker is killed at every point around a call. A webhook may be called again only under the same key and with the same
bytes; Slack is asked and never told twice; where Slack may not be asked, the message is parked.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.calls import SLACK, WEBHOOK, Calls
from support.health_server import HealthServer, health_server
from support.house import until
from support.mail_server import mail_server
from support.outreach import Outreach
from support.receiver import Receiver, receiver

from milepost_runtime.database import Pool
from milepost_runtime.queue import Hints
from milepost_runtime.settings import load
from playbook_runner.service import build_runner, scoring_http
from playbook_runner.settings import RunnerSettings

pytestmark = pytest.mark.chaos
Spawn = Callable[[str], subprocess.Popen[bytes]]
POINTS = ["claimed", "started", "written", "committed"]


@pytest.fixture
async def scoring() -> AsyncIterator[HealthServer]:
    async with health_server() as server:
        yield server


@pytest.fixture
def told(database_url: str, redis_url: str, scoring: HealthServer) -> dict[str, str]:
    return {
        "MILEPOST_ENVIRONMENT": "test", "MILEPOST_DATABASE_URL": database_url, "MILEPOST_REDIS_URL": redis_url,
        "MILEPOST_SCORING_URL": scoring.url, "MILEPOST_SCORING_API_KEY": scoring.key,
        "MILEPOST_RUNNER_WORKER_PORT": "0", "MILEPOST_RUNNER_INSIDE": "127.0.0.0/8",
        "MILEPOST_RUNNER_LEASE_S": "1.5", "MILEPOST_RUNNER_CALL_TIMEOUT_S": "0.5",
        "MILEPOST_RUNNER_QUIET_MARGIN_S": "1",
    }  # fmt: skip


@pytest.fixture
def spawn(told: dict[str, str], tmp_path: Path) -> Iterator[Spawn]:
    """Start workers of the test's own; those that are left at the end are killed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
    workers: list[subprocess.Popen[bytes]] = []

    def start(failpoints: str) -> subprocess.Popen[bytes]:
        with (tmp_path / f"worker-{len(workers)}.log").open("wb") as log:
            argv = [sys.executable, "-m", "playbook_runner.worker"]
            env = kept | told | {"MILEPOST_FAILPOINTS": failpoints}
            workers.append(subprocess.Popen(argv, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()
        worker.wait(timeout=10)


async def calls_to(
    server: Receiver, step: dict[str, Any], told: dict[str, str], pools: tuple[Pool, Pool], scoring: HealthServer
) -> Calls:
    """Return a playbook that calls the receiver, with one effect ready."""
    await pools[0].execute("truncate playbook, run, step, effect, attempt, ledger, outlet, destination, touch")
    settings = load(RunnerSettings, told)
    async with scoring_http(settings) as client, mail_server() as mail:
        runner = build_runner(settings, pools[0], Hints(settings.redis_url), client)
        calls = Calls(Outreach(runner, pools[0], pools[1], scoring, mail), step, server)
        await calls.set_up()
        await calls.intended()
    return calls


async def at_rest(pool: Pool) -> str:
    """Wait until the effect needs nobody any more; return its state."""

    async def ended() -> bool:
        return bool(await pool.fetchval("select next_at is null from effect"))

    await until(ended, "the effect to come to rest", patience_s=40)
    state: str = await pool.fetchval("select state from effect")
    return state


@pytest.mark.parametrize("point", POINTS)
async def test_a_webhook_hears_of_an_effect_under_one_key_wherever_its_worker_dies(
    point: str, told: dict[str, str], playbooks_pool: Pool, scoring_pool: Pool, scoring: HealthServer, spawn: Spawn
) -> None:
    async with receiver() as server:
        await calls_to(server, WEBHOOK, told, (playbooks_pool, scoring_pool), scoring)
        assert await asyncio.to_thread(spawn(f"playbooks.perform.{point}=exit").wait, 40) == 137
        spawn("")

        assert await at_rest(playbooks_pool) == "done"
        assert len({(taken.headers["webhook-id"], taken.body) for taken in server.taken}) == 1
        # Only a call that was answered to nobody is made again.
        assert len(server.taken) == (2 if point == "written" else 1)


@pytest.mark.parametrize("point", POINTS)
async def test_slack_is_told_once_wherever_the_worker_dies(
    point: str, told: dict[str, str], playbooks_pool: Pool, scoring_pool: Pool, scoring: HealthServer, spawn: Spawn
) -> None:
    async with receiver(slack=True) as server:
        await calls_to(server, SLACK, told, (playbooks_pool, scoring_pool), scoring)
        assert await asyncio.to_thread(spawn(f"playbooks.perform.{point}=exit").wait, 40) == 137
        spawn("")

        assert await at_rest(playbooks_pool) == "done"
        assert len(server.messages) == 1


async def test_slack_that_may_not_be_asked_is_told_at_most_once(
    told: dict[str, str], playbooks_pool: Pool, scoring_pool: Pool, scoring: HealthServer, spawn: Spawn
) -> None:
    async with receiver(slack=True, may_read_history=False) as server:
        await calls_to(server, SLACK, told, (playbooks_pool, scoring_pool), scoring)
        assert await asyncio.to_thread(spawn("playbooks.perform.written=exit").wait, 40) == 137
        spawn("")

        assert await at_rest(playbooks_pool) == "parked"
        assert len(server.messages) == 1
