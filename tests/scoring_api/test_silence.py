"""Claims about silence: an account is looked at when time alone changes what is shown of it, and not before."""

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from support.customers import now_of, tell_healthy, turn
from support.histories import Told, new_account, tell

from milepost_core.model import ScoreModel, sources
from milepost_runtime.database import Connection, Pool
from milepost_runtime.lanes import drain
from scoring_api.documents.founding import read_founding
from scoring_api.queries.plans import KnownPlan, read_plans
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import compile_model
from scoring_api.queries.turns import EdgeFinder
from scoring_api.scores.judging import Before, Reference, Verdict, judge_batch, verdict
from scoring_api.scores.planning import course_of
from scoring_api.scores.recording import Recording
from scoring_api.scores.turning import turns_of
from scoring_api.service import Scoring

SHIPPED = tuple(one.parsed for one in read_founding("b2b-onboarding").shipped)
DAILY = timedelta(hours=24)
# Of a score that moves steadily the moment of a tenth is found to within this, of a day.
BLUR = timedelta(seconds=3)
NOTHING: Mapping[str, Any] = {"override_until": None}


def types_of(model: ScoreModel) -> list[str]:
    """The types of events that a model asks for, and those of items."""
    named = {
        name
        for column in model.columns
        for part in sources.parts(column.source)
        for name in getattr(getattr(part, "where", None), "types", ())
    }
    return sorted(named | {"ticket.opened", "ticket.resolved", "task.created", "task.completed", "invoice.overdue"})


def lived(model: ScoreModel, chance: random.Random, account: UUID, end: datetime) -> list[Told]:
    """A history by chance: more than two months of whatever the model asks for, some of it due later."""
    start = end - timedelta(days=chance.choice([3, 13.99, 20, 29.9, 40, 89.5, 95, 200]))
    told = [Told(account, "account.started", start)]
    told.append(Told(account, "account.updated", start, properties={"name": "Quiet", "seats": chance.randint(1, 9)}))
    kinds = chance.sample(types_of(model), k=min(8, len(types_of(model))))
    for number in range(chance.randint(0, 60)):
        kind = chance.choice(kinds)
        at = start + (end - start) * chance.random()
        properties: dict[str, Any] = {"severity": chance.choice(["low", "high"])}
        if kind == "task.created":
            properties["due_at"] = (at + timedelta(days=chance.uniform(0, 40))).isoformat()
        told.append(
            Told(account, kind, at, actor=f"user{chance.randint(0, 4)}", role=chance.choice([None, "sponsor", "admin"]),
                 item=f"item{number % 9}", value=chance.choice([None, float(chance.randint(0, 10))]),
                 properties=properties)
        )  # fmt: skip
    for step in chance.sample(model.milestones, k=chance.randint(0, len(model.milestones))):
        told.append(Told(account, "milestone.completed", start + (end - start) * chance.random(), item=step.id))
    return told


@dataclass(frozen=True)
class Quiet:
    """What is known of accounts at one moment, and when each is looked at again."""

    verdicts: dict[UUID, Verdict]
    turns: dict[UUID, datetime]
    plans: dict[UUID, KnownPlan]


async def look(connection: Connection, model: ScoreModel, accounts: Sequence[UUID], as_of: datetime) -> Quiet:
    """Judge accounts as of a moment, and say when they are looked at again."""
    batch = Batch(accounts, [as_of] * len(accounts))
    readings, ages = await measure(connection, compile_model(model), batch)
    judged = judge_batch(model, readings, ages)
    before, reference = Before(None, None, None), Reference.among(model, None)
    verdicts = {one: verdict(judged, row, as_of, before, reference) for row, one in enumerate(accounts)}
    plans = await read_plans(connection, model, accounts, as_of)
    edges = await EdgeFinder().next_edges(connection, model, batch)
    facts = dict.fromkeys(accounts, NOTHING)
    return Quiet(verdicts, turns_of(verdicts, facts, edges, plans, DAILY), plans)


