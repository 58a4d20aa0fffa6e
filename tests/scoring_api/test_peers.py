"""Peers are gathered from what was measured, kept, and read again; who has too few is judged without them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import pytest
from support.customers import now_of, turn
from support.histories import Told, new_account, tell
from support.peers import crowd, model_of

from milepost_contracts.health import HealthDocument
from milepost_core.model import ScoreModel
from milepost_core.scoring import Population, score
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from milepost_runtime.queue import Hints
from scoring_api.queries import peers
from scoring_api.scores.documenting import build_document
from scoring_api.scores.judging import judged_again
from scoring_api.scores.lineup import OneModel
from scoring_api.scores.peering import KeptPeers, among_kept, group_keys, peers_at, percentiles_only
from scoring_api.scores.replaying import inputs_hash, subject_again, verdict_again
from scoring_api.service import Scoring, build
from scoring_api.settings import ScoringSettings

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ALONE = (
    "Too few peers to compare with: the fallback curve judges use.",
    "Too few peers for a median: every driver is measured against 50 points.",
)


@pytest.fixture
async def comparing(database_url: str, redis_url: str, scoring_pool: Pool, owner: asyncpg.Connection) -> Scoring:
    """The worker's use cases under a model that ranks among peers, in an empty store."""
    tables = "scoring.account, scoring.record, scoring.attribute, scoring.rescoring, scoring.snapshot, scoring.standing"
    await owner.execute(f"truncate {tables}, scoring.health_document, scoring.change, scoring.cohort")
    settings = ScoringSettings(environment="test", database_url=database_url, redis_url=redis_url)
    return build(settings, OneModel(model_of()), scoring_pool, Hints(redis_url))


async def customers(
    owner: asyncpg.Connection, scoring: Scoring, uses: Sequence[float], segment: str = "smb"
) -> list[UUID]:
    """Accounts that started together, each with one word on its use and one on its mood."""
    now, accounts = await now_of(owner), [new_account() for _ in uses]
    for account, use in zip(accounts, uses, strict=True):
        start = now - timedelta(days=100)
        await tell(
            owner,
            [
                Told(account, "account.started", start),
                Told(account, "account.updated", start, properties={"name": "A", "segment": segment}),
                Told(account, "m_use", now - timedelta(days=1), value=use),
                Told(account, "m_mood", now - timedelta(days=1), value=use * 10),
            ],
        )
    await turn(scoring)
    return accounts


async def documents(owner: asyncpg.Connection, accounts: Sequence[UUID]) -> list[HealthDocument]:
    rows = await owner.fetch("select account_id, body from scoring.health_document")
    bodies = {row["account_id"]: HealthDocument.model_validate_json(row["body"]) for row in rows}
    return [bodies[account] for account in accounts]


def points(document: HealthDocument, signal: str) -> float | None:
    return next(one.y for one in document.drivers if one.signal == signal)


async def test_without_peers_the_fallback_judges_and_drivers_stand_against_half_of_all_points(
    owner: asyncpg.Connection, comparing: Scoring
) -> None:
    accounts = await customers(owner, comparing, [2.0, 8.0])
    found = await documents(owner, accounts)
    assert [points(one, "use") for one in found] == [20.0, 80.0]
    assert [one.baseline for one in found] == [50.0, 50.0]
    assert [one.notes for one in found] == [ALONE, ALONE]
    kept = json.loads(await owner.fetchval("select readings from scoring.snapshot limit 1"))
    assert kept["baseline"] == {"against": "neutral", "points": [50.0, 50.0]}


