"""How many calls a second leave by playbooks, beside a chain of arq jobs that makes the same calls.

Run: python tests/benchmarks/http_effects.py [--chains 400] [--rounds 3] [--burst 10000 --rate 400 --workers 2]

Both make five calls in a row for each account, to the same receiver in a process of its own, on the same PostgreSQL and
Valkey, in turn; the figure is the median of the rounds' ratios. An arq job calls (httpx, one client) and enqueues the
next; a worker of the playbook runner asks for health, decides, keeps the bytes, calls, writes down, goes on. Then
`--burst` effects come due in one second for a receiver that was promised `--rate` calls a second by all workers
together: what it saw in its busiest second, and how much memory a worker took. Loopback only; ends within 170 s.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil  # type: ignore[import-untyped]

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker, func
from benchmarks.house import Stores, answering, cpu, process, stores
from support.health_documents import document

from milepost_core.effects import effect_key
from milepost_devstack.ports import next_free
from milepost_devstack.schemas import SCHEMAS
from milepost_runtime.database import Pool, open_pool
from milepost_runtime.guard import inside
from milepost_runtime.secrets import Vault
from playbook_runner.connections.connecting import NewOutlet, Outlets
from playbook_runner.documents.keeping import Keeping

LIMIT_S = 170.0
STEPS = 5
SECRET_KEY = "benchmark-" + "k" * 40


async def main() -> None:
    arguments = _arguments()
    if arguments.role == "receiver":
        await _receive(arguments.port)
    elif arguments.role == "arq":
        await _arq_worker(arguments.redis, arguments.port)
    else:
        async with asyncio.timeout(LIMIT_S):
            with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
                async with stores(Path(folder)) as where:
                    await _measure(arguments, Path(folder), where)


async def _measure(arguments: argparse.Namespace, folder: Path, where: Stores) -> None:
    port = next_free(18_501)
    with process(folder, dict(os.environ), __file__, "--role", "receiver", "--port", str(port)) as receiver:
        await answering(port)
        schema = next(one for one in SCHEMAS if one.name == "playbooks")
        async with await open_pool(where.database_url, schema, process="benchmark", size=4) as pool:
            await _connect(pool, port, arguments.rate)
            rounds = []
            for turn in range(arguments.rounds + 1):
                ours = await _ours(pool, folder, where, receiver.pid, port, arguments.chains)
                theirs = await _theirs(folder, where, port, arguments.chains)
                rounds.append((ours, theirs))
                print(f"round {turn}: playbooks {ours:,.0f} calls/s, arq {theirs:,.0f} calls/s")
            measured = rounds[1:] or rounds
            print(
                f"median: playbooks {statistics.median(one[0] for one in measured):,.0f} calls/s,"
                f" arq {statistics.median(one[1] for one in measured):,.0f} calls/s,"
                f" ratio {statistics.median(one[0] / one[1] for one in measured):.1f}"
            )
            if arguments.burst:
                await _burst(arguments, pool, folder, where, port)


async def _connect(pool: Pool, port: int, rate: float) -> None:
    outlets = Outlets(pool, Vault(SECRET_KEY), inside("127.0.0.0/8"))
    secret = {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    await outlets.create(NewOutlet("hook", "webhook", {"url": f"http://127.0.0.1:{port}/in"}, secret))
    await outlets.create(NewOutlet("slow", "webhook", {"url": f"http://127.0.0.1:{port}/in"}, secret, rate))
    await Keeping(pool).stock([_playbook("chain", "hook", STEPS), _playbook("burst", "slow", 1)])


def _playbook(name: str, connection: str, steps: int) -> dict[str, Any]:
    step = {"kind": "webhook", "connection": connection, "fields": {"said": "{{ account.name }} is {{ band }}"}}
    return {
        "format": "playbook/1", "id": name, "version": 1, "name": name, "purpose": "Measures.",
        "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"},
        "steps": [{"id": f"call-{number}", **step} for number in range(1, steps + 1)],
    }  # fmt: skip


async def _ours(pool: Pool, folder: Path, where: Stores, receiver: int, port: int, chains: int) -> float:
    """Return calls a second of one worker over so many runs of five webhook steps."""
    with _runner(folder, where, port) as (worker, ready):
        await answering(ready)
        await asyncio.sleep(1.0)
        pids = (worker.pid, where.postmaster, receiver)
        before = [cpu(pid) for pid in pids]
        began = time.perf_counter()
        await _runs(pool, "chain", chains)
        while await pool.fetchval("select exists (select from run where state = 'running')"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        seconds = time.perf_counter() - began
        spent = [(cpu(pid) - was) / chains / STEPS * 1e6 for pid, was in zip(pids, before, strict=True)]
        print("  CPU a call: worker {:.0f} µs, PostgreSQL {:.0f} µs, receiver and scoring {:.0f} µs".format(*spent))
    done = await pool.fetchval("select count(*) from effect where state = 'done'")
    seen = (await _seen(port))["calls"]
    if done != chains * STEPS or seen != done:
        raise SystemExit(f"{done} effects done, {seen} calls seen, {chains * STEPS} wanted")
    await pool.execute("truncate run, step, effect, attempt, ledger, touch, destination")
    return float(done / seconds)


@contextlib.contextmanager
def _runner(folder: Path, where: Stores, port: int) -> Any:
    ready = next_free(18_601)
    environ = os.environ | {
        "MILEPOST_ENVIRONMENT": "development",
        "MILEPOST_DATABASE_URL": where.database_url,
        "MILEPOST_REDIS_URL": where.redis_url,
        "MILEPOST_SCORING_URL": f"http://127.0.0.1:{port}",
        "MILEPOST_SCORING_API_KEY": "mp_000000000000_bench",
        "MILEPOST_SECRET_KEY": SECRET_KEY,
        "MILEPOST_RUNNER_INSIDE": "127.0.0.0/8",
        "MILEPOST_RUNNER_WORKER_PORT": str(ready),
        "MILEPOST_LOG_FORMAT": "json",
    }
    with process(folder, environ, "-m", "playbook_runner.worker") as worker:
        yield worker, ready


async def _runs(pool: Pool, playbook: str, count: int) -> None:
    """Add runs whose first step is due."""
    accounts = [uuid4() for _ in range(count)]
    runs = [uuid4() for _ in accounts]
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "insert into run (id, account_id, playbook_id, version, trigger_kind, trigger_key, state, correlation_id)"
            " select r, a, $3, 1, 'band_changed', sha256(uuid_send(r)), 'running', 'bench'"
            " from unnest($1::uuid[], $2::uuid[]) as t(r, a)",
            runs, accounts, playbook,
        )  # fmt: skip
        await connection.execute(
            "insert into step (id, account_id, run_id, path, kind, state, next_at)"
            " select s, a, r, 'call-1', 'webhook', 'due', clock_timestamp()"
            " from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as t(s, a, r)",
            [uuid4() for _ in accounts], accounts, runs,
        )  # fmt: skip


async def _burst(arguments: argparse.Namespace, pool: Pool, folder: Path, where: Stores, port: int) -> None:
    """Let effects come due in one second and report the receiver's busiest second and the worker's memory."""
    await _effects(pool, arguments.burst)
    await _seen(port)
    with contextlib.ExitStack() as stack:
        workers = []
        for _ in range(arguments.workers):
            worker, ready = stack.enter_context(_runner(folder, where, port))
            await answering(ready)
            workers.append(worker)
        most, began = 0, time.perf_counter()
        while time.perf_counter() - began < arguments.watch:
            most = max(most, *(psutil.Process(worker.pid).memory_info().rss for worker in workers))
            await asyncio.sleep(0.1)
    seen = await _seen(port)
    print(
        f"burst: {arguments.burst} due at once, {seen['calls']} calls in {arguments.watch:g} s at a rate of"
        f" {arguments.rate:g}/s by {arguments.workers} workers; busiest second {seen['busiest']};"
        f" memory of one at most {most / 2**20:.0f} MiB"
    )


async def _effects(pool: Pool, count: int) -> None:
    await _runs(pool, "burst", count)
    rows = await pool.fetch("select id, account_id, run_id from step")
    await pool.execute("update step set state = 'performing', next_at = null")
    await pool.execute(
        "insert into effect (key, account_id, run_id, step_id, channel, destination, recipient, state, next_at)"
        " select k, a, r, s, 'webhook', 'slow', 'slow', 'ready', clock_timestamp() + random() * interval '1 second'"
        " from unnest($1::bytea[], $2::uuid[], $3::uuid[], $4::uuid[]) as t(k, a, r, s)",
        [effect_key(str(row["run_id"]), "call-1", 0, "webhook", "slow") for row in rows],
        [row["account_id"] for row in rows],
        [row["run_id"] for row in rows],
        [row["id"] for row in rows],
    )


# ---- the other side


async def _theirs(folder: Path, where: Stores, port: int, chains: int) -> float:
    """Return calls a second of one arq worker over so many chains of five jobs."""
    arguments = ("--role", "arq", "--redis", where.redis_url, "--port", str(port))
    with process(folder, dict(os.environ), __file__, *arguments):
        await asyncio.sleep(4.0)
        redis = await create_pool(RedisSettings.from_dsn(where.redis_url), default_queue_name="bench")
        began = time.perf_counter()
        for _ in range(chains):
            await redis.enqueue_job("call", str(uuid4()), STEPS)
        while (await _seen(port, keep=True))["calls"] < chains * STEPS:  # noqa: ASYNC110 - another process works
            await asyncio.sleep(0.05)
        seconds = time.perf_counter() - began
        await redis.aclose()
    await _seen(port)
    return chains * STEPS / seconds


async def _arq_worker(url: str, port: int) -> None:
    client = httpx.AsyncClient(trust_env=False)
    body = json.dumps({"type": "playbook.step", "timestamp": "2026-01-01T00:00:00Z", "data": {"x": "y" * 800}}).encode()

    async def call(ctx: dict[str, Any], account: str, left: int) -> None:
        headers = {"webhook-id": f"{account}-{left}", "content-type": "application/json"}
        (await client.post(f"http://127.0.0.1:{port}/in", content=body, headers=headers)).raise_for_status()
        if left > 1:
            await ctx["redis"].enqueue_job("call", account, left - 1)

    worker = Worker(
        functions=[func(call, name="call")],
        queue_name="bench",
        redis_settings=RedisSettings.from_dsn(url),
        max_jobs=100,
        poll_delay=0.05,
        keep_result=0,
        handle_signals=False,
    )
    await worker.async_run()


async def _seen(port: int, *, keep: bool = False) -> dict[str, int]:
    """Return how many calls came in since it was last asked, and how many in the busiest second."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/{'look' if keep else 'take'}")
        return dict(answer.json())


