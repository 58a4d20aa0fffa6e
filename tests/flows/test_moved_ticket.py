"""Claims from the front door to the score: a ticket is open where it is now, and people can be forgotten."""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from support.customers import turn
from support.front_door import Bench, admin_key, batch, bench, linked, settings

from milepost_core.model import ScoreModel
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
TICKET = "hubspot:9100:ticket:5"


@pytest.fixture(scope="module")
def model() -> ScoreModel:
    return read_founding("b2b-onboarding").first.parsed


@pytest.fixture(scope="module")
async def scoring(database_url: str, redis_url: str, scoring_pool: Pool, model: ScoreModel) -> Scoring:
    made = ScoringSettings(environment="test", database_url=database_url, redis_url=redis_url)
    return build(made, OneModel(model), scoring_pool, Hints(redis_url))


async def post(bench: Bench, kind: str, account: str, hours: float, **more: Any) -> None:
    at = datetime.fromtimestamp(time.time() - hours * 3600, UTC).isoformat()
    event = {"id": str(uuid4()), "type": kind, "account": account, "occurred_at": at} | more
    (await bench.client.post("/events", json=event)).raise_for_status()
    await bench.relay()


async def associate(bench: Bench, company: int, hours: float) -> None:
    occurred = int((time.time() - hours * 3600) * 1000)
    (await bench.deliver(batch(linked("ticket", 9100, 5, company, occurredAt=occurred)))).raise_for_status()
    await bench.relay()


async def urgent(owner: asyncpg.Connection, pool: Pool, model: ScoreModel, company: int, at: datetime) -> float:
    """Return how many urgent tickets the score knows to be open at a company, as known at a moment."""
    account = await owner.fetchval(
        "select account_id from scoring.account_reference where reference = $1", f"hubspot:9100:{company}"
    )
    async with pool.acquire() as connection:
        readings, _ = await measure(connection, compile_model(model), Batch([account], [at]))
    column = [one.id for one in model.columns].index("open_critical")
    return float(readings.raw[0, column])


async def test_a_ticket_that_moved_is_open_at_its_company_alone_and_yesterdays_figures_stay(
    bench: Bench, scoring: Scoring, owner: asyncpg.Connection, scoring_pool: Pool, model: ScoreModel
) -> None:
    for company in (1, 2):
        await post(bench, "account.started", f"hubspot:9100:{company}", 500)
    await associate(bench, 1, 9)
    await post(bench, "ticket.opened", TICKET, 8, item=TICKET, properties={"severity": "urgent"})
    await turn(scoring)
    then = await owner.fetchval("select clock_timestamp()")
    figures = [await urgent(owner, scoring_pool, model, company, then) for company in (1, 2)]
    await associate(bench, 2, 3)
    await turn(scoring)
    now = await owner.fetchval("select clock_timestamp()")

    assert figures == [1, 0]
    assert [await urgent(owner, scoring_pool, model, company, now) for company in (1, 2)] == [0, 1]
    assert [await urgent(owner, scoring_pool, model, company, then) for company in (1, 2)] == figures


async def test_a_person_who_is_forgotten_is_forgotten_by_the_score_too(
    bench: Bench, scoring: Scoring, owner: asyncpg.Connection
) -> None:
    person, reference = "grace@acme.com", "external:9101"
    await post(bench, "session.started", reference, 5, actor=person)
    await post(bench, "account.updated", reference, 4, properties={"billing_contact": person, "seats": 3})
    await turn(scoring)
    (await bench.client.post("/erasures", json={"person": person})).raise_for_status()
    await drain(bench.pool, bench.service.erasing.lane)
    await turn(scoring)
    records = await owner.fetch(
        "select r.type, r.actor, r.properties from scoring.record r"
        " join scoring.account_reference a using (account_id) where a.reference = $1 order by r.occurred_at",
        reference,
    )
    attributes = await owner.fetchval(
        "select attributes from scoring.account join scoring.account_reference using (account_id) where reference = $1",
        reference,
    )

    assert [(row["type"], row["actor"]) for row in records] == [("session.started", None), ("account.updated", None)]
    assert "grace" not in f"{records}{attributes}"
    for table in ("record", "attribute", "account", "health_document"):
        text = "convert_from(t.body, 'UTF8')" if table == "health_document" else "t::text"
        assert not await owner.fetchval(f"select exists(select from scoring.{table} t where {text} like '%grace%')")


async def test_a_reference_that_was_taken_away_finds_no_score_any_more(
    bench: Bench, scoring: Scoring, owner: asyncpg.Connection
) -> None:
    await post(bench, "account.started", "external:9102", 500)
    account = (await bench.client.get("/accounts/lookup?reference=external:9102")).json()["account_id"]
    path = f"/accounts/{account}/references"
    (await bench.client.post(path, json={"reference": "domain:nine.example"})).raise_for_status()
    await turn(scoring)
    known = "select exists(select from scoring.account_reference where reference = 'domain:nine.example')"
    assert await owner.fetchval(known)
    (await bench.client.delete(f"{path}/domain:nine.example")).raise_for_status()
    await turn(scoring)
    assert not await owner.fetchval(known)
    (await bench.client.post(path, json={"reference": "domain:nine.example"})).raise_for_status()
    await turn(scoring)
    assert await owner.fetchval(known)
