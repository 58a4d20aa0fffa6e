"""How many health documents a second are read, beside an empty FastAPI route that answers the same constant bytes.

Run: python tests/benchmarks/health_read.py [--connections 64] [--rounds 7] [--requests 6000] [--accounts 10000]
     [--changing 0]

Starts PostgreSQL (durable settings), Valkey and the real web process of the scoring API over so many accounts, and
beside it a process with one route under the same server that returns the bytes of one such document. Each request asks
for a random account, every other one by our id and every other one by a reference. `read` answers 200 with the whole
document, `unchanged` sends the document's entity tag and is answered 304; both are held against the constant route.
Every account is read once by each name before (the figure `cold`), then rounds
are interleaved; the figures are medians of the rounds' ratios, the first round is not counted. `--changing` stores so
many other documents a second meanwhile, so that memory has something to forget. Loopback only; ends within 150 s.
"""

import argparse
import asyncio
import contextlib
import os
import random
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote
from uuid import UUID, uuid4

import asyncpg
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.house import ScoringDoor, Stores, answering, cpu, process, scoring_door, stores
from benchmarks.load import Tally, fire
from support.health_documents import NOW, document

from milepost_devstack.ports import next_free
from scoring_api.scores.publishing import urgency

LIMIT_S = 150.0
EXPECTED = {"constant": 200, "read": 200, "unchanged": 304}


async def main() -> None:
    arguments = _arguments()
    async with asyncio.timeout(LIMIT_S):
        with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
            async with stores(Path(folder)) as where:
                accounts = await _seed(where, arguments.accounts)
                async with scoring_door(Path(folder), where) as door:
                    await _measure(arguments, Path(folder), door, accounts)


Account = tuple[UUID, str, str]
"""Our id, a reference, and the entity tag of the document."""
Results = dict[str, list[tuple[Tally, list[float]]]]


async def _seed(where: Stores, count: int) -> list[Account]:
    """Store so many accounts with a document each, as a rescoring leaves them."""
    accounts = [(uuid4(), f"hubspot:4711:{number}", f'"{number:032x}"') for number in range(count)]
    names = [f"Company {number}" for number in range(count)]
    database = await asyncpg.connect(where.database_url)
    await database.copy_records_to_table(
        "account",
        schema_name="scoring",
        columns=["account_id", "name", "start_at", "first_seen_at", "updated_at"],
        records=[(one, name, NOW, NOW, NOW) for (one, _, _), name in zip(accounts, names, strict=True)],
    )
    await database.copy_records_to_table(
        "account_reference",
        schema_name="scoring",
        columns=["reference", "account_id", "occurred_at"],
        records=[(reference, one, NOW) for one, reference, _ in accounts],
    )
    rows = [_row(account, name) for account, name in zip(accounts, names, strict=True)]
    await database.copy_records_to_table("health_document", schema_name="scoring", columns=COLUMNS, records=rows)
    await database.execute("vacuum analyze")
    await database.close()
    return accounts


COLUMNS = ["account_id", "body", "etag", "score", "band", "effective_band", "name", "computed_at", "as_of",
           "fresh_until", "confidence_word", "model_id", "urgency"]  # fmt: skip


def _row(account: Account, name: str) -> tuple[object, ...]:
    identity, reference, etag = account
    made = document(account={"id": identity, "name": name, "segment": "smb", "stage": "early", "owner": "Dana",
                             "references": [reference]})  # fmt: skip
    return (identity, made.model_dump_json().encode(), etag, made.score, made.band, made.effective_band.band, name, NOW,
            NOW, NOW + timedelta(hours=6), made.confidence.word, made.model.id, urgency(made))  # fmt: skip


async def _measure(arguments: argparse.Namespace, folder: Path, door: ScoringDoor, accounts: Sequence[Account]) -> None:
    other = next_free(18_201)
    body = folder / "constant.json"
    body.write_bytes(await _body(door.stores, accounts[0]))
    script = str(Path(__file__).parent / "empty_route.py")
    with process(folder, dict(os.environ), script, str(other), str(body)) as constant:
        await answering(other)
        pids = {"constant": [constant.pid], "read": [door.web, door.stores.postmaster]}
        pids["unchanged"] = pids["read"]
        await _warm_up(door, accounts)
        async with _changing(door.stores, accounts, arguments.changing):
            results = await _rounds(arguments, {"constant": other}, door, pids, accounts)
    print(
        f"{arguments.accounts} accounts, half by our id and half by a reference, {arguments.connections} connections,"
    )
    print(f"a document of {body.stat().st_size} bytes, {arguments.changing} documents stored a second meanwhile")
    _report(arguments, results)


