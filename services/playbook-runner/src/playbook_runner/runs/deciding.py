"""Deciding: what a step says today, by the law and by health asked for now: one message, or the end of the run.

It writes nothing and sends nothing, and it keeps no answer: whoever asks twice hears of two moments.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from uuid import UUID

import asyncpg
import structlog

from milepost_contracts.audiences import facts_of
from milepost_contracts.health import HealthDigest
from milepost_core.cadence import Leave, Situation, looks_at_facts, stands
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.conditions import Fact, Facts, Scalar, subjects_of
from milepost_core.playbooks.document import EmailStep
from milepost_runtime.database import Pool
from playbook_runner.actions.addresses import BadAddress
from playbook_runner.actions.layout import MarkupRefused
from playbook_runner.actions.message import HeaderRefused
from playbook_runner.clients.scoring import DOCUMENTS_AT_ONCE, AccountGone, HealthAway, ScoringClient
from playbook_runner.documents.keeping import Keeping
from playbook_runner.people.places import REGION, ZONE
from playbook_runner.queries import addressees, colleagues
from playbook_runner.wording.addressing import ATTRIBUTE, Directory, NobodyToWriteTo, reaches_customers
from playbook_runner.wording.drafting import Around, Desk, Draft, NoReasons, Occasion, Outward, approved, draft
from playbook_runner.wording.templates import TemplateFailed

log = structlog.get_logger()
Decision: TypeAlias = Draft | Leave | HealthAway
Health: TypeAlias = HealthDigest | Leave | HealthAway
QUESTIONS_AT_ONCE = 8
# What a customer may read, at hours of their own.
READ_AT_HOME = frozenset({"email", "in_app"})
_SUBJECT = "attribute."
_NOT_SENDABLE = (TemplateFailed, MarkupRefused, HeaderRefused, BadAddress)


@dataclass(frozen=True)
class Told:
    """What our own store knows about a batch of steps."""

    directory: Directory
    playbooks: Mapping[UUID, Playbook]
    earlier: Mapping[UUID, Sequence[tuple[str, bytes]]]
    edited: Mapping[UUID, Mapping[str, str]]


@dataclass(frozen=True)
class Heard:
    """What the scoring API says of accounts now: their health, or why there is none to be had."""

    health: Mapping[UUID, Health]
    facts: Mapping[UUID, Facts]

    def tells(self, account: UUID, subjects: Collection[str]) -> bool:
        """Return whether everything that was asked for about an account is here."""
        return account in self.health and (not subjects or account in self.facts)

    def attributes(self, account: UUID) -> dict[str, Scalar]:
        """Return what was asked for and is known of an account's attributes, by name."""
        return {
            subject.removeprefix(_SUBJECT): fact.value
            for subject, fact in self.facts.get(account, {}).items()
            if fact.value is not None
        }


