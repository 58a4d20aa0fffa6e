"""How many events a second come in by HubSpot batches of 100, beside COPY into a table with the same unique key.

Run: python tests/benchmarks/batch_ingest.py [--connections 8] [--rounds 5] [--batches 200]

Three figures, taken in turn on the same PostgreSQL: `copy` copies 10,000 rows at a time (key, time, source, document)
into a table with a unique key, the most that one connection can store; `door` counts events that are acknowledged,
which means committed; `feed` counts events until the last one stands in the feed, deduplicated one by one, with the
worker running meanwhile. The figures are medians of the rounds' ratios to `copy`. Loopback only; ends within 170 s.
"""

import argparse
import asyncio
import hashlib
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.house import FrontDoor, Stores, front_door, stores
from benchmarks.load import fire
from support.hubspot import Connection, change, signed

LIMIT_S = 170.0
BATCH = 100
COPIED = 10_000
UNDER_WAY = "select exists (select from ingest.delivery where next_at is not null)"


async def main() -> None:
    arguments = _arguments()
    async with asyncio.timeout(LIMIT_S):
        with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
            async with stores(Path(folder)) as where, front_door(Path(folder), where, worker=True) as door:
                await _measure(arguments, door, where)


async def _measure(arguments: argparse.Namespace, door: FrontDoor, where: Stores) -> None:
    made = await door.connect(source="hubspot", name="benchmark")
    connection = Connection(made["webhook_url"], made["secret"])
    database = await asyncpg.connect(where.database_url)
    await database.execute(
        "create table public.ceiling (key bytea primary key, at timestamptz, source text, document jsonb)"
    )
    rounds: list[dict[str, float]] = []
    wanted = [0]
    for turn in range(arguments.rounds + 1):
        rounds.append(
            {"copy": await _copy(database, turn), **(await _deliver(arguments, door, connection, database, wanted))}
        )
    await database.close()
    _report(rounds[1:])


async def _copy(database: "asyncpg.Connection[asyncpg.Record]", turn: int) -> float:
    """Return rows a second of COPY into the table with the unique key."""
    document = json.dumps(_event(1))
    rows = [
        (hashlib.sha256(f"{turn} {number} {part}".encode()).digest(), _NOW, "hubspot", document)
        for part in range(4)
        for number in range(COPIED)
    ]
    started = time.perf_counter()
    for part in range(0, len(rows), COPIED):
        await database.copy_records_to_table("ceiling", schema_name="public", records=rows[part : part + COPIED])
    return len(rows) / (time.perf_counter() - started)


async def _deliver(
    arguments: argparse.Namespace,
    door: FrontDoor,
    connection: Connection,
    database: "asyncpg.Connection[asyncpg.Record]",
    wanted: list[int],
) -> dict[str, float]:
    """Return events a second as acknowledged, and until they all stand in the feed; `wanted` counts what is there."""
    requests = [_request(connection, door.port) for _ in range(arguments.batches)]
    started = time.perf_counter()
    tally = await fire(door.port, requests, arguments.connections)
    if tally.statuses != {200: len(requests)}:
        raise SystemExit(f"not everything was accepted: {tally.statuses}")
    while await database.fetchval(UNDER_WAY):  # noqa: ASYNC110 - another process does the work
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - started
    wanted[0] += len(requests) * BATCH
    if await database.fetchval("select count(*) from ingest.event where source = 'hubspot'") != wanted[0]:
        raise SystemExit("the feed does not hold every event once")
    return {"door": len(requests) * BATCH / tally.seconds, "feed": len(requests) * BATCH / seconds}


def _event(number: int) -> dict[str, object]:
    return change("company.propertyChange", number, _NOW, propertyName="city", propertyValue="Oslo")


def _request(connection: Connection, port: int) -> bytes:
    body = json.dumps([_event(number) for number in range(BATCH)]).encode()
    headers = signed(connection, body) | {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(body))}
    path = connection.webhook_url.partition(f":{port}")[2]
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return head.encode() + b"\r\n" + body


def _report(rounds: list[dict[str, float]]) -> None:
    for name in ("copy", "door", "feed"):
        rates = sorted(one[name] for one in rounds)
        print(f"{name:5} {statistics.median(rates):9.0f} events/s ({rates[0]:.0f}..{rates[-1]:.0f})")
    for name in ("door", "feed"):
        ratios = sorted(one[name] / one["copy"] for one in rounds)
        print(f"ratio {name} : copy   {statistics.median(ratios):.2f} ({ratios[0]:.2f}..{ratios[-1]:.2f})")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="HubSpot batches of 100 events, beside COPY.")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=200)
    return parser.parse_args()


_NOW = datetime.now(UTC)


if __name__ == "__main__":
    uvloop.run(main())
