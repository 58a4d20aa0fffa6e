"""Claims about causes: what happens now is news, a past that arrives is history, facts of an account are neither."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from support.customers import now_of, turn
from support.histories import Told, new_account, tell

from milepost_core.model import ScoreModel
from milepost_runtime.lanes import drain
from scoring_api.scores.recording import Recording
from scoring_api.service import Scoring

MAKE = Callable[[ScoreModel], Recording]
LATE = timedelta(days=30)


class Teller:
    """Tells of one account, range by range, and says what waits for it."""

    def __init__(self, owner: asyncpg.Connection, recording: Recording, account: UUID, now: datetime) -> None:
        self._owner, self._recording = owner, recording
        self._account, self._now = account, now

    def fresh(self, kind: str = "feature.used") -> Told:
        return Told(self._account, kind, self._now - timedelta(hours=1), self._now)

    def late(self, kind: str = "feature.used") -> Told:
        return Told(self._account, kind, self._now - LATE, self._now)

    async def cause(self, *events: Told) -> str:
        """Record one range and return the cause that waits."""
        await tell(self._owner, events)
        await drain(self._recording.pool, self._recording.lane, seconds=60)
        cause = "select cause from scoring.rescoring where account_id = $1"
        return str(await self._owner.fetchval(cause, self._account))

    async def scored(self, ago: timedelta) -> None:
        """The account was scored so long ago, and nothing waits."""
        await self._owner.execute(
            "insert into scoring.snapshot (account_id, as_of, computed_at, model_id, model_version, band,"
            " effective_band, coverage, confidence, inputs_hash, readings, detail)"
            " values ($1, $2, $2, 'm', 1, 'unknown', 'unknown', 0, 0, '', '{}', '{}')",
            self._account,
            self._now - ago,
        )
        await self.settled()

    async def settled(self) -> None:
        update = "update scoring.rescoring set cause = 'silence', late = false where account_id = $1"
        await self._owner.execute(update, self._account)


@pytest.fixture
async def teller(owner: asyncpg.Connection, recorder: MAKE, shipped: ScoreModel) -> Teller:
    return Teller(owner, recorder(shipped), new_account(), await now_of(owner))


async def test_while_the_past_arrives_anything_late_makes_it_history(teller: Teller) -> None:
    assert await teller.cause(teller.fresh(), teller.late()) == "backfill"
    await teller.scored(timedelta(hours=20))
    assert await teller.cause(teller.late(), teller.fresh()) == "backfill"
    await teller.settled()
    assert await teller.cause(teller.fresh()) == "live"


@pytest.mark.parametrize("late_first", [True, False])
async def test_in_two_ranges_or_in_one_makes_no_difference_while_the_past_arrives(
    teller: Teller, late_first: bool
) -> None:
    told = [teller.late(), teller.fresh()]
    await teller.cause(told.pop(0 if late_first else 1))
    assert await teller.cause(*told) == "backfill"


@pytest.mark.parametrize("late_first", [True, False])
async def test_once_the_past_is_there_what_happens_now_wins(teller: Teller, late_first: bool) -> None:
    await teller.cause(teller.fresh())
    await teller.scored(timedelta(days=2))
    assert await teller.cause(teller.late()) == "backfill"
    await teller.settled()
    assert await teller.cause(teller.late(), teller.fresh()) == "live"
    await teller.settled()
    told = [teller.late(), teller.fresh()]
    await teller.cause(told.pop(0 if late_first else 1))
    assert await teller.cause(*told) == "live"


async def test_old_facts_of_an_account_do_not_make_news_history(teller: Teller) -> None:
    facts = teller.late("account.started"), teller.late("account.updated"), teller.late("account.linked")
    assert await teller.cause(*facts, teller.fresh("ticket.opened")) == "live"


async def test_new_facts_of_an_account_do_not_make_history_news(teller: Teller) -> None:
    await teller.cause(teller.fresh())
    await teller.scored(timedelta(days=2))
    assert await teller.cause(teller.fresh("account.updated"), teller.late()) == "backfill"


async def test_old_facts_alone_are_history_and_do_not_make_the_news_that_follows_history(teller: Teller) -> None:
    assert await teller.cause(teller.late("account.started")) == "backfill"
    assert await teller.cause(teller.late("account.updated"), teller.fresh("account.updated")) == "backfill"
    assert await teller.cause(teller.fresh("ticket.opened")) == "live"


async def test_new_facts_alone_are_news(teller: Teller) -> None:
    assert await teller.cause(teller.fresh("account.started")) == "live"


async def test_history_that_was_scored_is_forgotten(
    teller: Teller, owner: asyncpg.Connection, scoring: Scoring
) -> None:
    await teller.cause(teller.late())
    await turn(scoring)
    assert await teller.cause(teller.fresh()) == "live"
    assert await teller.cause(teller.fresh()) == "live"
