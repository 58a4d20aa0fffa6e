"""Who is meant: answers a condition for given accounts or for the whole book, with facts; it stores nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_contracts.audiences import FactView, Match, Matches, Question, as_condition, attributes_of, facts_of
from milepost_contracts.health import HealthDigest
from milepost_core.playbooks.conditions import Fact, sentence
from milepost_runtime.database import Pool
from scoring_api.queries import audiences, reading

# What a rare condition costs is bounded by who is looked at, not by who is found: about half a second.
LOOKED_AT_ONCE = 5_000
_NOTHING = Fact(None, "nothing has been said about it")
_NOT_FIRED = Fact(False)


@dataclass(frozen=True)
class Matching:
    """The use case behind `POST /audiences/match`; of the book so many accounts are looked at for one answer."""

    pool: Pool = field(repr=False)
    looked_at_once: int = LOOKED_AT_ONCE

    async def match(self, question: Question) -> Matches:
        """Return who is meant, in the order asked for (the whole book: in that of account ids)."""
        condition, everyone = as_condition(question.condition), question.answers == "all"
        at = await reading.now(self.pool)
        unknown: tuple[UUID, ...] = ()
        upto: UUID | None = None
        if question.accounts is None:
            upto = await audiences.edge(self.pool, question.after, self.looked_at_once)
            page = audiences.Page(question.after, upto, question.limit + 1)
            rows = await audiences.matching(self.pool, condition, page, at, everyone=everyone)
        else:
            asked = list(dict.fromkeys(question.accounts))
            rows = await audiences.of_accounts(self.pool, condition, asked, at, everyone=everyone)
            known = await audiences.scored(self.pool, asked)
            unknown = tuple(account for account in asked if account not in known)
        more = question.accounts is None and len(rows) > question.limit
        rows = rows[: question.limit] if more else rows
        return Matches(
            sentence=sentence(condition),
            at=at,
            data=await self._told(rows, question.subjects, at),
            unknown=unknown,
            after=rows[-1]["account_id"] if more else upto,
        )

    async def _told(self, rows: Sequence[asyncpg.Record], subjects: Sequence[str], at: datetime) -> tuple[Match, ...]:
        kinds = [subject.partition(".")[2] for subject in subjects if subject.startswith("days_since.")]
        days = await audiences.days_since(self.pool, [row["own_id"] for row in rows], kinds, at) if kinds else {}
        return await asyncio.to_thread(_matches, rows, subjects, days)


Days = Mapping[tuple[UUID, str], float]


def _matches(rows: Sequence[asyncpg.Record], subjects: Sequence[str], days: Days) -> tuple[Match, ...]:
    return tuple(
        Match(account=row["account_id"], holds=row["holds"], facts=_facts(row, subjects, days) if subjects else {})
        for row in rows
    )


def _facts(row: asyncpg.Record, subjects: Sequence[str], days: Days) -> dict[str, FactView]:
    if all(subject.startswith(("attribute.", "days_since.")) for subject in subjects):
        # Of a whole book, reading each document costs most of an answer.
        found = attributes_of(row["attributes"])
    else:
        found = facts_of(HealthDigest.model_validate_json(bytes(row["body"])), row["attributes"])
    kinds = (subject.partition(".")[2] for subject in subjects if subject.startswith("days_since."))
    found |= {f"days_since.{kind}": Fact(days.get((row["own_id"], kind)), _NOTHING.why) for kind in kinds}
    told = {name: found.get(name, _NOT_FIRED if name.startswith("gate.") else _NOTHING) for name in subjects}
    return {name: FactView(value=fact.value, why=fact.why) for name, fact in told.items()}
