"""Claims about ranks of what moves by itself: an account and its peers are compared as of one moment."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from support.customers import now_of, turn
from support.histories import Told, new_account, tell
from support.peers import comparing

from milepost_core.model import ScoreModel, parse_model
from milepost_core.scoring import Population, score
from milepost_runtime.database import Pool
from milepost_runtime.queue import Hints
from scoring_api.queries import peers
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import compile_model
from scoring_api.scores.judging import judged_again
from scoring_api.scores.lineup import OneModel
from scoring_api.scores.peering import KeptPeers, peers_at, tables_of
from scoring_api.service import Scoring, build
from scoring_api.settings import ScoringSettings

USE = {"type": "m_use"}
DRIFTING: dict[str, dict[str, Any]] = {
    "since": {"agg": "days_since_last", "where": USE},
    "waited": {"agg": "time_to_first", "where": {"type": "m_value"}},
    "open": {"agg": "oldest_open_age", "where": {"kind": "ticket"}},
    "faded": {"agg": "decayed_sum", "where": USE, "half_life": 0.01},
    "weekly": {"agg": "rate", "where": USE, "window_days": 90},
    "share": {"agg": "ratio", "num": {"agg": "decayed_sum", "where": USE, "half_life": 0.01}, "den": 3},
}
APART_S = 0.3


def model_of_all() -> ScoreModel:
    rank = {"kind": "percentile", "min_cohort": 2}
    signals = [
        {"id": name, "dimension": "usage", "source": source, "normalise": rank} for name, source in DRIFTING.items()
    ]
    return parse_model(comparing(dimensions=[{"id": "usage", "weight": 1}], signals=signals))


@pytest.fixture
async def drifting(database_url: str, redis_url: str, scoring_pool: Pool, owner: asyncpg.Connection) -> Scoring:
    """The worker's use cases under a model that ranks by all that moves by itself, in an empty store."""
    tables = "scoring.account, scoring.record, scoring.attribute, scoring.rescoring, scoring.snapshot, scoring.standing"
    await owner.execute(f"truncate {tables}, scoring.health_document, scoring.change, scoring.cohort")
    settings = ScoringSettings(environment="test", database_url=database_url, redis_url=redis_url)
    return build(settings, OneModel(model_of_all()), scoring_pool, Hints(redis_url))


async def lived(owner: asyncpg.Connection, last: datetime, place: int) -> UUID:
    """An account that was seen last at a moment; every other one waits for something, and has a ticket open."""
    account, start = new_account(), last - timedelta(days=10 + place % 3, seconds=place)
    told = [
        Told(account, "account.started", start),
        Told(account, "m_use", last - timedelta(hours=place)),
        Told(account, "m_use", last),
    ]
    if place % 2:
        told.append(Told(account, "m_value", start + timedelta(days=place)))
        told.append(Told(account, "ticket.opened", last - timedelta(days=1), item="t1"))
    await tell(owner, told)
    return account


async def gathered_from_looks(owner: asyncpg.Connection, scoring: Scoring) -> None:
    """Look at accounts in two goes, the later ones at what is newer in truth, and gather from these looks."""
    seen = await now_of(owner) - timedelta(seconds=2)
    for place in range(4):
        await lived(owner, seen + timedelta(seconds=0.01 * place), place)
    await turn(scoring)
    await asyncio.sleep(APART_S)
    for place in range(4, 9):
        await lived(owner, seen + timedelta(seconds=0.1 + 0.01 * place), place)
    await turn(scoring)
    await scoring.housekeeping.gathering.gather()
    await turn(scoring)
    await asyncio.sleep(APART_S)
    await replace(scoring.housekeeping.gathering, every=timedelta(0)).gather()
    await asyncio.sleep(APART_S)
    # Nobody's rank changed, so that nobody's score would be written anew.
    await owner.execute("update scoring.standing set content_digest = ''")
    await owner.execute("update scoring.rescoring set next_at = clock_timestamp(), marked = marked + 1")
    await turn(scoring)


async def test_nobody_of_whom_nothing_was_heard_changes_ranks_while_time_passes(
    owner: asyncpg.Connection, drifting: Scoring, scoring_pool: Pool
) -> None:
    """The live points are those that measuring everybody as of the moment of the peers gives."""
    await gathered_from_looks(owner, drifting)
    model = model_of_all()
    async with scoring_pool.acquire() as connection:
        rows = await connection.fetch(
            "select s.*, c.as_of as gathered from scoring.standing t join scoring.snapshot s"
            " on s.account_id = t.account_id and s.as_of = t.snapshot_as_of join scoring.cohort c on c.id = s.cohort_id"
            " order by s.account_id"
        )
        assert len(rows) == 9
        (moment,) = {row["gathered"] for row in rows}
        assert moment == await connection.fetchval("select max(as_of) from scoring.cohort")
        batch = Batch([row["account_id"] for row in rows], [moment] * 9)
        readings, ages = await measure(connection, compile_model(model), batch)
    cohort = peers_at(model, readings, [{}] * 9, [None] * 9)
    then = score(model, Population(ages), readings, cohort)
    for place, row in enumerate(rows):
        assert row["as_of"] - moment > timedelta(seconds=APART_S)
        told = {name: one["y"] for name, one in row["detail"]["signals"].items()}
        law = dict(zip(DRIFTING, then.y[place].tolist(), strict=True))
        assert told == pytest.approx(law, abs=1e-5, nan_ok=True)


async def test_what_moved_by_itself_replays_with_the_same_bits(
    owner: asyncpg.Connection, drifting: Scoring, scoring_pool: Pool
) -> None:
    await gathered_from_looks(owner, drifting)
    async with scoring_pool.acquire() as connection:
        rows = await connection.fetch("select * from scoring.snapshot where cohort_id is not null")
        assert len(rows) >= 9
        for row in rows:
            kept = await peers.kept(connection, row["cohort_id"])
            assert kept is not None
            assert judged_again(row, model_of_all(), KeptPeers.of(kept)).scores.score[0] == row["score"]


def measures(signal: str, values: list[float], *, waiting: bool = False) -> Mapping[str, Any]:
    many = len(values)
    return {"signal": signal, "segment": None, "key": json.dumps({}), "values": values, "ages": [100.0] * many,
            "waiting": [waiting] * many, "days": [0.5 * place for place in range(many)]}  # fmt: skip


@pytest.mark.parametrize(
    ("signal", "waiting", "later"),
    [
        ("since", False, [2.0, 2.5, 3.0]),
        ("waited", True, [2.0, 2.5, 3.0]),
        ("waited", False, [2.0, 2.0, 2.0]),
        ("open", False, [2.0, 2.5, 3.0]),
        ("weekly", False, [2.0, 2.0, 2.0]),
    ],
)
def test_peers_are_moved_from_their_own_looks_to_the_moment_of_gathering(
    signal: str, waiting: bool, later: list[float]
) -> None:
    told = [measures(signal, [2.0] * 3, waiting=waiting)]
    ((found,),) = [one.values() for one in tables_of(model_of_all(), told).values()]
    assert found == {"size": 3, "values": later}
