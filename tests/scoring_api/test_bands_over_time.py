"""Bands live: warn at once, forgive slowly, and start afresh under another yardstick."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from support.customers import now_of, turn
from support.histories import Told, new_account, tell
from support.peers import model_of
from support.score_models import last_signal

from milepost_contracts.health import HealthDocument
from milepost_core.model import ScoreModel
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from milepost_runtime.queue import Hints
from scoring_api.scores.lineup import OneModel
from scoring_api.service import Scoring, build
from scoring_api.settings import ScoringSettings

STANDING = "select band, pending_direction, pending_since, effective_band from scoring.standing where account_id = $1"


def plain(**more: Any) -> ScoreModel:
    """A model of one mood, whose bands forgive after a fortnight and three points."""
    gates = [
        {"id": "left", "cap_score": 39.9, "when": {"source": {"agg": "count", "where": {"type": "left"},
         "window_days": 1}, "op": ">=", "value": 1}}
    ]  # fmt: skip
    return model_of(
        signals=[last_signal("mood", "mood")], dimensions=[{"id": "mood", "weight": 1}], gates=gates, **more
    )


@pytest.fixture
async def mood(database_url: str, redis_url: str, scoring_pool: Pool) -> Scoring:
    settings = ScoringSettings(environment="test", database_url=database_url, redis_url=redis_url)
    return build(settings, OneModel(plain()), scoring_pool, Hints(redis_url))


async def newcomer(owner: asyncpg.Connection, scoring: Scoring, mood: float) -> UUID:
    account, now = new_account(), await now_of(owner)
    await tell(owner, [Told(account, "account.started", now - timedelta(days=50))])
    await feel(owner, scoring, account, mood)
    return account


async def feel(owner: asyncpg.Connection, scoring: Scoring, account: UUID, mood: float) -> asyncpg.Record:
    await tell(owner, [Told(account, "m_mood", await now_of(owner), value=mood)])
    await turn(scoring)
    row = await owner.fetchrow(STANDING, account)
    assert row is not None
    return row


async def days_pass(owner: asyncpg.Connection, scoring: Scoring, account: UUID, days: float) -> asyncpg.Record:
    """Let the countdown have begun so many days earlier, and look again."""
    await owner.execute(
        "update scoring.standing set pending_since = pending_since - make_interval(secs => $2) where account_id = $1",
        account,
        days * 86400.0,
    )
    await owner.execute("update scoring.rescoring set next_at = clock_timestamp() where account_id = $1", account)
    await turn(scoring)
    row = await owner.fetchrow(STANDING, account)
    assert row is not None
    return row


async def test_down_is_at_once_and_up_waits_for_the_margin_and_a_fortnight(
    owner: asyncpg.Connection, mood: Scoring
) -> None:
    account = await newcomer(owner, mood, 80)
    assert (await feel(owner, mood, account, 69.9))["band"] == "yellow"
    assert (await feel(owner, mood, account, 72.9))["pending_since"] is None
    assert (await feel(owner, mood, account, 73.0))["pending_direction"] == "up"
    assert (await days_pass(owner, mood, account, 13.9))["band"] == "yellow"
    assert (await days_pass(owner, mood, account, 0.2))["band"] == "green"


async def test_a_word_hides_neither_the_fortnight_nor_the_gate_beneath_it(
    owner: asyncpg.Connection, mood: Scoring
) -> None:
    account = await newcomer(owner, mood, 60)
    await feel(owner, mood, account, 75)
    await owner.execute(
        "insert into scoring.override (account_id, id, band, reason, author, told_by, expires_at)"
        " values ($1, gen_random_uuid(), 'green', 'trust me', 'Mara', 'a key', now() + interval '2 days')",
        account,
    )
    await days_pass(owner, mood, account, 0)
    waiting = await _said(owner, account)
    await tell(owner, [Told(account, "left", await now_of(owner))])
    await turn(mood)
    gated = await _said(owner, account)

    assert waiting.endswith("Without that word: still yellow, the score has to hold for another 14 days.")
    assert gated.endswith("Without that word: red, a gate holds the score down.")


async def _said(owner: asyncpg.Connection, account: UUID) -> str:
    body = await owner.fetchval("select body from scoring.health_document where account_id = $1", account)
    return HealthDocument.model_validate_json(body).effective_band.sentence or ""


async def test_a_dip_below_the_margin_begins_the_fortnight_anew(owner: asyncpg.Connection, mood: Scoring) -> None:
    account = await newcomer(owner, mood, 60)
    await feel(owner, mood, account, 75)
    await days_pass(owner, mood, account, 10)
    assert (await feel(owner, mood, account, 71))["pending_since"] is None
    await feel(owner, mood, account, 75)
    assert (await days_pass(owner, mood, account, 10))["band"] == "yellow"


async def test_two_bands_down_are_one_step(owner: asyncpg.Connection, mood: Scoring) -> None:
    account = await newcomer(owner, mood, 90)
    assert (await feel(owner, mood, account, 10))["band"] == "red"


async def test_a_gate_takes_the_band_at_once_and_is_forgiven_like_any_fall(
    owner: asyncpg.Connection, mood: Scoring
) -> None:
    account = await newcomer(owner, mood, 90)
    left = Told(account, "left", await now_of(owner) - timedelta(days=1) + timedelta(seconds=2))
    await tell(owner, [left])
    await turn(mood)
    row = await owner.fetchrow(STANDING, account)
    assert row is not None
    assert row["band"] == "red"
    wait = (left.occurred_at + timedelta(days=1) - await now_of(owner)).total_seconds()
    await owner.execute("select pg_sleep($1)", max(0.0, wait) + 0.05)
    lifted = await feel(owner, mood, account, 91)
    assert (lifted["band"], lifted["pending_direction"]) == ("red", "up")


async def test_another_version_begins_with_plain_thresholds_and_says_that_it_was_the_model(
    owner: asyncpg.Connection, mood: Scoring
) -> None:
    account = await newcomer(owner, mood, 60)
    waiting = await feel(owner, mood, account, 75)
    assert (waiting["band"], waiting["pending_direction"]) == ("yellow", "up")
    newer = replace(mood.rescoring, lineups=OneModel(plain(version=2), number=1))
    assert await newer.mark_outdated() > 0
    await drain(newer.pool, newer.lane, seconds=30)
    row = await owner.fetchrow(STANDING, account)
    assert row is not None
    assert (row["band"], row["pending_since"], row["effective_band"]) == ("green", None, "green")
    news = await owner.fetchrow(
        "select kind, cause from scoring.change where account_id = $1 order by id desc", account
    )
    assert news is not None
    assert tuple(news) == ("band_changed", "model")
    again = replace(mood, rescoring=newer)
    assert (await feel(owner, again, account, 69))["band"] == "yellow"
    assert (await feel(owner, again, account, 75))["band"] == "yellow"


async def test_against_the_score_before_drivers_say_what_moved_since_then(
    owner: asyncpg.Connection, mood: Scoring
) -> None:
    lineup = OneModel(plain(version=3, baseline="previous"), number=2)
    watching = replace(mood, rescoring=replace(mood.rescoring, lineups=lineup))
    account = await newcomer(owner, watching, 60)
    body = "select body from scoring.health_document where account_id = $1"
    first = HealthDocument.model_validate_json(await owner.fetchval(body, account))
    assert (first.baseline, [one.points for one in first.drivers]) == (60.0, [0.0])
    await feel(owner, watching, account, 52.5)
    then = HealthDocument.model_validate_json(await owner.fetchval(body, account))
    assert (then.baseline, [one.points for one in then.drivers], then.score) == (60.0, [-7.5], 52.5)
