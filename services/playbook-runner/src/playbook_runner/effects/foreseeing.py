"""Foreseeing: which letters would be refused for good if they were sent again now, and why; it moves none of them.

The answer is for people who want a letter sent: what it goes by is read again when the letter starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from milepost_core.arbiter import Refuse
from milepost_core.cadence import Leave
from milepost_core.playbooks.document import TO_PERSONS
from milepost_runtime.database import Pool
from playbook_runner.arbiter.arbitrating import Arbitrating, Asked
from playbook_runner.queries import advancing as runs
from playbook_runner.queries import resending as queries
from playbook_runner.runs.deciding import Deciding, Decision
from playbook_runner.wording.drafting import Draft


@dataclass(frozen=True)
class Foreseeing:
    """Asks the law and the arbiter what they would say today of letters that failed for good."""

    pool: Pool = field(repr=False)
    deciding: Deciding
    arbitrating: Arbitrating

    async def refused(self, keys: Sequence[bytes]) -> dict[bytes, tuple[str, str]]:
        """Return code and sentence of those of these effects to which the arbiter says never.

        A message is judged by whom it would go to today, as far as that can be known; nobody is asked about one whose
        run would end before it.
        """
        rows = await queries.unsent(self.pool, keys)
        anew = {row["step_id"]: row["key"] for row in rows if row["channel"] in TO_PERSONS and not row["unclear"]}
        today: dict[UUID, Decision] = {}
        if anew:
            today = await self.deciding.today_of(await runs.contexts(self.pool, list(anew)), anew)
        asked = [
            _asked(row, decision)
            for row in rows
            if not isinstance(decision := today.get(row["step_id"]) if row["step_id"] in anew else None, Leave)
        ]
        async with self.pool.acquire() as connection:
            verdicts = await self.arbitrating.decide(connection, asked)
        return {
            one.key: (verdict.code, verdict.sentence)
            for one, verdict in zip(asked, verdicts, strict=True)
            if isinstance(verdict, Refuse)
        }


def _asked(row: asyncpg.Record, decision: Decision | None) -> Asked:
    draft = decision if isinstance(decision, Draft) else None
    return Asked(
        key=row["key"],
        account_id=row["account_id"],
        playbook_id=row["playbook_id"],
        channel=row["channel"],
        recipient=row["recipient"] if draft is None else draft.recipient,
        # It is asked for anew at this moment.
        asked_at=row["now"],
        priority=row["priority"],
        transactional=row["transactional"],
        colleague=row["channel"] == "slack" if draft is None else draft.colleague,
        zone="" if draft is None else draft.zone,
        region="" if draft is None else draft.region,
    )
