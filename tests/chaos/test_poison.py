"""Claims about a delivery that kills every worker that reads it: it is out of the way soon, and nobody else waits long.

The worker is a process of its own and is started again whenever it dies, as a supervisor does.
"""

import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.front_door import Bench, admin_key, batch, bench, change, settings

from milepost_devstack.ports import next_free

__all__ = ["admin_key", "bench", "settings"]

pytestmark = pytest.mark.chaos
LEASE_S = 1.5
PATIENCE_S = 60.0
EVENT = {"id": "poison", "type": "x.y", "account": "external:poison", "occurred_at": "2026-01-01T00:00:00Z"}


class Supervised:
    """A relaying worker that dies of plain events and is started again; `deaths` are the moments of its ends."""

    def __init__(self, environ: dict[str, str], log: Path) -> None:
        self._environ = environ
        self._log = log
        self.deaths: list[float] = []
        self.process = self._start()

    def look(self) -> None:
        """Start it again when it has died."""
        if self.process.poll() is not None:
            assert self.process.returncode == 137, self._log.read_text()[-2_000:]
            self.deaths.append(time.monotonic())
            self.process = self._start()

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            argv = [sys.executable, "-m", "ingest_webhooks.worker"]
            return subprocess.Popen(argv, env=self._environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


@pytest.fixture
def worker(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Supervised]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
    told: dict[str, Any] = {
        "ENVIRONMENT": "test", "DATABASE_URL": database_url, "REDIS_URL": redis_url, "LOG_FORMAT": "json",
        "INGEST_WORKER_PORT": next_free(18_501), "INGEST_LEASE_S": LEASE_S, "FAILPOINTS": "hear.plain=exit",
    }  # fmt: skip
    made = Supervised(kept | {f"MILEPOST_{name}": str(value) for name, value in told.items()}, tmp_path / "worker.log")
    yield made
    made.end()


async def test_a_delivery_that_kills_three_workers_is_buried_and_its_neighbours_are_relayed_meanwhile(
    bench: Bench, worker: Supervised, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = itertools.count(1)
    (await bench.client.post("/events", json=EVENT)).raise_for_status()
    until = time.monotonic() + PATIENCE_S
    state = "new"
    while (state != "quarantined" or await waiting(bench)) and time.monotonic() < until:
        if state != "quarantined":
            (await bench.deliver(batch(change("company.creation", 801, next(numbers))))).raise_for_status()
        worker.look()
        await asyncio.sleep(0.1)
        state = await bench.pool.fetchval("select state from ingest.delivery where source = 'plain'")
    waits = [
        row["seconds"]
        for row in await bench.pool.fetch(
            "select extract(epoch from e.recorded_at - d.received_at)::float8 as seconds"
            " from ingest.delivery d join ingest.event e on e.delivery_id = d.id"
            " where d.source = 'hubspot' and e.type = 'account.updated'"
        )
    ]
    row = await bench.pool.fetchrow("select * from ingest.delivery where source = 'plain'")
    books = (await bench.client.get("/books")).json()
    with capsys.disabled():
        print(
            f"\nneighbours waited: p50 {statistics.median(waits):.2f} s, max {max(waits):.2f} s of {len(waits)};"
            f" lease {LEASE_S} s, {len(worker.deaths)} workers died"
        )

    assert len(worker.deaths) == 3
    assert (row["state"], row["quarantined"]) == ("quarantined", 1)
    assert "brought a worker down 3 times" in row["faults"][0]["reason"]
    assert len(waits) == next(numbers) - 1
    # A death costs its neighbours one lease and one start of a process at most, never the whole time of the poison.
    assert max(waits) < 2 * LEASE_S + 6
    assert books["balanced"]


async def waiting(bench: Bench) -> int:
    found: int = await bench.pool.fetchval("select count(*) from ingest.delivery where next_at is not null")
    return found
