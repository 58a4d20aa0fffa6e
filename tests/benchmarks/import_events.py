"""How many lines a second an import brings in, beside COPY of the same rows into a table like the feed.

Run: python tests/benchmarks/import_events.py [--rows 300000] [--rounds 5] [--accounts 500]

Starts PostgreSQL (durable settings), Valkey and the real web process. Each round sends all lines as one stream over
HTTP into an empty feed, and copies the same events, as ready rows in 25,000 a transaction, into an empty table with
the feed's columns and indexes (the unique event id among them): the ceiling does not read, judge, deduplicate or find
accounts. Rounds are interleaved; the figure is the median of the rounds' ratios. At the end of each round every line
must be an event. Loopback only; ends by itself within five minutes.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.house import FrontDoor, Stores, cpu, front_door, stores

LIMIT_S = 300.0
BATCH = 25_000
BLOCK = 64 * 1024
COLUMNS = (
    "event_id", "account_id", "reference", "type", "occurred_at", "actor", "item", "value", "properties", "source",
    "correlation_id",
)  # fmt: skip
EMPTY = (
    "truncate ingest.event, ingest.event_key, ingest.waiting_event, ingest.account, ingest.reference, ceiling cascade"
)


async def main() -> None:
    arguments = _arguments()
    async with asyncio.timeout(LIMIT_S):
        with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
            async with stores(Path(folder)) as where, front_door(Path(folder), where, worker=False) as door:
                await _measure(arguments, door, where)


async def _measure(arguments: argparse.Namespace, door: FrontDoor, where: Stores) -> None:
    database = await asyncpg.connect(where.database_url)
    await _prepare(database)
    ratios = []
    for turn in range(arguments.rounds + 1):
        events = _events(arguments, turn)
        body = b"".join(json.dumps(event, separators=(",", ":")).encode() + b"\n" for event in events)
        rows = _rows(events)
        rates = {}
        for name in sorted(("import", "COPY"), reverse=turn % 2 == 0):
            work = _import(door.port, door.key, body) if name == "import" else _copy(database, rows)
            rates[name] = await _timed(name, work, len(events), database, [door.web, where.postmaster])
            if name == "import":
                await _check(database, len(events))
        if turn:  # the first round warms up
            ratios.append(rates["import"] / rates["COPY"])
    await database.close()
    print(f"ratio import : COPY   {statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})")


async def _timed(
    name: str, work: Coroutine[None, None, None], rows: int, database: asyncpg.Connection, pids: Sequence[int]
) -> float:
    """Do a side's work on empty tables, tell what it cost, and return its rows a second."""
    await database.execute(EMPTY)
    await database.execute("checkpoint")
    before = [cpu(pid) for pid in pids]
    since = time.perf_counter()
    await work
    rate = rows / (time.perf_counter() - since)
    web, postgres = ((cpu(pid) - was) / rows * 1e6 for pid, was in zip(pids, before, strict=True))
    print(f"{name:8} {rate:8.0f} rows/s   cpu us a row: web {web:.1f}, postgres {postgres:.1f}", flush=True)
    return rate


async def _check(database: asyncpg.Connection, sent: int) -> None:
    found = await database.fetchval("select count(*) from ingest.event where source = 'import'")
    if found != sent:
        raise SystemExit(f"{sent} lines were sent, {found} are events")


async def _prepare(database: asyncpg.Connection) -> None:
    await database.execute("create table ceiling (like ingest.event including all)")
    await database.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda text: b"\1" + text.encode(), decoder=bytes, format="binary"
    )


Event = dict[str, object]


def _events(arguments: argparse.Namespace, turn: int) -> Sequence[Event]:
    now = datetime.now(UTC)
    return [
        {
            "id": f"evt-{turn}-{number:08d}",
            "type": ("feature.used", "session.started", "ticket.opened")[number % 3],
            "account": f"external:acct-{number % arguments.accounts}",
            "occurred_at": f"{now - timedelta(seconds=30 * number):%Y-%m-%dT%H:%M:%SZ}",
            "actor": f"user{number % 5_000}@acme.example",
            "item": "reports",
            "value": number % 50,
            "properties": {"plan": "pro", "seats": 12},
        }
        for number in range(arguments.rows)
    ]


def _rows(events: Sequence[Event]) -> Sequence[tuple[object, ...]]:
    """Return the events as rows, ready to be copied; making them is not measured."""
    places = {event["account"]: uuid4() for event in events}
    return [
        (
            sha256(str(event["id"]).encode()).hexdigest()[:32], places[event["account"]], event["account"],
            event["type"], datetime.fromisoformat(str(event["occurred_at"])), event["actor"], event["item"],
            float(str(event["value"])), json.dumps(event["properties"]), "import", str(uuid4()),
        )
        for event in events
    ]  # fmt: skip


async def _copy(database: asyncpg.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    for at in range(0, len(rows), BATCH):
        await database.copy_records_to_table("ceiling", columns=COLUMNS, records=rows[at : at + BATCH])


async def _import(port: int, key: str, body: bytes) -> None:
    """Send the lines as one request over a plain socket: the sender shall cost as little as it can."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, headers=headers) as client:
        made = (await client.post("/imports", json={"name": "benchmark"})).raise_for_status().json()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"POST /imports/{made['id']}/lines HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        )
        for at in range(0, len(body), BLOCK):
            writer.write(body[at : at + BLOCK])
            await writer.drain()
        answer = await reader.read()
        writer.close()
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(answer.decode())
        (await client.post(f"/imports/{made['id']}:finish")).raise_for_status()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Lines brought in a second, beside COPY of the same rows.")
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--accounts", type=int, default=500)
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main())
