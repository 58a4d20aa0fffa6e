"""Claims about signals that nobody foresaw: a model document alone turns events of one's own into points."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from support.histories import Told, new_account, tell

from milepost_core.model import parse_model
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from milepost_runtime.queue import Hints
from scoring_api.scores.lineup import OneModel
from scoring_api.service import build
from scoring_api.settings import ScoringSettings

DAY = timedelta(days=1)
ROBOTS: dict[str, Any] = {
    "format": "health-score-model/1",
    "id": "robots",
    "version": 7,
    "dimensions": [{"id": "floor", "weight": 2, "label": "Shop floor"}, {"id": "mood", "weight": 1}],
    "signals": [
        {
            "id": "welds", "label": "Welds by heavy robots", "dimension": "floor",
            "source": {
                "agg": "sum", "value": "welds", "window_days": 7,
                "where": {"type": "robot.shift_ended", "payload": ["heavy", 12], "calibrated": True},
            },
            "normalise": {"kind": "piecewise", "points": [[0, 0], [200, 100]]},
        },
        {
            "id": "colour", "label": "Colour of the lamp", "dimension": "mood",
            "source": {"agg": "last", "value": "lamp", "where": {"type": "robot.shift_ended"}},
            "normalise": {"kind": "map", "values": {"green": 100, "amber": 40}, "default": 0},
        },
    ],
    "gates": [
        {
            "id": "stopped", "label": "Someone hit the red button", "cap_score": 30,
            "when": {
                "source": {"agg": "count", "where": {"type": "robot.stopped"}, "window_days": 1}, "op": ">=", "value": 1
            },
        }
    ],
    "bands": {"green": 70, "yellow": 40},
}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(("green", False), (70.0, "green"), id="a good word"),
        pytest.param(("amber", False), (50.0, "yellow"), id="a worse word"),
        pytest.param(("mauve", False), (36.7, "red"), id="a word that the model does not know"),
        pytest.param(("green", True), (30.0, "red"), id="a gate"),
    ],
)
async def test_an_invented_event_with_invented_properties_and_a_word_makes_a_score(
    said: tuple[str, bool],
    expected: tuple[float, str],
    owner: asyncpg.Connection,
    scoring_pool: Pool,
    redis_url: str,
    database_url: str,
) -> None:
    lamp, stopped = said
    now = datetime.now(UTC)
    account = new_account()

    def shift(ago: float, **properties: Any) -> Told:
        return Told(account, "robot.shift_ended", now - ago * DAY, properties={"lamp": "amber"} | properties)

    events = [
        shift(1, welds=60, payload="heavy", calibrated=True, lamp=lamp),
        shift(2, welds=50, payload=12, calibrated=True),
        shift(3, welds=1000, payload="light", calibrated=True),
        shift(4, welds=1000, payload="heavy", calibrated=False),
        shift(5, welds=1000, payload="heavy", calibrated="true"),
        shift(6, welds="many", payload="heavy", calibrated=True),
        shift(8, welds=1000, payload="heavy", calibrated=True),
        Told(account, "account.started", now - 90 * DAY),
    ]
    await tell(owner, events + ([Told(account, "robot.stopped", now - DAY / 2)] if stopped else []))
    settings = ScoringSettings(environment="test", database_url=database_url, redis_url=redis_url)
    scoring = build(settings, OneModel(parse_model(ROBOTS)), scoring_pool, Hints(redis_url))
    await drain(scoring_pool, scoring.recording.lane, seconds=30)
    await drain(scoring_pool, scoring.rescoring.lane, seconds=30)
    body = await owner.fetchval("select body from scoring.health_document where account_id = $1", account)
    document = json.loads(bytes(body))
    assert (document["score"], document["band"]) == expected
    assert document["model"] == {"id": "robots", "version": 7}
    values = {driver["signal"]: driver["value"] for driver in document["drivers"]}
    assert values == {"welds": 110.0, "colour": lamp}
    assert [gate["id"] for gate in document["gates"]] == (["stopped"] if stopped else [])