async def test_gathered_peers_rank_everybody_and_their_medians_are_the_baseline(
    owner: asyncpg.Connection, comparing: Scoring
) -> None:
    accounts = await customers(owner, comparing, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    again_s = await comparing.housekeeping.gathering.gather()
    assert again_s < 60  # a company that arrives
    await turn(comparing)
    found = await documents(owner, accounts)
    use = [points(one, "use") for one in found]
    assert use == [8.3, 25.0, 41.7, 58.3, 75.0, 91.7]  # half of oneself, and all who are below
    kept = KeptPeers.of(await _only(owner))
    assert (kept.accounts, kept.medians) == (6, {"use": 50.0, "mood": 35.0})
    assert [one.baseline for one in found] == [45.0] * 6  # use weighs twice as much as mood
    assert [one.notes for one in found] == [()] * 6
    assert await owner.fetchval("select count(*) from scoring.snapshot where cohort_id = $1", kept.id) == 6
    causes = await owner.fetch("select distinct cause from scoring.change where kind <> 'first_score'")
    assert [row["cause"] for row in causes] in ([], ["model"])


async def test_the_same_peers_are_kept_once_and_looked_at_again_within_a_minute(
    owner: asyncpg.Connection, comparing: Scoring
) -> None:
    await customers(owner, comparing, [1.0, 2.0, 3.0, 4.0, 5.0])
    await comparing.housekeeping.gathering.gather()
    await turn(comparing)
    hasty = replace(comparing.housekeeping.gathering, every=timedelta(0))
    # what was measured before the scores were made is what the scores say
    await hasty.gather()
    assert await owner.fetchval("select count(*) from scoring.cohort") == 1
    assert await comparing.housekeeping.gathering.gather() == 60


async def test_a_score_among_peers_replays_from_its_row_and_the_row_of_its_peers(
    owner: asyncpg.Connection, comparing: Scoring, scoring_pool: Pool
) -> None:
    await customers(owner, comparing, [1.0, 2.5, 3.0, 4.0, 5.0, 6.0], "enterprise")
    await comparing.housekeeping.gathering.gather()
    await turn(comparing)
    async with scoring_pool.acquire() as connection:
        rows = await connection.fetch("select * from scoring.snapshot where cohort_id is not null")
        assert len(rows) == 6
        for row in rows:
            kept = await peers.kept(connection, row["cohort_id"])
            assert kept is not None
            judged = judged_again(row, model_of(), KeptPeers.of(kept))
            assert judged.scores.score[0] == row["score"]
            stored = await connection.fetchrow(
                "select body, fresh_until from scoring.health_document where account_id = $1", row["account_id"]
            )
            assert stored is not None
            subject = subject_again(row, judged.model)
            again = build_document(verdict_again(row, judged), subject, stored["fresh_until"], "")
            assert again.model_dump_json().encode() == bytes(stored["body"])
            judge = (row["model_id"], row["model_version"])
            assert inputs_hash(row["readings"], row["as_of"], judge, row["cohort_id"]) == row["inputs_hash"]


async def test_the_chore_is_a_row_that_a_worker_claims(owner: asyncpg.Connection, comparing: Scoring) -> None:
    await customers(owner, comparing, [1.0, 2.0, 3.0])
    await owner.execute("update scoring.chore set next_at = clock_timestamp()")
    assert await drain(comparing.recording.pool, comparing.housekeeping.lane) == 2
    waits = await owner.fetch("select name, next_at > clock_timestamp() as waits from scoring.chore order by 1")
    assert [tuple(row) for row in waits] == [("forget", True), ("gather", True)]
    assert await owner.fetchval("select accounts from scoring.cohort") == 3


async def _only(owner: asyncpg.Connection) -> dict[str, Any]:
    row = await owner.fetchrow("select * from scoring.cohort")
    assert row is not None
    return dict(row) | {"tables": json.loads(row["tables"]), "medians": json.loads(row["medians"])}


def test_a_quarter_is_that_of_the_start_in_the_model_s_time_zone() -> None:
    model = model_of(timezone="America/New_York")
    starts = [datetime(2026, 1, 1, 3, tzinfo=UTC), datetime(2025, 10, 1, 12, tzinfo=UTC), None]
    keys = group_keys(model, [{"segment": "smb"}] * 3, starts)["use"]
    assert keys[0] == keys[1]
    assert json.loads(keys[0])["start_quarter"] == "2025-Q4"
    assert json.loads(keys[2])["start_quarter"] is None


def test_only_equal_measures_compare() -> None:
    model = model_of(
        segments=[
            {
                "id": "enterprise",
                "when": {"segment": ["enterprise"]},
                "signals": {"use": {"source": {"agg": "last", "where": {"type": "m_other"}}}},
            }
        ]
    )
    views = (model, model.segments[0].model)
    plain, other = (group_keys(one, [{"segment": "x"}], [NOW])["use"][0] for one in views)
    assert plain != other
    assert {**json.loads(plain), "measure": ""} == {**json.loads(other), "measure": ""}


def ranks(model: ScoreModel, size: int = 400) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The points of a crowd by its exact peers, and by their tables."""
    readings, ages = crowd(model, size), np.full(size, 50.0)
    attributes = [{"segment": "smb" if place % 4 else "enterprise"} for place in range(size)]
    starts = [NOW] * size
    exact = peers_at(model, readings, attributes, starts)
    keys = group_keys(model, attributes, starts)
    column = exact["use"]
    tables = {keys["use"][row]: column.peers[column.group[row]].table() for row in range(size)}
    among = among_kept(KeptPeers(1, NOW, size, {"use": tables}, {}), keys)
    found = [score(model, Population(ages), readings, cohort).y[:, 0] for cohort in (exact, among.cohort)]
    return found[0], found[1]


def test_a_table_of_101_quantiles_ranks_within_a_point_of_the_peers_themselves() -> None:
    exact, table = ranks(model_of())
    assert 0 < np.nanmax(np.abs(exact - table)) < 1.0


def test_few_peers_are_kept_as_they_are_and_rank_exactly() -> None:
    exact, table = ranks(model_of(), 90)
    np.testing.assert_array_equal(exact, table)


def test_measuring_only_what_compares_gives_the_same_peers() -> None:
    model = model_of()
    readings = crowd(model, 50)
    narrow = percentiles_only(model)
    assert [one.id for one in narrow.columns] == ["use"]
    whole = peers_at(model, readings, [{}] * 50, [NOW] * 50)["use"]
    part = peers_at(narrow, crowd(model, 50), [{}] * 50, [NOW] * 50)["use"]
    np.testing.assert_array_equal(whole.peers[0].values, part.peers[0].values)


async def test_more_than_a_hundred_peers_are_kept_as_quantiles(
    owner: asyncpg.Connection, comparing: Scoring, scoring_pool: Pool
) -> None:
    uses = [round(((place * 37) % 121) * 0.71, 3) for place in range(121)]
    await customers(owner, comparing, uses)
    await comparing.housekeeping.gathering.gather()
    kept = KeptPeers.of(await _only(owner))
    (table,) = kept.groups["use"].values()
    assert (table.size, table.is_table, table.values.size) == (121, True, 101)
    np.testing.assert_allclose(table.values, np.quantile(uses, np.linspace(0, 1, 101)), atol=1e-9)
    assert kept.medians["mood"] == pytest.approx(float(np.median([min(use * 10, 100.0) for use in uses])))
