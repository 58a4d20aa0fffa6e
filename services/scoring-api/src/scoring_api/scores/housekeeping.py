"""What the scoring service does again and again though nobody asks; it never records, scores or publishes anything.

The lane `scoring.housekeeping` has a row for each chore. Every chore may be done twice or late.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import asyncpg

from milepost_runtime.database import Pool
from milepost_runtime.idempotency import forget_old
from milepost_runtime.lanes import Claim, Lane, TryLater, hold, settle
from scoring_api.scores.gathering import Gathering

LANE = "scoring.housekeeping"
AGAIN_S = 60.0
FORGET_EVERY_S = 3_600.0
# A chore that somebody asked for while it was being done stays due.
_LATER = """
next_at = case when t.next_at is distinct from $4 then t.next_at else clock_timestamp() + make_interval(secs => $3) end,
lease_until = null, crashes = 0
"""


@dataclass(frozen=True)
class Housekeeping:
    """The use case behind the lane `scoring.housekeeping`."""

    pool: Pool = field(repr=False)
    gathering: Gathering

    @cached_property
    def chores(self) -> Mapping[str, Callable[[], Awaitable[float]]]:
        """The chores by name; each returns the seconds after which it is due again."""
        return {"gather": self.gathering.gather, "forget": self.forget}

    @cached_property
    def lane(self) -> Lane:
        """The chores that are due."""
        return Lane(
            name=LANE,
            table="scoring.chore",
            key="name",
            key_type="text",
            columns=("next_at",),
            handle=self.do,
            batch=1,
            lease_s=60.0,
        )

    async def do(self, claims: Sequence[Claim]) -> int:
        """Do one chore and put it off until it is due again."""
        (claim,) = claims
        try:
            again_s = await self.chores[claim.key]()
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
            raise TryLater(f"{claim.key}: somebody is in the way ({error})", AGAIN_S) from error
        async with self.pool.acquire() as connection, connection.transaction():
            await hold(connection, self.lane, claims)
            await settle(connection, self.lane, claims, _LATER, again_s, claim.row["next_at"])
        return 1

    async def forget(self) -> float:
        """Forget named requests that nobody repeats any more."""
        async with self.pool.acquire() as connection:
            await forget_old(connection)
        return FORGET_EVERY_S
