"""Claims about accounts whose first records are dated ahead of our clock: they are known, and begin when they begin."""

from datetime import timedelta

import asyncpg
import httpx
import pytest
from support.customers import now_of, turn
from support.histories import Told, new_account, tell

from scoring_api.service import Scoring

AHEAD = timedelta(minutes=4)


@pytest.mark.parametrize("kind", ["feature.used", "account.started", "account.linked"])
async def test_it_has_a_document_without_a_score_and_is_looked_at_again_when_it_begins(
    owner: asyncpg.Connection, scoring: Scoring, client: httpx.AsyncClient, kind: str
) -> None:
    early, now = new_account(), await now_of(owner)
    name = f"external:{early}" if kind == "account.linked" else None
    await tell(owner, [Told(early, kind, now + AHEAD, recorded_at=now, value_text=name)])
    await turn(scoring)
    health = (await client.get(f"/accounts/{early}/health")).json()
    due = await owner.fetchrow("select next_at, crashes from scoring.rescoring where account_id = $1", early)

    assert (health["band"], health["score"], health["account"]["age_days"]) == ("unknown", None, 0)
    assert due["crashes"] == 0
    assert now + AHEAD <= due["next_at"] <= now + AHEAD + timedelta(minutes=1)
