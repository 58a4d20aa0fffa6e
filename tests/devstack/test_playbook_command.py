"""`milepost playbook` checks files without a house, and keeps, compares and puts in force those of a running one."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support import house as houses
from support.house import House
from support.shell import milepost

from milepost_core.playbooks.schema import document_schema

pytestmark = pytest.mark.anyio
PLAYBOOK = """\
id: call-them
name: Call them
trigger: {{kind: band_changed, to: [red], direction: down}}
measures: [{{id: back, when: {{subject: band, value: green}}, within_days: 30}}]
steps:
  - id: tell
    kind: email
    subject: "{subject}"
    text: Please call {{{{ account.name }}}}.
"""


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    home = tmp_path_factory.mktemp("house") / "state"
    async with houses.running(home) as running:
        yield running


async def run(house: House, *words: str) -> str:
    done = await asyncio.to_thread(milepost, house.home, "playbook", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def written(folder: Path, subject: str = "Call") -> str:
    path = folder / f"{len(subject)}.yaml"
    path.write_text(PLAYBOOK.format(subject=subject))
    return str(path)


def test_files_are_checked_without_a_house_by_file_line_and_column(tmp_path: Path) -> None:
    good, bad = written(tmp_path), written(tmp_path, "{{ nobody }}")
    done = milepost(tmp_path / "nohome", "playbook", "lint", good, bad, "gone.yaml")

    assert done.returncode == 1
    assert f"{good}: call-them is a playbook" in done.stdout
    assert f"{bad}:8:5: error:" in done.stdout
    assert "gone.yaml: cannot be read" in done.stdout


def test_the_schema_is_printed_for_editors(tmp_path: Path) -> None:
    assert json.loads(milepost(tmp_path / "nohome", "playbook", "schema").stdout) == document_schema()


async def test_a_playbook_is_pushed_compared_put_in_force_paused_and_rolled_back(house: House, tmp_path: Path) -> None:
    first, second = written(tmp_path), written(tmp_path, "Do call")

    assert "call-them@1 is kept" in await run(house, "push", first)
    assert "call-them@2 is kept" in await run(house, "push", second)
    assert "call-them@2 was kept before" in await run(house, "push", second)
    assert await run(house, "show", "call-them@1") == Path(first).read_text()
    assert "Subject of step 'tell' changed from Call to Do call." in await run(house, "diff", "call-them@1", "2")
    assert "call-them@1 is active" in await run(house, "activate", "call-them@1")
    assert "call-them@2 is active" in await run(house, "activate", "call-them@2", "--in-flight", "move")
    assert "call-them@1 is active" in await run(house, "rollback", "call-them")
    assert "call-them@1 is paused" in await run(house, "pause", "call-them")
    assert "call-them@1 is active" in await run(house, "activate", "call-them")
    listed = json.loads(await run(house, "list", "--json"))["data"]
    assert {one["id"]: one["state"] for one in listed}["call-them"] == "active"


async def test_what_the_service_refuses_is_told_by_line_and_column(house: House, tmp_path: Path) -> None:
    path = written(tmp_path, "{{ nobody }}")
    done = await asyncio.to_thread(milepost, house.home, "playbook", "push", path)

    assert done.returncode == 1
    assert f"{path}:8:5:" in done.stderr


async def test_a_connection_that_there_is_not_is_told_when_it_is_pushed_and_put_in_force(
    house: House, tmp_path: Path
) -> None:
    path = tmp_path / "hook.yaml"
    step = "steps: [{id: tell, kind: webhook, connection: our-hook, fields: {a: b}}]\n"
    path.write_text(PLAYBOOK.format(subject="x").partition("steps:")[0].replace("call-them", "call-there") + step)
    said = "there is no connection 'our-hook'; the step fails until there is one"

    pushed = await run(house, "push", str(path))
    activated = await run(house, "activate", "call-there@1")

    assert said in pushed
    assert f"warning: {said}  /steps/0/connection" in activated
