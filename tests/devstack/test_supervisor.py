"""One supervisor brings a house up whole, takes it down in order, and leaves nothing behind however it ends.

The stores are the real ones; small stand-in processes take the services' places.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from support.processes import alive, descendants

from milepost_devstack import clusters, readiness, resp
from milepost_devstack.accounts import Account
from milepost_devstack.readiness import until_ready
from milepost_devstack.state import StateFolder

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]
SCRIPT = Path(__file__).with_name("small_house.py")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class SmallHouse:
    """A supervisor in a process of its own; `does` is what its fourth stand-in does."""

    def __init__(self, home: Path, does: str = "well", account: Account | None = None, **more: str) -> None:
        self.home = home
        self.output = home.parent / "terminal.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MILEPOST_", "HOME"))}
        who = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
        with self.output.open("ab") as terminal:
            self.process = subprocess.Popen(  # type: ignore[call-overload]
                [sys.executable, str(SCRIPT), does],
                env=kept | {"MILEPOST_HOME": str(home), "MILEPOST_DEMO": "off"} | more,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,
                **who,
            )

    async def ready(self) -> dict[str, Any]:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            # A killed run leaves its file behind; the next one clears it when it holds the folder.
            found = StateFolder(self.home).endpoints()
            if found is not None and found["pids"]["supervisor"] == self.process.pid:
                return found
            assert self.process.poll() is None, self.said()
            await asyncio.sleep(0.05)
        raise AssertionError(self.said())

    async def ended(self, timeout_s: float = 40) -> int:
        return await asyncio.to_thread(self.process.wait, timeout_s)

    async def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return await self.ended()

    def said(self) -> str:
        return self.output.read_text(errors="replace")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every account may enter, for a state folder below it."""
    folder = Path(tempfile.mkdtemp(prefix="milepost-test-"))
    folder.chmod(0o755)
    yield folder
    if (base := clusters.known(folder / "home")) is not None:
        clusters.remove(folder / "home", base)
    shutil.rmtree(folder, ignore_errors=True)


