"""How many signed HubSpot webhooks a second the front door keeps durably, beside an empty FastAPI POST route.

Run: python tests/benchmarks/webhook_ingest.py [--connections 64] [--rounds 7] [--requests 4000] [--worker]

Starts PostgreSQL (durable settings), Valkey and the real web process, and beside it a process with one empty route
under the same server. Rounds are interleaved; the figure is the median of the rounds' ratios. Every request carries one
event with a body of its own. At the end every acknowledged delivery must be in the table. `--worker` lets the relaying
worker run meanwhile. Loopback only; ends by itself within 90 seconds.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.house import Stores, answering, cpu, front_door, process, stores
from benchmarks.load import Tally, fire
from support.hubspot import Connection, change, signed

from milepost_devstack.ports import next_free

LIMIT_S = 90.0


async def main() -> None:
    arguments = _arguments()
    async with asyncio.timeout(LIMIT_S):
        with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
            async with stores(Path(folder)) as where:
                await _measure(arguments, Path(folder), where)


async def _measure(arguments: argparse.Namespace, folder: Path, where: Stores) -> None:
    other = next_free(18_201)
    script = str(Path(__file__).parent / "empty_route.py")
    async with front_door(folder, where, worker=arguments.worker) as door:
        with process(folder, dict(os.environ), script, str(other)) as empty:
            made = await door.connect(source="hubspot", name="benchmark")
            connection = Connection(made["webhook_url"], made["secret"])
            await answering(other)
            sides = {"front door": (door.port, [door.web, where.postmaster]), "empty route": (other, [empty.pid])}
            results = await _rounds(arguments, sides, connection)
            await _check(where.database_url, sum(tally.statuses.get(200, 0) for tally, _ in results["front door"]))
    _report(arguments, results)


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
            before = [cpu(pid) for pid in pids]
            tally = await fire(port, requests, arguments.connections)
            results[name].append((tally, [cpu(pid) - was for pid, was in zip(pids, before, strict=True)]))
    return results


def _request(connection: Connection, path: str, port: int) -> bytes:
    """One signed batch of one event, as bytes ready to send; the empty route gets the same."""
    body = json.dumps([change("company.propertyChange", 1, _NOW, propertyName="city", propertyValue="Oslo")]).encode()
    headers = signed(connection, body) | {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(body))}
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return head.encode() + b"\r\n" + body


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
