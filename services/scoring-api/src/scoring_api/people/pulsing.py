"""A person's pulse on an account: a record of limited life that the model may weigh, never more than a record.

Whether it weighs is read from the score as it stands; nothing is judged here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from milepost_core.model import ScoreModel, Signal
from milepost_core.model.sources import Where, parts
from milepost_core.readings import Status
from milepost_core.scoring import SignalState
from milepost_runtime.database import Connection
from scoring_api.people.people_views import (
    PULSE_DAYS,
    AccountPulses,
    EndRequest,
    PulseRequest,
    PulseState,
    PulseView,
)
from scoring_api.people.speaking import Speaker, Speaking, WordRefused, WordUnknown, end_of
from scoring_api.queries import pulses as queries
from scoring_api.queries.records import OwnWord, insert_own
from scoring_api.scores.lineup import LineUps

HISTORY = 200
LONGEST = timedelta(days=365)
SHORTEST = timedelta(hours=1)
_ENDED: Final[Mapping[PulseState, str]] = {
    "older": "a newer pulse stands",
    "expired": "its time is over",
    "taken_back": "it was taken back",
}


@dataclass(frozen=True)
class Pulsing:
    """The use cases of pulses."""

    speaking: Speaking = field(repr=False)
    lineups: LineUps = field(repr=False)

    async def give(self, asked: str, wanted: PulseRequest, speaker: Speaker) -> PulseView:
        """Keep a pulse from now until its end. Raises AccountUnknown, WordRefused."""
        async with self.speaking.moving(asked, speaker) as held:
            ends = end_of(held.now, wanted.expires_at, wanted.days, PULSE_DAYS)
            if not SHORTEST <= ends - held.now <= LONGEST:
                part = "days" if wanted.expires_at is None else "expires_at"
                message = f"a pulse ends at least an hour and at most {LONGEST.days} days after it begins"
                raise WordRefused(part, "pulse_refused", message)
            properties = {"reason": wanted.reason, "told_by": speaker.told_by}
            word = OwnWord(
                queries.TYPE, None, speaker.author, value=wanted.value, expires_at=ends, properties=properties
            )
            await insert_own(held.connection, held.account_id, [word])
            (view,) = await self._views(held.connection, held.account_id, 1)
        return view

    async def take_back(self, asked: str, pulse: str, wanted: EndRequest, speaker: Speaker) -> None:
        """Let a pulse count no longer from now on; the past keeps it. Raises AccountUnknown, WordUnknown."""
        said = {"taken_back_by": speaker.author, "taken_back_because": wanted.reason or ""}
        async with self.speaking.moving(asked, speaker) as held:
            if not await queries.take_back(held.connection, held.account_id, pulse, held.now, said):
                raise WordUnknown("pulse", pulse)

    async def of_account(self, asked: str) -> AccountPulses:
        """Return the pulse that stands and all that were given. Raises AccountUnknown."""
        account = await self.speaking.account(asked)
        async with self.speaking.pool.acquire() as connection:
            history = await self._views(connection, account, HISTORY)
        current = next((one for one in history if one.state == "stands"), None)
        return AccountPulses(account_id=account, current=current, history=history)

    async def _views(self, connection: Connection, account: UUID, limit: int) -> tuple[PulseView, ...]:
        """Return pulses, the newest first, each with what became of it: of those that have not ended the first stands.

        The score is read before the pulses, so that no pulse passes for looked at that was not there yet.
        """
        score = await queries.last_score(connection, account)
        model = None if score is None else await self._model(connection, score)
        found: list[PulseView] = []
        for row in await queries.of_account(connection, account, limit):
            state = _state(row, taken=any(one.state == "stands" for one in found))
            told = (False, _ENDED[state]) if state != "stands" else _weighed(row, score, model)
            found.append(_view(account, row, state, told))
        return tuple(found)

    async def _model(self, connection: Connection, score: asyncpg.Record) -> ScoreModel:
        return await self.lineups.model(connection, score["model_id"], score["model_version"])


def _state(row: asyncpg.Record, *, taken: bool) -> PulseState:
    if row["superseded_at"] is not None:
        return "taken_back"
    if row["expires_at"] is not None and row["expires_at"] <= row["now"]:
        return "expired"
    return "older" if taken else "stands"


def _weighed(row: asyncpg.Record, score: asyncpg.Record | None, model: ScoreModel | None) -> tuple[bool | None, str]:
    """Whether a pulse that stands counts in the score as it stands, None if that is not known yet, and why not."""
    if score is None or model is None:
        return None, "the account has no score yet"
    signals = [one for one in model.signals if _reads_pulses(one)]
    if not signals:
        return False, f"“{model.title}” judges this account, and does not ask for pulses"
    if score["looked_at"] < row["recorded_at"]:
        return None, "the score was not told anew since"
    told = [_heard(one, score["detail"], model) for one in signals]
    return (True, "") if "" in told else (False, told[0])


def _reads_pulses(signal: Signal) -> bool:
    wheres = [getattr(part, "where", None) for part in parts(signal.source)]
    return any(isinstance(one, Where) and queries.TYPE in one.types for one in wheres)


def _heard(signal: Signal, detail: Mapping[str, Any], model: ScoreModel) -> str:
    """Why a signal does not move a score; empty if it does."""
    figures = detail["signals"].get(signal.id)
    if figures is None or figures["state"] != SignalState.OBSERVED.name.lower():
        status = next((one for one in Status if figures and one.reason == figures["status"]), Status.NO_DATA)
        return f"the model has no value for “{signal.label}” ({status.sentence})"
    if figures["e"]:
        return ""
    dimension = next(one for one in model.dimensions if one.id == signal.dimension)
    if detail["dimensions"][dimension.id]["score"] is None:
        return f"too little else is known of “{dimension.label}”"
    return f"the model gives “{signal.label}” no weight for this account now"


def _view(account: UUID, row: asyncpg.Record, state: PulseState, told: tuple[bool | None, str]) -> PulseView:
    said = row["properties"]
    return PulseView(
        id=row["event_id"],
        account_id=account,
        value=row["value"],
        reason=str(said.get("reason", "")),
        author=row["actor"] or "",
        told_by=str(said.get("told_by", "")),
        given_at=row["occurred_at"],
        expires_at=row["expires_at"],
        taken_back_at=row["superseded_at"],
        state=state,
        counts=told[0],
        why=told[1],
    )
