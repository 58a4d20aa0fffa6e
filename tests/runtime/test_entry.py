"""Claims about starts that are refused: one log line that says why, exit status 1, no traceback, nothing touched."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from support.stores import Databases

from milepost_devstack.schemas import SCHEMAS
from milepost_devstack.stores import EmbeddedPostgres, EmbeddedValkey

SCHEMA_OF = {schema.package: schema for schema in SCHEMAS}
PROCESSES = [f"{package}.{kind}" for package in SCHEMA_OF for kind in ("app", "worker")]
AWAY = "postgresql://u:hidden@127.0.0.1:1/d"


Started = dict[str, "subprocess.CompletedProcess[str]"]


async def started(module: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Start a process that ought to refuse, and wait until it has ended."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
    # Should it start after all, then on ports that no other process wants.
    ports = {f"MILEPOST_{name}_PORT": "0" for name in ("SCORING", "SCORING_WORKER", "RUNNER", "RUNNER_WORKER")}
    told = {"MILEPOST_REDIS_URL": "redis://127.0.0.1:1/0", "MILEPOST_SECRET_KEY": "k" * 40, **ports, **settings}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", module],
        env=kept | told,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


async def all_started(settings_of: Callable[[str], Awaitable[Mapping[str, str]]]) -> Started:
    """Start every process of the house, two at a time; each ends for itself."""
    places = asyncio.Semaphore(2)

    async def one(module: str) -> "subprocess.CompletedProcess[str]":
        async with places:
            return await started(module, **await settings_of(module))

    return dict(zip(PROCESSES, await asyncio.gather(*map(one, PROCESSES)), strict=True))


def refusal(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """Return the last log line of a process that refused, which is the only one at that level."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines if line["level"] not in ("info", "warning")] == ["start_refused"]
    last: dict[str, Any] = lines[-1]
    return last


async def refused(module: str, **settings: str) -> dict[str, Any]:
    """Start a process that ought to refuse and return its refusal."""
    return refusal(await started(module, **settings))


@pytest.fixture(scope="module")
async def on_an_old_schema(databases: Databases, valkey: EmbeddedValkey) -> Started:
    async def settings_of(module: str) -> Mapping[str, str]:
        url = await databases.clone()
        connection = await asyncpg.connect(url)
        schema = SCHEMA_OF[module.partition(".")[0]]
        await connection.execute(f"update {schema.name}.alembic_version set version_num = '0000'")
        await connection.close()
        return {"MILEPOST_DATABASE_URL": url, "MILEPOST_REDIS_URL": valkey.url}

    return await all_started(settings_of)


@pytest.fixture(scope="module")
async def with_bad_settings() -> Started:
    async def settings_of(_module: str) -> Mapping[str, str]:
        return {"MILEPOST_LOG_LEVEL": "LOUD", "MILEPOST_SECRET_KEY": "short"}

    return await all_started(settings_of)


@pytest.fixture(scope="module")
async def without_database() -> Started:
    async def settings_of(_module: str) -> Mapping[str, str]:
        return {"MILEPOST_DATABASE_URL": AWAY}

    return await all_started(settings_of)


@pytest.mark.parametrize("module", PROCESSES)
async def test_a_process_refuses_an_old_schema_in_one_line(on_an_old_schema: Started, module: str) -> None:
    schema = SCHEMA_OF[module.partition(".")[0]]
    line = refusal(on_an_old_schema[module])

    assert f"schema {schema.name} is at 0000" in line["reason"]
    assert line["reason"].endswith("run `milepost migrate`")
    assert (line["service"], line["process"]) == (
        schema.package.replace("_", "-"),
        "web" if module.endswith("app") else "worker",
    )


@pytest.mark.parametrize("module", PROCESSES)
async def test_a_process_refuses_bad_settings_in_one_line_that_holds_all_of_them(
    with_bad_settings: Started, module: str
) -> None:
    line = refusal(with_bad_settings[module])

    for name in ("MILEPOST_DATABASE_URL", "MILEPOST_LOG_LEVEL", "MILEPOST_SECRET_KEY"):
        assert name in line["reason"]


@pytest.mark.parametrize("module", PROCESSES)
async def test_a_process_refuses_a_database_that_is_away_in_one_line_without_its_password(
    without_database: Started, module: str
) -> None:
    line = refusal(without_database[module])

    assert line["reason"].startswith("the database cannot be used")
    assert "hidden" not in json.dumps(line)


@pytest.mark.parametrize("module", ["ingest_webhooks.app", "ingest_webhooks.worker"])
async def test_a_login_without_the_services_role_is_told_who_can_help(
    postgres: EmbeddedPostgres, databases: Databases, module: str
) -> None:
    url = await databases.clone()
    admin = await asyncpg.connect(postgres.url("postgres"))
    if not await admin.fetchval("select exists(select from pg_roles where rolname = 'stranger')"):
        await admin.execute("create role stranger login password 'stranger'")
    await admin.close()
    place = urlsplit(url)
    strangers = urlunsplit(place._replace(netloc=f"stranger:stranger@127.0.0.1:{place.port}"))

    line = await refused(module, MILEPOST_DATABASE_URL=strangers)

    assert "role milepost_ingest is missing or not granted to this login" in line["reason"]
    assert "infra/postgres/roles.sql" in line["reason"]


async def test_a_score_model_that_is_none_is_refused_in_one_line() -> None:
    line = await refused("scoring_api.app", MILEPOST_DATABASE_URL=AWAY, MILEPOST_SCORING_MODEL="/nowhere/model.yaml")

    assert "/nowhere/model.yaml" in line["reason"]


async def test_a_warning_of_the_settings_is_a_log_line_without_a_path() -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
    told = {"MILEPOST_DATABASE_URL": AWAY, "MILEPOST_REDIS_URL": "redis://127.0.0.1:1", "MILEPOST_SECRET_KEY": "k" * 40}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "ingest_webhooks.worker"],
        env=kept | told | {"MILEPOST_INGEST_PROT": "1"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    warning, _refusal = map(json.loads, done.stderr.splitlines())
    assert warning["event"] == "MILEPOST_INGEST_PROT is not a setting; did you mean MILEPOST_INGEST_PORT?"


async def test_who_has_settled_in_looks_for_garbage_seldom_and_not_among_what_it_started_with() -> None:
    code = (
        "import gc; from milepost_runtime.entry import settle_in; before = len(gc.get_objects()); settle_in();"
        " print(gc.get_freeze_count() >= before // 2, gc.get_count()[0] < 100, gc.get_threshold()[0])"
    )
    told = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True)

    assert told.stdout.split() == ["True", "True", "50000"]
