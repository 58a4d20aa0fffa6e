"""Doubt about a score that reaches somebody and gets an answer; it changes no score, whoever is right."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_contracts.health import ModelRef
from milepost_runtime.ids import new_id
from scoring_api.answers.reading import NotScoredYet
from scoring_api.people.feedback_views import (
    AccountFeedback,
    AnswerRequest,
    FeedbackAnswer,
    FeedbackPage,
    FeedbackRequest,
    FeedbackView,
)
from scoring_api.people.people_views import AccountName, near_word
from scoring_api.people.speaking import Held, Speaker, Speaking, WordRefused, WordUnknown, then
from scoring_api.queries import feedback as queries
from scoring_api.queries import people

HISTORY = 100


class FeedbackAnswered(Exception):
    """This was answered already; an answer is never written over."""

    def __init__(self, by: str) -> None:
        super().__init__(f"It was answered already, by {by}")


@dataclass(frozen=True)
class Waiting:
    """How many wait for an answer, and since when the oldest does."""

    open: int
    since: datetime | None


@dataclass(frozen=True)
class Doubting:
    """The use cases of feedback; what waits is the owner's of today, or the `steward`'s where an account has none."""

    speaking: Speaking = field(repr=False)
    steward: str

    async def ask(self, asked: str, wanted: FeedbackRequest, speaker: Speaker) -> FeedbackView:
        """Keep a doubt beside the score that it is about, for somebody to answer. Raises AccountUnknown, NotScoredYet,
        WordRefused.
        """
        feedback = new_id()
        async with self.speaking.about(asked) as held:
            stands = await people.stands(held.connection, held.account_id)
            if stands is None:
                raise NotScoredYet(asked, held.name)
            _check_signal(wanted.signal, stands)
            await queries.insert(held.connection, self._row(feedback, held, wanted, speaker, stands))
            row = await queries.one(held.connection, self.steward, feedback)
        assert row is not None
        return _view(row)

    def _row(
        self, feedback: UUID, held: Held, wanted: FeedbackRequest, speaker: Speaker, stands: asyncpg.Record
    ) -> tuple[object, ...]:
        return (
            held.account_id,
            feedback,
            wanted.because,
            wanted.signal,
            wanted.expected_band,
            speaker.author,
            speaker.told_by,
            held.owner or self.steward,
            held.now,
            stands["as_of"],
            stands["display"],
            stands["effective_band"],
            stands["model_id"],
            stands["model_version"],
        )

    async def of_account(self, asked: str) -> AccountFeedback:
        """Return the feedback on an account's score. Raises AccountUnknown."""
        account = await self.speaking.account(asked)
        rows = await queries.of_account(self.speaking.pool, self.steward, account, HISTORY)
        return AccountFeedback(account_id=account, data=tuple(_view(row) for row in rows))

    async def page(self, state: str | None, owner: str | None, cursor: str | None, limit: int) -> FeedbackPage:
        """Return feedback of a state and an owner, what waits longest first. Raises CursorBroken."""
        wanted = (state, owner)
        after = self.speaking.place("feedback", wanted, cursor)
        found = await queries.listed(self.speaking.pool, self.steward, wanted, after, limit + 1)
        rows, more = self.speaking.cut("feedback", wanted, found, limit)
        waits = await self.waiting(owner)
        return FeedbackPage(data=tuple(_view(row) for row in rows), open=waits.open, next_cursor=more)

    async def waiting(self, owner: str | None) -> Waiting:
        """Return what waits for this owner, or for anybody."""
        row = await queries.waiting(self.speaking.pool, self.steward, owner)
        return Waiting(row["open"], row["since"])

    async def owners(self) -> list[str]:
        """Return those who have something to answer."""
        return await queries.owners(self.speaking.pool, self.steward)

    async def answer(self, feedback: UUID, wanted: AnswerRequest, speaker: Speaker) -> FeedbackView:
        """Answer a doubt, once. Raises WordUnknown, FeedbackAnswered."""
        async with self.speaking.pool.acquire() as connection, connection.transaction():
            said = (wanted.verdict, wanted.answer, speaker.author)
            ours = await queries.answer(connection, self.steward, feedback, *said)
            row = await queries.one(connection, self.steward, feedback)
        if row is None:
            raise WordUnknown("feedback", str(feedback))
        if not ours:
            raise FeedbackAnswered(row["answered_by"])
        return _view(row)


def _check_signal(signal: str | None, stands: asyncpg.Record) -> None:
    if signal is not None and signal not in stands["signals"]:
        hint = near_word(signal, stands["signals"])
        raise WordRefused("signal", "unknown_signal", f"this score has no signal '{signal}': {hint}")


def _view(row: asyncpg.Record) -> FeedbackView:
    model = ModelRef(id=row["model_id"], version=row["model_version"]) if row["model_id"] else None
    return FeedbackView(
        id=row["id"],
        account=AccountName(id=row["account_id"], name=row["name"]),
        because=row["because"],
        signal=row["signal"],
        expected_band=row["expected_band"],
        author=row["author"],
        told_by=row["told_by"],
        owner=row["owner"],
        state=row["state"],
        created_at=row["created_at"],
        then=then(row),
        model=model,
        answer=_answer(row),
    )


def _answer(row: asyncpg.Record) -> FeedbackAnswer | None:
    if row["state"] != "answered":
        return None
    return FeedbackAnswer(verdict=row["verdict"], text=row["answer"], author=row["answered_by"], at=row["answered_at"])
