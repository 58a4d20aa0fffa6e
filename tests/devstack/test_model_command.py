"""`milepost model` checks files without a house, and keeps, compares and activates models of a running one."""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import house as houses
from support.house import House
from support.shell import milepost

from milepost_core.model.schema import document_schema

pytestmark = pytest.mark.anyio
MODEL = """\
id: acme
version: {version}
title: Acme
applies_to: {{region: north}}
precedence: 7
dimensions: [{{id: d, weight: 1}}]
signals:
  - id: uses
    label: Uses
    dimension: d
    source: {{agg: count, where: {{type: {type}}}}}
    normalise: {{kind: saturating, half_at: {half_at}}}
"""


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    home = tmp_path_factory.mktemp("house") / "state"
    async with houses.running(home) as running:
        yield running


async def run(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(milepost, house.home, "model", *words)


def written(folder: Path, version: int = 1, half_at: object = 10, kind: str = "feature.used") -> str:
    path = folder / f"acme-{version}-{half_at}-{kind}.yaml"
    path.write_text(MODEL.format(version=version, half_at=half_at, type=kind))
    return str(path)


def test_a_file_is_checked_without_a_house_by_file_line_and_column(tmp_path: Path) -> None:
    good, odd, bad = written(tmp_path), written(tmp_path, kind="feature.usd"), written(tmp_path, half_at="ten")
    done = milepost(tmp_path / "nohome", "model", "lint", good, odd, bad, "gone.yaml")

    assert done.returncode == 1
    assert f"{good}: acme version 1 is a score model" in done.stdout
    assert f"{odd}:11:5: warning: event type 'feature.usd' is not in the vocabulary" in done.stdout
    assert "did you mean 'feature.used'?" in done.stdout
    assert f"{bad}:12:35: error: 'ten' is not a number above 0" in done.stdout
    assert "gone.yaml: cannot be read (No such file or directory)" in done.stdout


def test_warnings_alone_are_no_failure_and_programs_get_json(tmp_path: Path) -> None:
    done = milepost(tmp_path / "nohome", "model", "lint", "--json", written(tmp_path, kind="feature.usd"))
    (found,) = json.loads(done.stdout)

    assert done.returncode == 0
    assert (found["valid"], found["mistakes"]) == (True, [])
    assert (found["warnings"][0]["line"], found["warnings"][0]["nearest"]) == (11, "feature.used")


def test_the_schema_is_printed_for_editors(tmp_path: Path) -> None:
    assert json.loads(milepost(tmp_path / "nohome", "model", "schema").stdout) == document_schema()


def test_without_a_house_the_others_say_how_to_get_one(tmp_path: Path) -> None:
    done = milepost(tmp_path / "nohome", "model", "list")

    assert done.returncode == 1
    assert "MILEPOST_SCORING_URL" in done.stderr


async def test_a_model_goes_from_a_file_into_charge_and_out_again(house: House, tmp_path: Path) -> None:
    first, second = written(tmp_path), written(tmp_path, version=2, half_at=20)
    assert "acme@1 is kept" in (await run(house, "push", first, "--note", "first try")).stdout
    assert "acme@1 was kept before" in (await run(house, "push", first)).stdout
    assert "acme@2 is kept" in (await run(house, "push", second)).stdout
    assert (await run(house, "show", "acme@1")).stdout == Path(first).read_text()

    told = (await run(house, "diff", "acme@1", "2")).stdout
    assert "Half at of normalise of signal 'Uses' changed from 10 to 20." in told

    judging = await run(house, "activate", "acme@2", "--reason", "try it")
    assert "in charge: acme@2, b2b-onboarding@1" in judging.stdout, judging.stderr
    row = next(line for line in (await run(house, "list")).stdout.splitlines() if line.startswith("acme"))
    assert row.split() == ["acme", "2", "1,", "2", "region:", "north", "7"]
    assert (await run(house, "show", "acme")).stdout == Path(second).read_text()
    assert "in charge: b2b-onboarding@1" in (await run(house, "retire", "acme", "--reason", "over")).stdout


async def test_what_cannot_be_done_is_said_in_words(house: House, tmp_path: Path) -> None:
    taken = await run(house, "push", written(tmp_path, half_at=99))
    broken = await run(house, "push", written(tmp_path, version=3, half_at="ten"))
    last = await run(house, "retire", "b2b-onboarding", "--reason", "x")
    unsaid = await run(house, "activate", "acme", "--reason", "x")
    unknown = await run(house, "show", "b2b-onbording")

    assert [one.returncode for one in (taken, broken, last, unsaid, unknown)] == [1] * 5
    assert "The next free number is 3" in taken.stderr
    assert ":12:35: 'ten' is not a number above 0" in broken.stderr
    assert "no model would judge accounts" in last.stderr
    assert "acme@N" in unsaid.stderr
    assert "did you mean 'b2b-onboarding'?" in unknown.stderr


async def scored_by(house: House, account: str) -> tuple[str, int]:
    """Who judged an account, as soon as it is scored at all."""
    for _ in range(200):
        answer = await house.get("scoring_api", f"/accounts/{account}/health")
        if answer.status_code == 200:
            model = answer.json()["model"]
            return model["id"], model["version"]
        await asyncio.sleep(0.05)
    raise AssertionError(answer.text + house.log("scoring-api-worker")[-3000:])


async def test_running_workers_judge_by_the_new_model_within_a_moment(house: House, tmp_path: Path) -> None:
    at = datetime.now(UTC).isoformat()
    event = {"id": "n-1", "type": "account.updated", "account": "external:north", "occurred_at": at}
    told = [
        event | {"properties": {"name": "North", "region": "north"}},
        event | {"id": "n-2", "type": "feature.used", "item": "reports"},
    ]
    (await house.post("ingest_webhooks", "/events", json=told)).raise_for_status()
    assert await scored_by(house, "external:north") == ("b2b-onboarding", 1)
    await run(house, "push", written(tmp_path, version=7, half_at=30))

    body = {"reason": "how fast"}
    (await house.post("scoring_api", "/models/acme/versions/7:activate", json=body)).raise_for_status()
    began = time.monotonic()
    while await scored_by(house, "external:north") != ("acme", 7):
        assert time.monotonic() - began < 5, "the workers still judge by the old model"
        await asyncio.sleep(0.02)

    assert time.monotonic() - began < 2.5
