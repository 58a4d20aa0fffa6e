"""Offices: who is who around an account at a moment of a rehearsal: readers and their hours, owners of work.

It goes by the people, absences, connections and words of today; it asks nobody, and it sends nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from milepost_contracts.health import HealthDigest
from milepost_core.cadence import Leave
from milepost_core.owning import Colleague, named
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.document import EmailStep, SlackStep, Step, TaskStep
from milepost_core.playbooks.tiers import owners
from milepost_core.rehearsal import Piece, Reader
from milepost_core.rehearsal.carrying import OF_WORDS
from milepost_core.schedules import instant
from playbook_runner.actions.addresses import BadAddress
from playbook_runner.arbiter.arbitrating import Arbitrating
from playbook_runner.people.places import Places
from playbook_runner.people.staffing import Staff
from playbook_runner.runs.asking import Known
from playbook_runner.runs.deciding import drafted
from playbook_runner.wording.addressing import Directory, NobodyToWriteTo
from playbook_runner.wording.briefing import brief
from playbook_runner.wording.drafting import Around, Desk, Draft, NoReasons, Occasion, Outward, words
from playbook_runner.wording.templates import TemplateFailed

_NO_RUN = UUID(int=0)


@dataclass(frozen=True)
class Firm:
    """Everybody and everything that accounts have in common, as of `now`.

    `rows` are those of `queries.colleagues`, `outlets` the names of connections that are switched on.
    """

    now: datetime
    staff: Staff
    rows: Sequence[asyncpg.Record]
    absences: Sequence[asyncpg.Record]
    places: Places
    outlets: frozenset[str]
    desk: Desk
    arbitrating: Arbitrating
    _by_absence: dict[frozenset[UUID], Staff] = field(default_factory=dict, repr=False)

    def at(self, moment: datetime) -> Staff:
        """Return everybody as they are there at a moment."""
        away = {row["person_id"]: row for row in self.absences if self._is_away(row, moment)}
        key = frozenset(row["id"] for row in away.values())
        if key not in self._by_absence:
            people = {name: _present(one, away.get(name)) for name, one in self.staff.colleagues.items()}
            self._by_absence[key] = replace(self.staff, colleagues=people)
        return self._by_absence[key]

    def back(self, person: str, moment: datetime) -> datetime | None:
        """Return when somebody who is away at a moment comes back."""
        days = [row["until"] for row in self.absences if row["person_id"] == person and self._is_away(row, moment)]
        return instant(max(days) + timedelta(days=1), time(0), self._zone(person)) if days else None

    def person(self, channel: str, recipient: str, account: UUID) -> str:
        """Return what stands for a recipient, as the arbiter knows them."""
        return self.arbitrating.person_of(channel, recipient, account).hex()

    def _is_away(self, row: asyncpg.Record, moment: datetime) -> bool:
        day = moment.astimezone(self._zone(row["person_id"])).date()
        return bool(row["since"] <= day <= row["until"])

    def _zone(self, person: str) -> Any:
        known = self.staff.calendars.get(person)
        return (known or self.staff.usual).zone


@dataclass(frozen=True)
class AccountOffice:
    """The office around one account."""

    account: UUID
    playbook: Playbook
    firm: Firm
    known: Known
    health: HealthDigest | None

    def reader(self, step: Step, at: datetime) -> Reader | Leave:
        """Return who gets what a step sends, or why the run ends there, as it would live."""
        health = self.health
        if health is None:
            return Leave("account_gone", f"the scoring API knows no account {self.account}")
        assert isinstance(step, Outward), "only steps that say something have readers"
        around = Around(Directory(self.firm.staff.otherwise, self.firm.at(at).colleagues), self._words())
        occasion = Occasion(_NO_RUN, step.id, 0, "", at)
        found = drafted(step, self.playbook, health, around, self.firm.desk, occasion)
        if isinstance(found, Leave) and found.code in OF_WORDS and at < self.firm.now:
            # What there was to say in the past nobody knows.
            found = self.recipient(step, at)
        if isinstance(found, Leave):
            return found
        connection = getattr(step, "connection", None)
        if connection is not None and connection not in self.firm.outlets:
            return Leave("failed", f"there is no outlet {connection} that is switched on")
        return self._as_reader(step, found, at)

    def recipient(self, step: Step, at: datetime) -> Draft | Leave:
        """Return whom a step means, whatever it says; the draft has no words."""
        if not isinstance(step, EmailStep):
            where = {"slack": getattr(step, "channel", ""), "in_app": getattr(step, "role", "")}
            to = where.get(step.kind, str(self.account))
            return Draft(b"", to, b"", colleague=isinstance(step, SlackStep))
        directory = Directory(self.firm.staff.otherwise, self.firm.at(at).colleagues)
        owner = (self.health.account.owner or "") if self.health is not None else ""
        try:
            found = directory.find(step.to, owner, self._words())
        except (NobodyToWriteTo, BadAddress) as error:
            return Leave("nobody_to_write_to", str(error))
        return Draft(b"", found.address, b"", colleague=found.colleague)

    def piece(self, step: TaskStep, playbook: Playbook, tier: str | None, at: datetime) -> Piece | Leave:
        """Return the task that somebody is given, with its title as it would read today."""
        if self.health is None:
            return Leave("account_gone", f"the scoring API knows no account {self.account}")
        title = step.title
        try:
            title = words(step, brief(self.health, playbook, self.firm.desk.page_base))["title"]
        except (NoReasons, TemplateFailed) as error:
            if at >= self.firm.now:
                code = "no_reasons" if isinstance(error, NoReasons) else "not_sendable"
                return Leave(code, str(error))
        staff = self.firm.at(at)
        owner = staff.owner(owners(playbook, tier, step.owner), self.health.account.owner).id
        return Piece(owner, title, staff.worktime(owner))

    def _as_reader(self, step: Step, draft: Draft, at: datetime) -> Reader:
        firm = self.firm
        one = named(draft.recipient, firm.staff.colleagues)
        one = one if one is not None and one.active else None
        ours = draft.colleague or (isinstance(step, EmailStep) and one is not None)
        calendar = self.known.calendar if not ours else None if one is None else firm.staff.calendars.get(one.id)
        away = firm.back(one.id, at) if ours and one is not None else None
        return Reader(firm.person(step.kind, draft.recipient, self.account), ours, calendar, away)

    def _words(self) -> dict[str, str]:
        return {name: value for name, value in self.known.attributes.items() if isinstance(value, str)}


def _present(one: Colleague, absence: asyncpg.Record | None) -> Colleague:
    return replace(one, away=absence is not None, delegate=None if absence is None else absence["delegate_id"])


def persons_of(playbook: Playbook, firm: Firm, offices: Mapping[UUID, AccountOffice]) -> set[bytes]:
    """Return everybody to whom a playbook may write about these accounts, as the arbiter knows them."""
    ours = {row["email"] for row in firm.rows if row["email"]} | {firm.staff.otherwise}
    found = {firm.person("email", address, _NO_RUN) for address in ours}
    steps = [step for step in playbook.steps if isinstance(step, Outward)]
    for account, office in offices.items():
        meant = ((step, office.recipient(step, firm.now)) for step in steps)
        found |= {firm.person(step.kind, one.recipient, account) for step, one in meant if isinstance(one, Draft)}
    return {bytes.fromhex(one) for one in found}
