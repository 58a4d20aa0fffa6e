"""Doubt: what is done about effects that were started and whose end nobody saw; it never repeats what nobody can know.

T4 finds that a worker is gone, T5 comes after the quiet time: ask the receiver, repeat under the key it knows, or park.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from milepost_core.effects import Doubt, Move, quiet_time_s, resolve_doubt
from milepost_runtime.database import Pool
from milepost_runtime.lanes import Claim, Lane, postpone
from playbook_runner.actions.channel import Channel, NotReached, Sendable
from playbook_runner.effects.committing import Committing, Ending
from playbook_runner.queries.performing import Moving

# A receiver that cannot be asked now is asked again after so long; meanwhile a person may decide.
ASK_AGAIN_S = 30.0
LOST = "the worker was lost after the start, so the message may or may not have been sent"
BURIED: Mapping[str, Move] = {"ready": Move.GIVE_UP, "started": Move.LOSE, "in_doubt": Move.PARK}


@dataclass(frozen=True)
class Doubting:
    """The use cases around lost ends."""

    pool: Pool = field(repr=False)
    committing: Committing
    quiet_margin_s: float

    async def lose(self, claim: Claim, channel: Channel) -> None:
        """T4: it was started and its worker is gone; whether the call was made is not known."""
        await self._move(claim, Move.LOSE, LOST, self.quiet_s(channel))

    async def resolve(self, claim: Claim, channel: Channel, lane: Lane) -> None:
        """T5: the quiet time is over; ask, repeat under the same key, or park for a person."""
        answer = None
        if channel.doubt is Doubt.ASKABLE:
            try:
                answer = await channel.ask(kept(claim))
            except NotReached:
                async with self.pool.acquire() as connection:
                    await postpone(connection, lane, [claim], ASK_AGAIN_S)
                return
        move = resolve_doubt(channel.doubt, answer)
        await self._move(claim, move, claim.row["reason"], 0.0 if move is Move.RESEND else None)

    async def bury(self, claim: Claim, reason: str) -> None:
        """Put an effect out of the way that keeps bringing workers down: what may have been sent is parked."""
        move = BURIED.get(claim.row["state"])
        if move is not None:
            await self._move(claim, move, reason, self.quiet_margin_s if move is Move.LOSE else None)

    async def _move(self, claim: Claim, move: Move, reason: str, wait_s: float | None) -> None:
        await self.committing.end(Ending(claim, Moving(claim.key, move, claim.fence, reason, wait_s)))

    def quiet_s(self, channel: Channel) -> float:
        """Return how long doubt about a call of this channel rests."""
        return quiet_time_s(channel.longest_call_s, self.quiet_margin_s)


def kept(claim: Claim) -> Sendable:
    """Return what an effect was started with, byte for byte."""
    row = claim.row
    return Sendable(
        claim.key, row["recipient"], row["payload"], row["correlation_id"], row["destination"], row["created_at"]
    )
