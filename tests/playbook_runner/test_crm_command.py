"""Claims about `milepost crm`: it connects from a file, sets up, and tells of what a CRM did not take."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.hubspot_portal import PORTAL, Portal
from support.lifespan import lifespan
from support.listening import listening
from support.outreach import Outreach

from milepost_runtime.keys import insert_key, new_key
from milepost_runtime.lanes import drain
from playbook_runner.app import build
from playbook_runner.connections.connecting import NewOutlet
from playbook_runner.settings import RunnerSettings


@pytest.fixture
async def environment(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[dict[str, str]]:
    """What a shell knows of a running playbook API."""
    await outreach.pool.execute("truncate writeback")
    key, app = new_key(), build(settings)
    async with outreach.pool.acquire() as connection:
        await insert_key(connection, "playbooks", key, name="Dana", scopes=["admin"], days=None)
    async with lifespan(app), listening(app) as url:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
        yield kept | {"MILEPOST_RUNNER_URL": url, "MILEPOST_API_KEY": key.text, "NO_COLOR": "1", "COLUMNS": "200"}


async def crm(environment: dict[str, str], folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "milepost_devstack.cli", "crm", *words]
    return await asyncio.to_thread(
        subprocess.run, line, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


async def test_a_portal_is_connected_set_up_and_looked_after_from_the_shell(
    environment: dict[str, str], tmp_path: Path, portal: Portal, outreach: Outreach
) -> None:
    await outreach.drop(references=(f"hubspot:{PORTAL}:1",))
    file = tmp_path / "hubspot.json"
    secrets = {"token": "pat-eu1-first-token"}
    file.write_text(json.dumps({"name": "ours", "kind": "hubspot", "settings": portal.settings, "secrets": secrets}))

    connected = await crm(environment, tmp_path, "connect", str(file))
    done = await crm(environment, tmp_path, "setup", "ours")
    again = await crm(environment, tmp_path, "setup", "ours", "--json")
    listed = await crm(environment, tmp_path, "list")
    told = await crm(environment, tmp_path, "told", "ours")

    assert [one.returncode for one in (connected, done, again, listed, told)] == [0] * 5, done.stderr
    assert "milepost crm setup ours" in connected.stdout
    assert "made  companies.milepost_score" in done.stdout
    assert "told of 1 accounts" in done.stdout
    assert set(json.loads(again.stdout)["properties"].values()) == {"there"}
    assert "ours" in listed.stdout
    assert "pat-eu1" not in listed.stdout + connected.stdout
    assert "1 accounts wait to be told" in told.stdout


async def test_a_company_that_several_accounts_share_is_shown_with_the_one_that_it_is_told_of(
    environment: dict[str, str], tmp_path: Path, portal: Portal, outreach: Outreach
) -> None:
    company = portal.company(1)
    accounts = [await outreach.drop(references=(company,)) for _ in range(2)]
    secrets = {"token": "pat-eu1-first-token"}
    made = NewOutlet("ours", "hubspot", portal.settings, secrets)
    outlet, _ = await outreach.runner.outlets.create(made)
    await outreach.runner.setting_up.set_up(outlet["id"])
    await drain(outreach.pool, outreach.runner.writing_back.lane)

    told = await crm(environment, tmp_path, "told", "ours")

    assert "0 accounts wait to be told, 0 were refused" in told.stdout
    assert f"1 is told of {min(accounts)} alone: 2 accounts lead there" in told.stdout


async def test_what_cannot_be_done_is_said_in_a_line_and_ends_with_one(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "wrong.json").write_text('{"name": "ours", "kind": "hubspot", "settings": {"portal_id": 0}}')

    unknown = await crm(environment, tmp_path, "setup", "nobody")
    wrong = await crm(environment, tmp_path, "connect", "wrong.json")
    missing = await crm(environment, tmp_path, "connect", "missing.json")
    (tmp_path / "deep.json").write_text("[" * 200_000)
    deep = await crm(environment, tmp_path, "connect", "deep.json")

    assert [one.returncode for one in (unknown, wrong, missing, deep)] == [1, 1, 1, 1]
    assert "deep.json is no JSON, or nested too deeply" in deep.stderr + deep.stdout
    assert "Traceback" not in deep.stderr
    assert "there is no connection nobody" in unknown.stderr + unknown.stdout
    assert "/portal_id" in wrong.stderr + wrong.stdout
    assert "missing.json cannot be read" in missing.stderr + missing.stdout