def shown(model: ScoreModel, scores: Any, row: int) -> tuple[Any, ...]:
    """What of a score must not change unnoticed."""
    return str(scores.display[row]), scores.band_word(row), tuple(scores.gates_fired[row])


@pytest.mark.parametrize("model", SHIPPED, ids=[one.id for one in SHIPPED])
async def test_nothing_shown_changes_before_an_account_is_looked_at_again(
    owner: asyncpg.Connection, scoring_pool: Pool, recorder: Callable[[ScoreModel], Recording], model: ScoreModel
) -> None:
    # At noon: shortly before midnight nearly everybody comes again when the day ends.
    chance, now = random.Random(f"{model.id} 4"), (await now_of(owner) - timedelta(days=1)).replace(hour=12)
    accounts = [new_account() for _ in range(60)]
    for account in accounts:
        await tell(owner, lived(model, chance, account, now - timedelta(days=2)))
    recording = recorder(model)
    await drain(scoring_pool, recording.lane, seconds=60)

    async with scoring_pool.acquire() as connection:
        for days in (0.0, 0.37, 1.0):
            as_of = now - timedelta(days=2 - days)
            quiet = await look(connection, model, accounts, as_of)
            await _stays(connection, model, quiet, as_of, chance)
    waits = [(turn - as_of).total_seconds() / 3600 for turn in quiet.turns.values()]
    assert max(waits) > 12, "somebody is left in peace for long"
    assert len(set(waits)) > 20, "and not everybody comes again at once"


async def _stays(
    connection: Connection, model: ScoreModel, quiet: Quiet, as_of: datetime, chance: random.Random
) -> None:
    """Measure at moments by chance before each turn, and right before it: what is shown is what was."""
    asked = []
    for account, turning in quiet.turns.items():
        last = turning - as_of - BLUR
        shares = [*(chance.random() for _ in range(6)), 1.0]
        asked += [(account, as_of + max(timedelta(0), last * share)) for share in shares]
    batch = Batch([account for account, _ in asked], [at for _, at in asked])
    readings, ages = await measure(connection, compile_model(model), batch, known_at=as_of)
    later = judge_batch(model, readings, ages).scores
    for row, (account, at) in enumerate(asked):
        one = quiet.verdicts[account]
        then = shown(model, one.judged.scores, one.row)
        assert shown(model, later, row) == then, (account, as_of, at, quiet.turns[account])
        plan = quiet.plans[account].plan
        if plan.milestones:
            assert course_of(plan, at).states == course_of(plan, as_of).states, (account, as_of, at)


async def test_a_quiet_account_is_scored_again_when_the_last_of_its_records_leaves_a_window(
    owner: asyncpg.Connection, scoring: Scoring
) -> None:
    """A failed payment counts for thirty days: it leaves two seconds from now, and nobody says a word."""
    account, now = await tell_healthy(owner, scoring), await now_of(owner)
    leaves = now + timedelta(seconds=2)
    await tell(owner, [Told(account, "invoice.failed", leaves - timedelta(days=30), item="i1")])
    await tell(owner, [Told(account, "invoice.paid", now - timedelta(days=29), item="i1")])
    await turn(scoring)
    value = (
        "select (detail -> 'signals' -> 'payment_failures' ->> 'raw')::float8 as failures, as_of from scoring.snapshot"
        " where account_id = $1 order by as_of desc limit 1"
    )
    row = await owner.fetchrow(value, account)
    assert row is not None
    assert row["failures"] == 1.0

    async with asyncio.timeout(6):
        while row["failures"] != 0.0:
            await drain(scoring.rescoring.pool, scoring.rescoring.lane)
            row = await owner.fetchrow(value, account)
            assert row is not None
            await asyncio.sleep(0.05)
    assert timedelta(0) <= row["as_of"] - leaves < timedelta(seconds=1.5)


