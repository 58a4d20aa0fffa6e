"""Gates: the lines that one process has to a receiver, who was promised one, and when those come back who found none.

A gate knows only its own process, and it never opens a connection.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TypeAlias

from milepost_core.destinations import ComeBack, Turn

# So much work at most is taken up ahead of free lines: what waits longer would be decided and worded in vain.
TAKEN_AHEAD_S = 1.0
# Whoever finds no line free comes back when those before it are likely to be through, within these: what is put off
# costs the store two writes each time, and a receiver may become faster meanwhile.
BACK_AFTER_S = (0.3, 180.0)
# How long a call takes is learnt from the last twenty or so.
LEARNT_BY = 0.05
# Who goes first: the higher priority, and of the same one who was put off before.
Rank: TypeAlias = tuple[int, bool]


def rank(priority: int, *, returning: bool) -> Rank:
    """Return where somebody stands among those who want a line; the lower goes first."""
    return -priority, not returning


@dataclass
class Gate:
    """One receiver's turns in this process: `lines` calls at once, and who has been promised one of them.

    `back_at` are the moments (monotonic) at which those come back who were put off, by their rank then: a queue in
    time, in which nobody stands any more who has had time to come back.
    """

    lines: int
    free: asyncio.Semaphore
    promised: set[tuple[bytes, int]] = field(default_factory=set)
    took_s: float = 0.25
    order: asyncio.Lock = field(default_factory=asyncio.Lock)
    next_at: float = 0.0
    gap_s: float = 0.0
    back_at: dict[Rank, list[float]] = field(default_factory=dict)

    def room(self) -> int:
        """Return how many more may be taken up: as many as are likely to get a line soon."""
        return max(0, int(self.lines * (1.0 + TAKEN_AHEAD_S / self.took_s)) - len(self.promised))

    def away(self, those: Sequence[Rank]) -> list[Turn]:
        """Return when those come back for whom there is no room, in their order.

        Each waits for those of its rank or a better one that were put off before it, and for nobody else.
        """
        now = time.monotonic()
        for waiting in self.back_at.values():
            while waiting and waiting[0] <= now:
                heappop(waiting)
        return [ComeBack(self._back_after(one, now), "no_line") for one in those]

    def _back_after(self, mine: Rank, now: float) -> float:
        least, most = BACK_AFTER_S
        before = sum(len(waiting) for other, waiting in self.back_at.items() if other <= mine)
        # A little early, so that no line waits for somebody to come back.
        after_s = max(least, min(most, before * self.took_s / self.lines) * random.uniform(0.9, 1.0))
        heappush(self.back_at.setdefault(mine, []), now + after_s)
        return after_s

    def learn(self, took_s: float) -> None:
        """Count how long a line was held."""
        self.took_s += LEARNT_BY * (took_s - self.took_s)
