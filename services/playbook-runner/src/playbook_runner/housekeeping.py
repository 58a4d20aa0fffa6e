"""What the runner does again and again though nobody asks; it never starts, sends or decides anything.

The lane `playbooks.housekeeping` has a row for each chore. Every chore may be done twice or late.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from milepost_runtime.database import Pool
from milepost_runtime.idempotency import forget_old
from milepost_runtime.lanes import Claim, Lane, hold, postpone

LANE = "playbooks.housekeeping"
FORGET_EVERY_S = 3_600.0


@dataclass(frozen=True)
class Housekeeping:
    """The use case behind the lane `playbooks.housekeeping`."""

    pool: Pool = field(repr=False)

    @property
    def lane(self) -> Lane:
        """The lane over chores that are due."""
        return Lane(LANE, "chore", "name", self.do, key_type="text", batch=1, lease_s=60.0)

    async def do(self, claims: Sequence[Claim]) -> int:
        """Forget named requests that nobody repeats any more, and put that off for an hour."""
        async with self.pool.acquire() as connection, connection.transaction():
            if await hold(connection, self.lane, claims):
                await forget_old(connection)
                await postpone(connection, self.lane, claims, FORGET_EVERY_S)
        return len(claims)
