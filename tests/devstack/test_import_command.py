"""Claims about `milepost import` as people run it: against the real process, killed and run again."""

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from support.house import until

from milepost_devstack.ports import next_free
from milepost_runtime.database import Pool
from milepost_runtime.keys import insert_key, new_key

NO_QUEUE = "redis://127.0.0.1:1/0"


@dataclass
class Web:
    """The web process of ingest-webhooks, which may be killed and started again at the same address."""

    environ: dict[str, str]
    port: int
    log: Path
    key: str
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ingest_webhooks.app"], env=self.environ, stdout=log, stderr=log
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=20)

    def rss(self, name: str = "VmRSS") -> int:
        """Return the resident memory in MiB."""
        assert self.process is not None
        return _memory(self.process.pid, name)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _memory(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) // 1024
    raise AssertionError(name)


@pytest.fixture(scope="module")
async def key(ingest_pool: Pool) -> str:
    made = new_key()
    async with ingest_pool.acquire() as connection:
        await insert_key(connection, "ingest", made, name="files", scopes=["ingest", "write", "read"], days=None)
    return made.text


@pytest.fixture(scope="module")
def web(database_url: str, key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    port = next_free(18_451)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")} | {
        "MILEPOST_ENVIRONMENT": "test",
        "MILEPOST_DATABASE_URL": database_url,
        "MILEPOST_REDIS_URL": NO_QUEUE,
        "MILEPOST_INGEST_PORT": str(port),
        "MILEPOST_LOG_FORMAT": "json",
    }
    running = Web(environ, port, tmp_path_factory.mktemp("web") / "web.log", key)
    running.start()
    yield running
    running.stop()


