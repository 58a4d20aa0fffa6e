"""Claims about milestones that complete themselves: once, when a condition is first found to hold, with evidence."""

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from support.conditions import MODEL, Account
from support.histories import Told, tell
from support.scored import clock

from milepost_core.model import ScoreModel
from milepost_runtime.database import Pool
from milepost_runtime.queue import Hints
from scoring_api.scores.lineup import OneModel
from scoring_api.service import Scoring, build
from scoring_api.settings import ScoringSettings

MAKE = Callable[[ScoreModel], Scoring]


@pytest.fixture(scope="module")
def scoring(database_url: str, redis_url: str, scoring_pool: Pool) -> Scoring:
    """The worker's use cases under a model with conditions."""
    settings = ScoringSettings(environment="test", database_url=database_url, redis_url=redis_url)
    return build(settings, OneModel(MODEL), scoring_pool, Hints(redis_url))


@pytest.fixture
async def account(owner: asyncpg.Connection, scoring: Scoring) -> Account:
    found = Account(owner, scoring)
    start = await clock(owner) - timedelta(days=5)
    await found.told(
        Told(found.id, "account.started", start), Told(found.id, "milestone.completed", start, item="kickoff")
    )
    return found


async def test_a_condition_completes_its_milestone_once_with_what_was_found(account: Account) -> None:
    await account.use("ann", "bob")
    assert (await account.done())["adopted"] == "due"
    await account.use("cem")
    assert (await account.done())["adopted"] == "done"
    await account.use("dan")
    await account.look()
    assert [one for one in await account.completions() if one[1] == "adopted"] == [
        (
            "condition:adopted:0",
            "adopted",
            {"by": "condition", "evidence": {"value": 3.0, "op": ">=", "threshold": 3.0}},
        )
    ]


async def test_a_word_meets_a_condition_too_and_conditions_change_no_score_by_themselves(account: Account) -> None:
    now = await clock(account.owner)
    await account.told(Told(account.id, "contract.state", now, value_text="draft"))
    assert (await account.done())["signed"] == "ahead"
    await account.told(Told(account.id, "contract.state", now + timedelta(microseconds=1), value_text="signed"))
    assert (await account.done())["signed"] == "done"
    assert (await account.completions())[-1][2]["evidence"] == {
        "value": "signed", "op": "in", "threshold": ["signed", "sealed"]
    }  # fmt: skip
    body = await account.owner.fetchval("select body from scoring.health_document where account_id = $1", account.id)
    assert (json.loads(body)["score"], json.loads(body)["gates"]) == (100.0, [])


async def test_what_was_taken_back_waits_until_the_condition_begins_to_hold_again(account: Account) -> None:
    await account.use("ann", "bob", "cem")
    undone = await clock(account.owner)
    await account.told(Told(account.id, "milestone.reopened", undone, item="adopted"))
    await account.look()
    assert (await account.done())["adopted"] == "due"
    # The users of last week are told to have been of another account: the condition holds no longer.
    await account.owner.execute(
        "update scoring.record set superseded_at = clock_timestamp() where account_id = $1 and type = 'feature.used'"
        " and actor = 'cem'",
        account.id,
    )
    await account.look()
    await account.use("dan")
    assert (await account.done())["adopted"] == "done"
    assert [one[0] for one in await account.completions()][-2:] == ["condition:adopted:0", "condition:adopted:1"]


async def test_it_is_told_as_news_for_the_reason_that_made_it_true(account: Account) -> None:
    await account.use("ann", "bob", "cem")
    rows = await account.owner.fetch(
        "select subject, detail, cause from scoring.change where account_id = $1 and kind = 'milestone_moved'",
        account.id,
    )
    assert [(row["subject"], json.loads(row["detail"]), row["cause"]) for row in rows] == [
        ("adopted", {"from": "due", "to": "done"}, "live")
    ]


async def test_the_first_look_at_a_past_tells_of_no_crossing(owner: asyncpg.Connection, scoring: Scoring) -> None:
    account, now = Account(owner, scoring), await clock(owner)
    start = now - timedelta(days=60)
    past = [Told(account.id, "account.started", start, now)]
    past += [Told(account.id, "milestone.completed", start + timedelta(days=9), now, item="kickoff")]
    await account.told(past[0])
    await account.told(past[1])
    kinds = "select kind from scoring.change where account_id = $1"
    assert {row["kind"] for row in await owner.fetch(kinds, account.id)} <= {
        "first_score",
        "band_changed",
        "score_moved",
    }
    kept = await owner.fetchrow("select journey, milestones from scoring.standing where account_id = $1", account.id)
    assert kept is not None
    assert kept["journey"] == "stuck"
    assert json.loads(kept["milestones"])["adopted"] == {"state": "stuck"}


def test_columns_of_conditions_stand_after_signals_and_gates() -> None:
    assert [(one.id, one.is_gate, one.is_milestone) for one in MODEL.columns] == [
        ("milestones", False, False), ("gone", True, False),
        ("milestone:adopted", False, True), ("milestone:trained", False, True),
        ("milestone:rolled_out", False, True), ("milestone:signed", False, True),
    ]  # fmt: skip


async def test_two_accounts_of_one_batch_keep_their_own_conditions(owner: asyncpg.Connection, scoring: Scoring) -> None:
    one, other = Account(owner, scoring), Account(owner, scoring)
    now = await clock(owner)
    ids: list[UUID] = [one.id, other.id]
    await tell(owner, [Told(name, "account.started", now - timedelta(days=5)) for name in ids])
    users = [Told(one.id, "feature.used", now, actor=actor) for actor in ("a", "b", "c")]
    await one.told(*users, Told(other.id, "feature.used", now, actor="a"))
    assert (await one.done())["adopted"] == "done"
    assert (await other.done())["adopted"] == "due"
