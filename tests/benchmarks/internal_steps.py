"""Steps that need nobody outside: how many a second, beside durable workflows of the package `dbos`.

Run: python tests/benchmarks/internal_steps.py [--runs 20000] [--rival PYTHON] [--waiting 1000000]

Starts PostgreSQL with durable settings. Ours: runs of five steps that are over at once (four branches, a wait until a
date that has passed), and runs of wait, branch, wait, branch, task, where every wait is claimed and committed on its
own and the task is opened for a person; facts and health are asked over HTTP of a small server that answers from
memory. The rival: workflows of five steps that return at once, 32
at a time, on the same server and in its own process, with the interpreter that `--rival` names (it has `dbos`).
With `--waiting` it then measures what claiming the next due 500 costs among ten thousand steps that wait and among
that many (`due_claims`). Prints rates and ratios. Loopback only; ends by itself.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.due_claims import NEW_ID, claiming, now
from benchmarks.house import stores
from support.health_documents import document
from support.health_server import _QuietServer, uvicorn

from milepost_runtime.database import Pool, open_pool
from milepost_runtime.entry import settle_in
from milepost_runtime.lanes import drain
from milepost_runtime.queue import Hints
from milepost_runtime.settings import load
from milepost_runtime.worker import run
from playbook_runner.service import Runner, build_runner, scoring_http
from playbook_runner.settings import SCHEMA, RunnerSettings

LIMIT_S = 3600.0
STEPS = 5
SHORT = 1e-8
HEAD: dict[str, Any] = {"format": "playbook/1", "version": 1, "name": "Bench", "trigger": {"kind": "by_hand"}}
LOW = {"subject": "score", "operator": "lt", "value": 90}
TASK = {
    "id": "e",
    "kind": "task",
    "owner": ["owner"],
    "title": "Call {{ account.name }}",
    "script": "Hi",
    "waits": False,
}
DATED = {"id": "e", "kind": "wait", "attribute": "won"}


def _branch(name: str, to: str) -> dict[str, Any]:
    return {"id": name, "kind": "branch", "otherwise": "end", "cases": [{"when": LOW, "next": to}]}


def _wait(name: str) -> dict[str, Any]:
    return {"id": name, "kind": "wait", "days": SHORT}


# Five steps that are over at once, as the rival's are; and five of which every other is waited for and one is a task.
SHAPES: dict[str, list[dict[str, Any]]] = {
    "straight": [
        *(_branch(*pair) for pair in ("ab", "bc", "cd", "de")),
        {"id": "e", "kind": "wait", "attribute": "won"},
    ],
    "waiting": [_wait("a"), _branch("b", "c"), _wait("c"), _branch("d", "e"), TASK],
}
_OPEN = f"""
    with fresh as (select {NEW_ID} as id, gen_random_uuid() as account, {NEW_ID} as step from generate_series(1, $1)),
    begun as (insert into run (id, account_id, playbook_id, version, trigger_kind, trigger_key, state, because)
              select id, account, $3, 1, 'by_hand', sha256(id::text::bytea), 'running', 'bench' from fresh)
    insert into step (id, account_id, run_id, path, kind, state, next_at)
    select step, account, id, 'a', 'wait', 'due', $2 from fresh
