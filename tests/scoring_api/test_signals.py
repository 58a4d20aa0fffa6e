"""Claims about signals: the SQL measures what the law says, whatever came late, twice or at the same instant."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.every_question import every_question
from support.histories import events_of, new_account, tell
from support.reading import read

from milepost_core.model import ScoreModel
from milepost_core.readings import Readings
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import compile_model
from scoring_api.scores.recording import Recording

START = datetime(2026, 3, 1, tzinfo=UTC)
MAKE = Callable[[ScoreModel], Recording]

# A grid of six hours makes ties, edges of windows and edges of days common instead of never.
steps = st.integers(min_value=-8, max_value=60).map(lambda step: START + timedelta(hours=6 * step))
# Before its start these accounts are known as others; `test_signals_by_chance` looks there.
known_steps = st.integers(min_value=0, max_value=60).map(lambda step: START + timedelta(hours=6 * step))
delays = st.sampled_from([None, None, None, 6, 48, 400])
types = st.sampled_from(
    ["feature.used", "session.started", "survey.answered", "stakeholder.left", "stakeholder.joined", "churned"]
)


@st.composite
def told_events(draw: st.DrawFn, told_after: int | None = None) -> dict[str, Any]:
    at, delay = draw(steps), draw(delays)
    if told_after is not None:
        delay = told_after
    event: dict[str, Any] = {"t": at, "type": draw(types)}
    if delay is not None:
        event["recorded_at"] = at + timedelta(hours=delay)
    event["actor"] = draw(st.sampled_from([None, "ann", "bob", "cem"]))
    event["role"] = draw(st.sampled_from([None, "admin", "sponsor", "other"]))
    code = int((at - START).total_seconds() // 21600) + (delay or 0)
    event["value"] = [None, 1.5, -20, 7, "left", "high"][code % 6]
    if event["type"].startswith("stakeholder."):
        event["value"] = event["type"].partition(".")[2]
    if code % 3:
        event["properties"] = {"plan": ["pro", 3, True, 0.5, None][code % 5]}
    # Of two events of one instant the greater in sequence is the newest word, whenever either was told.
    event["sequence"] = f"{draw(st.integers(0, 9))}:{event}"
    return event


@st.composite
def told_versions(draw: st.DrawFn) -> list[dict[str, Any]]:
    """An event, and perhaps what was told later in its place: another event, or that it was none."""
    versions, delay = [draw(told_events(told_after=0))], 0
    for _ in range(draw(st.integers(0, 2))):
        delay += draw(st.sampled_from([6, 24, 90]))
        versions.append(draw(told_events(told_after=delay)))
        if draw(st.integers(0, 3)) == 0:
            versions[-1] = {"t": versions[0]["t"], "type": "event.retracted"}
            versions[-1]["recorded_at"] = versions[0]["t"] + timedelta(hours=delay)
    # A word that was told in the place of another was told after it, whenever it says that something happened.
    versions.sort(key=lambda one: one.get("recorded_at", one["t"]))
    moments = {one.get("recorded_at", one["t"]) for one in versions}
    key = draw(st.uuids()).hex
    return [one | {"key": key} for one in versions] if len(moments) == len(versions) else versions[:1]


@st.composite
def told_words(draw: st.DrawFn) -> dict[str, Any]:
    """An event of an item that opens or closes it by its property, whatever its type; or says nothing."""
    at, delay = draw(steps), draw(delays)
    word: dict[str, Any] = {"t": at, "verb": draw(st.sampled_from(["updated", "moved"]))}
    word["open"] = draw(st.sampled_from([True, False, True, False, None]))
    if delay is not None:
        word["recorded_at"] = at + timedelta(hours=delay)
    return word


@st.composite
def told_items(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["ticket", "task", "invoice"]))
    opened, lasts, due = draw(steps), draw(st.none() | st.integers(0, 200)), draw(st.none() | steps)
    item: dict[str, Any] = {"kind": kind, "opened_at": opened}
    item["severity"] = draw(st.sampled_from(["low", "high", "critical"]))
    if kind == "invoice":
        item["state"] = draw(st.sampled_from(["issued", "overdue"]))
    if lasts is not None:
        item["closed_at"] = opened + timedelta(hours=lasts)
    if due is not None:
        item["due_at"] = due.isoformat()
    delay = draw(delays)
    if delay is not None:
        item["recorded_at"] = opened + timedelta(hours=delay)
    if words := draw(st.lists(told_words(), max_size=3)):
        item["words"] = words
    return item


@st.composite
def told_steps(draw: st.DrawFn) -> dict[str, Any]:
    """A word on a milestone: of the model's plan, or of one that it knows nothing of."""
    at, delay = draw(steps), draw(delays)
    said = draw(st.sampled_from(["planned", "planned", "completed", "completed", "reopened", "dropped"]))
    word: dict[str, Any] = {"t": at, "type": f"milestone.{said}"}
    word["item"] = draw(st.sampled_from(["trained", "someday", "used", "extra"]))
    if delay is not None:
        word["recorded_at"] = at + timedelta(hours=delay)
    if said == "planned":
        due = st.none() | steps.map(datetime.isoformat)
        terms = {"due_at": due, "weight": st.sampled_from([1, 3])}
        word["properties"] = draw(st.fixed_dictionaries({}, optional=terms))
    word["sequence"] = f"{draw(st.integers(0, 9))}:{draw(st.uuids())}"
    return word


