"""Explaining: why a playbook did not reach an account, and all that stands against it now; it changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from milepost_core.arbiter import Allow, Defer, Verdict
from milepost_core.cadence import Standing, asked_of, unmet, why_not
from milepost_core.effects import effect_key
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.conditions import Scalar
from milepost_core.playbooks.document import EmailStep, InAppStep
from milepost_runtime.database import Connection, Pool
from playbook_runner.arbiter.arbitrating import Arbitrating, Asked
from playbook_runner.clients.scoring import HealthAway, ScoringClient
from playbook_runner.documents.keeping import Keeping, PlaybookUnknown
from playbook_runner.queries import ledger
from playbook_runner.runs.asking import REGION, ZONE
from playbook_runner.views import Obstacle, WhyNot
from playbook_runner.wording.addressing import reaches_customers


@dataclass(frozen=True)
class Explaining:
    """The use case behind "why not"."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    scoring: ScoringClient
    arbitrating: Arbitrating

    async def why_not(self, account_id: UUID, playbook_id: str) -> WhyNot:
        """Say what stood between a playbook and an account, and what stands there now. Raises PlaybookUnknown."""
        row = await ledger.standing(self.pool, account_id, playbook_id)
        if row is None:
            raise PlaybookUnknown(f"there is no playbook {playbook_id}")
        async with self.pool.acquire() as connection:
            playbook = await self.keeping.version(connection, playbook_id, row["version"])
        start, home = await self._start(account_id, playbook)
        async with self.pool.acquire() as connection:
            message = await self._message(connection, account_id, playbook, row, home)
        verdict = why_not(_standing(row))
        return WhyNot(
            account_id=account_id,
            playbook_id=playbook_id,
            code=verdict.code,
            sentence=verdict.sentence,
            run_id=row["run_id"],
            at=row["at"],
            against_start=start,
            against_message=message,
        )

    async def _start(self, account_id: UUID, playbook: Playbook) -> tuple[list[Obstacle], Mapping[str, Scalar | None]]:
        """Return what the account is not that the playbook asks for, and where the account lives."""
        try:
            known = await self.scoring.facts([account_id], (*asked_of(playbook), ZONE, REGION))
        except HealthAway as error:
            return [Obstacle(code="health_away", sentence=f"nobody can say how the account does: {error}")], {}
        if account_id not in known:
            return [Obstacle(code="not_scored", sentence="the account has no score")], {}
        facts = known[account_id]
        home = {subject: facts[subject].value for subject in (ZONE, REGION) if subject in facts}
        return [Obstacle(code=one.code, sentence=one.sentence) for one in unmet(playbook, facts)], home

    async def _message(
        self,
        connection: Connection,
        account_id: UUID,
        playbook: Playbook,
        row: asyncpg.Record,
        home: Mapping[str, Scalar | None],
    ) -> list[Obstacle]:
        """Return what the arbiter would say against the message that is on its way, else against the first one."""
        step = next((step for step in playbook.steps if isinstance(step, EmailStep | InAppStep)), None)
        recipient = row["recipient"] or (step.to if isinstance(step, EmailStep) else "")
        key = bytes.fromhex(row["effect_key"]) if row["effect_key"] else _nobodys(account_id, playbook.id)
        asked = Asked(
            key=key,
            account_id=account_id,
            playbook_id=playbook.id,
            channel=row["channel"] or (step.kind if step is not None else "webhook"),
            recipient=recipient,
            asked_at=row["now"],
            priority=playbook.priority,
            transactional=isinstance(step, EmailStep) and step.transactional,
            colleague=step is not None and not reaches_customers(step),
            zone=_text(home.get(ZONE)),
            region=_text(home.get(REGION)),
        )
        verdicts = await self.arbitrating.objections(connection, asked)
        return [_obstacle(one) for one in verdicts if not isinstance(one, Allow)]


def _nobodys(account_id: UUID, playbook_id: str) -> bytes:
    """The key of a message that nobody has written."""
    return effect_key(str(account_id), playbook_id, 0, "why-not", "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _obstacle(verdict: Verdict) -> Obstacle:
    assert not isinstance(verdict, Allow), "what allows stands in nobody's way"
    until: datetime | None = verdict.until if isinstance(verdict, Defer) else None
    return Obstacle(code=verdict.code, sentence=verdict.sentence, until=until)


def _standing(row: asyncpg.Record) -> Standing:
    return Standing(
        all_paused=row["paused"],
        playbook_state=row["playbook_state"],
        run_state=row["run_state"],
        run_reason=row["end_reason"] or "",
        last_outcome=row["outcome"],
        last_code=row["code"] or "",
        last_reason=row["reason"] or "",
        effect_state=row["effect_state"],
        effect_key=row["effect_key"] or "",
        waiting_for=row["waiting_for"],
        waiting_code=row["waiting_code"] or "",
    )
