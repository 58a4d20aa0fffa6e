"""A person's pulse on an account: a record of limited life that the model may weigh, never more than a record."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import asyncpg

from scoring_api.people_views import (
    PULSE_DAYS,
    AccountPulses,
    EndRequest,
    PulseRequest,
    PulseState,
    PulseView,
)
from scoring_api.queries import pulses as queries
from scoring_api.queries.records import OwnWord, insert_own
from scoring_api.speaking import Speaker, Speaking, WordRefused, WordUnknown, end_of

HISTORY = 200
LONGEST = timedelta(days=365)


@dataclass(frozen=True)
class Pulsing:
    """The use cases of pulses."""

    speaking: Speaking = field(repr=False)

    async def give(self, asked: str, wanted: PulseRequest, speaker: Speaker) -> PulseView:
        """Keep a pulse from now until its end. Raises AccountUnknown, WordRefused."""
        async with self.speaking.moving(asked, speaker) as held:
            ends = end_of(held.now, wanted.expires_at, wanted.days, PULSE_DAYS)
            if not timedelta(0) < ends - held.now <= LONGEST:
                message = f"a pulse ends after it begins, and at most {LONGEST.days} days later"
                raise WordRefused("expires_at", "pulse_refused", message)
            properties = {"reason": wanted.reason, "told_by": speaker.told_by}
            word = OwnWord(
                queries.TYPE, None, speaker.author, value=wanted.value, expires_at=ends, properties=properties
            )
            await insert_own(held.connection, held.account_id, [word])
            kept = await queries.of_account(held.connection, held.account_id, 1)
        return views_of(held.account_id, kept)[0]

    async def take_back(self, asked: str, pulse: str, wanted: EndRequest, speaker: Speaker) -> None:
        """Let a pulse count no longer from now on; the past keeps it. Raises AccountUnknown, WordUnknown."""
        said = {"taken_back_by": speaker.author, "taken_back_because": wanted.reason or ""}
        async with self.speaking.moving(asked, speaker) as held:
            if not await queries.take_back(held.connection, held.account_id, pulse, held.now, said):
                raise WordUnknown("pulse", pulse)

    async def of_account(self, asked: str) -> AccountPulses:
        """Return the pulse that counts and all that were given. Raises AccountUnknown."""
        account = await self.speaking.account(asked)
        history = views_of(account, await queries.of_account(self.speaking.pool, account, HISTORY))
        current = next((one for one in history if one.state == "counts"), None)
        return AccountPulses(account_id=account, current=current, history=history)


def views_of(account: UUID, rows: Sequence[asyncpg.Record]) -> tuple[PulseView, ...]:
    """Return pulses, the newest first, each with what became of it: of those that still stand the first counts."""
    found: list[PulseView] = []
    taken = False
    for row in rows:
        state = _state(row, taken=taken)
        taken = taken or state == "counts"
        found.append(_view(account, row, state))
    return tuple(found)


def _state(row: asyncpg.Record, *, taken: bool) -> PulseState:
    if row["superseded_at"] is not None:
        return "taken_back"
    if row["expires_at"] is not None and row["expires_at"] <= row["now"]:
        return "expired"
    return "older" if taken else "counts"


def _view(account: UUID, row: asyncpg.Record, state: PulseState) -> PulseView:
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
    )
