"""Lanes: rows that are work, claimed in batches under a lease and a fencing number; no domain word, no queue.

A row says itself when it wants attention (`next_at`). A claim is a short transaction of its own; the work runs
outside it; the result is written in a transaction of the handler's that begins with `hold` and leaves rows alone
that somebody else has claimed meanwhile. Draining twice at once, late, or never is safe.

A row whose holder died is a suspect. The first time it may as well have been any other of its batch: such rows are
claimed an eighth of a batch at a time, beside whatever else is due, so that all of a batch go on soon, wait for nobody
and are waited for by nobody, and few are near the one that kills. Who was there a second time is claimed alone, so that
it can take nobody with it, and after `max_crashes` it is buried. So one row brings `max_crashes` workers down, and any
other at most two. Whom store trouble keeps from settling a row has not
died: the row is given back as it was as soon as the store answers again.

`claiming` who may work on a row and how long, and what is written back · `draining` all that is due, batch by batch.
"""

from milepost_runtime.lanes.claiming import Claim, Lane, claim, claim_suspects, finish, hold, postpone, release, settle
from milepost_runtime.lanes.draining import GiveUp, TryLater, drain

__all__ = [
    "Claim", "GiveUp", "Lane", "TryLater", "claim", "claim_suspects", "drain", "finish", "hold", "postpone", "release",
    "settle",
]  # fmt: skip