async def _body(where: Stores, account: Account) -> bytes:
    database = await asyncpg.connect(where.database_url)
    found: bytes = await database.fetchval("select body from scoring.health_document where account_id = $1", account[0])
    await database.close()
    return found


async def _warm_up(door: ScoringDoor, accounts: Sequence[Account]) -> None:
    """Ask for every account once by each of its names, as days of use would."""
    requests = [_request("read", door, door.port, one, way) for one in accounts for way in (0, 1)]
    tally = await fire(door.port, requests, 16)
    print(f"cold: each of {len(requests)} names once {tally.rate:8.0f}/s")


async def _rounds(
    arguments: argparse.Namespace,
    ports: dict[str, int],
    door: ScoringDoor,
    pids: dict[str, list[int]],
    accounts: Sequence[Account],
) -> Results:
    """Fire at all sides in turn."""
    chance = random.Random(4)
    results: Results = {name: [] for name in EXPECTED}
    for turn in range(arguments.rounds + 1):
        for name in sorted(EXPECTED, reverse=turn % 2 == 0):
            port = ports.get(name, door.port)
            chosen = chance.choices(accounts, k=arguments.requests)
            requests = [_request(name, door, port, one, index) for index, one in enumerate(chosen)]
            before = [cpu(pid) for pid in pids[name]]
            tally = await fire(port, requests, arguments.connections)
            spent = [cpu(pid) - was for pid, was in zip(pids[name], before, strict=True)]
            _check(name, tally, arguments)
            results[name].append((tally, spent))
    return results


def _check(name: str, tally: Tally, arguments: argparse.Namespace) -> None:
    wrong = {status: count for status, count in tally.statuses.items() if status != EXPECTED[name]}
    # What has just been stored anew is told in full to whoever holds the old one.
    if wrong and not (name == "unchanged" and arguments.changing and set(wrong) == {200}):
        raise SystemExit(f"{name}: not every answer was {EXPECTED[name]}: {tally.statuses}")


def _request(name: str, door: ScoringDoor, port: int, account: Account, index: int) -> bytes:
    identity, reference, etag = account
    asked = quote(reference, safe="") if index % 2 else str(identity)
    path = "/constant" if name == "constant" else f"/accounts/{asked}/health"
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Accept: application/json"]
    lines += [f"Authorization: Bearer {door.key}", *([f"If-None-Match: {etag}"] if name == "unchanged" else [])]
    return "\r\n".join((*lines, "", "")).encode()


@contextlib.asynccontextmanager
async def _changing(where: Stores, accounts: Sequence[Account], rate: int) -> AsyncIterator[None]:
    """Store other documents at a fixed rate as long as the block runs."""
    if not rate:
        yield
        return
    database = await asyncpg.connect(where.database_url)

    async def store() -> None:
        while True:
            chosen = random.sample(accounts, max(1, rate // 20))
            await database.execute(
                "update scoring.health_document set body = body || ' ', etag = '\"' || gen_random_uuid() || '\"'"
                " where account_id = any($1::uuid[])",
                [one for one, _, _ in chosen],
            )
            await asyncio.sleep(0.05)

    task = asyncio.create_task(store())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await database.close()


def _report(arguments: argparse.Namespace, results: Results) -> None:
    counted = {name: rounds[1:] for name, rounds in results.items()}
    for name, rounds in counted.items():
        rates = sorted(tally.rate for tally, _ in rounds)
        latencies = sorted(value for tally, _ in rounds for value in tally.latencies)
        spent = [
            sum(part) / (len(rounds) * arguments.requests) for part in zip(*(cpu for _, cpu in rounds), strict=True)
        ]
        print(
            f"{name:10} {statistics.median(rates):8.0f}/s ({rates[0]:.0f}..{rates[-1]:.0f})"
            f"   p50 {latencies[len(latencies) // 2] * 1000:6.1f} ms"
            f"   p99 {latencies[len(latencies) * 99 // 100] * 1000:6.1f} ms"
            f"   cpu us a request {' + '.join(f'{one * 1e6:.0f}' for one in spent)}"
        )
    for name in ("read", "unchanged"):
        pairs = zip(counted[name], counted["constant"], strict=True)
        ratios = [product.rate / constant.rate for (product, _), (constant, _) in pairs]
        print(f"ratio {name} : constant   {statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Health documents read a second, beside a constant route.")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=6_000)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--changing", type=int, default=0, help="documents stored a second meanwhile")
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main())