@dataclass(frozen=True)
class Deciding:
    """The one rule for drafting and for sending. `fallback` gets what is meant for an owner whom nobody knows."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    scoring: ScoringClient
    desk: Desk
    fallback: str

    async def today(self, step: asyncpg.Record, key: bytes | None = None) -> Draft | Leave:
        """Return what one step sends today, or why its run ends before it; `step` is a row of `contexts`.

        `key` is the effect's, when there is one. Raises HealthAway: then nobody knows what to say today.
        """
        decision = (await self.today_of([step], {} if key is None else {step["step_id"]: key}))[step["step_id"]]
        if isinstance(decision, HealthAway):
            raise decision
        return decision

    async def today_of(self, steps: Sequence[asyncpg.Record], keys: Mapping[UUID, bytes]) -> dict[UUID, Decision]:
        """Return by step what each sends today; HealthAway in its place where nobody knows what to say.

        Our own store is asked for the whole batch at once, the scoring API for as many as it tells of together; that
        takes at most twice the limit of one question.
        """
        told = await self._told(steps)
        parts = [steps[start : start + DOCUMENTS_AT_ONCE] for start in range(0, len(steps), DOCUMENTS_AT_ONCE)]
        decided = await asyncio.gather(*(self._decided_together(some, told, keys) for some in parts))
        decisions = {step_id: decision for found in decided for step_id, decision in found.items()}
        left = [step for step in steps if step["step_id"] not in decisions]
        heard = await self._heard_alone(left, told.playbooks)
        return decisions | {
            step["step_id"]: self._decided(step, told, heard, keys.get(step["step_id"])) for step in left
        }

    async def _decided_together(
        self, steps: Sequence[asyncpg.Record], told: Told, keys: Mapping[UUID, bytes]
    ) -> dict[UUID, Decision]:
        """Decide about those of whom the scoring API tells together, and let go of their documents, which are large."""
        wanted = _wanted(steps, told.playbooks)
        if len(wanted) < 2:
            return {}
        heard = await self._heard_together(wanted)
        return {
            step["step_id"]: self._decided(step, told, heard, keys.get(step["step_id"]))
            for step in steps
            if heard.tells(step["account_id"], wanted[step["account_id"]])
        }

    async def home(self, effect: asyncpg.Record) -> tuple[str, str] | HealthAway:
        """Return zone and region of who may read an effect, empty as far as nobody knows them."""
        if effect["channel"] not in READ_AT_HOME:
            return "", ""
        account_id: UUID = effect["account_id"]
        try:
            found = await self.scoring.facts([account_id], (ZONE, REGION), effect["correlation_id"])
        except HealthAway as error:
            return error
        facts = found.get(account_id, {})
        zone, region = (facts[one].value if one in facts else None for one in (ZONE, REGION))
        return zone if isinstance(zone, str) else "", region if isinstance(region, str) else ""

    async def _heard_together(self, wanted: Mapping[UUID, set[str]]) -> Heard:
        asking = sorted(account for account, subjects in wanted.items() if subjects)
        subjects = sorted(set[str]().union(*wanted.values()))
        try:
            async with asyncio.timeout(self.scoring.limit_s):
                health = await self.scoring.healths(sorted(wanted))
                return Heard(health, await self.scoring.facts(asking, subjects) if asking else {})
        except (HealthAway, TimeoutError) as error:
            log.warning("healths_away", accounts=len(wanted), error=str(error) or "timeout")
            return Heard({}, {})

    async def _heard_alone(self, steps: Sequence[asyncpg.Record], playbooks: Mapping[UUID, Playbook]) -> Heard:
        """Ask for each account alone: one that is slow to be told of spoils the question about many for all."""
        wanted = _wanted(steps, playbooks)
        correlation_ids = {step["account_id"]: step["correlation_id"] for step in steps}
        gate = asyncio.Semaphore(QUESTIONS_AT_ONCE)
        until = asyncio.get_running_loop().time() + self.scoring.limit_s

        async def one(account: UUID) -> tuple[Health, Facts]:
            try:
                async with asyncio.timeout_at(until), gate:
                    return await self._heard_of(account, wanted[account], correlation_ids[account])
            except TimeoutError:
                return HealthAway(f"the scoring API did not answer within {self.scoring.limit_s:g} s"), {}

        accounts = sorted(wanted)
        found = dict(zip(accounts, await asyncio.gather(*map(one, accounts)), strict=True))
        health = {account: single[0] for account, single in found.items()}
        return Heard(health, {account: single[1] for account, single in found.items()})

    async def _heard_of(self, account: UUID, subjects: set[str], correlation_id: str) -> tuple[Health, Facts]:
        try:
            health = await self.scoring.health(account, correlation_id)
            facts = await self.scoring.facts([account], sorted(subjects), correlation_id) if subjects else {}
        except AccountGone as error:
            return Leave("account_gone", str(error)), {}
        except HealthAway as error:
            return error, {}
        return health, facts.get(account, {})

    async def _told(self, steps: Sequence[asyncpg.Record]) -> Told:
        earlier: dict[UUID, list[tuple[str, bytes]]] = defaultdict(list)
        async with self.pool.acquire() as connection:
            playbooks = {
                step["step_id"]: await self.keeping.version(connection, step["playbook_id"], step["version"])
                for step in steps
            }
            mails = [step["run_id"] for step in steps if step["kind"] == "email"]
            people = await colleagues.everybody(connection) if mails else {}
            for row in await addressees.earlier_mails(connection, mails) if mails else []:
                earlier[row["run_id"]].append((row["recipient"], row["key"]))
            edited = await addressees.edited_words(connection, [step["step_id"] for step in steps])
        directory = Directory(self.fallback, people)
        words = {row["step_id"]: approved(row["draft"], row["edited"]) for row in edited}
        return Told(directory, playbooks, earlier, words)

    def _decided(self, step: asyncpg.Record, told: Told, heard: Heard, key: bytes | None) -> Decision:
        health = heard.health[step["account_id"]]
        if not isinstance(health, HealthDigest):
            return health
        playbook = told.playbooks[step["step_id"]]
        attributes = heard.attributes(step["account_id"])
        # Without exits by facts the band alone is asked for.
        band: Facts = {"band": Fact(health.effective_band.band)}
        facts = facts_of(health, attributes) if looks_at_facts(playbook) else band
        at = Situation(step["path"], step["now"], facts, trigger_kind=step["trigger_kind"], band=step["band"])
        leave = stands(playbook, at)
        if leave is not None:
            return leave
        node = playbook.step(step["path"])
        assert isinstance(node, Outward), "only steps that say something become effects"
        words = {name: value for name, value in attributes.items() if isinstance(value, str)}
        found = drafted(node, playbook, health, Around(told.directory, words), self.desk, _occasion(step, told, key))
        if isinstance(found, Leave):
            return found
        return replace(found, zone=words.get("timezone", ""), region=words.get("region", ""))


def drafted(
    step: Outward, playbook: Playbook, health: HealthDigest, around: Around, desk: Desk, occasion: Occasion
) -> Draft | Leave:
    """Return what a step sends today, or why its run ends there; a rehearsal goes by the same."""
    try:
        return draft(step, playbook, health, around, desk, occasion)
    except NoReasons as error:
        return Leave("no_reasons", str(error))
    except NobodyToWriteTo as error:
        return Leave("nobody_to_write_to", str(error))
    except _NOT_SENDABLE as error:
        return Leave("not_sendable", f"{type(error).__name__}: {error}")


def _occasion(step: asyncpg.Record, told: Told, key: bytes | None) -> Occasion:
    return Occasion(
        run_id=step["run_id"],
        path=step["path"],
        iteration=step["iteration"],
        correlation_id=step["correlation_id"],
        now=step["now"],
        key=key,
        earlier=told.earlier.get(step["run_id"], ()),
        edited=told.edited.get(step["step_id"], {}),
    )


def _wanted(steps: Sequence[asyncpg.Record], playbooks: Mapping[UUID, Playbook]) -> dict[UUID, set[str]]:
    """Return by account the attributes that an address, an hour or an exit depends on, as subjects of facts."""
    wanted: dict[UUID, set[str]] = defaultdict(set)
    for step in steps:
        wanted[step["account_id"]] |= _attributes_in(playbooks[step["step_id"]])
    return wanted


def _attributes_in(playbook: Playbook) -> frozenset[str]:
    """Return the attributes on which exits, addresses and hours of a playbook depend, as subjects of facts."""
    exits = subjects_of(*(exit_.condition for exit_ in playbook.exits))
    said = (step.to for step in playbook.steps if isinstance(step, EmailStep) and step.to.startswith(ATTRIBUTE))
    named = (_SUBJECT + word.removeprefix(ATTRIBUTE) for word in said)
    home: set[str] = {ZONE, REGION} if any(reaches_customers(step) for step in playbook.steps) else set()
    return frozenset({subject for subject in exits if subject.startswith(_SUBJECT)} | set(named) | home)
