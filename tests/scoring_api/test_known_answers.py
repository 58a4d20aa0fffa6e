"""Claims about whole scores: history told through the feed scores exactly as the published known answers say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
import pytest
from support.histories import events_of, new_account, tell
from support.reading import instant

from milepost_core.model import ScoreModel, parse_model
from milepost_core.readings import Readings, Status
from milepost_core.scoring import Population, Scores, SignalState, score
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import compile_model
from scoring_api.recording import Recording

FILE = Path(__file__).resolve().parents[1] / "core" / "known_answers" / "scores.json"
ANSWERS = json.loads(FILE.read_text())
CASES = [one for one in ANSWERS["examples"] if "account" in one]


def document(case: dict[str, Any]) -> dict[str, Any]:
    return {"format": "health-score-model/1", "id": case["id"].lower(), **case["model"]}


def close(value: float) -> Any:
    return pytest.approx(value, abs=ANSWERS["tolerance"])


@pytest.mark.parametrize("case", CASES, ids=[one["id"] for one in CASES])
async def test_history_scores_as_published(
    case: dict[str, Any],
    owner: asyncpg.Connection,
    scoring_pool: Pool,
    recorder: Callable[[ScoreModel], Recording],
) -> None:
    model, account = parse_model(document(case)), new_account()
    await tell(owner, events_of(case["account"], account))
    await drain(scoring_pool, recorder(model).lane)
    as_of = instant(case["as_of"])
    assert as_of is not None
    async with scoring_pool.acquire() as connection:
        readings, ages = await measure(connection, compile_model(model), Batch([account], [as_of]))
    scores = score(model, Population(ages), readings)
    _check_parts(case["expected"], model, readings, scores)
    _check_whole(case["expected"], model, scores)


def _check_parts(expected: dict[str, Any], model: ScoreModel, readings: Readings, scores: Scores) -> None:
    for place, signal in enumerate(model.signals):
        wanted = expected["signals"][signal.id]
        status = Status(int(scores.status[0, place]))
        told = "ok" if status == Status.OK else f"missing:{status.reason}"
        if scores.state[0, place] == SignalState.PENDING:
            told = "pending"
        assert told == wanted["status"].replace("imputed", "missing"), signal.id
        if isinstance(wanted["raw"], int | float):
            assert readings.raw[0, place] == close(wanted["raw"]), signal.id
        if wanted["score"] is not None:
            assert scores.y[0, place] == close(wanted["score"]), signal.id
        assert scores.effective_weight[0, place] == close(expected["effective_weights"][signal.id])
    for place, dimension in enumerate(model.dimensions):
        wanted = expected["dimensions"][dimension.id]
        found = float(scores.dimension_score[0, place])
        assert (None if np.isnan(found) else found) == (None if wanted["score"] is None else close(wanted["score"]))
        assert scores.dimension_coverage[0, place] == close(wanted["coverage"])


def _check_whole(expected: dict[str, Any], model: ScoreModel, scores: Scores) -> None:
    assert scores.coverage[0] == close(expected["coverage"])
    assert scores.raw_score[0] == close(expected["raw_score"])
    assert [scores.low[0], scores.high[0]] == close(expected["range"])
    assert scores.score[0] == close(expected["score"])
    assert scores.display[0] == close(expected["display"])
    assert scores.band_word(0) == expected["band"]
    fired = [gate.id for gate, on in zip(model.gates, scores.gates_fired[0], strict=True) if on]
    assert fired == expected["gates"]
