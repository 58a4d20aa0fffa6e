"""Claims about `milepost verify-answers`: every worked example comes out along the real path, and nothing passes unread."""

from pathlib import Path

import asyncpg
import pytest

from milepost_runtime.database import Pool
from scoring_api.verifying.cases import read_file
from scoring_api.verifying.measuring import Store
from scoring_api.verifying.running import verify

PUBLISHED = Path(__file__).resolve().parents[1] / "core" / "known_answers" / "scores.json"
OURS = sorted((Path(__file__).parent / "answers").glob("*.json"))


@pytest.fixture(scope="module")
def store(owner: asyncpg.Connection, scoring_pool: Pool) -> Store:
    return Store(owner, scoring_pool)


@pytest.mark.parametrize("file", [PUBLISHED, *OURS], ids=lambda file: file.stem)
async def test_every_example_of_a_file_comes_out(store: Store, file: Path) -> None:
    verdicts = await verify(store, read_file(file))
    assert [(one.case.id, one.verdict, one.remarks) for one in verdicts if one.verdict != "ok"] == []
