"""Asking what is true of many accounts at once, as far as the steps at which their runs stand depend on it.

It keeps no answer, and it asks only for the subjects that some playbook in question speaks of.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from milepost_core.playbooks import BandTrigger, Playbook
from milepost_core.playbooks.conditions import OF_RUN, Condition, Facts, Scalar, subjects_of
from milepost_core.playbooks.document import BranchStep, WaitStep
from milepost_core.playbooks.outcomes import outcome_facts
from milepost_core.schedules import Calendar
from milepost_runtime.database import Pool
from playbook_runner.clients.scoring import ScoringClient
from playbook_runner.people.places import REGION, ZONE, Places, read_places
from playbook_runner.queries import advancing, arbiter

_ATTRIBUTE = "attribute."


@dataclass(frozen=True)
class Known:
    """What is known of an account now: its facts, its dates and words by name, the calendar that it lives by."""

    facts: Facts
    attributes: Mapping[str, Scalar]
    calendar: Calendar

    def and_of_run(self, told: Facts) -> "Known":
        """Return the same with what is known of a run of its."""
        return replace(self, facts={**self.facts, **told}) if told else self


class Answers(dict[UUID, Known]):
    """What is known by account. Of one that is not there (not scored) nothing is: it lives where the company does."""

    def __init__(self, found: Mapping[UUID, Known], elsewhere: Calendar) -> None:
        super().__init__(found)
        self._stranger = Known({}, {}, elsewhere)

    def __missing__(self, account: UUID) -> Known:
        return self._stranger


@dataclass(frozen=True)
class Asking:
    """The one question of the engine to the scoring API."""

    pool: Pool = field(repr=False)
    scoring: ScoringClient

    async def known(
        self, asked: Collection[UUID], playbooks: Iterable[Playbook], now: datetime, more: Collection[str] = ()
    ) -> Answers:
        """Return what is known of accounts, as far as their playbooks (or `more`) speak of it.

        Raises HealthAway: then nobody knows anything now.
        """
        subjects = tuple(sorted({*more, *(subject for playbook in playbooks for subject in subjects_in(playbook))}))
        facts = await self.scoring.facts(sorted(asked), subjects)
        async with self.pool.acquire() as connection:
            homes = _Homes(read_places(await arbiter.frame(connection, now)), now.date())
        return Answers({account: _known(found, homes) for account, found in facts.items()}, homes["", ""])

    async def come_of(self, run_ids: Collection[UUID]) -> dict[UUID, Facts]:
        """Return what came of the steps that people had, as facts by run; a run is missing where nothing did."""
        found: dict[UUID, dict[str, str]] = {}
        for row in await advancing.outcomes_of(self.pool, sorted(run_ids)) if run_ids else []:
            found.setdefault(row["run_id"], {})[row["path"]] = row["outcome"]
        return {run: outcome_facts(outcomes) for run, outcomes in found.items()}

    async def meant(self, condition: Condition) -> set[UUID]:
        """Return every account of the book for whom a condition holds today. Raises HealthAway."""
        found: set[UUID] = set()
        after: UUID | None = None
        while True:
            page = await self.scoring.meant(condition, (), after)
            found |= {one.account for one in page.data}
            if page.after is None:
                return found
            after = page.after


def subjects_in(playbook: Playbook) -> frozenset[str]:
    """Return what a run of a playbook may depend on at any of its steps or by its exits; always also where it lives."""
    conditions: list[Condition | None] = [exit_.condition for exit_ in playbook.exits]
    found = {ZONE, REGION}
    for step in playbook.steps:
        conditions.append(step.only_if)
        if isinstance(step, WaitStep):
            conditions.append(step.condition)
            found |= {_ATTRIBUTE + step.attribute} if step.attribute is not None else set()
        elif isinstance(step, BranchStep):
            conditions += [case.when for case in step.cases]
    if isinstance(playbook.trigger, BandTrigger) or any(exit_.kind == "recovered" for exit_ in playbook.exits):
        found.add("band")
    return frozenset(found | {one for one in subjects_of(*conditions) if not one.startswith(f"{OF_RUN}.")})


class _Homes(dict[tuple[str, str], Calendar]):
    """The calendars of zones and regions around one day, each made once: few places have many accounts."""

    def __init__(self, places: Places, today: date) -> None:
        super().__init__()
        self._places, self._today = places, today

    def __missing__(self, place: tuple[str, str]) -> Calendar:
        self[place] = made = self._places.home(*place, self._today)
        return made


def _known(facts: Facts, homes: _Homes) -> Known:
    attributes = {
        subject.removeprefix(_ATTRIBUTE): fact.value
        for subject, fact in facts.items()
        if subject.startswith(_ATTRIBUTE) and fact.value is not None
    }
    return Known(facts, attributes, homes[text_of(facts, ZONE), text_of(facts, REGION)])


def text_of(facts: Facts, subject: str) -> str:
    """Return what is known of a subject if it is a text, else an empty one."""
    value = facts[subject].value if subject in facts else None
    return value if isinstance(value, str) else ""
