"""What it costs to look through the whole book once for a playbook that watches it, beside one plain SQL statement.

Run: python tests/benchmarks/book_sweeps.py [--accounts 50000]

Starts PostgreSQL (durable settings), Valkey and the real web process of the scoring API over so many accounts. For each
kind of watch a working process of the runner sweeps the whole book, as it does after a playbook was switched on and
every few minutes after that; then one statement of plain SQL asks the stored documents the same. Prints, for a first
and for a second sweep, the seconds, the CPU seconds of all that took part, the working process's peak memory before
and after, and the ratio of those CPU seconds to the statement's. The date watch has watched for a year.
Loopback only; ends within 300 s.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.health_read import _seed
from benchmarks.house import ScoringDoor, Stores, cpu, scoring_door, stores

from milepost_runtime.database import open_pool
from milepost_runtime.lanes import drain
from milepost_runtime.queue import Hints
from milepost_runtime.settings import load
from playbook_runner.runs.watching import ensure_watching
from playbook_runner.service import build_runner, scoring_http
from playbook_runner.settings import SCHEMA, RunnerSettings

LIMIT_S = 300.0
LEAST_S = 0.5
STEPS = [{"id": "a", "kind": "wait", "days": 1}]
DOCUMENT = "health_document d cross join lateral (select convert_from(d.body, 'UTF8')::jsonb as doc offset 0) j"
KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "threshold": (
        {"kind": "threshold", "when": {"subject": "dimension.support", "operator": "lt", "value": 0}},
        f"select count(*) from {DOCUMENT} where (jsonb_path_query_first(j.doc, '$.dimensions[*] ?"
        ' (@.id == "support").score\') #>> \'{}\')::float8 < 0',
    ),
    "silence": (
        {"kind": "silence", "events": ["message.replied"], "days": 21},
        "select count(*) from account a where a.start_at < now() - interval '21 days' and not exists (select from"
        " record r where r.account_id = a.account_id and r.type = 'message.replied' and r.superseded_at is null"
        " and r.occurred_at > now() - interval '21 days')",
    ),
    "segment": (
        {"kind": "segment", "when": {"subject": "attribute.region", "value": "r7"}, "on": "entering"},
        "select count(*) from health_document d join account a using (account_id) where a.attributes ->> 'region'"
        " = 'r7'",
    ),
    "date": (
        {"kind": "date", "attribute": "renewal_on", "offset_days": -90, "at": "09:00"},
        "select count(*) from health_document d join account a using (account_id) where a.attributes ->> 'renewal_on'"
        " between (now() + interval '85 days')::date::text and (now() + interval '92 days')::date::text",
    ),
}  # fmt: skip


async def work(database_url: str, redis_url: str, port: str, key: str, kind: str) -> None:
    """One working process: sweep twice; print the seconds, the CPU seconds and the growth of each sweep."""
    settings = load(
        RunnerSettings,
        {
            "MILEPOST_ENVIRONMENT": "test", "MILEPOST_DATABASE_URL": database_url, "MILEPOST_REDIS_URL": redis_url,
            "MILEPOST_SCORING_URL": f"http://127.0.0.1:{port}", "MILEPOST_SCORING_API_KEY": key,
        },
    )  # fmt: skip
    async with await open_pool(database_url, SCHEMA, process="bench", size=4) as pool, scoring_http(settings) as client:
        runner = build_runner(settings, pool, Hints(redis_url), client)
        head = {"format": "playbook/1", "id": kind, "version": 1, "name": "Bench", "purpose": "To be measured"}
        await pool.execute("truncate playbook, watch, armed")
        await runner.keeping.stock([head | {"trigger": KINDS[kind][0], "steps": STEPS}], (kind,))
        await ensure_watching(pool)
        # One batch: the row that keeps watches in step, so that there is one.
        await drain(pool, runner.watching.lane, seconds=0.001)
        # It has watched for a year.
        await pool.execute("update watch set begun_at = begun_at - interval '1 year' where playbook_id <> ''")
        for _ in range(2):
            # The second one is that of a few minutes later.
            await pool.execute(
                "update watch set next_at = clock_timestamp(), swept_at = greatest(swept_at - interval '6 minutes',"
                " date_trunc('day', clock_timestamp(), 'UTC')) where playbook_id <> '' and swept_at is not null"
            )
            before, began, peak = resource.getrusage(resource.RUSAGE_SELF), time.monotonic(), _peak_mb()
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            drains = await _swept(pool, runner.watching.lane)
            after = resource.getrusage(resource.RUSAGE_SELF)
            told = {"seconds": time.monotonic() - began, "cpu": _cpu(after) - _cpu(before), "drain_s": max(drains)}
            print(json.dumps(told | {"began_mb": peak, "peak_mb": _peak_mb()}), flush=True)


def _cpu(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def _peak_mb() -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


async def _swept(pool: Any, lane: Any) -> list[float]:
    swept = "select stage = '' and swept_at is distinct from $1 from watch where playbook_id <> ''"
    drains, last = [], await pool.fetchval("select swept_at from watch where playbook_id <> ''")
    while True:
        began = time.monotonic()
        await drain(pool, lane)
        drains.append(time.monotonic() - began)
        if await pool.fetchval(swept, last):
            return drains


async def main(accounts: int) -> None:
    """Measure every kind."""
    async with asyncio.timeout(LIMIT_S):
        with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
            async with stores(Path(folder)) as where:
                await _seed(where, accounts)
                await _tell_more(where)
                async with scoring_door(Path(folder), where) as door:
                    for kind in KINDS:
                        await asyncio.to_thread(_measure, where, door, kind, await _plain(where, kind))


async def _tell_more(where: Stores) -> None:
    """Give accounts attributes and a past: renewals over a year, twenty regions, replies of nearly all."""
    database = await asyncpg.connect(where.database_url, server_settings={"search_path": "scoring"})
    await database.execute(
        "update account set start_at = now() - interval '300 days', attributes ="
        " jsonb_build_object('region', 'r' || floor(random() * 20)::int,"
        " 'renewal_on', (now() - interval '270 days' + random() * interval '365 days')::date::text)"
    )
    await database.execute(
        "insert into record (account_id, event_id, type, occurred_at, recorded_at) select account_id,"
        " 'e' || i, case when i % 2 = 0 then 'message.replied' else 'user.signed_in' end,"
        " now() - random() * interval '14 days', now() from account cross join generate_series(1, 8) i"
        " where hashtext(account_id::text) % 50 <> 0"
    )
    await database.execute("vacuum analyze")
    await database.close()


async def _plain(where: Stores, kind: str) -> float:
    """Return the CPU seconds of PostgreSQL for one statement over the book, asked often enough to be measured."""
    # In one process, whose seconds are not lost when it ends.
    told = {"search_path": "scoring", "max_parallel_workers_per_gather": "0"}
    database = await asyncpg.connect(where.database_url, server_settings=told)
    times, before = 0, cpu(where.postmaster)
    while (spent := cpu(where.postmaster) - before) < LEAST_S:
        await database.fetchval(KINDS[kind][1])
        times += 1
    await database.close()
    return spent / times


def _measure(where: Stores, door: ScoringDoor, kind: str, plain: float) -> None:
    command = [sys.executable, __file__, "--work", where.database_url, where.redis_url, str(door.port), door.key, kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        for sweep in ("first", "second"):
            _until(worker.stdout, "ready")
            before = cpu(where.postmaster), cpu(door.web)
            worker.stdin.write("go\n")
            worker.stdin.flush()
            found = json.loads(_until(worker.stdout, "{"))
            # A process of the store that ended meanwhile takes its seconds with it.
            store, web = max(0.0, cpu(where.postmaster) - before[0]), cpu(door.web) - before[1]
            all_ = found["cpu"] + store + web
            print(
                f"{kind:10} {sweep:6} {found['seconds']:6.2f} s, CPU {all_:6.2f} s (runner {found['cpu']:.2f}, scoring"
                f" {web:.2f}, store {store:.2f}), peak {found['began_mb']:.0f} to {found['peak_mb']:.0f} MB,"
                f" longest drain {found['drain_s']:.1f} s; plain SQL {plain:.3f} s: ratio {all_ / plain:.1f}",
                flush=True,
            )


def _until(lines: Any, start: str) -> str:
    for line in lines:
        if line.startswith(start):
            return str(line)
    raise SystemExit("the working process ended")


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=50_000)
    parser.add_argument("--work", nargs=5)
    return parser.parse_args(words)


if __name__ == "__main__":
    said = _arguments(sys.argv[1:])
    asyncio.run(work(*said.work) if said.work else main(said.accounts))