"""


class Answers:
    """Answers for the scoring API from memory: every account has the same score and the same document."""

    def __init__(self) -> None:
        known = document().model_dump(mode="json")
        self.document = json.dumps(known).split(known["account"]["id"])
        self.facts = json.dumps({"score": {"value": 47.3}, "attribute.won": {"value": "2026-01-05"}})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        content = b""
        while (message := await receive()).get("more_body") or message.get("body"):
            content += message["body"]
            if not message.get("more_body"):
                break
        body = self._answer(scope["path"], json.loads(content)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, path: str, asked: dict[str, Any]) -> str:
        if path == "/accounts/health:batch":
            shown = ",".join(one.join(self.document) for one in asked["ids"])
            return f'{{"data":[{shown}],"unknown":[],"not_scored":[]}}'
        shown = ",".join(f'{{"account":"{one}","holds":true,"facts":{self.facts}}}' for one in asked["accounts"])
        return f'{{"sentence":"always","at":"2026-03-02T09:00:00Z","data":[{shown}]}}'


def serve(port: int) -> None:
    """Answer until the process is ended."""
    config = uvicorn.Config(Answers(), "127.0.0.1", port, log_config=None, access_log=False, lifespan="off")
    _QuietServer(config).run()


@contextlib.asynccontextmanager
async def worker(database_url: str, redis_url: str, port: int) -> AsyncIterator[tuple[Runner, Pool]]:
    """The use cases of a working process."""
    settings = load(
        RunnerSettings,
        {
            "MILEPOST_ENVIRONMENT": "test",
            "MILEPOST_DATABASE_URL": database_url,
            "MILEPOST_REDIS_URL": redis_url,
            "MILEPOST_SCORING_URL": f"http://127.0.0.1:{port}",
            "MILEPOST_SCORING_API_KEY": "mp_000000000000_bench",
        },
    )
    async with await open_pool(database_url, SCHEMA, process="bench", size=8) as pool, scoring_http(settings) as client:
        yield build_runner(settings, pool, Hints(redis_url), client), pool


async def work(database_url: str, redis_url: str, port: int) -> None:
    """One working process: once told to begin, drain until every run has ended."""
    async with worker(database_url, redis_url, port) as (runner, pool):
        lane = runner.advancing.lane
        settle_in()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        while await pool.fetchval("select exists (select from run where state = 'running')"):
            if await drain(pool, lane) == 0:
                await asyncio.sleep(0.01)


async def ours(arguments: argparse.Namespace, database_url: str, redis_url: str, shape: str) -> float:
    """Return internal steps a second over `--workers` processes."""
    async with worker(database_url, redis_url, arguments.port) as (runner, pool):
        await runner.keeping.stock([HEAD | {"id": shape, "steps": SHAPES[shape]}])
        await pool.execute(_OPEN, arguments.runs, await now(pool), shape)
        await pool.execute("analyze")
        command = [sys.executable, __file__, "--work", database_url, redis_url, "--port", str(arguments.port)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        children = [subprocess.Popen(command, **pipes) for _ in range(arguments.workers)]  # noqa: ASYNC220
        for child in children:
            await asyncio.to_thread(_hear, child)
        began = time.monotonic()
        for child in children:
            _tell(child)
        for child in children:
            await asyncio.to_thread(child.wait)
        took = time.monotonic() - began
        done = await pool.fetchval("select count(*) from step where state = 'done'")
        assert done == arguments.runs * STEPS, done
        await pool.execute("truncate run, step, task, task_word, ledger, told")
    return float(done) / took


def _hear(child: "subprocess.Popen[str]") -> None:
    """Return when a working process is ready; it logs to the same pipe."""
    assert child.stdout is not None
    while child.stdout.readline().strip() != "ready":
        assert child.poll() is None, "a working process did not start"


def _tell(child: "subprocess.Popen[str]") -> None:
    """Let a working process begin."""
    assert child.stdin is not None
    child.stdin.write("begin\n")
    child.stdin.close()


RIVAL = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from dbos import DBOS

DBOS(config={"name": "bench", "system_database_url": sys.argv[1], "run_admin_server": False, "log_level": "ERROR"})

@DBOS.step()
def step(n):
    return n

@DBOS.workflow()
def five():
    for n in range(5):
        step(n)

DBOS.launch()
with ThreadPoolExecutor(32) as pool:
    list(pool.map(lambda _: five(), range(64)))
    count = int(sys.argv[2])
    began = time.monotonic()
    list(pool.map(lambda _: five(), range(count)))
    print(count * 5 / (time.monotonic() - began), flush=True)
DBOS.destroy()
"""


def rival(python: str, database_url: str, workflows: int) -> float:
    """Return durable steps a second of five-step workflows, 32 at a time."""
    base, _, query = database_url.partition("?")
    url = base.rpartition("/")[0] + "/dbos_bench" + (f"?{query}" if query else "")
    found = subprocess.run(
        [python, "-c", RIVAL, url, str(workflows)], capture_output=True, text=True, check=False, timeout=900
    )
    if found.returncode:
        raise SystemExit(found.stderr[-2000:])
    return float(found.stdout.split()[-1])


async def measure(arguments: argparse.Namespace) -> None:
    async with asyncio.timeout(LIMIT_S):
        with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
            async with stores(Path(folder)) as found:
                command = [sys.executable, __file__, "--serve", "--port", str(arguments.port)]
                answering = subprocess.Popen(command)  # noqa: ASYNC220
                try:
                    await asyncio.sleep(3)
                    await _rounds(arguments, found.database_url, found.redis_url)
                finally:
                    answering.terminate()
                    answering.wait()
                if arguments.waiting:
                    async with worker(found.database_url, found.redis_url, arguments.port) as (runner, pool):
                        counts = (10_000, arguments.waiting)
                        few, many = [
                            await claiming(found.database_url, pool, runner.advancing.lane, count) for count in counts
                        ]
                    print(
                        f"claiming 500: {few:.1f} ms of 10000, {many:.1f} ms of {arguments.waiting}: {many / few:.2f} x"
                    )


async def _rounds(arguments: argparse.Namespace, database_url: str, redis_url: str) -> None:
    for turn in range(arguments.rounds):
        mine, waited = [await ours(arguments, database_url, redis_url, shape) for shape in SHAPES]
        line = f"round {turn + 1}: {mine:.0f} internal steps/s ({waited:.0f} with waits and a task)"
        if arguments.rival:
            theirs = await asyncio.to_thread(rival, arguments.rival, database_url, arguments.workflows)
            line += f"; dbos {theirs:.0f} durable steps/s; ratio {mine / theirs:.1f}"
        print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rival", default="", help="an interpreter that has dbos")
    parser.add_argument("--workflows", type=int, default=400)
    parser.add_argument("--waiting", type=int, default=0)
    parser.add_argument("--port", type=int, default=18731)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--work", nargs=2, default=None, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    given = _arguments()
    if given.serve:
        serve(given.port)
    elif given.work:
        run(work(*given.work, given.port))
    else:
        os.environ.setdefault("MILEPOST_ENVIRONMENT", "test")
        asyncio.run(measure(given))
