"""Evidence is what counts: without all else a reading stays the same, without one of its records a count changes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.every_question import every_question
from support.histories import Told, new_account, tell

from milepost_core.model import ScoreModel
from milepost_runtime.database import Connection, Pool
from milepost_runtime.lanes import drain
from scoring_api.queries.evidence import newest_records
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import compile_model
from scoring_api.scores.recording import Recording

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=12)
MODEL = every_question()
COUNTS = ("count", "count_grown", "count_kind", "count_property")
ALL = 10_000

hours = st.integers(0, 11 * 24).map(lambda hour: START + timedelta(hours=hour))
happened = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["feature.used", "session.started", "survey.answered", "meeting.held"]),
        "occurred_at": hours,
        "actor": st.sampled_from([None, "ann", "bob"]),
        "role": st.sampled_from([None, "admin", "sponsor", "guest"]),
        "value": st.sampled_from([None, 1.0, 7.0]),
        "properties": st.sampled_from([{}, {"plan": "pro"}, {"plan": 3}, {"plan": "free"}]),
    }
)
of_items = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["ticket.opened", "ticket.resolved", "task.created", "task.completed", "invoice.issued", "invoice.overdue",
             "invoice.paid"]
        ),
        "occurred_at": hours,
        "item": st.sampled_from(["1", "2", "3"]),
        "properties": st.just({"severity": "high"}),
    }
)  # fmt: skip
of_milestones = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["milestone.completed", "milestone.completed", "milestone.reopened"]),
        "occurred_at": hours,
        "item": st.sampled_from(["trained", "someday", "used"]),
    }
)
stories = st.lists(st.one_of(happened, happened, of_items, of_milestones), min_size=1, max_size=25)


async def told(owner: asyncpg.Connection, recording: Recording, story: list[dict[str, Any]]) -> UUID:
    account = new_account()
    began = Told(account, "account.started", START)
    described = Told(account, "account.updated", START, properties={"seats": 4})
    await tell(owner, [began, described, *(Told(account, **one) for one in story)])
    await drain(recording.pool, recording.lane)
    return account


async def reading(connection: Connection, account: UUID, name: str) -> tuple[Any, ...]:
    readings, _ = await measure(connection, compile_model(MODEL), Batch([account], [END]))
    place = MODEL.signal_index[name]
    assert readings.category is not None
    raw = None if readings.raw[0, place] != readings.raw[0, place] else round(float(readings.raw[0, place]), 9)
    return raw, readings.category[0, place], int(readings.status[0, place]), bool(readings.censored[0, place])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories)
async def test_what_is_not_listed_counts_for_nothing_and_what_is_listed_counts(
    story: list[dict[str, Any]],
    owner: asyncpg.Connection,
    scoring_pool: Pool,
    recorder: Callable[[ScoreModel], Recording],
) -> None:
    account = await told(owner, recorder(MODEL), story)
    async with scoring_pool.acquire() as connection:
        for signal in MODEL.signals:
            rows = await newest_records(connection, account, (MODEL, signal.source), END, ALL)
            listed = [row["event_id"] for row in rows]
            before = await reading(connection, account, signal.id)
            assert await without(connection, account, signal.id, "event_id <> all($2)", listed) == before, signal.id
            if signal.id in COUNTS and before[0] is not None:
                assert before[0] == len(listed)
            if signal.id in COUNTS and listed:
                after = await without(connection, account, signal.id, "event_id = any($2)", listed[:1])
                assert after[0] == before[0] - 1


async def without(connection: Connection, account: UUID, name: str, which: str, ids: list[str]) -> tuple[Any, ...]:
    """The reading with some records gone; afterwards they are there again."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(
            f"delete from scoring.record where account_id = $1 and type not like 'account.%' and {which}",
            account,
            ids,
        )
        return await reading(connection, account, name)
    finally:
        await transaction.rollback()


async def test_evidence_keeps_to_the_window_and_names_the_newest_first(
    owner: asyncpg.Connection, scoring_pool: Pool, recorder: Callable[[ScoreModel], Recording]
) -> None:
    edge = END - timedelta(days=3)
    story = [{"type": "feature.used", "occurred_at": edge + timedelta(seconds=s)} for s in (-1, 0, 1, 2)]
    account = await told(owner, recorder(MODEL), story)
    async with scoring_pool.acquire() as connection:
        rows = await newest_records(connection, account, (MODEL, MODEL.signal("count").source), END, 5)

    assert [row["occurred_at"] for row in rows] == [edge + timedelta(seconds=2), edge + timedelta(seconds=1)]


@pytest.mark.parametrize("limit", [1, 2])
async def test_evidence_is_cut_at_its_oldest_end(
    limit: int, owner: asyncpg.Connection, scoring_pool: Pool, recorder: Callable[[ScoreModel], Recording]
) -> None:
    story = [{"type": "feature.used", "occurred_at": END - timedelta(hours=hour)} for hour in (1, 2, 3)]
    account = await told(owner, recorder(MODEL), story)
    async with scoring_pool.acquire() as connection:
        rows = await newest_records(connection, account, (MODEL, MODEL.signal("count").source), END, limit)

    assert [row["occurred_at"] for row in rows] == [END - timedelta(hours=hour) for hour in range(1, limit + 1)]
