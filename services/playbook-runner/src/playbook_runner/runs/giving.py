"""Giving people their part: a step that somebody has to do or to allow becomes a task or a gate; it sends nothing.

What it says is written when the step is reached, from the health of that moment.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from uuid import UUID

import asyncpg
import structlog

from milepost_contracts.health import HealthDigest
from milepost_core.cadence import Leave
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.document import ApprovalStep, EmailStep, TaskStep
from milepost_core.playbooks.tiers import owners
from milepost_runtime.database import Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.lanes import Claim, Lane, hold
from playbook_runner.clients.scoring import HealthAway, ScoringClient
from playbook_runner.measures import STEPS
from playbook_runner.people.approving import Approving, Gate
from playbook_runner.people.tasking import Tasking, Wanted
from playbook_runner.people.valuing import values
from playbook_runner.queries import advancing as queries
from playbook_runner.queries.advancing import StepEnd
from playbook_runner.runs.intending import Intended
from playbook_runner.runs.writing import Decided, Page, kept, walked
from playbook_runner.wording.addressing import ATTRIBUTE
from playbook_runner.wording.briefing import brief
from playbook_runner.wording.drafting import NoReasons, Outward, words
from playbook_runner.wording.templates import TemplateFailed

log = structlog.get_logger()
Part: TypeAlias = Wanted | Gate
AT_ONCE = "begun"
"""What comes of a task that the run does not wait for."""


@dataclass(frozen=True)
class Giving:
    """The use case of turning steps into the work of people; `page_base` is where links in scripts begin."""

    pool: Pool = field(repr=False)
    scoring: ScoringClient
    tasking: Tasking
    approving: Approving
    page_base: str

    async def give(self, lane: Lane, mine: Mapping[UUID, Claim], steps: Sequence[Decided]) -> Intended:
        """Give out the steps that are ours, unless their runs were ended meanwhile."""
        try:
            healths = await self.scoring.healths(sorted({one.row["account_id"] for one in steps}))
            worth = await self._values(steps)
            boxes = await self._mailboxes(steps)
        except HealthAway as error:
            return Intended((), [one.row for one in steps], str(error))
        found = [
            (one, self._part(one, healths.get(one.row["account_id"]), worth.get(one.row["step_id"], 0.0), boxes))
            for one in steps
        ]
        parts = [(one, part) for one, part in found if not isinstance(part, Leave)]
        if parts:
            await self._write(lane, mine, parts)
        return Intended([(one.row, part) for one, part in found if isinstance(part, Leave)])

    async def _values(self, steps: Iterable[Decided]) -> dict[UUID, float]:
        """Return by step what its account is worth, by the attribute that its playbook names, or else the policy."""
        told = {one.row["step_id"]: (one.row["account_id"], _value_of(one.playbook)) for one in steps}
        found = await values(self.pool, self.scoring, set(told.values()))
        return {step_id: found[pair] for step_id, pair in told.items() if pair in found}

    async def _mailboxes(self, steps: Sequence[Decided]) -> dict[UUID, dict[str, str]]:
        """Return by account the attributes that hold the addresses of those to whom the gates' mails would go."""
        asked = [(one.row["account_id"], to) for one in steps if (to := _goes_to(one)).startswith(ATTRIBUTE)]
        if not asked:
            return {}
        subjects = {to: f"attribute.{to.removeprefix(ATTRIBUTE)}" for _, to in asked}
        facts = await self.scoring.facts(sorted({account for account, _ in asked}), sorted(set(subjects.values())))
        found: dict[UUID, dict[str, str]] = {}
        for account, to in asked:
            fact = facts.get(account, {}).get(subjects[to])
            if fact is not None and isinstance(fact.value, str):
                found.setdefault(account, {})[to.removeprefix(ATTRIBUTE)] = fact.value
        return found

    def _part(
        self, one: Decided, health: HealthDigest | None, value: float, boxes: Mapping[UUID, Mapping[str, str]]
    ) -> Part | Leave:
        if health is None:
            return Leave("account_gone", f"the scoring API knows no account {one.row['account_id']}")
        assert one.playbook is not None, "only a playbook says what a person is to do"
        step = one.playbook.step(one.row["path"])
        view = brief(health, one.playbook, self.page_base)
        try:
            if isinstance(step, ApprovalStep):
                gate = _gate(step, one.row, one.playbook, health, view)
                return replace(gate, to=_goes_to(one), attributes=boxes.get(gate.account_id, {}))
            assert isinstance(step, TaskStep), "people are given tasks and gates"
            return _wanted(step, one, words(step, view), health, value)
        except NoReasons as error:
            return Leave("no_reasons", str(error))
        except TemplateFailed as error:
            return Leave("not_sendable", f"{type(error).__name__}: {error}")

    async def _write(self, lane: Lane, mine: Mapping[UUID, Claim], parts: Sequence[tuple[Decided, Part]]) -> None:
        page = Page()
        async with self.pool.acquire() as connection, connection.transaction():
            runs = await queries.lock_runs(connection, [one.row["run_id"] for one, _ in parts])
            held = await hold(connection, lane, [mine[one.row["step_id"]] for one, _ in parts])
            open_, gone = kept([one for one, _ in parts], held, runs)
            page.ends.extend(gone)
            still = {one.row["step_id"] for one in open_}
            given = [(one, part) for one, part in parts if one.row["step_id"] in still]
            for one, part in given:
                _put_down(page, one, part)
            await self.tasking.ask(connection, [part for _, part in given if isinstance(part, Wanted)])
            await self.approving.ask(connection, [part for _, part in given if isinstance(part, Gate)])
            await page.write(connection)
            await afp("playbooks.advance.given")
        STEPS.labels("given").inc(len(given))
        STEPS.labels("passed").inc(page.passed)
        log.info("steps_given", tasks=sum(isinstance(part, Wanted) for _, part in given), steps=len(given))


