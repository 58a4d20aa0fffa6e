"""Claims about plans: they follow from the model and from what was said of them, in whatever order it was told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.every_question import every_question
from support.histories import Told, events_of, new_account, tell
from support.plans import steps_of
from support.reading import Reader, read

from milepost_core.milestones import PlannedMilestone
from milepost_core.model import ScoreModel, parse_model
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from scoring_api.queries.plans import KnownPlan, read_plans
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import compile_model
from scoring_api.scores.recording import Recording

START = datetime(2026, 3, 1, tzinfo=UTC)
MAKE = Callable[[ScoreModel], Recording]
SIGNAL = {
    "id": "milestones", "dimension": "onboarding", "normalise": {"kind": "piecewise", "points": [[0, 0], [1, 100]]},
    "source": {"agg": "milestone_progress", "late_penalty_per_day": 0.02, "late_floor": 0.5},
}  # fmt: skip


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def model_of(*milestones: dict[str, Any], **more: Any) -> ScoreModel:
    """A model of one signal with these milestones."""
    dimensions = [{"id": "onboarding", "weight": 1}]
    return parse_model({"dimensions": dimensions, "signals": [SIGNAL], "milestones": list(milestones), **more})


MODEL = model_of(
    {"id": "kickoff", "target_day": 3, "weight": 1},
    {"id": "sso", "target_day": 14, "weight": 2, "after": ["kickoff"], "side": "customer", "label": "Sign-on live"},
    {"id": "import", "target_day": 21, "weight": 2, "required": False, "owner": "consultant", "side": "us"},
    {"id": "report", "target_day": 30, "weight": 1, "done_by": {"type": "feature.used", "item": "report"}},
)


class Desk:
    """Tells of one account and reads what is known of it."""

    def __init__(self, owner: asyncpg.Connection, pool: Pool, recording: Recording) -> None:
        self.owner, self.pool, self.recording, self.account = owner, pool, recording, new_account()

    async def told(self, *events: Told) -> None:
        await tell(self.owner, events)
        await drain(self.pool, self.recording.lane)

    async def said(self, verb: str, item: str, at: float, told: float | None = None, **properties: Any) -> None:
        recorded = None if told is None else day(told)
        await self.told(Told(self.account, f"milestone.{verb}", day(at), recorded, item=item, properties=properties))

    async def known(self, at: float, model: ScoreModel = MODEL) -> KnownPlan:
        async with self.pool.acquire() as connection:
            return (await read_plans(connection, model, [self.account], day(at)))[self.account]

    async def step(self, name: str, at: float = 90) -> PlannedMilestone:
        return next(one for one in (await self.known(at)).plan.milestones if one.id == name)

    async def progress(self, at: float, model: ScoreModel = MODEL) -> float:
        async with self.pool.acquire() as connection:
            readings, _ = await measure(connection, compile_model(model), Batch([self.account], [day(at)]))
        return float(readings.raw[0, 0])


@pytest.fixture
async def desk(owner: asyncpg.Connection, scoring_pool: Pool, recorder: MAKE) -> Desk:
    """An account that started on the first day."""
    found = Desk(owner, scoring_pool, recorder(MODEL))
    await found.told(Told(found.account, "account.started", START))
    return found


async def test_the_worked_example_of_progress(desk: Desk) -> None:
    for name, done in (("kickoff", 3), ("sso", 24), ("report", 20)):
        await desk.said("completed", name, done)
    assert await desk.progress(25) == pytest.approx(0.6)


async def test_what_the_model_plans_is_due_so_many_days_after_the_start_as_it_was_known_then(desk: Desk) -> None:
    steps = (await desk.known(1)).plan.milestones
    assert [(one.id, one.due_at) for one in steps] == [
        ("kickoff", day(3)), ("sso", day(14)), ("import", day(21)), ("report", day(30))
    ]  # fmt: skip
    sso, late = steps[1], steps[2]
    assert (sso.label, sso.after, sso.side, sso.required) == ("Sign-on live", ("kickoff",), "customer", True)
    assert (late.owner, late.side, late.required) == ("consultant", "us", False)
    await desk.told(Told(desk.account, "account.started", day(5), day(40)))
    assert (await desk.step("kickoff", 39)).due_at == day(3)
    assert (await desk.step("kickoff", 41)).due_at == day(8)


async def test_the_newest_word_plans_anew_and_what_it_leaves_out_is_the_models(desk: Desk) -> None:
    await desk.said("planned", "sso", 10, due_at=day(28).isoformat(), side="us", label="SSO", work_days=4, after=[])
    await desk.said("planned", "sso", 9, told=12, due_at=day(50).isoformat())
    sso = await desk.step("sso")
    assert (sso.due_at, sso.side, sso.label, sso.after, sso.work_days) == (day(28), "us", "SSO", (), 4.0)
    assert (sso.weight, sso.required) == (2.0, True)
    assert (await desk.step("sso", 9.5)).due_at == day(14)
    await desk.said("planned", "sso", 11, due_at=None)
    assert (await desk.step("sso")).due_at is None


@pytest.mark.parametrize("due", ["soon", "2026-99-99", 5, {"a": 1}])
async def test_a_word_that_cannot_be_read_leaves_the_models_day_and_weight(desk: Desk, due: Any) -> None:
    await desk.said(
        "planned", "sso", 1, due_at=due, weight=-3, side="nobody", required="no", after="kickoff", work_days=True
    )
    sso = await desk.step("sso")
    assert (sso.due_at, sso.weight, sso.side, sso.required) == (day(14), 2.0, "customer", True)
    assert (sso.after, sso.work_days) == (("kickoff",), None)


async def test_a_milestone_that_the_model_does_not_know_joins_the_plan(desk: Desk) -> None:
    await desk.said("planned", "go_live", 2, due_at=day(5).isoformat(), weight=6)
    go_live = await desk.step("go_live")
    assert (go_live.label, go_live.due_at, go_live.weight, go_live.side) == ("go live", day(5), 6.0, "customer")
    assert await desk.progress(6) == 0.0
    await desk.said("completed", "go_live", 4)
    assert await desk.progress(6) == pytest.approx(6 / 7)
    assert set((await desk.known(6)).said) == {"go_live"}


async def test_a_dropped_milestone_is_out_until_it_is_planned_again(desk: Desk) -> None:
    await desk.said("dropped", "kickoff", 5)
    assert "kickoff" in {one.id for one in (await desk.known(4)).plan.milestones}
    assert "kickoff" not in {one.id for one in (await desk.known(6)).plan.milestones}
    await desk.said("planned", "kickoff", 7)
    assert (await desk.step("kickoff")).due_at == day(3)


async def test_done_is_the_first_completion_since_the_last_time_it_was_taken_back(desk: Desk) -> None:
    await desk.said("completed", "sso", 8)
    await desk.said("completed", "sso", 6, told=9)
    assert (await desk.step("sso", 8.5)).done_at == day(8)
    assert (await desk.step("sso", 9.5)).done_at == day(6)
    await desk.said("reopened", "sso", 10)
    assert [(await desk.step("sso", at)).done_at for at in (9.9, 10.5)] == [day(6), None]
    await desk.said("completed", "sso", 15)
    sso = await desk.step("sso")
    assert (sso.done_at, sso.reopened) == (day(15), 1)


async def test_a_record_completes_what_the_model_says_it_completes(desk: Desk) -> None:
    await desk.told(
        Told(desk.account, "feature.used", day(11), item="report", event_id=f"{desk.account}:r"),
        Told(desk.account, "feature.used", day(12), item="report"),
        Told(desk.account, "feature.used", day(9), item="other"),
    )
    assert (await desk.step("report")).done_at == day(11)
    assert (await desk.known(90)).completions == {"report": f"{desk.account}:r"}
    await desk.said("reopened", "report", 11.5)
    assert (await desk.step("report")).done_at == day(12)


async def test_a_plan_goes_with_its_account_into_the_survivor(desk: Desk) -> None:
    gone, survivor = desk.account, new_account()
    await desk.said("planned", "go_live", 1, due_at=day(5).isoformat())
    await desk.told(Told(survivor, "feature.used", day(2)))
    await desk.told(Told(gone, "account.merged", day(6), value_text=str(survivor)))
    desk.account = survivor
    assert (await desk.step("go_live")).due_at == day(5)


steps = st.integers(0, 60).map(lambda step: START + timedelta(hours=6 * step))


@st.composite
def words(draw: st.DrawFn) -> dict[str, Any]:
    """A word on a milestone, or a record that may complete one."""
    at, delay = draw(steps), draw(st.sampled_from([None, None, 6, 48]))
    said = draw(st.sampled_from(["planned", "planned", "completed", "completed", "reopened", "reopened", "dropped"]))
    word: dict[str, Any] = {"t": at, "type": f"milestone.{said}"}
    word["item"] = draw(st.sampled_from(["trained", "someday", "used", "extra"]))
    if draw(st.integers(0, 3)) == 0:
        word = {"t": at, "type": "feature.used", "role": draw(st.sampled_from(["admin", "other"])), "actor": "ann"}
        word["properties"] = {"plan": draw(st.sampled_from(["pro", "free"]))}
    elif said == "planned":
        due = st.none() | steps.map(datetime.isoformat)
        word["properties"] = draw(
            st.fixed_dictionaries({}, optional={"due_at": due, "weight": st.sampled_from([1, 3])})
        )
    if delay is not None:
        word["recorded_at"] = at + timedelta(hours=delay)
    word["sequence"] = f"{draw(st.integers(0, 9))}:{draw(st.uuids())}"
    return word


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(words(), max_size=14), moments=st.lists(steps, min_size=3, max_size=3))
async def test_plans_and_progress_are_what_the_slow_reading_reads(
    history: list[dict[str, Any]],
    moments: list[datetime],
    owner: asyncpg.Connection,
    scoring_pool: Pool,
    recorder: MAKE,
) -> None:
    model, account = every_question(), {"start_at": START, "events": history}
    names: list[UUID] = [new_account(), new_account()]
    for name, order in zip(names, (1, -1), strict=True):
        await tell(owner, events_of(account, name)[::order])
    await drain(scoring_pool, recorder(model).lane)
    place = [column.id for column in model.columns].index("milestones")
    for moment in moments:
        reader = Reader(account, moment, model)
        wanted = {
            one.id: (one.weight, one.due_at, one.done_at)
            for one in steps_of(account, reader.events, model.milestones, START, moment)
        }
        async with scoring_pool.acquire() as connection:
            found = await read_plans(connection, model, names, moment)
            readings, _ = await measure(connection, compile_model(model), Batch(names, [moment, moment]))
        for row, name in enumerate(names):
            milestones = found[name].plan.milestones
            assert {one.id: (one.weight, one.due_at, one.done_at) for one in milestones} == wanted
            slow = read(account, model, moment)
            assert readings.status[row, place] == slow.status[0, place]
            assert readings.raw[row, place] == pytest.approx(slow.raw[0, place], nan_ok=True)
