"""Doubt: what is done about effects that were started and whose end nobody saw; it never repeats what nobody can know.

T4 finds that a worker is gone, T5 comes after the quiet time: ask the receiver, repeat under the key it knows, or park.
"""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from milepost_core.doubts import ask_again_after, settle_doubt
from milepost_core.effects import Doubt, Move, quiet_time_s, spread
from milepost_runtime.database import Pool
from milepost_runtime.lanes import Claim, Lane, postpone
from playbook_runner.actions.channel import Channel, NotReached, Sendable
from playbook_runner.actions.crm.answers import Busy
from playbook_runner.connections.turns import NoTurn, Turns
from playbook_runner.effects.committing import Committing, Ending
from playbook_runner.effects.pacing import destination_of
from playbook_runner.queries import doubts as queries
from playbook_runner.queries.performing import Moving

LOST = "the worker was lost after the start, so the message may or may not have been sent"
# So long after its claim a question may begin; its answer still comes within the lease.
ASK_WITHIN_S = 10.0
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
        """T5: the quiet time is over; ask, repeat under the same key a while later, or park for a person."""
        answer = None
        if channel.doubt is Doubt.ASKABLE:
            try:
                answer = await self._asked(claim, channel)
            except NoTurn as error:
                async with self.pool.acquire() as connection:
                    await postpone(connection, lane, [claim], spread(error.after_s or 0.0, random.random()))
                return
            except NotReached as error:
                await self._ask_again(claim, lane, str(error))
                return
        row = claim.row
        found = settle_doubt(channel.doubt, answer, row["attempts"], random.random(), row["reason"])
        moving = Moving(claim.key, found.move, claim.fence, found.reason, found.wait_s)
        await self.committing.end(Ending(claim, moving, not_done=answer is False))

    async def _asked(self, claim: Claim, channel: Channel) -> bool | None:
        """Ask when it is our turn: questions keep to the receiver's rate, rest and circuit as calls do.

        Raises NoTurn, NotReached.
        """
        turns = Turns(self.pool, destination_of(claim), time.monotonic() + ASK_WITHIN_S)
        since = await queries.doubted_since(self.pool, claim.key, claim.row["account_id"])
        effect = replace(kept(claim), doubted_since=since or claim.row["created_at"])
        await turns.take()
        try:
            answer = await channel.ask(effect)
        except NotReached as error:
            await turns.tell(Busy(str(error), error.wish_s, everyone=True))
            raise
        await turns.tell(None)
        return answer

    async def _ask_again(self, claim: Claim, lane: Lane, why: str) -> None:
        """Put the question off: ever longer, and in the end to a person, who may decide meanwhile as well."""
        async with self.pool.acquire() as connection:
            doubted_s = await queries.doubted_s(connection, claim.key, claim.row["account_id"])
            wait_s = ask_again_after(doubted_s, random.random())
            if wait_s is not None:
                await postpone(connection, lane, [claim], wait_s)
                return
        await self._move(claim, Move.PARK, f"{claim.row['reason']}; for a day it could not be asked: {why}", None)

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