async def test_a_task_is_overdue_the_moment_it_is_due(owner: asyncpg.Connection, scoring: Scoring) -> None:
    account, now = await tell_healthy(owner, scoring), await now_of(owner)
    due = now + timedelta(seconds=2)
    await tell(owner, [Told(account, "task.created", now, item="k1", properties={"due_at": due.isoformat()})])
    await turn(scoring)
    said = "select convert_from(body, 'UTF8') like '%overdue onboarding tasks: 1%' from scoring.health_document"
    assert not await owner.fetchval(f"{said} where account_id = $1", account)

    async with asyncio.timeout(6):
        while not await owner.fetchval(f"{said} where account_id = $1", account):
            await drain(scoring.rescoring.pool, scoring.rescoring.lane)
            await asyncio.sleep(0.05)
    assert await now_of(owner) - due < timedelta(seconds=1.5)


async def test_a_quiet_portfolio_is_not_scored_every_hour(
    owner: asyncpg.Connection, scoring_pool: Pool, recorder: Callable[[ScoreModel], Recording]
) -> None:
    """Forty accounts in every phase, of which nobody hears for three days: how often each is looked at."""
    model, chance, now = SHIPPED[0], random.Random(7), await now_of(owner)
    accounts = [new_account() for _ in range(40)]
    for account in accounts:
        await tell(owner, lived(model, chance, account, now - timedelta(days=4)))
    recording = recorder(model)
    await drain(scoring_pool, recording.lane, seconds=60)
    looks, days = 0, 3
    async with scoring_pool.acquire() as connection:
        start = now - timedelta(days=4)
        quiet = await look(connection, model, accounts, start)
        due = dict(quiet.turns)
        while (first := min(due.values())) < start + timedelta(days=days):
            # All that come within a minute are looked at together, as of the last of them.
            group = [account for account, at in due.items() if at <= first + timedelta(minutes=1)]
            due |= (await look(connection, model, group, max(due[one] for one in group))).turns
            looks += len(group)
    a_day = looks / days / len(accounts)
    assert 0.9 < a_day < 12, f"{a_day:.1f} looks an account and day"


async def test_a_score_that_stands_on_old_data_says_so_once_and_takes_it_back_once(
    owner: asyncpg.Connection, scoring: Scoring
) -> None:
    """What was told years ago is scored today for the second time: silence, not behaviour, is the news."""
    account = await tell_healthy(owner, scoring)
    feed = "select kind, cause, subject, detail from scoring.change where account_id = $1 and kind <> 'first_score'"
    told = "update scoring.record set occurred_at = occurred_at - interval '150 days', recorded_at = recorded_at"
    # The records grow old as if five months had passed since they were told.
    await owner.execute(f"{told} - interval '150 days' where account_id = $1", account)
    for _ in range(2):
        await owner.execute("update scoring.rescoring set next_at = clock_timestamp() where account_id = $1", account)
        await drain(scoring.rescoring.pool, scoring.rescoring.lane)
    stale = [row for row in await owner.fetch(f"{feed} order by id", account) if row["kind"] == "went_stale"]
    assert [row["cause"] for row in stale] == ["silence"]
    assert "sentiment" in stale[0]["subject"].split(",")
    assert json.loads(stale[0]["detail"])["still_speaking"] < 0.25

    now = await now_of(owner)
    fresh = [Told(account, "feature.used", now, actor=f"user{n}", item=f"f{n}") for n in range(5)]
    fresh += [Told(account, "survey.answered", now, value=9.0), Told(account, "meeting.attended", now, role="sponsor")]
    fresh += [Told(account, "ticket.opened", now, item="t9")]
    await tell(owner, fresh)
    await turn(scoring)
    kinds = [row["kind"] for row in await owner.fetch(f"{feed} order by id", account)]
    assert kinds.count("went_stale") == 1
    assert kinds.count("fresh_again") == 1