@pytest.fixture
async def asking(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {web.key}"}
    async with httpx.AsyncClient(base_url=web.url, headers=headers, trust_env=False, timeout=20) as client:

        async def alive() -> bool:
            try:
                return (await client.get("/livez")).status_code == 200
            except httpx.TransportError:
                return False

        await until(alive, "the web process")
        yield client


def command(web: Web, path: Path, *words: str) -> "subprocess.Popen[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
    more = {"MILEPOST_HOME": str(path.parent / "home"), "MILEPOST_INGEST_URL": web.url, "MILEPOST_API_KEY": web.key}
    return subprocess.Popen(
        [sys.executable, "-m", "milepost_devstack.cli", "import", str(path), *words],
        env=kept | more,
        cwd=path.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def ended(running: "subprocess.Popen[str]", limit_s: float = 100) -> tuple[int, str, str]:
    out, err = await asyncio.to_thread(running.communicate, None, limit_s)
    return running.returncode, out, err


def write_csv(path: Path, rows: int, account: str, *, first: int = 0) -> Path:
    with path.open("w") as file:
        file.write("id,type,account,occurred_at,actor,value,properties.plan\n")
        for number in range(first, first + rows):
            file.write(
                f"c{number},feature.used,external:{account}-{number % 50},2025-03-{number % 28 + 1:02}T09:30:00Z,"
                f"u{number % 900}@a.example,{number % 7},pro\n"
            )
    return path


async def stored(owner: asyncpg.Connection, account: str) -> int:
    return int(
        await owner.fetchval(
            "select count(*) from ingest.event where source = 'import' and reference like $1 || '-%'",
            f"external:{account}",
        )
    )


async def test_a_file_is_brought_in_reported_and_known_the_next_time(
    web: Web, asking: httpx.AsyncClient, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "events.csv", 3, "told")
    path.write_text(
        path.read_text()
        + '"c 4",Feature Used,"nobody\nat all",yesterday,,,\nc5,x,external:told-5,2025-03-01T00:00:00Z,\n'
    )
    code, out, err = await ended(command(web, path, "--rejects", str(tmp_path / "rejects.jsonl")))
    assert code == 1, err
    again, told, err = await ended(command(web, path, "--json"))
    assert again == 1, err
    assert told, err
    document = json.loads(told)
    rejects = [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text().splitlines()]

    assert "5 lines are settled as events.csv" in out
    assert "row 4, line 5: account: " in out
    assert "row 4, line 5: occurred_at: " in out
    assert (document["accepted"], document["rejected"], document["brought_in_before"]) == (4, 1, True)
    assert [(one["line"], one["place"]) for one in rejects] == [(4, "row 4, line 5")]
    assert {error["pointer"] for error in rejects[0]["errors"]} == {"/type", "/account", "/occurred_at"}
    assert await stored(owner, "told") == 4


async def test_a_dry_run_stores_nothing_and_says_what_would_be(
    web: Web, asking: httpx.AsyncClient, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "events.csv", 20, "dry", first=1_000)
    code, out, _ = await ended(command(web, path, "--dry-run"))
    assert (code, "would be settled" in out) == (0, True)
    assert await stored(owner, "dry") == 0
    code, out, _ = await ended(command(web, path))
    assert (code, await stored(owner, "dry")) == (0, 20)


async def test_what_is_wrong_with_a_file_is_said_in_one_line_before_anything_is_sent(
    web: Web, asking: httpx.AsyncClient, tmp_path: Path
) -> None:
    (tmp_path / "events.csv").write_text("id,what\n1,x\n")
    before = len((await asking.get("/imports")).json()["data"])
    for path, said in ((tmp_path / "events.csv", "no field is called what"), (tmp_path / "x.xlsx", "name it .csv")):
        code, out, err = await ended(command(web, path))
        assert (code, out, len(err.splitlines())) == (1, "", 1)
        assert said in err
    assert len((await asking.get("/imports")).json()["data"]) == before
    code, _, err = await ended(command(web, write_csv(tmp_path / "events.csv", 1, "x"), "--key", "mp_wrong"))
    assert (code, "401" in err) == (1, True)


async def test_an_import_outlives_the_death_of_the_service_in_its_middle(
    web: Web, asking: httpx.AsyncClient, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "history.csv", 120_000, "service", first=10_000)
    running = command(web, path, "--json")

    async def begun() -> int:
        listed = (await asking.get("/imports?limit=1")).json()["data"]
        return int(listed[0]["position"]) if listed and listed[0]["name"] == "history.csv" else 0

    at = await until(begun, "the first chunk")
    web.kill()
    dead = await stored(owner, "service")
    web.start()
    code, out, err = await ended(running)
    row = json.loads(out)

    assert code == 0, err
    assert 0 < at < 120_000
    assert 0 < dead < 120_000
    assert (row["position"], row["accepted"], row["duplicates"]) == (120_000, 120_000, 0)
    assert await stored(owner, "service") == 120_000


async def test_an_import_goes_on_where_the_command_was_killed(
    web: Web, asking: httpx.AsyncClient, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "half.csv", 120_000, "command", first=200_000)
    running = command(web, path)

    async def begun() -> bool:
        listed = (await asking.get("/imports?limit=1")).json()["data"]
        return bool(listed) and listed[0]["name"] == "half.csv" and listed[0]["position"] > 0

    await until(begun, "the first chunk")
    running.send_signal(signal.SIGKILL)
    await ended(running)
    at = (await asking.get("/imports?limit=1")).json()["data"][0]["position"]
    code, out, err = await ended(command(web, path, "--json"))
    row = json.loads(out)

    assert code == 0, err
    assert 0 < at < 120_000
    assert (row["accepted"], row["duplicates"], row["position"]) == (120_000, 0, 120_000)
    assert await stored(owner, "command") == 120_000


async def test_the_same_events_in_every_format_are_the_same_events(
    web: Web, asking: httpx.AsyncClient, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    import duckdb

    table = write_csv(tmp_path / "a.csv", 500, "formats", first=400_000)
    with duckdb.connect() as connection:
        connection.execute(f"copy (from read_csv('{table}')) to '{tmp_path}/a.parquet' (format parquet)")
        events = connection.execute(f"select * from read_csv('{table}', all_varchar=true)").fetchall()
    names = ("id", "type", "account", "occurred_at", "actor")
    lines = [
        json.dumps(dict(zip(names, row, strict=True)) | {"value": int(value), "properties": {"plan": plan}})
        for *row, value, plan in events
    ]
    (tmp_path / "a.ndjson").write_text("\n".join(lines))
    counts: list[dict[str, Any]] = []
    for name in ("a.parquet", "a.csv", "a.ndjson"):
        code, out, err = await ended(command(web, tmp_path / name, "--json"))
        assert code == 0, err
        counts.append(json.loads(out))
    assert [(one["accepted"], one["duplicates"]) for one in counts] == [(500, 0), (0, 500), (0, 500)]
    assert await stored(owner, "formats") == 500


async def test_a_packed_file_that_breaks_off_is_brought_in_up_to_there_and_completed_later(
    web: Web, asking: httpx.AsyncClient, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    packed = gzip.compress(write_csv(tmp_path / "a.csv", 30_000, "cut", first=3_000_000).read_bytes())
    path = tmp_path / "a.csv.gz"
    path.write_bytes(packed[: len(packed) // 2])
    for before in (False, True):
        code, out, err = await ended(command(web, path, "--json"))
        row = json.loads(out)
        assert (code, row["state"], row["rejected"], row["conflicts"]) == (1, "cancelled", 0, 0), err
        assert (row["position"], row["brought_in_before"]) == (await stored(owner, "cut"), False), before
        assert 5_000 < row["position"] < 25_000
        assert len(err.splitlines()) == 1
        assert "breaks off behind" in err
    path.write_bytes(packed)
    code, out, err = await ended(command(web, path, "--json"))
    whole = json.loads(out)
    assert (code, whole["accepted"] + row["position"], whole["duplicates"]) == (0, 30_000, row["position"]), err


async def test_a_line_that_contradicts_what_is_known_is_shown_with_its_place(
    web: Web, asking: httpx.AsyncClient, tmp_path: Path
) -> None:
    await ended(command(web, write_csv(tmp_path / "a.csv", 3, "first", first=4_000_000)))
    code, out, err = await ended(command(web, write_csv(tmp_path / "b.csv", 3, "other", first=4_000_000)))
    assert code == 1, err
    assert "3  say something else than was told under their ids before" in out
    assert "row 2, line 3: id: Something else was told under this id before" in out


@pytest.mark.slow
async def test_memory_stays_flat_however_long_the_file(web: Web, asking: httpx.AsyncClient, tmp_path: Path) -> None:
    """300,000 rows are 25 MB as a file, and several times that as objects."""
    await ended(command(web, write_csv(tmp_path / "warm.csv", 30_000, "warm", first=500_000)))
    before = web.rss()
    running = command(web, write_csv(tmp_path / "long.csv", 300_000, "long", first=600_000), "--json")
    peak = 0
    while running.poll() is None:
        peak = max(peak, _memory(running.pid, "VmHWM") if Path(f"/proc/{running.pid}/exe").exists() else 0)
        await asyncio.sleep(0.05)
    code, out, err = await ended(running)

    assert (code, json.loads(out)["accepted"]) == (0, 300_000), err
    assert peak < 110
    assert web.rss("VmHWM") < before + 40
