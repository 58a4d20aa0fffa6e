"""Each snapshot of a real customer holds all that went in: the whole document can be told again from it."""

from collections.abc import AsyncIterator

import asyncpg
import numpy as np
import pytest
from support.scored import clock, three_customers
from support.scoring_web import Web, running

from milepost_contracts.health import HealthDocument
from milepost_runtime.database import Pool
from scoring_api.scores.documenting import build_document
from scoring_api.scores.judging import judged_again
from scoring_api.scores.lineup import KeptLineUps
from scoring_api.scores.replaying import inputs_hash, subject_again, verdict_again


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as web:
        yield web


@pytest.mark.parametrize("kind", ["thriving", "stalled", "newcomer"])
async def test_a_customer_s_snapshot_tells_its_whole_document_again(
    web: Web, scoring_pool: Pool, owner: asyncpg.Connection, kind: str
) -> None:
    account = (await three_customers(web, scoring_pool, await clock(owner)))[kind]
    async with scoring_pool.acquire() as connection:
        row = await connection.fetchrow("select * from scoring.snapshot where account_id = $1", account)
        assert row is not None
        lineups = KeptLineUps(web.founding)
        model = await lineups.model(connection, row["model_id"], row["model_version"])
        judged = judged_again(row, model, None)
        stored = await connection.fetchrow("select * from scoring.health_document where account_id = $1", account)
    assert stored is not None
    assert (row["cohort_id"], row["score"]) == (
        None,
        None if np.isnan(judged.scores.score[0]) else judged.scores.score[0],
    )
    again = build_document(
        verdict_again(row, judged),
        subject_again(row, judged.model),
        stored["fresh_until"],
        web.settings.public_url_scoring.rstrip("/"),
    )
    assert again.model_dump_json().encode() == bytes(stored["body"])
    found = inputs_hash(row["readings"], row["as_of"], (row["model_id"], row["model_version"]), row["cohort_id"])
    assert found == row["inputs_hash"]


@pytest.mark.parametrize("kind", ["thriving", "stalled"])
async def test_a_customer_s_score_explains_itself_to_the_tenth(
    web: Web, scoring_pool: Pool, owner: asyncpg.Connection, kind: str
) -> None:
    account = (await three_customers(web, scoring_pool, await clock(owner)))[kind]
    body = await owner.fetchval("select body from scoring.health_document where account_id = $1", account)
    document = HealthDocument.model_validate_json(body)
    assert document.score is not None
    assert document.baseline is not None
    lines = [document.baseline, *(one.points for one in document.drivers), *(one.points for one in document.gates)]
    assert sum(round(line * 10) for line in lines) == round(document.score * 10)
    assert sum(one.weight for one in document.drivers) == pytest.approx(100, abs=0.05 * len(document.drivers) + 1e-9)
    assert all(one.sentence for one in document.drivers)
    low, high = document.confidence.range
    assert 0 <= low <= high <= 100


async def test_every_signal_of_the_model_stands_somewhere_in_a_document(
    web: Web, scoring_pool: Pool, owner: asyncpg.Connection
) -> None:
    accounts = await three_customers(web, scoring_pool, await clock(owner))
    async with scoring_pool.acquire() as connection:
        lineup = await KeptLineUps(web.founding).now(connection)
    weighty = {one.id for one in lineup.models[-1].signals if one.weight > 0}
    uncounted = []
    for account in accounts.values():
        body = await owner.fetchval("select body from scoring.health_document where account_id = $1", account)
        document = HealthDocument.model_validate_json(body)
        assert weighty == {one.signal for one in (*document.drivers, *document.missing, *document.pending)}
        uncounted += [one for one in document.missing if one.code == "missing:dimension_unavailable"]
    assert {one.signal: one.why for one in uncounted} == {
        "sponsor_seen": "its dimension has too little data: 22 % of the 40 % needed"
    }


async def test_drivers_of_a_customer_add_up_to_a_billionth_of_a_point(
    web: Web, scoring_pool: Pool, owner: asyncpg.Connection
) -> None:
    await three_customers(web, scoring_pool, await clock(owner))
    async with scoring_pool.acquire() as connection:
        lineups = KeptLineUps(web.founding)
        rows = await connection.fetch("select * from scoring.snapshot where score is not null")
        assert rows
        for row in rows:
            model = await lineups.model(connection, row["model_id"], row["model_version"])
            told = verdict_again(row, judged_again(row, model, None)).explanation
            assert told is not None
            total = told.baseline + sum(one.points for one in told.drivers) + sum(one.points for one in told.gates)
            assert abs(total - row["score"]) <= 1e-9
