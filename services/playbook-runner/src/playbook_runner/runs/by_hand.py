"""Starting a playbook by hand: a person says for whom and why; it decides no rule of its own.

Tier, arm and holdout are as for any other start; what an automatic start waits for (the audience, the time between two
runs) a person may pass over.
"""

import contextlib
from dataclasses import dataclass, field
from uuid import UUID

from milepost_core.cadence.admitting import BY_HAND, Occasion
from milepost_core.playbooks import digest
from milepost_runtime.database import Pool
from milepost_runtime.ids import new_id
from playbook_runner.clients.scoring import ScoringClient
from playbook_runner.documents.keeping import InForceChanged, Keeping, PlaybookUnknown
from playbook_runner.queries import waking as clock
from playbook_runner.runs.opening import Opening, Reason


class NotStarted(Exception):
    """No run came of it; `code` and the sentence say why, and so does the ledger."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class ByHand:
    """The use case behind `POST /accounts/{id}/runs`."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    scoring: ScoringClient
    opening: Opening

    async def start(self, account_id: UUID, playbook_id: str, why: str, who: str) -> UUID:
        """Open a run and return its id.

        Raises PlaybookUnknown, AccountGone, NotStarted (one is open already, the playbook is paused, no tier fits, the
        account is held out), or HealthAway while nobody can say.
        """
        while True:
            # Each further try is for what somebody has put in force, paused or resumed during the one before it.
            with contextlib.suppress(InForceChanged):
                return await self._start(account_id, playbook_id, why, who)

    async def _start(self, account_id: UUID, playbook_id: str, why: str, who: str) -> UUID:
        async with self.pool.acquire() as connection:
            kept = [one for one in await self.keeping.in_force(connection) if one.playbook.id == playbook_id]
            now = await clock.clock(connection)
        if not kept:
            raise PlaybookUnknown(f"there is no playbook {playbook_id}")
        health = await self.scoring.health(account_id, "")
        said = f"{who} started it by hand" + (f": {why}" if why else "")
        occasion = Occasion(BY_HAND, now, health.effective_band.band)
        # A key of its own: that a person may not ask twice by mistake is the named request's business.
        key = digest("by_hand", playbook_id, str(new_id()))
        reason = Reason(account_id, kept[0], occasion, key, said, started_by=who)
        facts = await self.opening.learn([reason])
        async with self.pool.acquire() as connection, connection.transaction():
            opened = await self.opening.open(connection, [reason], facts)
        self.opening.tell(opened)
        for _, declined in opened.declined:
            raise NotStarted(declined.code, declined.sentence)
        return opened.runs[0].id
