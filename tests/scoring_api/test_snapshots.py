"""Each snapshot of a real customer holds all that went in: the whole document can be told again from it."""

from collections.abc import AsyncIterator

import asyncpg
import numpy as np
import pytest
from support.scored import clock, three_customers
from support.scoring_web import Web, running

from milepost_runtime.database import Pool
from scoring_api.documenting import build_document
from scoring_api.judging import judged_again
from scoring_api.lineup import KeptLineUps
from scoring_api.replaying import inputs_hash, subject_again, verdict_again


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