class _World(asyncio.Protocol):
    """Receiver and scoring API in one: counts calls, answers questions for health with one and the same document.

    As bytes that are ready, as the scoring API keeps them.
    """

    calls: list[float] = []  # noqa: RUF012 - one list for the process
    about: tuple[bytes, bytes] = (b"", b"")

    def connection_made(self, transport: Any) -> None:
        self.transport, self.read = transport, b""

    def data_received(self, data: bytes) -> None:
        self.read += data
        while b"\r\n\r\n" in self.read:
            head, _, rest = self.read.partition(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
            )
            if len(rest) < length:
                return
            body, self.read = rest[:length], rest[length:]
            answer = self._answer(head.split(b" ")[1].decode(), body)
            self.transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (len(answer), answer)
            )

    def _answer(self, path: str, body: bytes) -> bytes:
        if path == "/in":
            self.calls.append(time.monotonic())
            return b"{}"
        if path in ("/take", "/look"):
            told = {"calls": len(self.calls), "busiest": _busiest(self.calls)}
            if path == "/take":
                self.calls.clear()
            return json.dumps(told).encode()
        if path == "/accounts/health:batch":
            return b'{"data":[' + b",".join(self._health(one) for one in json.loads(body)["ids"]) + b"]}"
        return self._health(path.split("/")[2])

    def _health(self, account: str) -> bytes:
        before, after = self.about
        return before + account.encode() + after


def _busiest(calls: list[float]) -> int:
    most, first = 0, 0
    for last, at in enumerate(calls):
        while at - calls[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


async def _receive(port: int) -> None:
    band = {"band": "red", "because": "model", "sentence": ""}
    anybody = UUID(int=1)
    parts = {"id": anybody, "name": "Aurora Logistics", "owner": "kim@vendor.example", "stage": "activation"}
    health = document(account=parts, band="red", effective_band=band, computed_at=datetime.now(UTC))
    before, _, after = health.model_dump_json().partition(str(anybody))
    _World.about = before.encode(), after.encode()
    server = await asyncio.get_running_loop().create_server(_World, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chains", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--burst", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=400.0)
    parser.add_argument("--workers", type=int, default=2, help="that share the burst's one rate")
    parser.add_argument("--watch", type=float, default=32.0)
    parser.add_argument("--role", default="")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--redis", default="")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
