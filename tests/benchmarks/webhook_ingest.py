"""How many signed HubSpot webhooks a second the front door keeps durably, beside an empty FastAPI POST route.

Run: python tests/benchmarks/webhook_ingest.py [--connections 64] [--rounds 7] [--requests 4000] [--worker]

Starts PostgreSQL (durable settings), Valkey and the real web process, and beside it a process with one empty route
under the same server. Rounds are interleaved; the figure is the median of the rounds' ratios. Every request carries one
event with a body of its own. At the end every acknowledged delivery must be in the table. `--worker` lets the relaying
worker run meanwhile. Loopback only; ends by itself within 90 seconds.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import psutil  # type: ignore[import-untyped]
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import Tally, fire
from support.hubspot import Connection, change, signed

from milepost_devstack.ports import next_free
from milepost_devstack.schemas import SCHEMAS
from milepost_devstack.stores import EmbeddedPostgres, EmbeddedValkey
from milepost_runtime.keys import insert_key, new_key
from milepost_runtime.migrations import upgrade_all

LIMIT_S = 90.0


async def main() -> None:
    arguments = _arguments()
    async with asyncio.timeout(LIMIT_S):
        with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
            async with _stores(Path(folder)) as stores:
                await _measure(arguments, Path(folder), stores)


@dataclass(frozen=True)
class Stores:
    """Where the stores are, and the process whose children do PostgreSQL's work."""

    database_url: str
    redis_url: str
    postmaster: int


@contextlib.asynccontextmanager
async def _stores(folder: Path) -> AsyncIterator[Stores]:
    postgres, valkey = EmbeddedPostgres(folder / "postgres"), EmbeddedValkey(folder / "valkey")
    await postgres.start()
    try:
        await valkey.start()
        await upgrade_all(postgres.url(), SCHEMAS)
        assert postgres.child is not None
        yield Stores(postgres.url(), valkey.url, postgres.child.pid)
    finally:
        await valkey.stop()
        await postgres.stop()


async def _measure(arguments: argparse.Namespace, folder: Path, stores: Stores) -> None:
    port, other = next_free(18_101), next_free(18_201)
    environ = os.environ | {
        "MILEPOST_ENVIRONMENT": "development",
        "MILEPOST_DATABASE_URL": stores.database_url,
        "MILEPOST_REDIS_URL": stores.redis_url,
        "MILEPOST_INGEST_PORT": str(port),
        "MILEPOST_INGEST_WORKER_PORT": str(next_free(18_301)),
        "MILEPOST_LOG_FORMAT": "json",
    }
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(_process(folder, environ, "-m", "ingest_webhooks.app"))
        empty = stack.enter_context(
            _process(folder, environ, str(Path(__file__).parent / "empty_route.py"), str(other))
        )
        if arguments.worker:
            stack.enter_context(_process(folder, environ, "-m", "ingest_webhooks.worker"))
        connection = await _connect(port, stores.database_url)
        await _answering(other)
        sides = {"front door": (port, [web.pid, stores.postmaster]), "empty route": (other, [empty.pid])}
        results = await _rounds(arguments, sides, connection)
        await _check(stores.database_url, sum(tally.statuses.get(200, 0) for tally, _ in results["front door"]))
    _report(arguments, results)


@contextlib.contextmanager
def _process(folder: Path, environ: dict[str, str], *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / "processes.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, *arguments], env=environ, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=15)


async def _answering(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def _connect(port: int, database_url: str) -> Connection:
    key = new_key()
    database = await asyncpg.connect(database_url)
    await insert_key(database, "ingest", key, name="benchmark", scopes=["admin"], days=None)
    await database.close()
    await _answering(port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        headers = {"Authorization": f"Bearer {key.text}"}
        answer = await client.post("/connections", json={"source": "hubspot", "name": "benchmark"}, headers=headers)
        made = answer.raise_for_status().json()
    return Connection(made["webhook_url"], made["secret"])


Results = dict[str, list[tuple[Tally, list[float]]]]


async def _rounds(
    arguments: argparse.Namespace, sides: dict[str, tuple[int, list[int]]], connection: Connection
) -> Results:
    """Fire at both sides in turn; the first round warms up and is not counted, apart from the check at the end."""
    results: Results = {name: [] for name in sides}
    for turn in range(arguments.rounds + 1):
        for name in sorted(sides, reverse=turn % 2 == 0):
            port, pids = sides[name]
            path = "/empty" if name == "empty route" else connection.webhook_url.partition(f":{port}")[2]
            requests = [_request(connection, path, port) for _ in range(arguments.requests)]
            before = [_cpu(pid) for pid in pids]
            tally = await fire(port, requests, arguments.connections)
            results[name].append((tally, [_cpu(pid) - was for pid, was in zip(pids, before, strict=True)]))
    return results


def _request(connection: Connection, path: str, port: int) -> bytes:
    """One signed batch of one event, as bytes ready to send; the empty route gets the same."""
    body = json.dumps([change("company.propertyChange", 1, _NOW, propertyName="city", propertyValue="Oslo")]).encode()
    headers = signed(connection, body) | {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(body))}
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return head.encode() + b"\r\n" + body


def _cpu(pid: int) -> float:
    """Seconds of a process and its children so far (PostgreSQL works in children)."""
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in (process, *process.children())]
    return float(sum(one.user + one.system for one in times))


async def _check(database_url: str, acknowledged: int) -> None:
    database = await asyncpg.connect(database_url)
    kept = await database.fetchval("select count(*) from ingest.delivery")
    await database.close()
    if kept != acknowledged:
        raise SystemExit(f"{acknowledged} deliveries were acknowledged, {kept} are stored")


def _report(arguments: argparse.Namespace, results: Results) -> None:
    counted = {name: rounds[1:] for name, rounds in results.items()}
    for name, rounds in counted.items():
        statuses = {status for tally, _ in rounds for status in tally.statuses}
        rates = sorted(tally.rate for tally, _ in rounds)
        latencies = sorted(value for tally, _ in rounds for value in tally.latencies)
        spent = [
            sum(part) / (len(rounds) * arguments.requests) for part in zip(*(cpu for _, cpu in rounds), strict=True)
        ]
        print(
            f"{name:12} {statistics.median(rates):8.0f}/s ({rates[0]:.0f}..{rates[-1]:.0f})"
            f"   p50 {latencies[len(latencies) // 2] * 1000:6.1f} ms"
            f"   p99 {latencies[len(latencies) * 99 // 100] * 1000:6.1f} ms"
            f"   cpu us a request {' + '.join(f'{one * 1e6:.0f}' for one in spent)}   statuses {sorted(statuses)}"
        )
    ratios = [
        product.rate / empty.rate
        for (product, _), (empty, _) in zip(counted["front door"], counted["empty route"], strict=True)
    ]
    print(f"ratio front door : empty route   {statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Signed webhooks kept a second, beside an empty route.")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=4_000)
    parser.add_argument("--worker", action="store_true")
    return parser.parse_args()


_NOW = datetime.now(UTC)


if __name__ == "__main__":
    uvloop.run(main())
