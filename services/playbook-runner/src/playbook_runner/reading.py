"""Reading: lists, pages and the answer to "why not"; it changes nothing."""

from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from milepost_core.effects import EffectState, resolutions
from milepost_runtime.database import Pool
from playbook_runner.effects.resolving import EffectUnknown, RunUnknown
from playbook_runner.queries import ledger
from playbook_runner.queries import playbooks as documents
from playbook_runner.queries import reading as queries
from playbook_runner.queries.merging import living_one
from playbook_runner.views import (
    AttemptView,
    EffectList,
    EffectSummary,
    EffectView,
    LedgerEntry,
    LedgerPage,
    RunList,
    RunSummary,
    RunView,
    StepView,
    Switch,
)


@dataclass(frozen=True)
class Reading:
    """What people and programs may look at."""

    pool: Pool = field(repr=False)

    async def runs(self, account_id: UUID | None, state: str | None, cursor: UUID | None, limit: int) -> RunList:
        """Return a page of runs, newest first; those of an account that was merged are its survivor's."""
        account = None if account_id is None else await living_one(self.pool, account_id)
        rows = await queries.runs(self.pool, account, state, cursor, limit + 1)
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

    async def ledger(self, wanted: ledger.Filter, cursor: int | None, limit: int) -> LedgerPage:
        """Return a page of the ledger, newest first."""
        rows = await ledger.page(self.pool, wanted, cursor, limit + 1)
        entries = [LedgerEntry.model_validate(_entry(row)) for row in rows[:limit]]
        return LedgerPage(data=entries, next_cursor=str(entries[-1].id) if len(rows) > limit else None)

    async def switch(self) -> Switch:
        """Return the one switch."""
        return Switch.model_validate(dict(await documents.control(self.pool)))


def _entry(row: asyncpg.Record) -> dict[str, object]:
    key: bytes | None = row["effect_key"]
    return {**dict(row), "effect": key.hex() if key is not None else None}
