"""Claims about workers that are told to stop, as at every deploy: no mail is lost, doubted, or a try poorer for it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from support.health_server import HealthServer, health_server
from support.house import until
from support.mail_server import MailServer, mail_server
from support.outreach import health_of, publish

from milepost_devstack.house import House
from milepost_runtime.database import Pool
from milepost_runtime.entry import GRACE_S
from milepost_runtime.queue import Hints
from milepost_runtime.settings import SettingsError, load
from playbook_runner.service import build_runner, scoring_http
from playbook_runner.settings import WHOLE_CALL_S, RunnerSettings

pytestmark = pytest.mark.chaos
# A slow server, and the limit of a call to it: greeting and answer are each in time, and longer than it together.
GREETING_S, ANSWER_S, LIMIT_S = 0.8, 3.6, 4.0
# What follows a call: five tries to write it down, a second apart, and as much again.
WRITING_DOWN_S = 10.0
Spawn = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        server.greeting_s, server.answer_s = GREETING_S, ANSWER_S
        yield server


@pytest.fixture
async def scoring() -> AsyncIterator[HealthServer]:
    async with health_server() as server:
        yield server


@pytest.fixture
def told(database_url: str, redis_url: str, scoring: HealthServer, mail: MailServer) -> dict[str, str]:
    said = {
        "ENVIRONMENT": "test", "DATABASE_URL": database_url, "REDIS_URL": redis_url, "SCORING_URL": scoring.url,
        "SCORING_API_KEY": scoring.key, "SMTP_URL": mail.url, "RUNNER_WORKER_PORT": "0",
        "RUNNER_MAIL_TIMEOUT_S": str(LIMIT_S),
    }  # fmt: skip
    return {f"MILEPOST_{name}": value for name, value in said.items()}


@pytest.fixture
def spawn(told: dict[str, str], tmp_path: Path) -> Iterator[Spawn]:
    """Start workers of the test's own; those that are left at the end are killed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
    workers: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        with (tmp_path / f"worker-{len(workers)}.log").open("wb") as log:
            argv = [sys.executable, "-m", "playbook_runner.worker"]
            workers.append(subprocess.Popen(argv, env=kept | told, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()
        worker.wait(timeout=10)


async def dropped(scoring_pool: Pool, scoring: HealthServer) -> Any:
    account = uuid4()
    scoring.documents[account] = health_of(account)
    await publish(scoring_pool, account)
    return account


async def stopped(worker: subprocess.Popen[bytes]) -> int:
    worker.send_signal(signal.SIGTERM)
    return await asyncio.to_thread(worker.wait, GRACE_S)


async def test_a_call_that_has_not_started_is_left_to_the_next_worker_as_it_was(
    playbooks_pool: Pool, scoring_pool: Pool, scoring: HealthServer, mail: MailServer, spawn: Spawn
) -> None:
    account = await dropped(scoring_pool, scoring)
    worker = spawn()

    async def connecting() -> bool:
        return mail.connections == 1

    await until(connecting, "the worker to connect")
    assert await stopped(worker) == 0
    left = await playbooks_pool.fetchrow("select * from effect where account_id = $1", account)
    attempts = await playbooks_pool.fetchval("select count(*) from attempt where account_id = $1", account)
    mail.greeting_s = mail.answer_s = 0.0
    spawn()

    async def done() -> bool:
        state = await playbooks_pool.fetchval("select state from effect where account_id = $1", account)
        return bool(state == "done")

    assert left is not None
    assert (left["state"], left["attempts"], left["crashes"], left["lease_until"]) == ("ready", 0, 0, None)
    assert attempts == 0
    await until(done, "the next worker to send it", patience_s=20)
    assert len(mail.raw) == 1


async def test_a_call_that_has_started_is_waited_for_and_none_begins_meanwhile(
    playbooks_pool: Pool, scoring_pool: Pool, scoring: HealthServer, mail: MailServer, spawn: Spawn
) -> None:
    account = await dropped(scoring_pool, scoring)
    worker = spawn()

    async def kept() -> bool:
        return len(mail.raw) == 1

    await until(kept, "the mail to be kept", patience_s=20)
    other = await dropped(scoring_pool, scoring)
    ended = await stopped(worker)

    states = await playbooks_pool.fetch("select account_id, state, attempts from effect order by created_at")
    mine = [(row["state"], row["attempts"]) for row in states if row["account_id"] == account]
    assert (ended, mine) == (0, [("done", 1)])
    assert [row["attempts"] for row in states if row["account_id"] == other] in ([], [0])
    assert len(mail.raw) == 1


async def test_whoever_stops_a_worker_waits_longer_than_it_and_it_longer_than_any_call(
    told: dict[str, str], playbooks_pool: Pool
) -> None:
    most = {"MILEPOST_RUNNER_MAIL_TIMEOUT_S": "30", "MILEPOST_RUNNER_CALL_TIMEOUT_S": "30"}
    settings = load(RunnerSettings, told | most)
    async with scoring_http(settings) as client:
        runner = build_runner(settings, playbooks_pool, Hints(settings.redis_url), client)

    assert max(channel.longest_call_s for channel in runner.performing.channels.values()) <= WHOLE_CALL_S
    assert WHOLE_CALL_S + WRITING_DOWN_S < GRACE_S < House(services=()).grace_s
    for name in most:
        with pytest.raises(SettingsError, match=name):
            load(RunnerSettings, told | {name: "31"})
