"""Claims about recording: any order and any repetition of what is told leaves the same rows, and nothing stops it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.histories import Told, new_account, tell

from milepost_core.model import ScoreModel
from milepost_runtime import failpoints
from milepost_runtime.lanes import drain
from scoring_api.queries.plans import read_plans
from scoring_api.scores.recording import Recording

START = datetime(2026, 5, 1, tzinfo=UTC)
KINDS = ["account.started", "account.updated", "feature.used", "account.linked", "task.created", "event.retracted"]
PROJECTIONS = {
    "account": "name, segment, owner, start_at, start_settled_at, started_at, started_told_at, started_sequence,"
    " first_seen_at, named_at, attributes",
    "attribute": "name, value, occurred_at, recorded_at, event_id, superseded_at, sequence",
    "record": "event_id, type, occurred_at, recorded_at, actor, role, item, value, value_text, due_at, properties,"
    " superseded_at, sequence, told_at",
    "account_reference": "reference, occurred_at",
}
MAKE = Callable[[ScoreModel], Recording]


async def record_all(recording: Recording) -> None:
    await drain(recording.pool, recording.lane, seconds=60)


async def rows_of(owner: asyncpg.Connection, account: UUID) -> dict[str, list[tuple[Any, ...]]]:
    """All that was recorded of an account, without its id and in an order of its own."""
    found = {}
    for table, columns in PROJECTIONS.items():
        rows = await owner.fetch(f"select {columns} from scoring.{table} where account_id = $1", account)
        found[table] = sorted((tuple(row) for row in rows), key=repr)
    return found


async def kickoff_of(recording: Recording, account: UUID, model: ScoreModel) -> datetime | None:
    """When the kick-off of an account is due."""
    async with recording.pool.acquire() as connection:
        plan = (await read_plans(connection, model, [account], datetime.now(UTC)))[account].plan
    return next(one.due_at for one in plan.milestones if one.id == "kickoff")


@st.composite
def told(draw: st.DrawFn) -> Told:
    at = START + timedelta(hours=draw(st.integers(-50, 50)))
    kind = draw(st.sampled_from(KINDS))
    event = Told(UUID(int=0), kind, at, at + timedelta(hours=draw(st.integers(0, 40))))
    event = replace(event, sequence=draw(st.sampled_from([None, "1", "2"])))
    match kind:
        case "account.started":
            return replace(
                event, told_at=draw(st.none() | st.integers(-9, 9).map(lambda day: at + timedelta(days=day)))
            )
        case "account.updated":
            names, values = st.sampled_from(["name", "owner", "seats"]), st.sampled_from(["a", "b", 3])
            return replace(event, properties=draw(st.dictionaries(names, values)))
        case "account.linked":
            return replace(event, value_text=f"domain:{draw(st.sampled_from(['a', 'b']))}")
        case "task.created":
            return replace(event, item="t", properties={"due_at": draw(st.sampled_from(["2026-06-01", "soon", 5]))})
        case _:
            return replace(event, actor=draw(st.sampled_from(["ann", None])))


def of_account(events: list[Told], account: UUID, corrected: Sequence[int] = ()) -> list[Told]:
    """The same events, told of this account under ids and references of its own.

    At these places an event supersedes the one before it; a retraction always does, and is left out where it cannot.
    """
    told: list[Told] = []
    for place, event in enumerate(events):
        kept = [one for one in told if one.type != "account.linked"]
        retracts = event.type == "event.retracted"
        if retracts and not kept:
            continue
        supersedes = kept[-1].event_id if kept and (place in corrected or retracts) else None
        if supersedes in {one.supersedes for one in told} or event.type == "account.linked":
            if retracts:
                continue
            supersedes = None
        told.append(
            replace(
                event,
                account_id=account,
                event_id=f"{account}:{place}",
                sequence=event.sequence and f"{event.sequence}:{account}:{place}",
                value_text=event.value_text and f"{event.value_text}.{account}",
                supersedes=supersedes,
            )
        )
    return told


def shuffled(events: list[Told], chance: random.Random) -> list[Told]:
    """The same events in another order; what is said of names stays in the order in which ingest decided it."""
    others = [one for one in events if one.type != "account.linked"]
    names = [one for one in events if one.type == "account.linked"]
    chance.shuffle(others)
    is_name = [True] * len(names) + [False] * len(others)
    chance.shuffle(is_name)
    return [(names if one else others).pop(0) for one in is_name]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(told(), min_size=1, max_size=12), corrected=st.sets(st.integers(1, 11)), seed=st.integers(0, 1000)
)
async def test_any_order_and_any_repetition_leave_the_same_rows(
    events: list[Told], corrected: set[int], seed: int, owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    recording, one, other, chance = recorder(shipped), new_account(), new_account(), random.Random(seed)
    await tell(owner, of_account(events, one, sorted(corrected)))
    await record_all(recording)
    first = await rows_of(owner, one)
    # The same facts of another account, shuffled and in pieces, with ranges read twice on the way; then the cursor is
    # set back and all is read again.
    again = shuffled(of_account(events, other, sorted(corrected)), chance)
    since = await owner.fetchval("select position from scoring.cursor")
    while again:
        piece = [again.pop(0) for _ in range(min(len(again), chance.randint(1, 3)))]
        await tell(owner, piece)
        if chance.random() < 0.3:
            await owner.execute("update scoring.cursor set position = $1", since)
        await record_all(recording)
    second = await rows_of(owner, other)
    assert repr(second).replace(str(other), str(one)) == repr(first)
    await owner.execute("update scoring.cursor set position = 0")
    await record_all(recording)
    assert await rows_of(owner, other) == second


async def test_a_start_that_is_told_late_moves_the_plan(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    await tell(owner, [Told(account, "feature.used", START)])
    await record_all(recording)
    await tell(owner, [Told(account, "account.started", START + timedelta(days=10))])
    await record_all(recording)
    assert await kickoff_of(recording, account, shipped) == START + timedelta(days=13)


async def test_what_no_one_can_read_stops_nothing(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    odd: list[dict[str, Any]] = [
        {"due_at": "2026-99-99"}, {"due_at": {"a": 1}}, {"due_at": None}, {"due_at": "infinity"}, {"due_at": "now"},
    ]  # fmt: skip
    await tell(owner, [Told(account, "task.created", START, item=f"t{n}", properties=one) for n, one in enumerate(odd)])
    await tell(owner, [Told(account, "survey.answered", START, value=value) for value in (1e300, float("inf"), 4.0)])
    await tell(owner, [Told(account, "account.merged", START, value_text="nobody")])
    await tell(owner, [Told(account, "account.updated", START, properties={"seats": None, "name": {"deep": []}})])
    await record_all(recording)
    answers = "select value from scoring.record where account_id = $1 and type = 'survey.answered'"
    values = await owner.fetch(answers, account)
    assert sorted(row["value"] or 0.0 for row in values) == [0.0, 0.0, 4.0]
    assert await owner.fetchval("select count(due_at) from scoring.record where account_id = $1", account) == 0


async def test_a_link_marks_only_an_account_nobody_had_heard_of(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    await tell(owner, [Told(account, "account.linked", START, value_text=f"domain:{account}")])
    await record_all(recording)
    await tell(owner, [Told(account, "account.linked", START, value_text=f"external:{account}")])
    await record_all(recording)
    assert await owner.fetchval("select marked from scoring.rescoring where account_id = $1", account) == 1
    count = "select count(*) from scoring.account_reference where account_id = $1"
    assert await owner.fetchval(count, account) == 2


@pytest.mark.parametrize("cut", ["row by row", "one page", "read twice"])
async def test_a_name_that_was_taken_away_and_opened_again_by_an_older_event_leads_to_the_new_account(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel, cut: str
) -> None:
    one, two, recording = new_account(), new_account(), recorder(shipped)
    name, away = f"external:{one}", START + timedelta(days=22)
    told = [
        Told(one, "account.linked", START, value_text=name),
        Told(one, "account.unlinked", away, value_text=name),
        Told(two, "account.linked", START, value_text=name),
    ]
    since = await owner.fetchval("select position from scoring.cursor")
    for page in [told] if cut == "one page" else [[row] for row in told]:
        await tell(owner, page)
        await record_all(recording)
    if cut == "read twice":
        await owner.execute("update scoring.cursor set position = $1, next_at = '-infinity'", since)
        await record_all(recording)
    look = "select account_id from scoring.account_reference where reference = $1"
    assert await owner.fetchval(look, name) == two
    await tell(owner, [Told(two, "account.unlinked", START, value_text=name)])
    await record_all(recording)
    assert await owner.fetchval(look, name) is None


@pytest.mark.parametrize("corrected_first", [False, True])
async def test_the_newest_word_on_the_start_counts_and_moves_the_plan(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel, corrected_first: bool
) -> None:
    account, recording = new_account(), recorder(shipped)
    said = Told(account, "account.started", START, START + timedelta(days=20))
    corrected = Told(account, "account.started", START + timedelta(days=10), START + timedelta(days=21))
    for word in (corrected, said) if corrected_first else (said, corrected):
        await tell(owner, [word])
        await record_all(recording)
    look = "select start_at, first_seen_at from scoring.account where account_id = $1"
    assert await owner.fetchrow(look, account) == (corrected.occurred_at, START)
    assert await kickoff_of(recording, account, shipped) == START + timedelta(days=13)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_the_start_that_was_said_last_counts_whenever_it_came_and_outlives_what_is_taken_back(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel, order: tuple[int, ...]
) -> None:
    account, recording = new_account(), recorder(shipped)
    said = [
        Told(
            account, "account.started", START + timedelta(days=day), told_at=START + timedelta(days=told), event_id=name
        )
        for day, told, name in ((1, 5, f"{account}:a"), (2, 7, f"{account}:b"), (3, 7, f"{account}:c"))
    ]
    said[1] = replace(said[1], sequence="2")
    said[2] = replace(said[2], sequence="1")
    for hours, place in enumerate(order):
        await tell(owner, [replace(said[place], recorded_at=START + timedelta(days=9, hours=hours))])
        await record_all(recording)
    look = "select start_at from scoring.account where account_id = $1"
    assert await owner.fetchval(look, account) == said[1].occurred_at
    await tell(owner, [Told(account, "event.retracted", START, supersedes=said[1].event_id)])
    await record_all(recording)
    assert await owner.fetchval(look, account) == said[2].occurred_at


@pytest.mark.parametrize("swapped", [False, True])
async def test_of_two_values_of_one_instant_the_last_in_sequence_counts_whichever_came_first(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel, swapped: bool
) -> None:
    account, recording = new_account(), recorder(shipped)
    words = [
        Told(
            account, "account.updated", START, event_id=f"{account}:{name}", sequence=name, properties={"seats": seats}
        )
        for name, seats in (("1", 10), ("2", 25))
    ]
    for hours, word in enumerate(words[::-1] if swapped else words):
        await tell(owner, [replace(word, recorded_at=START + timedelta(hours=hours))])
        await record_all(recording)
    attributes = await owner.fetchval("select attributes from scoring.account where account_id = $1", account)
    assert attributes == '{"seats": 25}'


async def test_a_merge_keeps_the_newest_word_on_the_start(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    gone, survivor, recording = new_account(), new_account(), recorder(shipped)
    later = START + timedelta(days=10)
    await tell(owner, [Told(gone, "account.started", later, later), Told(survivor, "account.started", START, START)])
    await tell(owner, [Told(gone, "account.merged", later, value_text=str(survivor))])
    await record_all(recording)
    assert await owner.fetchval("select start_at from scoring.account where account_id = $1", survivor) == later


async def test_a_merged_account_lives_on_in_its_survivor(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    gone, survivor, recording = new_account(), new_account(), recorder(shipped)
    earlier = START - timedelta(days=9)
    await tell(owner, [Told(gone, "account.started", earlier), Told(gone, "feature.used", START, actor="ann")])
    await tell(owner, [Told(gone, "account.updated", START, properties={"name": "Gone", "seats": 4})])
    await tell(owner, [Told(gone, "account.linked", START, value_text=f"domain:{gone}")])
    await tell(owner, [Told(survivor, "account.updated", START + timedelta(days=1), properties={"name": "Stays"})])
    await record_all(recording)
    await tell(owner, [Told(gone, "account.merged", START + timedelta(days=2), value_text=str(survivor))])
    await record_all(recording)
    assert not any(rows for rows in (await rows_of(owner, gone)).values())
    row = "select name, start_at, attributes from scoring.account where account_id = $1"
    kept = await owner.fetchrow(row, survivor)
    assert kept is not None
    assert (kept["name"], kept["start_at"]) == ("Stays", earlier)
    assert '"seats": 4' in kept["attributes"]
    reference = "select account_id from scoring.account_reference where reference = $1"
    assert await owner.fetchval(reference, f"domain:{gone}") == survivor
    assert await kickoff_of(recording, survivor, shipped) == earlier + timedelta(days=3)


async def test_a_crash_before_the_commit_records_nothing_and_loses_nothing(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel
) -> None:
    account, recording = new_account(), recorder(shipped)
    await record_all(recording)
    position = await owner.fetchval("select position from scoring.cursor")
    await tell(owner, [Told(account, "feature.used", START)])
    failpoints.arm("scoring.record.before_commit=raise")
    try:
        await record_all(recording)
    finally:
        failpoints.arm("")
    assert await owner.fetchval("select position from scoring.cursor") == position
    assert not (await rows_of(owner, account))["record"]
    await owner.execute("update scoring.cursor set next_at = '-infinity'")
    await record_all(recording)
    assert len((await rows_of(owner, account))["record"]) == 1


@pytest.mark.parametrize(
    ("kind", "told", "kept"),
    [
        ("stakeholder.left", None, "left"),
        ("stakeholder.left", "departed", "left"),
        ("stakeholder.joined", None, "joined"),
        ("stakeholder.role_changed", None, "role_changed"),
        ("stakeholder.role_changed", "active", "active"),
        ("survey.answered", None, None),
    ],
)
async def test_a_stakeholder_event_says_by_its_type_what_happened(
    owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel, kind: str, told: str | None, kept: str | None
) -> None:
    account, recording = new_account(), recorder(shipped)
    await tell(owner, [Told(account, kind, START, role="sponsor", value_text=told)])
    await record_all(recording)
    assert await owner.fetchval("select value_text from scoring.record where account_id = $1", account) == kept
