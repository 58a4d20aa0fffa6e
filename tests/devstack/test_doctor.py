"""The doctor finds what is wrong with machine, settings and stores, names the remedy, and changes nothing."""

import asyncio
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from support.stores import Databases

from milepost_devstack import doctor, machine_checks, store_checks
from milepost_devstack.findings import Finding, failed
from milepost_devstack.house import MILEPOST
from milepost_devstack.state import StateFolder
from milepost_devstack.stores import EmbeddedPostgres, EmbeddedValkey
from milepost_runtime.settings import DEVELOPMENT_SECRET

pytestmark = pytest.mark.anyio


def of(findings: list[Finding], check: str) -> Finding:
    (found,) = [finding for finding in findings if finding.check == check]
    return found


async def test_with_the_house_down_it_says_what_it_could_not_check_and_is_content(tmp_path: Path) -> None:
    findings = await doctor.examine(MILEPOST, StateFolder(tmp_path / "home"), {})
    unchecked = {finding.check for finding in findings if finding.state == "unchecked"}
    assert {"database", "schemas", "queue", "scoring-api", "ingest-webhooks", "playbook-runner"} <= unchecked
    assert not failed(findings)
    assert not (tmp_path / "home").exists()


async def test_a_migrated_database_of_the_owner_is_examined_without_a_house(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    environ = {"MILEPOST_DATABASE_URL": database_url, "MILEPOST_REDIS_URL": redis_url}
    findings = await doctor.examine(MILEPOST, StateFolder(tmp_path), environ)
    assert of(findings, "database").state == "ok"
    assert [finding.state for finding in findings if finding.check == "schemas"] == ["ok", "ok", "ok"]
    assert of(findings, "database clock").state == "ok"
    assert of(findings, "queue").state == "ok"
    assert "not needed" in of(findings, "postgres program").found
    # The test cluster is disposable, and the doctor notices.
    assert of(findings, "durability") == Finding(
        "durability", "fail", "fsync is off", "set fsync = on: accepted events could be lost"
    )


async def test_an_empty_database_asks_for_the_migration(databases: Databases) -> None:
    findings = await store_checks.database(MILEPOST, await databases.empty())
    schemas = [finding for finding in findings if finding.check == "schemas"]
    assert {finding.state for finding in schemas} == {"fail"}
    assert {finding.remedy for finding in schemas} == {"run 'milepost migrate'"}


async def test_a_database_that_answers_late_commits_is_told(databases: Databases, postgres: EmbeddedPostgres) -> None:
    url = await databases.empty()
    name = url.rpartition("/")[2]
    connection = await asyncpg.connect(postgres.url("postgres"))
    await connection.execute(f'alter database "{name}" set synchronous_commit = off')
    await connection.close()
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("show synchronous_commit") == "off"
    assert (await store_checks._durability(connection)).state == "fail"
    await connection.close()


async def test_a_database_that_nobody_serves_is_a_failure_with_a_remedy(unused_port: int) -> None:
    (found,) = await store_checks.database(MILEPOST, f"postgresql://a:b@127.0.0.1:{unused_port}/c")
    assert found.state == "fail"
    assert "MILEPOST_DATABASE_URL" in found.remedy


@pytest.mark.parametrize(("limit", "state"), [("0", "warn"), ("100mb", "fail")])
async def test_a_queue_that_may_evict_is_told(valkey: EmbeddedValkey, limit: str, state: str) -> None:
    from milepost_devstack import resp

    await resp.ask(
        valkey.url, ["CONFIG", "SET", "maxmemory", limit], ["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]
    )
    try:
        found = await store_checks.queue(valkey.url)
    finally:
        await resp.ask(
            valkey.url, ["CONFIG", "SET", "maxmemory", "0"], ["CONFIG", "SET", "maxmemory-policy", "noeviction"]
        )
    assert found.state == state
    assert "noeviction" in found.remedy
    assert (await store_checks.queue(valkey.url)).state == "ok"


async def test_a_queue_that_is_away_only_warns_because_it_carries_hints(unused_port: int) -> None:
    assert (await store_checks.queue(f"redis://127.0.0.1:{unused_port}/0")).state == "warn"


async def test_something_that_is_no_redis_is_told() -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await store_checks.queue(f"redis://127.0.0.1:{port}/0")
    assert "not a Redis" in found.found


@pytest.mark.parametrize(
    ("environ", "state"),
    [
        ({}, "ok"),
        ({"MILEPOST_SECRET_KEY": "x" * 40}, "ok"),
        ({"MILEPOST_SECRET_KEY": "short"}, "fail"),
        ({"MILEPOST_SECRET_KEY": DEVELOPMENT_SECRET}, "warn"),
        ({"MILEPOST_SECRET_KEY": DEVELOPMENT_SECRET, "MILEPOST_ENVIRONMENT": "production"}, "fail"),
        ({"MILEPOST_SECRET_KEY_FILE": "/nowhere/secret"}, "fail"),
    ],
)
def test_a_default_or_short_secret_is_told(environ: dict[str, str], state: str) -> None:
    assert machine_checks._secret(environ).state == state


def test_names_that_nobody_reads_and_names_set_twice_are_told(tmp_path: Path) -> None:
    environ = {"MILEPOST_SCORING_PROT": "1", "MILEPOST_REDIS_URL": "a", "MILEPOST_REDIS_URL_FILE": str(tmp_path)}
    told = [finding for finding in machine_checks._settings(MILEPOST, environ) if finding.state != "ok"]
    assert "did you mean MILEPOST_SCORING_PORT?" in told[0].found
    assert told[1].state == "fail"
    assert "both set" in told[1].found


def test_taken_ports_are_a_warning_because_the_house_moves_on(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environ = {"MILEPOST_SCORING_PORT": str(taken.getsockname()[1])}
        (found,) = machine_checks._ports(MILEPOST, environ, running=False)
    assert found.state == "warn"
    assert "MILEPOST_SCORING_PORT" in found.found
    (found,) = machine_checks._ports(MILEPOST, {"MILEPOST_SCORING_PORT": "http"}, running=False)
    assert found.state == "fail"


def _readable(home: Path) -> None:
    (home / "secrets.json").write_text("{}")
    (home / "secrets.json").chmod(0o644)


def _somebody_elses(home: Path) -> None:
    os.chown(home, 12_345, 12_345)


@pytest.mark.parametrize(
    "spoil",
    [
        _readable,
        pytest.param(
            _somebody_elses, marks=pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a folder away")
        ),
    ],
)
def test_a_state_folder_that_is_not_ours_or_not_private_is_told(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(tmp_path)
    found = machine_checks._state_folder(StateFolder(tmp_path))
    assert found.state == "fail"
    assert found.remedy
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
