"""Explaining: why a playbook did not reach an account, and all that stands against it now; it changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_core.arbiter import Allow, Defer, Verdict
from milepost_core.cadence import Standing, asked_of, unmet, why_not
from milepost_core.effects import effect_key
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.conditions import Facts
from milepost_core.playbooks.document import (
    CrmStep,
    EmailStep,
    InAppStep,
    SlackStep,
    Step,
    WebhookStep,
)
from milepost_runtime.database import Pool
from playbook_runner.actions.addresses import BadAddress
from playbook_runner.arbiter.arbitrating import Arbitrating, Asked
from playbook_runner.clients.scoring import AccountGone, HealthAway, ScoringClient
from playbook_runner.documents.keeping import Keeping, PlaybookUnknown
from playbook_runner.people.places import REGION, ZONE
from playbook_runner.queries import colleagues, ledger
from playbook_runner.queries.merging import living_one
from playbook_runner.views import Obstacle, WhyNot
from playbook_runner.wording.addressing import ATTRIBUTE, OWNER, Addressee, Directory, NobodyToWriteTo

_SUBJECT = "attribute."


@dataclass(frozen=True)
class Home:
    """What is known of an account as far as a message to it depends on that; `known` is false when nobody can say."""

    known: bool = False
    owner: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Explaining:
    """The use case behind "why not". `fallback` gets what is meant for an owner whom nobody knows."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    scoring: ScoringClient
    arbitrating: Arbitrating
    fallback: str

    async def why_not(self, account_id: UUID, playbook_id: str) -> WhyNot:
        """Say what stood between a playbook and an account, and what stands there now. Raises PlaybookUnknown.

        An account that was merged is asked about under the id of the one that lives on, which the answer names.
        """
        account_id = await living_one(self.pool, account_id)
        row = await ledger.standing(self.pool, account_id, playbook_id)
        if row is None:
            raise PlaybookUnknown(f"there is no playbook {playbook_id}")
        async with self.pool.acquire() as connection:
            playbook = await self.keeping.version(connection, playbook_id, row["version"])
            running = row["run_version"] if row["run_state"] == "running" else row["version"]
            steps = _messages(await self.keeping.version(connection, playbook_id, running), row)
        start, home = await self._start(account_id, playbook, steps)
        verdict = why_not(_standing(row))
        return WhyNot(
            account_id=account_id,
            playbook_id=playbook_id,
            code=verdict.code,
            sentence=verdict.sentence,
            run_id=row["run_id"],
            at=row["at"],
            against_start=start,
            against_message=await self._against(account_id, playbook, row, steps, home),
        )

    async def _start(self, account_id: UUID, playbook: Playbook, steps: Sequence[Step]) -> tuple[list[Obstacle], Home]:
        """Return what the account is not that the playbook asks for, and what messages to it depend on."""
        named = {_SUBJECT + to.removeprefix(ATTRIBUTE) for to in _addressed(steps) if to.startswith(ATTRIBUTE)}
        try:
            known = await self.scoring.facts([account_id], (*{*asked_of(playbook), ZONE, REGION, *named},))
            if account_id not in known:
                return [Obstacle(code="not_scored", sentence="the account has no score")], Home()
            owned = OWNER in _addressed(steps)
            owner = (await self.scoring.health(account_id, "")).account.owner if owned else ""
        except (HealthAway, AccountGone) as error:
            return [Obstacle(code="health_away", sentence=f"nobody can say how the account does: {error}")], Home()
        facts = known[account_id]
        missing = [Obstacle(code=one.code, sentence=one.sentence) for one in unmet(playbook, facts)]
        return missing, Home(True, owner or "", _texts(facts))

    async def _against(
        self, account_id: UUID, playbook: Playbook, row: asyncpg.Record, steps: Sequence[Step], home: Home
    ) -> list[Obstacle]:
        """Return what the arbiter has against messages, each thing once, and where there is nobody to write to."""
        found: dict[tuple[str, str], Obstacle] = {}
        async with self.pool.acquire() as connection:
            directory = Directory(self.fallback, await colleagues.everybody(connection))
            for step in steps:
                try:
                    to = _addressee(step, row, directory, home)
                except (NobodyToWriteTo, BadAddress) as error:
                    code = "nobody_to_write_to" if isinstance(error, NobodyToWriteTo) else "not_sendable"
                    found.setdefault((code, str(error)), Obstacle(code=code, sentence=str(error)))
                    to = Addressee("", colleague=False)
                asked = _asked(account_id, playbook, row, step, to, home)
                for verdict in await self.arbitrating.objections(connection, asked):
                    if not isinstance(verdict, Allow):
                        found.setdefault((verdict.code, verdict.sentence), _obstacle(verdict))
        return list(found.values())


def _messages(playbook: Playbook, row: asyncpg.Record) -> list[Step]:
    """Return the steps that are asked about: that of the effect that is open, or an open run's next message, or all."""
    step = playbook.step(row["path"]) if row["run_state"] == "running" and row["path"] else None
    if step is None:
        return [one for one in playbook.steps if isinstance(one, EmailStep | InAppStep)]
    while row["effect_key"] is None and not isinstance(step, EmailStep | InAppStep):
        step = playbook.after(step.id)
        if step is None:
            return []
    return [step]


def _addressed(steps: Sequence[Step]) -> set[str]:
    return {step.to for step in steps if isinstance(step, EmailStep)}


def _addressee(step: Step, row: asyncpg.Record, directory: Directory, home: Home) -> Addressee:
    """Return whom a step means today; what may have arrived goes to whom it went. Raises as Directory.find does."""
    match step:
        case EmailStep(to=to) if row["effect_state"] in (None, "ready") and (home.known or not _depends(to)):
            return directory.find(to, home.owner, home.attributes)
        case EmailStep(to=to):
            return Addressee(row["recipient"] or to, colleague=not to.startswith(ATTRIBUTE))
        case InAppStep(role=role):
            return Addressee(role, colleague=False)
        case SlackStep(channel=channel):
            return Addressee(channel, colleague=True)
        case WebhookStep(connection=connection) | CrmStep(connection=connection):
            return Addressee(connection, colleague=False)
        case _:
            return Addressee("", colleague=False)


def _depends(to: str) -> bool:
    return to == OWNER or to.startswith(ATTRIBUTE)


def _asked(account_id: UUID, playbook: Playbook, row: asyncpg.Record, step: Step, to: Addressee, home: Home) -> Asked:
    open_key = row["effect_key"] if row["run_state"] == "running" else None
    return Asked(
        key=bytes.fromhex(open_key) if open_key else _nobodys(account_id, playbook.id),
        account_id=account_id,
        playbook_id=playbook.id,
        channel=step.kind,
        recipient=to.address,
        asked_at=row["now"],
        priority=playbook.priority,
        transactional=isinstance(step, EmailStep) and step.transactional,
        colleague=to.colleague,
        zone=home.attributes.get(ZONE.removeprefix(_SUBJECT), ""),
        region=home.attributes.get(REGION.removeprefix(_SUBJECT), ""),
    )


def _nobodys(account_id: UUID, playbook_id: str) -> bytes:
    """The key of a message that nobody has written."""
    return effect_key(str(account_id), playbook_id, 0, "why-not", "")


def _texts(facts: Facts) -> dict[str, str]:
    return {
        subject.removeprefix(_SUBJECT): fact.value
        for subject, fact in facts.items()
        if subject.startswith(_SUBJECT) and isinstance(fact.value, str)
    }


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
