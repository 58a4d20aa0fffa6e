"""Claims about corrections: from the moment on when a record is superseded another one counts, and none before it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from support.histories import Told, new_account, tell

from milepost_core.model import ScoreModel, parse_model
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from scoring_api.queries import evidence
from scoring_api.queries.plans import read_plans
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import compile_model
from scoring_api.scores.recording import Recording

MAKE = Callable[[ScoreModel], Recording]
START = datetime(2026, 5, 1, tzinfo=UTC)
LATER = START + timedelta(days=10)
ESCALATIONS = parse_model(
    {
        "format": "health-score-model/1",
        "id": "escalations",
        "dimensions": [{"id": "support", "weight": 1}],
        "signals": [
            {
                "id": "escalated",
                "dimension": "support",
                "weight": 1,
                "source": {"agg": "count", "where": {"type": "ticket.escalated"}, "window_days": 60},
                "normalise": {"kind": "piecewise", "points": [[0, 100], [10, 0]]},
                "missing": "exclude",
            }
        ],
    }
)


async def record(recording: Recording) -> None:
    await drain(recording.pool, recording.lane, seconds=60)


async def escalations(pool: Pool, account: UUID, at: datetime, *, restated: bool = False) -> float:
    async with pool.acquire() as connection:
        readings, _ = await measure(connection, compile_model(ESCALATIONS), Batch([account], [at]), restated=restated)
    return float(readings.raw[0, 0])


def corrected(account: UUID) -> list[Told]:
    """A ticket that was told as escalated, and ten days later as merely updated."""
    first = Told(account, "ticket.escalated", START, item="t", event_id=f"{account}:1")
    second = Told(account, "ticket.updated", START, LATER, item="t", event_id=f"{account}:2")
    return [first, Told(**{**vars(second), "supersedes": first.event_id})]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_a_correction_counts_from_its_recording_on_whatever_is_read_first(
    owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE, order: tuple[int, ...]
) -> None:
    account, recording = new_account(), recorder(ESCALATIONS)
    events = corrected(account)
    for place in order:
        await tell(owner, [events[place]])
        await record(recording)
    before, after = LATER - timedelta(seconds=1), LATER + timedelta(seconds=1)

    assert [await escalations(scoring_pool, account, at) for at in (before, LATER, after)] == [1.0, 0.0, 0.0]
    assert await escalations(scoring_pool, account, before, restated=True) == 0.0


async def test_evidence_shows_what_counted_at_the_moment_asked_for(
    owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE
) -> None:
    account, recording = new_account(), recorder(ESCALATIONS)
    await tell(owner, corrected(account))
    await record(recording)
    judge = ESCALATIONS, ESCALATIONS.signals[0].source
    shown = {
        at: [row["event_id"] for row in await evidence.newest_records(scoring_pool, account, judge, at, 10)]
        for at in (START, LATER)
    }
    assert shown == {START: [f"{account}:1"], LATER: []}


async def test_a_retraction_takes_back_an_attribute_and_leaves_no_record(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    first = Told(account, "account.updated", START, properties={"seats": 3, "owner": "ann"}, event_id=f"{account}:1")
    older = Told(account, "account.updated", START - timedelta(days=1), properties={"seats": 2})
    await tell(owner, [older, first, Told(account, "event.retracted", START, LATER, supersedes=first.event_id)])
    await record(recording)

    kept = await owner.fetchrow("select attributes, owner from scoring.account where account_id = $1", account)
    assert kept is not None
    assert (kept["attributes"], kept["owner"]) == ('{"seats": 2}', None)
    assert await owner.fetchval("select count(*) from scoring.record where account_id = $1", account) == 2


async def test_the_last_attribute_that_is_taken_back_leaves_none(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    only = Told(account, "account.updated", START, properties={"name": "Wrong"}, event_id=f"{account}:1")
    await tell(owner, [only, Told(account, "event.retracted", START, LATER, supersedes=only.event_id)])
    await record(recording)
    kept = await owner.fetchrow("select attributes, name from scoring.account where account_id = $1", account)
    assert kept is not None
    assert (kept["attributes"], kept["name"]) == ("{}", "")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_a_start_that_was_told_wrongly_moves_back_with_the_plan(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel, order: tuple[int, ...]
) -> None:
    account, recording = new_account(), recorder(shipped)
    long_ago = START - timedelta(days=4000)
    wrong = Told(account, "account.started", long_ago, START, event_id=f"{account}:1")
    right = Told(account, "account.updated", START, LATER, properties={"a": 1}, supersedes=wrong.event_id)
    events = [wrong, right, Told(account, "feature.used", START + timedelta(days=1))]
    for place in order:
        await tell(owner, [events[place]])
        await record(recording)
    look = "select start_at, started_at, first_seen_at from scoring.account where account_id = $1"
    assert await owner.fetchrow(look, account) == (START, None, START)
    async with recording.pool.acquire() as connection:
        plan = (await read_plans(connection, shipped, [account], LATER + timedelta(days=1)))[account].plan
    assert plan.milestones[0].due_at == START + timedelta(days=3)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("named", [True, False])
async def test_an_account_of_which_all_is_taken_back_starts_when_it_was_first_told_of(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel, order: tuple[int, ...], at_once: bool, named: bool
) -> None:
    account, recording, name = new_account(), recorder(shipped), START - timedelta(days=1)
    first, second, third, last = (f"{account}:{place}" for place in range(4))
    events = [
        Told(account, "account.started", LATER, event_id=first),
        Told(account, "account.started", START, LATER, event_id=second, supersedes=first),
        Told(account, "account.started", LATER, LATER, event_id=third, supersedes=second),
        Told(account, "event.retracted", LATER, event_id=last, supersedes=third),
    ]
    link = [Told(account, "account.linked", name, value_text=f"domain:{account}")] if named else []
    told = [*link, *(events[place] for place in order)]
    for piece in [told] if at_once else [[one] for one in told]:
        await tell(owner, piece)
        await record(recording)
    look = "select start_at, started_at, first_seen_at from scoring.account where account_id = $1"
    seen = name if named else START
    assert await owner.fetchrow(look, account) == (seen, None, seen)


async def test_a_word_that_is_taken_back_leaves_an_account_as_old_as_its_name(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    slip = Told(account, "feature.used", START + timedelta(days=1), event_id=f"{account}:1")
    back = Told(account, "event.retracted", START, LATER, supersedes=slip.event_id)
    link = Told(account, "account.linked", START, value_text=f"domain:{account}")
    for one in (link, slip, Told(account, "feature.used", LATER), back):
        await tell(owner, [one])
        await record(recording)
    assert await owner.fetchval("select start_at from scoring.account where account_id = $1", account) == START


@pytest.mark.parametrize("known", [True, False])
async def test_a_survivor_is_as_old_as_the_name_of_the_account_that_is_gone(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel, known: bool
) -> None:
    gone, survivor, recording = new_account(), new_account(), recorder(shipped)
    slip = Told(survivor if known else gone, "feature.used", START + timedelta(days=1), event_id=f"{gone}:1")
    link = Told(gone, "account.linked", START, value_text=f"domain:{gone}")
    merged = Told(gone, "account.merged", LATER, value_text=str(survivor))
    for one in (link, slip, merged, Told(survivor, "event.retracted", START, LATER, supersedes=slip.event_id)):
        await tell(owner, [one])
        await record(recording)
    assert await owner.fetchval("select start_at from scoring.account where account_id = $1", survivor) == START


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 1, 0)])
async def test_a_correction_on_the_survivor_reaches_what_was_told_of_the_account_that_is_gone(
    owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE, order: tuple[int, ...]
) -> None:
    gone, survivor, recording = new_account(), new_account(), recorder(ESCALATIONS)
    first, second = corrected(gone)
    merged = Told(gone, "account.merged", START, value_text=str(survivor))
    events = [first, merged, Told(**{**vars(second), "account_id": survivor})]
    for place in order:
        await tell(owner, [events[place]])
        await record(recording)
    # Whoever was led away once is led away again, when the same is told once more.
    await owner.execute("update scoring.cursor set position = 0")
    await record(recording)
    before, after = LATER - timedelta(seconds=1), LATER + timedelta(seconds=1)
    assert [await escalations(scoring_pool, survivor, at) for at in (before, after)] == [1.0, 0.0]


async def test_a_correction_marks_the_account_for_a_new_score(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    one, other, recording = new_account(), new_account(), recorder(shipped)
    first = Told(one, "feature.used", START, event_id=f"{one}:1")
    await tell(owner, [first])
    await record(recording)
    marks: Any = "select account_id, marked from scoring.rescoring where account_id = any($1::uuid[]) order by 1"
    await owner.execute("delete from scoring.rescoring where account_id = $1", one)
    back = Told(one, "event.retracted", START, LATER, event_id=f"{one}:2", supersedes=first.event_id)
    await tell(owner, [back, Told(other, "feature.used", START, LATER, supersedes=back.event_id)])
    await record(recording)
    assert {row["account_id"] for row in await owner.fetch(marks, [one, other])} == {one, other}