async def test_a_ready_house_says_where_everything_is_and_ctrl_c_ends_it_in_order(place: Path) -> None:
    house = SmallHouse(place / "home")
    endpoints = await house.ready()
    assert stat.S_IMODE((house.home / "endpoints.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((house.home / "secrets.json").stat().st_mode) == 0o600
    assert {"scoring_api", "playbook_runner", "mailbox", "admin_key", "database_url", "redis_url", "pids"} <= set(
        endpoints
    )
    assert await readiness.run_id_of(endpoints["scoring_api"] + "/readyz") == endpoints["run_id"]
    connection = await asyncpg.connect(endpoints["database_url"])
    await connection.close()
    assert await resp.ask(endpoints["redis_url"], ["PING"]) == ["PONG"]

    assert await house.stop() == 0

    assert not (house.home / "endpoints.json").exists()
    assert not [pid for pid in endpoints["pids"].values() if alive(pid)]
    assert "did not end well" not in house.said()
    assert "database system is shut down" in (house.home / "logs" / "postgres.log").read_text()


@on_linux
async def test_every_child_has_a_session_of_its_own_so_that_ctrl_c_reaches_the_supervisor_alone(place: Path) -> None:
    house = SmallHouse(place / "home")
    pids = (await house.ready())["pids"]
    sessions = {name: os.getsid(pid) for name, pid in pids.items()}
    await house.stop(signal.SIGTERM)
    assert sessions == pids


@on_linux
async def test_a_killed_supervisor_leaves_no_process_behind_and_the_next_start_resumes(place: Path) -> None:
    house = SmallHouse(place / "home")
    endpoints = await house.ready()
    connection = await asyncpg.connect(endpoints["database_url"])
    await connection.execute("create table kept (word text); insert into kept values ('acknowledged')")
    family = descendants(house.process.pid)
    assert len(family) > len(endpoints["pids"])  # PostgreSQL's own children are among them
    house.process.kill()
    await house.ended()
    await _all_gone(family)
    connection.terminate()

    again = SmallHouse(place / "home")
    endpoints = await again.ready()
    connection = await asyncpg.connect(endpoints["database_url"])
    assert await connection.fetchval("select word from kept") == "acknowledged"
    await connection.close()
    assert await again.stop() == 0


@on_linux
async def test_a_first_start_that_is_killed_while_the_cluster_is_made_takes_initdb_along_every_time(
    place: Path,
) -> None:
    for _ in range(3):
        house = SmallHouse(place / "home")
        initdb = await _child_named("initdb", house.process.pid)
        family = descendants(house.process.pid)
        house.process.kill()
        await house.ended()
        assert initdb in family
        await _all_gone(family)

    again = SmallHouse(place / "home")
    await again.ready()
    assert await again.stop() == 0
    base = clusters.known(place / "home")
    assert base is not None
    assert {path.name for path in base.iterdir()} <= {"data", "state-folder"}


async def _all_gone(family: set[int]) -> None:
    """Wait until none lives; some end by themselves once they notice that they are alone, when they get to it."""
    until = time.monotonic() + 10
    while (left := [pid for pid in family if alive(pid)]) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    assert not left


async def _child_named(name: str, parent: int) -> int:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for pid in descendants(parent):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    return pid
        await asyncio.sleep(0.01)
    raise AssertionError(f"{name} was never there")


async def test_a_second_start_for_the_same_folder_says_so_and_changes_nothing(place: Path) -> None:
    house = SmallHouse(place / "home")
    endpoints = await house.ready()
    second = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(SCRIPT), "well"],
        env=os.environ | {"MILEPOST_HOME": str(house.home)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert "already running" in second.stderr
    assert str(endpoints["pids"]["supervisor"]) in second.stderr
    assert await readiness.run_id_of(endpoints["scoring_api"] + "/readyz") == endpoints["run_id"]
    assert await house.stop() == 0


async def test_a_child_that_ends_takes_the_house_down_and_its_last_lines_are_shown(place: Path) -> None:
    house = SmallHouse(place / "home", "dies")
    endpoints = await house.ready()
    assert await house.ended() == 1
    assert "playbook-runner ended by itself (status 3)" in house.said()
    assert "my last words" in house.said()
    assert not [pid for pid in endpoints["pids"].values() if alive(pid)]
    assert not (house.home / "endpoints.json").exists()


async def test_a_store_that_ends_takes_the_house_down(place: Path) -> None:
    house = SmallHouse(place / "home")
    endpoints = await house.ready()
    os.kill(endpoints["pids"]["valkey"], signal.SIGKILL)
    assert await house.ended() == 1
    assert "valkey ended by itself (status -9)" in house.said()
    assert not [pid for pid in endpoints["pids"].values() if alive(pid)]


async def test_a_process_that_never_gets_ready_ends_the_start_with_its_last_lines(place: Path) -> None:
    house = SmallHouse(place / "home", "never-ready", SMALL_HOUSE_READY_S="3")
    assert await house.ended() == 1
    assert "playbook-runner was not ready after 3 s" in house.said()
    assert "listening on" in house.said()


async def test_a_child_that_ignores_the_polite_signal_is_killed_after_its_grace(place: Path) -> None:
    house = SmallHouse(place / "home", "stubborn")
    endpoints = await house.ready()
    assert await house.stop() == 0
    assert not alive(endpoints["pids"]["playbook-runner"])
    assert "playbook-runner did not end well (status -9)" in house.said()


async def test_a_second_ctrl_c_does_not_wait_for_anybody(place: Path) -> None:
    house = SmallHouse(place / "home", "stubborn", SMALL_HOUSE_GRACE_S="60")
    endpoints = await house.ready()
    house.process.send_signal(signal.SIGINT)
    await asyncio.sleep(1)
    assert house.process.poll() is None
    began = time.monotonic()
    assert await house.stop() == 0
    assert time.monotonic() - began < 10
    assert not [pid for pid in endpoints["pids"].values() if alive(pid)]


async def test_ctrl_c_while_the_stores_come_up_ends_in_order_too(place: Path) -> None:
    house = SmallHouse(place / "home")
    until = time.monotonic() + 20
    while not (place / "home" / "secrets.json").exists() and time.monotonic() < until:  # noqa: ASYNC110 - another process makes the file
        await asyncio.sleep(0.01)
    family = descendants(house.process.pid)
    assert await house.stop() == 0
    assert not [pid for pid in family if alive(pid)]
    assert "Traceback" not in house.said()
    again = SmallHouse(place / "home")
    await again.ready()
    assert await again.stop() == 0


async def test_taken_ports_move_to_the_next_free_one_and_the_real_address_is_told(place: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        house = SmallHouse(place / "home", MILEPOST_SCORING_PORT=str(port))
        endpoints = await house.ready()
        assert await house.stop() == 0
    moved = int(endpoints["scoring_api"].rpartition(":")[2])
    assert port < moved < port + 100
    assert endpoints["scoring_api"] in house.said()


def _has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no ::1")
async def test_a_house_listens_on_an_ipv6_address_and_moves_past_a_port_that_is_taken_there(place: Path) -> None:
    with socket.socket(socket.AF_INET6) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("::1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        house = SmallHouse(place / "home", MILEPOST_HOST="::1", MILEPOST_SCORING_PORT=str(port))
        endpoints = await house.ready()
        assert await readiness.run_id_of(endpoints["scoring_api"] + "/readyz") == endpoints["run_id"]
        assert await house.stop() == 0
    assert endpoints["scoring_api"].startswith("http://[::1]:")
    assert int(endpoints["scoring_api"].rpartition(":")[2]) > port


async def test_a_name_that_nobody_reads_is_told_once_on_the_terminal_and_to_no_process(place: Path) -> None:
    house = SmallHouse(place / "home", MILEPOST_SCORNG_PORT="1")
    endpoints = await house.ready()
    told = await _environment(endpoints["scoring_api"])
    assert await house.stop() == 0
    sentence = "MILEPOST_SCORNG_PORT is not a setting; did you mean MILEPOST_SCORING_PORT?"
    assert house.said().count(sentence) == 1
    assert "MILEPOST_SCORNG_PORT" not in told


async def test_children_are_told_what_they_need_and_no_more(place: Path) -> None:
    house = SmallHouse(place / "home", MILEPOST_LOG_LEVEL="WARNING")
    endpoints = await house.ready()
    scoring, runner = [await _environment(endpoints[name]) for name in ("scoring_api", "playbook_runner")]
    assert await house.stop() == 0
    assert scoring["MILEPOST_DATABASE_URL"] == endpoints["database_url"]
    assert scoring["MILEPOST_ENVIRONMENT"] == "development"
    assert scoring["MILEPOST_LOG_LEVEL"] == "WARNING"
    assert scoring["MILEPOST_PUBLIC_URL_SCORING"] == endpoints["scoring_api"]
    assert runner["MILEPOST_PUBLIC_URL_RUNNER"] == endpoints["playbook_runner"]
    assert "MILEPOST_SCORING_API_KEY" not in scoring
    assert runner["MILEPOST_SCORING_URL"] == endpoints["scoring_api"]
    assert runner["MILEPOST_SMTP_URL"] == endpoints["smtp"]
    assert runner["MILEPOST_SCORING_API_KEY"] not in ("", endpoints["admin_key"])


async def _environment(base: str) -> dict[str, str]:
    _, body = await readiness.get(base + "/readyz")
    found: dict[str, str] = json.loads(body)["env"]
    return found


async def test_servers_of_the_owner_are_used_and_none_is_started_beside_them(place: Path) -> None:
    secret = place / "redis-url"
    secret.write_text("redis://127.0.0.1:1/0\n")
    house = SmallHouse(
        place / "home",
        MILEPOST_DATABASE_URL="postgresql://somebody@127.0.0.1:1/theirs",
        MILEPOST_REDIS_URL_FILE=str(secret),
    )
    endpoints = await house.ready()
    told = await _environment(endpoints["scoring_api"])
    assert await house.stop() == 0
    assert endpoints["database_url"] == "postgresql://somebody@127.0.0.1:1/theirs"
    assert endpoints["redis_url"] == "redis://127.0.0.1:1/0"
    assert "MILEPOST_REDIS_URL" not in told  # the file is named already; both would be refused
    assert not {"postgres", "valkey"} & set(endpoints["pids"])


async def test_an_old_process_on_the_port_is_not_taken_for_ours(place: Path) -> None:
    house = SmallHouse(place / "home")
    endpoints = await house.ready()
    url = endpoints["scoring_api"] + "/readyz"
    assert not await until_ready(url, "the id of another run", 0.5)
    assert await until_ready(url, endpoints["run_id"], 5)
    await house.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become an ordinary user")
async def test_an_ordinary_user_runs_a_house_as_well(place: Path) -> None:
    account = Account(12_345, 12_345)
    if not account.executes(Path(sys.executable)):
        pytest.skip("this Python lies in a folder that other users cannot enter")
    (place / "theirs").mkdir()
    os.chown(place / "theirs", account.uid, account.gid)
    (place / "theirs" / "terminal.log").touch()
    house = SmallHouse(place / "theirs" / "home", account=account)
    endpoints = await house.ready()
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in endpoints["pids"].values()}
    assert await house.stop() == 0
    assert owners == {account.uid}
