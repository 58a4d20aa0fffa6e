"""Arbitrating: asks the one law for all playbooks whether messages go out now, with all that is known of them now.

It sends nothing and moves no effect: whoever asks carries out the answer, in the same transaction.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from milepost_core.arbiter import (
    Allow,
    Hours,
    Objection,
    Policy,
    Request,
    Rival,
    Standing,
    Touched,
    Verdict,
    arbitrate_all,
    objections_now,
    parse_policy,
)
from milepost_core.playbooks.document import TO_PERSONS
from milepost_runtime.database import Connection
from milepost_runtime.secrets import Vault
from playbook_runner.actions.addresses import BadAddress
from playbook_runner.people.places import Places, read_places
from playbook_runner.queries import arbiter as queries
from playbook_runner.wording.ways_out import person_of


class Asked(NamedTuple):
    """One message that wants out: `recipient` as the channel writes it, `asked_at` since when it waits.

    `colleague`: it is meant for one of us, not for the customer. `zone` and `region`: where a customer lives, if known.
    """

    key: bytes
    account_id: UUID
    playbook_id: str
    channel: str
    recipient: str
    asked_at: datetime
    priority: int = 50
    transactional: bool = False
    colleague: bool = False
    zone: str = ""
    region: str = ""


@dataclass(frozen=True)
class Frame:
    """What holds for every message of a batch: the moment, and the places that people live in by the policy."""

    now: datetime
    places: Places

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.places.policy


@dataclass(frozen=True)
class Arbitrating:
    """The gate that every message of every playbook goes through."""

    vault: Vault = field(repr=False)
    _read: dict[int, Policy] = field(default_factory=dict, repr=False)

    async def admit(self, connection: Connection, asked: Sequence[Asked]) -> list[Verdict]:
        """Answer in the transaction that starts the messages, and write down whose attention the allowed ones take.

        Nobody else decides about the same people and accounts until that transaction ends, so a cap holds however many
        ask at once; and an opt-out that was answered before is seen, one that comes now waits for the transaction.
        """
        counted, colleagues = self._locks(asked)
        if counted or colleagues:
            await queries.lock(connection, counted, colleagues)
        verdicts = await self.decide(connection, asked)
        taken = [
            self._took(one)
            for one, verdict in zip(asked, verdicts, strict=True)
            if isinstance(verdict, Allow) and one.channel in TO_PERSONS
        ]
        if taken:
            await queries.take(connection, taken)
        return verdicts

    async def decide(
        self, connection: Connection, asked: Sequence[Asked], now: datetime | None = None
    ) -> list[Verdict]:
        """Answer and write nothing; `now` None: the store's clock. Answers come in the order of the questions."""
        if not asked:
            return []
        frame = await self.frame(connection, now)
        known = await self._known(connection, asked, frame)
        return arbitrate_all(known, frame.policy, frame.now)

    async def objections(self, connection: Connection, asked: Asked, now: datetime | None = None) -> list[Verdict]:
        """Return everything that stands against one message now; nothing: it may go out."""
        frame = await self.frame(connection, now)
        ((request, standing),) = await self._known(connection, [asked], frame)
        return objections_now(request, standing, frame.policy, frame.now)

    async def frame(self, connection: Connection, now: datetime | None = None) -> Frame:
        """Return the moment and the places by the policy in force."""
        row = await queries.frame(connection, now)
        return Frame(row["now"], read_places(row, self._policy(row)))

    def person_of(self, channel: str, recipient: str, account_id: UUID) -> bytes:
        """Return what stands for a recipient: the same for every way in which an address can be written.

        A role that the product shows a message to is somebody else at every account.
        """
        if channel == "email":
            with contextlib.suppress(BadAddress):
                return person_of(self.vault, recipient)
        where = f"{account_id}:" if channel == "in_app" else ""
        return self.vault.digest("recipient", f"{where}{channel}:{recipient}")

    def _took(self, one: Asked) -> queries.Took:
        person = self.person_of(one.channel, one.recipient, one.account_id)
        return queries.Took(one.account_id, one.key, person, one.channel, one.transactional, one.colleague)

    def _policy(self, row: asyncpg.Record) -> Policy:
        version = row["version"]
        if version is None:
            return Policy()
        if version not in self._read:
            self._read[version] = parse_policy(row["document"])
        return self._read[version]

    def _locks(self, asked: Sequence[Asked]) -> tuple[list[int], list[int]]:
        counted: set[int] = set()
        colleagues: set[int] = set()
        for one in asked:
            if one.channel not in TO_PERSONS:
                continue
            person = queries.lock_of(self.person_of(one.channel, one.recipient, one.account_id))
            if one.colleague:
                colleagues.add(person)
            else:
                counted |= {person, queries.lock_of(one.account_id.bytes)}
        return sorted(counted), sorted(colleagues)

    async def _known(
        self, connection: Connection, asked: Sequence[Asked], frame: Frame
    ) -> list[tuple[Request, Standing]]:
        subjects = [
            queries.Subject(
                one.key, one.account_id, one.playbook_id, self.person_of(one.channel, one.recipient, one.account_id),
                one.recipient.casefold(), one.priority,
            )
            for one in asked
        ]  # fmt: skip
        longest = max((cap.days for cap in frame.policy.caps), default=0.0)
        reach = queries.Reach(longest, frame.policy.after_call_hours, frame.policy.escalation_days)
        rows = await queries.standings(connection, subjects, frame.now, reach)
        return [
            (_request(one, subject.person, row), self._standing(one, row, frame))
            for one, subject, row in zip(asked, subjects, rows, strict=True)
        ]

    def _standing(self, one: Asked, row: asyncpg.Record, frame: Frame) -> Standing:
        return Standing(
            hours=_hours(one, row, frame),
            objections=tuple(_objection(told) for told in row["objections"]),
            touches=tuple(
                Touched(person, datetime.fromisoformat(at), channel, colleague)
                for person, at, channel, colleague in row["touches"]
            ),
            rivals=tuple(
                Rival(
                    self.person_of(channel, recipient, one.account_id).hex(),
                    channel,
                    priority,
                    colleague,
                )
                for recipient, channel, priority, colleague in row["rivals"]
            ),
            escalated=row["escalated"],
            call_at=row["call_at"],
            holdout=row["holdout"],
            away_until=row["away_until"],
        )


