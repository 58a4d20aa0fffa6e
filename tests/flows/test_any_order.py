"""Claims from the front door to the rows of the score: late, out of order or at one instant, they end the same."""

import itertools
import random
import time
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st
from support import salesforce
from support.front_door import Bench, admin_key, batch, bench, change, linked, prop, settings

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
PORTAL, DAY = 9300, 86_400_000
NOW = int(time.time() * 1000)
FRESH = (
    "truncate ingest.event, ingest.event_key, ingest.waiting_event, ingest.account, ingest.reference,"
    " ingest.reference_link, ingest.delivery, scoring.account, scoring.record, scoring.attribute,"
    " scoring.account_reference, scoring.merged_account, scoring.rescoring"
)
# What an account is, and what counts of it; ids are those of the accounts' names, moments of arrival are left out.
ROWS = {
    "account": "select name, start_at, started_at, started_sequence, first_seen_at, attributes",
    "record": "select type, occurred_at, actor, role, item, value, value_text, due_at, properties",
    "attribute": "select name, value, occurred_at",
}


@pytest.fixture(scope="module")
def model() -> ScoreModel:
    return read_founding("b2b-onboarding").first.parsed


@pytest.fixture(scope="module")
async def scoring(database_url: str, redis_url: str, scoring_pool: Pool, model: ScoreModel) -> Scoring:
    made = ScoringSettings(environment="test", database_url=database_url, redis_url=redis_url)
    return build(made, OneModel(model), scoring_pool, Hints(redis_url))


def starts() -> list[dict[str, Any]]:
    """A start that was moved: first it was to be sixty days ago, then five; and twice more at one instant."""
    told = [(60, 9), (5, 3), (7, 2), (6, 2)]
    return [
        prop("company", PORTAL, 1, "onboarding_start_date", str(NOW - value * DAY), occurredAt=NOW - said * DAY)
        for value, said in told
    ]


def history() -> list[dict[str, Any]]:
    """Two companies and a ticket that moves from one to the other; much is told twice at one instant."""

    def ties(kind: str, number: int, name: str, days: float, *values: str) -> list[dict[str, Any]]:
        at = NOW - int(days * DAY)
        return [prop(kind, PORTAL, number, name, value, occurredAt=at) for value in values]

    told = [change("company.creation", PORTAL, company, occurredAt=NOW - 80 * DAY) for company in (1, 2)]
    told += starts()
    told += ties("company", 1, "seats", 8, "10", "25", "17") + ties("company", 1, "name", 8, "Acme", "Acme Inc")
    # Who was told last at one instant is the law's own word for `last`, so these are told one after another.
    for days, status in ((4, "left"), (3, "active"), (2, "new")):
        told += ties("company", 1, "sponsor_status", days, status)
    told += [change("ticket.creation", PORTAL, 7, occurredAt=NOW - 6 * DAY)]
    told += [linked("ticket", PORTAL, 7, company, occurredAt=NOW - days * DAY) for company, days in ((1, 6), (2, 2))]
    told += ties("ticket", 7, "hs_ticket_priority", 5, "URGENT", "LOW", "MEDIUM")
    told += ties("ticket", 7, "subject", 1, "It burns", "It smokes")
    return told


HISTORY = history()


async def deliver(bench: Bench, elements: list[dict[str, Any]], chance: random.Random) -> None:
    """Post the elements in this order in batches of chance sizes, and relay them at chance moments."""
    waiting = list(elements)
    while waiting:
        size = chance.randint(1, 4)
        (await bench.deliver(batch(*waiting[:size]))).raise_for_status()
        waiting = waiting[size:]
        if chance.random() < 0.5:
            await bench.relay()
    await bench.relay()


async def rows_of(owner: asyncpg.Connection, reference: str) -> dict[str, list[str]]:
    account = await owner.fetchval("select account_id from scoring.account_reference where reference = $1", reference)
    found = {}
    for table, columns in ROWS.items():
        counts = " and superseded_at is null" if table in ("record", "attribute") else ""
        counts += " and type <> 'event.retracted'" if table == "record" else ""
        rows = await owner.fetch(f"{columns} from scoring.{table} where account_id = $1{counts}", account)
        found[table] = sorted(repr(tuple(row)) for row in rows)
    return found


async def read(owner: asyncpg.Connection, scoring: Scoring, references: list[str]) -> tuple[str, str, str]:
    """What the score measures a day from now, when all has been told."""
    ids = [
        await owner.fetchval("select account_id from scoring.account_reference where reference = $1", one)
        for one in references
    ]
    at = await owner.fetchval("select to_timestamp($1::float8)", NOW / 1000 + 86_400)
    async with scoring.recording.pool.acquire() as connection:
        (model,) = (await scoring.rescoring.lineups.now(connection)).models
        readings, _ = await measure(connection, compile_model(model), Batch(ids, [at] * len(ids)))
    assert readings.category is not None
    return repr(readings.raw.tolist()), repr(readings.status.tolist()), repr(readings.category.tolist())


@given(order=st.permutations(range(len(HISTORY))), seed=st.integers(0, 2**32))
@tries(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_order_of_deliveries_ends_in_the_same_rows_and_figures(
    order: list[int], seed: int, bench: Bench, scoring: Scoring, owner: asyncpg.Connection
) -> None:
    told, ends = HISTORY, []
    for turn in (list(range(len(told))), order):
        await owner.execute(FRESH)
        await deliver(bench, [told[place] for place in turn], random.Random(seed))
        await drain(scoring.recording.pool, scoring.recording.lane, seconds=60)
        names = [f"hubspot:{PORTAL}:{company}" for company in (1, 2)]
        rows = [await rows_of(owner, name) for name in names]
        ends.append((rows, await read(owner, scoring, names)))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("together", [False, True])
async def test_of_two_starts_the_one_that_was_said_last_counts_whichever_came_first(
    bench: Bench, scoring: Scoring, owner: asyncpg.Connection, together: bool
) -> None:
    older, newer = starts()[:2]
    found = []
    for words in ((older, newer), (newer, older)):
        await owner.execute(FRESH)
        for body in [batch(*words)] if together else [batch(one) for one in words]:
            (await bench.deliver(body)).raise_for_status()
            await bench.relay()
            await drain(scoring.recording.pool, scoring.recording.lane, seconds=60)
        found.append(await owner.fetchval("select start_at from scoring.account"))
    assert [round(one.timestamp() * 1000) for one in found] == [NOW - 5 * DAY] * 2


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_of_changes_in_one_instant_that_of_the_later_commit_counts_whichever_came_first(
    bench: Bench, scoring: Scoring, owner: asyncpg.Connection, order: tuple[int, ...]
) -> None:
    await owner.execute(FRESH)
    wanted = {"source": "salesforce", "name": "orders", "secret": None, "settings": {"organization_id": salesforce.ORG}}
    path = (await bench.connect(**wanted))["webhook_url"]
    # No float tells these commits apart, nine comes before ten, and the ids of these events are in the other order.
    places = [(2**53 + 1, 2), (2**53 + 2, 9), (2**53 + 2, 10)]
    for number in order:
        commit, sequence = places[number]
        header = {"commitNumber": commit, "sequenceNumber": sequence, "commitTimestamp": NOW - DAY}
        body = salesforce.change("Account", salesforce.ACME, header=header, Plan__c=f"plan {number}")
        (await bench.client.post(path, json=body)).raise_for_status()
        await bench.relay()
        await drain(scoring.recording.pool, scoring.recording.lane, seconds=60)
    assert '"plan": "plan 2"' in await owner.fetchval("select attributes from scoring.account")
