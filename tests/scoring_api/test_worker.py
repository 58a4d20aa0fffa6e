"""Claims about the worker process: it scores what happens without being asked, and a crash publishes nothing twice."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from support.customers import healthy, now_of
from support.histories import Told, new_account, tell

from milepost_core.model import ScoreModel

COUNT = "select count(*) from scoring.change where account_id = $1"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class Worker:
    """A worker process of its own, with failpoints if asked for."""

    def __init__(self, database_url: str, redis_url: str, log: Path) -> None:
        self._log = log
        self.port = free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
        self._env = kept | {
            "MILEPOST_ENVIRONMENT": "test",
            "MILEPOST_DATABASE_URL": database_url,
            "MILEPOST_REDIS_URL": redis_url,
            "MILEPOST_SCORING_WORKER_PORT": str(self.port),
            "MILEPOST_LOG_FORMAT": "json",
        }

    @contextlib.asynccontextmanager
    async def running(self, failpoints: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "scoring_api.worker",
                env=self._env | {"MILEPOST_FAILPOINTS": failpoints}, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            await self._ready(process)
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 20)

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            for _ in range(600):
                assert process.returncode is None, self._log.read_text()[-3000:]
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"http://127.0.0.1:{self.port}/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)
        raise AssertionError(self._log.read_text()[-3000:])


@pytest.fixture
def worker(database_url: str, redis_url: str, tmp_path: Path) -> Worker:
    return Worker(database_url, redis_url, tmp_path / "worker.log")


async def becomes(owner: asyncpg.Connection, wanted: str, *arguments: object, patience_s: float = 20.0) -> float:
    """Wait until a query answers true; return the seconds it took."""
    began = time.monotonic()
    while not await owner.fetchval(wanted, *arguments):
        assert time.monotonic() - began < patience_s, wanted
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def test_an_event_becomes_a_document_within_two_seconds_without_any_hint(
    owner: asyncpg.Connection, worker: Worker, shipped: ScoreModel
) -> None:
    account = new_account()
    async with worker.running() as process:
        await tell(owner, healthy(shipped, await now_of(owner), account))
        red = "select exists(select from scoring.health_document where account_id = $1 and effective_band = $2)"
        await becomes(owner, red, account, "green")
        await tell(owner, [Told(account, "cancellation.noticed", await now_of(owner))])
        assert await becomes(owner, red, account, "red") < 2
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0


@pytest.mark.chaos
@pytest.mark.parametrize("point", ["scoring.rescore.before_commit", "scoring.record.before_commit"])
async def test_a_worker_killed_before_its_commit_leaves_one_change_to_the_next(
    owner: asyncpg.Connection, worker: Worker, shipped: ScoreModel, point: str
) -> None:
    account = new_account()
    async with worker.running(f"{point}=exit") as process:
        await tell(owner, healthy(shipped, await now_of(owner), account))
        assert await asyncio.wait_for(process.wait(), 20) == 137
    assert await owner.fetchval(COUNT, account) == 0
    # Whoever held the rows is gone: its lease is over as soon as its time is.
    for table in ("cursor", "rescoring"):
        await owner.execute(f"update scoring.{table} set lease_until = clock_timestamp() where lease_until is not null")
    async with worker.running():
        await becomes(owner, "select exists(select from scoring.change where account_id = $1)", account)
        await asyncio.sleep(1.5)
    assert await owner.fetchval(COUNT, account) == 1
