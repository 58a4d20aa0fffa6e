"""Reading: lists, pages and the answer to "why not"; it changes nothing."""

from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from milepost_core.cadence import Standing, why_not
from milepost_core.effects import EffectState, resolutions
from milepost_runtime.database import Pool
from playbook_runner.keeping import PlaybookUnknown
from playbook_runner.queries import ledger
from playbook_runner.queries import playbooks as documents
from playbook_runner.queries import reading as queries
from playbook_runner.resolving import EffectUnknown, RunUnknown
from playbook_runner.views import (
    AttemptView,
    EffectList,
    EffectSummary,
    EffectView,
    LedgerEntry,
    LedgerPage,
    PlaybookList,
    PlaybookSummary,
    PlaybookView,
    RunList,
    RunSummary,
    RunView,
    StepView,
    Switch,
    WhyNot,
)


@dataclass(frozen=True)
class Reading:
    """What people and programs may look at."""

    pool: Pool = field(repr=False)

    async def playbooks(self) -> PlaybookList:
        """Return every playbook in force."""
        rows = await documents.current(self.pool)
        return PlaybookList(data=[PlaybookSummary.model_validate(_described(row)) for row in rows])

    async def playbook(self, playbook_id: str, version: int | None = None) -> PlaybookView:
        """Return the version in force, or a given one. Raises PlaybookUnknown."""
        if version is None:
            row = next(iter(await documents.current(self.pool, playbook_id)), None)
        else:
            row = await documents.version(self.pool, playbook_id, version)
        if row is None:
            raise PlaybookUnknown(f"there is no playbook {playbook_id}" + (f", version {version}" if version else ""))
        return playbook_view(row)

    async def runs(self, account_id: UUID | None, state: str | None, cursor: UUID | None, limit: int) -> RunList:
        """Return a page of runs, newest first."""
        rows = await queries.runs(self.pool, account_id, state, cursor, limit + 1)
        found = [RunSummary.model_validate(dict(row)) for row in rows[:limit]]
        return RunList(data=found, next_cursor=str(found[-1].id) if len(rows) > limit else None)

    async def run(self, run_id: UUID) -> RunView:
        """Return a run with its steps and effects. Raises RunUnknown."""
        row = await queries.run(self.pool, run_id)
        if row is None:
            raise RunUnknown(f"there is no run {run_id}")
        steps = [StepView.model_validate(dict(step)) for step in await queries.steps_of(self.pool, run_id)]
        effects = [EffectSummary.model_validate(dict(one)) for one in await queries.effects_of(self.pool, run_id)]
        return RunView.model_validate({**dict(row), "steps": steps, "effects": effects})

    async def effects(self, state: str | None, cursor: bytes | None, limit: int) -> EffectList:
        """Return a page of effects, oldest first; `leased` finds those that are stored as ready, too."""
        stored = None if state is None else ["ready" if state == EffectState.LEASED else state]
        rows = await queries.effects(self.pool, stored, cursor, limit + 1)
        found = [EffectSummary.model_validate(dict(row)) for row in rows[:limit]]
        return EffectList(data=found, next_cursor=found[-1].key if len(rows) > limit else None)

    async def effect(self, key: bytes) -> EffectView:
        """Return an effect with its tries. Raises EffectUnknown."""
        row = await queries.effect(self.pool, key)
        if row is None:
            raise EffectUnknown(f"there is no effect {key.hex()}")
        tries = [AttemptView.model_validate(dict(one)) for one in await queries.attempts_of(self.pool, key)]
        allowed = resolutions(EffectState(row["state"]), row["run_state"], quiet=row["quiet"])
        return EffectView.model_validate({**dict(row), "tries": tries, "may_resolve": allowed})

    async def ledger(self, account_id: UUID | None, cursor: int | None, limit: int) -> LedgerPage:
        """Return a page of the ledger, newest first."""
        rows = await ledger.page(self.pool, account_id, cursor, limit + 1)
        entries = [LedgerEntry.model_validate(_entry(row)) for row in rows[:limit]]
        return LedgerPage(data=entries, next_cursor=str(entries[-1].id) if len(rows) > limit else None)

    async def why_not(self, account_id: UUID, playbook_id: str) -> WhyNot:
        """Say what stands between a playbook and an account. Raises PlaybookUnknown."""
        row = await ledger.standing(self.pool, account_id, playbook_id)
        if row is None:
            raise PlaybookUnknown(f"there is no playbook {playbook_id}")
        verdict = why_not(
            Standing(
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
        )
        return WhyNot(
            account_id=account_id,
            playbook_id=playbook_id,
            code=verdict.code,
            sentence=verdict.sentence,
            run_id=row["run_id"],
            at=row["at"],
        )

    async def switch(self) -> Switch:
        """Return the one switch."""
        return Switch.model_validate(dict(await documents.control(self.pool)))


def playbook_view(row: asyncpg.Record) -> PlaybookView:
    """Return one stored version as the API shows it."""
    return PlaybookView.model_validate(_described(row))


def _described(row: asyncpg.Record) -> dict[str, object]:
    document = row["document"]
    return {**dict(row), "name": document["name"], "purpose": document.get("purpose", "")}


def _entry(row: asyncpg.Record) -> dict[str, object]:
    key: bytes | None = row["effect_key"]
    return {**dict(row), "effect": key.hex() if key is not None else None}
