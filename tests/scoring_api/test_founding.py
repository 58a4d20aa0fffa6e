"""Claims about how an installation gets its first judge: from what is shipped, or from a file that a setting names."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from support.stores import Databases

from milepost_devstack.schemas import SCHEMAS
from milepost_runtime.database import Pool, open_pool
from scoring_api.documents.checking import ModelDocumentInvalid
from scoring_api.documents.founding import FirstModelMissing, VersionTaken, read_founding, read_shipped
from scoring_api.scores.lineup import KeptLineUps

pytestmark = pytest.mark.anyio
SCORING = next(one for one in SCHEMAS if one.name == "scoring")
YAML = """\
id: {name}
version: {version}
min_coverage: {coverage}
{more}
dimensions: [{{id: d, weight: 1}}]
signals:
  - {{id: uses, dimension: d, source: {{agg: count, where: {{type: feature.used}}}},
     normalise: {{kind: saturating, half_at: 10}}}}
"""


@pytest.fixture
async def fresh(databases: Databases) -> str:
    """A database in which nobody ever judged."""
    return await databases.clone()


def written(folder: Path, name: str = "acme", version: int = 1, coverage: float = 0.5, more: str = "") -> str:
    path = folder / "model.yaml"
    path.write_text(YAML.format(name=name, version=version, coverage=coverage, more=more))
    return str(path)


async def begin(url: str, named: str) -> list[tuple[str, int]]:
    """Start as a process does; return who judges afterwards."""
    async with await open_pool(url, SCORING, process="test", size=2) as pool:
        lineups = KeptLineUps(read_founding(named))
        await lineups.found(pool)
        return await judging(pool, lineups)


async def judging(pool: Pool, lineups: KeptLineUps) -> list[tuple[str, int]]:
    async with pool.acquire() as connection:
        return sorted((one.id, one.version) for one in (await lineups.now(connection)).models)


async def reasons(url: str) -> list[tuple[str, bool, str]]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("select model_id, active, reason from scoring.activation order by id")
        return [(row["model_id"], row["active"], row["reason"]) for row in rows]
    finally:
        await connection.close()


async def test_a_shipped_model_is_the_first_judge_and_the_others_wait(fresh: str) -> None:
    assert await begin(fresh, "b2b-onboarding") == [("b2b-onboarding", 1)]
    assert await reasons(fresh) == [("b2b-onboarding", True, "the first model of this installation")]


async def test_a_start_after_the_first_puts_nobody_in_charge(fresh: str) -> None:
    await begin(fresh, "b2b-onboarding")

    assert await begin(fresh, "product-led") == [("b2b-onboarding", 1)]
    assert len(await reasons(fresh)) == 1


async def test_a_first_model_that_takes_only_some_has_the_default_beneath_it(fresh: str) -> None:
    assert await begin(fresh, "product-led") == [("b2b-onboarding", 1), ("product-led", 1)]


async def test_a_new_version_in_a_file_takes_over_at_the_next_start(fresh: str, tmp_path: Path) -> None:
    assert await begin(fresh, written(tmp_path)) == [("acme", 1)]
    path = written(tmp_path, version=2, coverage=0.6)

    assert await begin(fresh, path) == [("acme", 2)]
    assert await reasons(fresh) == [("acme", True, f"file {path}")] * 2


async def test_a_file_takes_the_place_of_whom_it_meets_and_of_nobody_else(fresh: str, tmp_path: Path) -> None:
    await begin(fresh, "product-led")

    assert await begin(fresh, written(tmp_path)) == [("acme", 1), ("product-led", 1)]
    assert [one[:2] for one in await reasons(fresh)][-1] == ("b2b-onboarding", False)


async def test_a_file_that_was_kept_before_does_not_undo_what_people_decided(fresh: str, tmp_path: Path) -> None:
    path = written(tmp_path)
    await begin(fresh, path)
    connection = await asyncpg.connect(fresh)
    await connection.execute(
        "insert into scoring.activation (model_id, version, active, author)"
        " values ('b2b-onboarding', 1, true, 'people'), ('acme', 1, false, 'people')"
    )
    await connection.close()

    assert await begin(fresh, path) == [("b2b-onboarding", 1)]


async def test_a_file_with_another_content_under_a_kept_number_is_refused(fresh: str, tmp_path: Path) -> None:
    await begin(fresh, written(tmp_path))

    with pytest.raises(VersionTaken, match="version 1 of the score model 'acme' is kept with another content"):
        await begin(fresh, written(tmp_path, coverage=0.9))


async def test_comments_and_the_order_of_keys_are_no_other_content(fresh: str, tmp_path: Path) -> None:
    path = written(tmp_path)
    await begin(fresh, path)
    lines = Path(path).read_text().splitlines()
    Path(path).write_text("\n".join(["# said again", lines[1], lines[0], *lines[2:]]) + "\n")

    assert await begin(fresh, path) == [("acme", 1)]


def test_a_setting_that_names_nothing_says_which_and_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(FirstModelMissing) as caught:
        read_founding(str(tmp_path / "gone.yaml"))

    said = str(caught.value)
    assert "MILEPOST_SCORING_MODEL" in said
    assert str(tmp_path / "gone.yaml") in said
    assert "b2b-onboarding, enterprise-high-touch, product-led" in said


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(FirstModelMissing, match="no file that can be read"):
        read_founding(str(tmp_path))


def test_a_broken_file_is_refused_with_setting_file_and_place(tmp_path: Path) -> None:
    path = written(tmp_path, more="precedense: 3")
    with pytest.raises(ModelDocumentInvalid) as caught:
        read_founding(path)

    assert f"the file '{path}' that MILEPOST_SCORING_MODEL names is no score model" in str(caught.value)
    assert "line 4, column 1 (/precedense): unknown key 'precedense'" in str(caught.value)
    assert "did you mean 'precedence'?" in str(caught.value)


def test_a_file_may_not_change_a_shipped_version(tmp_path: Path) -> None:
    with pytest.raises(VersionTaken):
        read_founding(written(tmp_path, name="b2b-onboarding"))


@pytest.mark.parametrize("process", ["scoring_api.app", "scoring_api.worker"])
async def test_a_start_with_a_version_that_is_taken_ends_in_one_line(process: str, fresh: str, tmp_path: Path) -> None:
    await begin(fresh, written(tmp_path))
    environ = os.environ | {
        "MILEPOST_DATABASE_URL": fresh, "MILEPOST_REDIS_URL": "redis://127.0.0.1:1", "MILEPOST_LOG_FORMAT": "json",
        "MILEPOST_SCORING_MODEL": written(tmp_path, coverage=0.9), "MILEPOST_ENVIRONMENT": "test",
        "MILEPOST_SECRET_KEY": "a secret of this test, long enough for it", "MILEPOST_SCORING_PORT": "0",
        "MILEPOST_SCORING_WORKER_PORT": "0",
    }  # fmt: skip
    command = [sys.executable, "-m", process]
    ended = await asyncio.to_thread(
        subprocess.run, command, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    told = [line for line in (ended.stdout + ended.stderr).splitlines() if "start_refused" in line]

    assert ended.returncode == 1
    assert len(told) == 1, ended.stdout + ended.stderr
    assert "version 1 of the score model 'acme' is kept with another content" in told[0]
    assert "Traceback" not in ended.stdout + ended.stderr


def test_shipped_models_speak_to_people_about_every_signal() -> None:
    for model in read_shipped():
        for signal in model.parsed.signals:
            texts = signal.texts
            said = (texts.label, texts.unit.other, texts.target, texts.good, texts.bad, texts.next_step)
            assert all(said), (model.parsed.id, signal.id, said)
        assert model.warnings() == (), model.parsed.id
        assert {name for name, _ in model.parsed.baseline.fixed} == {one.id for one in model.parsed.signals}


def test_of_the_shipped_models_only_the_default_takes_everybody() -> None:
    asked = {one.parsed.id: (bool(one.parsed.applies_to), one.parsed.precedence) for one in read_shipped()}

    assert asked["b2b-onboarding"] == (False, 0)
    assert asked["product-led"][0]
    assert asked["enterprise-high-touch"][0]
    assert asked["product-led"][1] != asked["enterprise-high-touch"][1]