@st.composite
def told_milestones(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for name in ("kickoff", "sso", "rollout")[: draw(st.integers(0, 3))]:
        one: dict[str, Any] = {"id": name, "weight": draw(st.sampled_from([1, 2, 0.5]))}
        one["due_at"], one["done_at"] = draw(st.none() | steps), draw(st.none() | steps)
        found.append(one)
    return found


histories = st.fixed_dictionaries(
    {
        "start_at": st.just(START),
        "events": st.builds(
            lambda plain, planned, versions: plain + planned + [one for several in versions for one in several],
            st.lists(told_events(), max_size=10),
            st.lists(told_steps(), max_size=8),
            st.lists(told_versions(), max_size=4),
        ),
        "items": st.lists(told_items(), max_size=5),
        "milestones": told_milestones(),
    },
    optional={"seats": st.sampled_from([0, 1, 4])},
)


async def put(owner: asyncpg.Connection, recording: Recording, account: dict[str, Any]) -> UUID:
    """Tell a history through the feed, in the order of its words, some of it twice."""
    account_id = new_account()
    events = events_of(account, account_id)
    await tell(owner, events[::-1] + events[:2])
    await drain(recording.pool, recording.lane)
    return account_id


def same(found: Readings, expected: Readings, row: int, model: ScoreModel) -> None:
    for place, column in enumerate(model.columns):
        what = f"{column.id} of account {row}"
        assert found.status[row, place] == expected.status[0, place], what
        assert found.censored[row, place] == expected.censored[0, place], what
        assert found.category is not None
        assert expected.category is not None
        assert found.category[row, place] == expected.category[0, place], what
        assert found.raw[row, place] == pytest.approx(expected.raw[0, place], abs=1e-9, nan_ok=True), what
        assert found.age_days[row, place] == pytest.approx(expected.age_days[0, place], abs=1e-9, nan_ok=True), what


@pytest.mark.parametrize("timezone", ["UTC", "America/Los_Angeles"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(accounts=st.lists(histories, min_size=1, max_size=4), moments=st.lists(known_steps, min_size=4, max_size=4))
async def test_the_statement_measures_what_the_slow_reading_reads(
    accounts: list[dict[str, Any]],
    moments: list[datetime],
    timezone: str,
    owner: asyncpg.Connection,
    scoring_pool: Pool,
    recorder: MAKE,
) -> None:
    model = every_question(timezone)
    ids = [await put(owner, recorder(model), account) for account in accounts]
    batch = Batch(ids, moments[: len(ids)])
    async with scoring_pool.acquire() as connection:
        readings, ages = await measure(connection, compile_model(model), batch)
    for row, (account, moment) in enumerate(zip(accounts, moments, strict=False)):
        same(readings, read(account, model, moment), row, model)
        assert ages[row] == pytest.approx((moment - START).total_seconds() / 86400)


def invoice(*words: bool, state: str = "overdue", closed: int | None = None) -> dict[str, Any]:
    """An invoice of the first day; each word says on a day of its own, from the third on, that it is open or not."""
    item: dict[str, Any] = {"kind": "invoice", "opened_at": START, "state": state, "severity": "high"}
    if closed is not None:
        item["closed_at"] = START + timedelta(days=closed)
    days = (START + timedelta(days=day) for day in range(3, 3 + len(words)))
    item["words"] = [{"t": day, "verb": "updated", "open": word} for day, word in zip(days, words, strict=True)]
    return item


@pytest.mark.parametrize(
    ("item", "open_days", "overdue_days"),
    [
        pytest.param(invoice(True), 10, 10, id="open said of what is open changes nothing, its state neither"),
        pytest.param(invoice(False), 0, 0, id="closed by its property"),
        pytest.param(invoice(False, True), 6, 0, id="opened again by its property, in no state"),
        pytest.param(invoice(True, closed=2), 7, 0, id="closed by its type, opened again by its property"),
        pytest.param(invoice(True, closed=4), 0, 0, id="the closing is the last word"),
    ],
)
async def test_what_an_item_says_of_itself_opens_and_closes_it(
    item: dict[str, Any],
    open_days: float,
    overdue_days: float,
    owner: asyncpg.Connection,
    scoring_pool: Pool,
    recorder: MAKE,
) -> None:
    model = every_question()
    account = await put(owner, recorder(model), {"start_at": START, "items": [item]})
    async with scoring_pool.acquire() as connection:
        batch = Batch([account], [START + timedelta(days=10)])
        readings, _ = await measure(connection, compile_model(model), batch)
    places = {column.id: place for place, column in enumerate(model.columns)}
    assert readings.raw[0, places["oldest_any"]] == open_days
    assert readings.raw[0, places["oldest"]] == overdue_days
    assert readings.raw[0, places["open_all"]] == float(open_days > 0)
