"""What a minute of steady traffic costs: latency of the answers and memory of ingest, at a fixed rate.

Run: python tests/benchmarks/steady_ingest.py [--rate 300] [--seconds 60] [--connections 32]

One signed HubSpot event a request, sent at fixed times whatever the answers do (so that a slow answer delays no other),
with the relaying worker running. Beside it, for the same time and rate, an empty FastAPI route: its latencies are the
floor on this machine. Printed: p50, p99 and the worst of both, their ratio, and resident memory of the web and the
working process after a warm-up and at the end. Loopback only; ends by itself.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.house import answering, front_door, process, stores
from support.hubspot import Connection, change, signed

from milepost_devstack.ports import next_free

WARM_UP_S = 5.0


async def main() -> None:
    arguments = _arguments()
    async with asyncio.timeout(2 * (arguments.seconds + WARM_UP_S) + 60):
        with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
            await _measure(arguments, Path(folder))


async def _measure(arguments: argparse.Namespace, folder: Path) -> None:
    other = next_free(18_201)
    script = str(Path(__file__).parent / "empty_route.py")
    async with stores(folder) as where, front_door(folder, where, worker=True) as door:
        made = await door.connect(source="hubspot", name="benchmark")
        connection = Connection(made["webhook_url"], made["secret"])
        with process(folder, dict(os.environ), script, str(other)):
            await answering(other)
            floor = await _steady(arguments, other, lambda: _request(connection, "/empty", other))
        path = connection.webhook_url.partition(f":{door.port}")[2]
        pids = [door.web, *([door.worker] if door.worker else [])]
        before: list[int] = []
        warm = argparse.Namespace(**vars(arguments) | {"seconds": WARM_UP_S})
        sent = len(await _steady(warm, door.port, lambda: _request(connection, path, door.port)))
        before = [_resident(pid) for pid in pids]
        latencies = await _steady(arguments, door.port, lambda: _request(connection, path, door.port))
        after = [_resident(pid) for pid in pids]
        await _check(where.database_url, sent + len(latencies))
    _report(floor, latencies, before, after)


async def _steady(arguments: argparse.Namespace, port: int, make: Callable[[], bytes]) -> list[float]:
    """Send at fixed times over a few connections; return each answer's seconds since its time had come."""
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(arguments.connections):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    latencies: list[float] = []

    async def one(due: float) -> None:
        reader, writer = await free.get()
        writer.write(make())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not accepted: {head[:100]!r}")
        latencies.append(time.perf_counter() - due)
        free.put_nowait((reader, writer))

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(arguments.rate * arguments.seconds)):
            due = started + number / arguments.rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(due))
    while not free.empty():
        free.get_nowait()[1].close()
    return latencies


def _request(connection: Connection, path: str, port: int) -> bytes:
    event = change("company.propertyChange", 1, datetime.now(UTC), propertyName="city", propertyValue="Oslo")
    body = json.dumps([event]).encode()
    headers = signed(connection, body) | {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(body))}
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return head.encode() + b"\r\n" + body


def _resident(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)


async def _check(database_url: str, acknowledged: int) -> None:
    database = await asyncpg.connect(database_url)
    kept = await database.fetchval("select count(*) from ingest.delivery")
    await database.close()
    if kept != acknowledged:
        raise SystemExit(f"{acknowledged} deliveries were acknowledged, {kept} are stored")


def _report(floor: list[float], latencies: list[float], before: list[int], after: list[int]) -> None:
    for name, values in (("empty route", sorted(floor)), ("front door", sorted(latencies))):
        p50, p99 = values[len(values) // 2], values[len(values) * 99 // 100]
        print(f"{name:12} p50 {p50 * 1e3:6.2f} ms   p99 {p99 * 1e3:6.2f} ms   worst {values[-1] * 1e3:6.1f} ms")
    ratio = sorted(latencies)[len(latencies) * 99 // 100] / sorted(floor)[len(floor) * 99 // 100]
    print(f"ratio of the p99s, front door : empty route   {ratio:.1f}")
    for name, early, late in zip(("web", "worker"), before, after, strict=False):
        print(f"{name:7} resident {early / 2**20:6.1f} MiB -> {late / 2**20:6.1f} MiB")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A minute of steady webhooks: latency and memory.")
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--connections", type=int, default=32)
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main())