def _value_of(playbook: Playbook | None) -> str:
    return "" if playbook is None or playbook.tiers is None else playbook.tiers.value_of or ""


def _goes_to(one: Decided) -> str:
    """Return the word for whoever gets the mail that a gate is about; empty: it is no mail, or no gate."""
    step = one.playbook.step(one.row["path"]) if one.playbook is not None else None
    about = one.playbook.step(step.about) if one.playbook is not None and isinstance(step, ApprovalStep) else None
    return about.to if isinstance(about, EmailStep) else ""


def _put_down(page: Page, one: Decided, part: Part) -> None:
    """Let a run wait for its person, or go on at once if it does not wait for them."""
    if isinstance(part, Wanted) and not part.step.waits:
        assert one.playbook is not None, "only a playbook says whether a run waits"
        page.add(walked(one.row, one.playbook, outcome=AT_ONCE))
    else:
        page.ends.append(StepEnd(part.step_id, "performing"))


def _wanted(step: TaskStep, one: Decided, said: Mapping[str, str], health: HealthDigest, value: float) -> Wanted:
    row, playbook = one.row, one.playbook
    assert playbook is not None, "only a playbook says what a person is to do"
    return Wanted(
        step=step,
        owner=owners(playbook, row["tier"], step.owner),
        account_id=row["account_id"],
        run_id=row["run_id"],
        step_id=row["step_id"],
        playbook_id=row["playbook_id"],
        title=said["title"],
        script=said["script"],
        account_owner=health.account.owner,
        score=health.score,
        band=health.effective_band.band,
        value=value,
        evidence=row["because"],
    )


def _gate(
    step: ApprovalStep, row: asyncpg.Record, playbook: Playbook, health: HealthDigest, view: Mapping[str, object]
) -> Gate:
    """Return a gate before the step that it is about, with that step's words of today."""
    about = playbook.step(step.about)
    draft = words(about, view) if isinstance(about, Outward) else {}
    by = owners(playbook, row["tier"], step.by)
    return Gate(step, by, row["account_id"], row["run_id"], row["step_id"], health.account.owner, draft)