def _request(one: Asked, person: bytes, row: asyncpg.Record) -> Request:
    return Request(
        key=one.key,
        account=str(one.account_id),
        person=person.hex(),
        channel=one.channel,
        asked_at=one.asked_at,
        priority=one.priority,
        transactional=one.transactional,
        colleague=_is_ours(one, row),
    )


def _is_ours(one: Asked, row: asyncpg.Record) -> bool:
    """A message that is sent again goes to whom it went before, though its bytes do not say who that is."""
    return one.colleague or bool(row["ours"]) or (one.channel == "email" and row["person_id"] is not None)


def _hours(one: Asked, row: asyncpg.Record, frame: Frame) -> Hours | None:
    """A person whom we know has hours, and so has every customer; shared mailboxes of ours and machines never sleep."""
    if one.channel not in TO_PERSONS:
        return None
    places, today = frame.places, frame.now.date()
    if not _is_ours(one, row):
        calendar = places.home(one.zone, one.region, today)
    elif row["person_id"] is not None:
        calendar = places.of(row["zone"], row["region"], today)
    else:
        return None
    return Hours(calendar, frame.policy.opens, frame.policy.closes)


def _objection(told: Mapping[str, Any]) -> Objection:
    until = told["until"]
    return Objection(
        told["kind"], told["of_person"], told["reason"], None if until is None else datetime.fromisoformat(until)
    )
