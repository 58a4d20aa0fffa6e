"""Claims about a mapping that was wrong: mended and replayed it changes the score of today, and none of yesterday's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import numpy as np
import pytest
from support.customers import turn
from support.front_door import Bench, admin_key, batch, bench, change, prop, settings

from milepost_contracts.health import HealthDocument
from milepost_core.model import ScoreModel
from milepost_core.readings import Readings
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from milepost_runtime.queue import Hints
from scoring_api.documents.founding import read_founding
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import compile_model
from scoring_api.scores.lineup import OneModel
from scoring_api.service import Scoring, build
from scoring_api.settings import ScoringSettings

__all__ = ["admin_key", "bench", "settings"]
ACCOUNT = "hubspot:9001:1"
WRONG = {"company.sponsor_word": {"type": "stakeholder.left", "role": "sponsor"}}
RIGHT = {"company.sponsor_word": {"type": "stakeholder.role_changed", "role": "sponsor", "value": "{value}"}}


@pytest.fixture(scope="module")
def model() -> ScoreModel:
    return read_founding("b2b-onboarding").first.parsed


@pytest.fixture(scope="module")
async def scoring(database_url: str, redis_url: str, scoring_pool: Pool, model: ScoreModel) -> Scoring:
    made = ScoringSettings(environment="test", database_url=database_url, redis_url=redis_url)
    return build(made, OneModel(model), scoring_pool, Hints(redis_url))


def history() -> list[dict[str, Any]]:
    """Eight good weeks, as anybody may post them."""
    now = datetime.now(UTC)
    events: list[tuple[str, float, dict[str, Any]]] = [
        ("account.started", 60, {}),
        ("account.updated", 60, {"properties": {"name": "Acme", "seats": 5}}),
    ]
    events += [
        ("milestone.completed", 50 - 7 * n, {"item": one})
        for n, one in enumerate(("kickoff", "sso", "data_import", "first_report"))
    ]
    for day in range(40):
        events += [("session.started", day + 0.5, {"actor": f"user{day % 5}", "role": "sponsor"})]
        events += [("feature.used", day + 0.4, {"actor": f"user{day % 5}", "item": f"feature{day % 6}"})]
    events += [("meeting.attended", 7 * week + 1, {}) for week in range(6)]
    events += [("survey.answered", 5, {"value": 5})]
    return [
        {"id": f"h{place}", "type": kind, "account": ACCOUNT} | more
        | {"occurred_at": (now - timedelta(days=days)).isoformat()}
        for place, (kind, days, more) in enumerate(events)
    ]  # fmt: skip


async def scored(bench: Bench, scoring: Scoring, owner: asyncpg.Connection) -> HealthDocument:
    await bench.relay()
    await turn(scoring)
    body = await owner.fetchval(
        "select body from scoring.health_document join scoring.account_reference using (account_id)"
        " where reference = $1",
        ACCOUNT,
    )
    return HealthDocument.model_validate_json(body)


async def read(pool: Pool, model: ScoreModel, document: HealthDocument, at: datetime) -> Readings:
    async with pool.acquire() as connection:
        readings, _ = await measure(connection, compile_model(model), Batch([document.account.id], [at]))
    return readings


async def rules(bench: Bench, document: dict[str, Any]) -> None:
    path = f"/connections/{bench.connection['id']}/mapping"
    (await bench.client.put(path, json={"rules": document})).raise_for_status()


async def test_a_mended_mapping_and_a_replay_change_the_score_of_today_alone(
    bench: Bench, scoring: Scoring, owner: asyncpg.Connection, scoring_pool: Pool, model: ScoreModel
) -> None:
    await rules(bench, WRONG)
    (await bench.client.post("/events", json=history())).raise_for_status()
    await bench.deliver(batch(change("company.creation", 9001, 1)))
    healthy = await scored(bench, scoring, owner)
    await bench.deliver(batch(prop("company", 9001, 1, "sponsor_word", "active")))
    hurt = await scored(bench, scoring, owner)
    snapshots = "select as_of, score, detail from scoring.snapshot where account_id = $1 and as_of <= $2 order by as_of"
    kept = await owner.fetch(snapshots, hurt.account.id, hurt.as_of)
    readings = await read(scoring_pool, model, hurt, hurt.as_of)

    await rules(bench, RIGHT)
    made = (await bench.client.post("/replays", json={"source": "hubspot"})).raise_for_status().json()
    await drain(bench.pool, bench.service.replaying.lane)
    done = (await bench.client.get(f"/replays/{made['id']}")).json()
    mended = await scored(bench, scoring, owner)
    again = await read(scoring_pool, model, hurt, hurt.as_of)

    assert healthy.score is not None
    assert hurt.score is not None
    assert mended.score is not None
    assert [[gate.id for gate in one.gates] for one in (healthy, hurt, mended)] == [[], ["sponsor_left"], []]
    assert hurt.score < mended.score
    assert mended.score == pytest.approx(healthy.score, abs=0.2)
    assert done["events"] == {"new": 0, "corrected": 1, "retracted": 0, "unchanged": 1}
    # What was known then stays what was known then: in the records, as in the snapshots.
    assert np.array_equal(again.raw, readings.raw, equal_nan=True)
    assert np.array_equal(again.status, readings.status)
    assert again.category is not None
    assert readings.category is not None
    assert again.category.tolist() == readings.category.tolist()
    assert await owner.fetch(snapshots, hurt.account.id, hurt.as_of) == kept
    now = await read(scoring_pool, model, hurt, mended.as_of)
    gate = [column.id for column in model.columns].index("sponsor_left")
    assert now.category is not None
    assert (again.category[0, gate], now.category[0, gate]) == ("left", "active")
