"""What every word of a person has in common: who says it, of which account, as of which moment; it keeps none."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool
from milepost_runtime.paging import CursorBroken, Cursors
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault
from scoring_api.answers.reading import AccountUnknown, Reading, as_reference, as_uuid
from scoring_api.people.feedback_views import ScoreThen
from scoring_api.queries import people as queries
from scoring_api.queries import reading as reads
from scoring_api.queries.marks import mark_human

RESCORE_LANE = "scoring.rescore"


class WordRefused(Exception):
    """What somebody said cannot be kept; `part` is the part of the request that is wrong, `code` the machine's word."""

    def __init__(self, part: str, code: str, message: str) -> None:
        super().__init__(message)
        self.part = part
        self.code = code


class WordUnknown(Exception):
    """Nothing of this kind and id was said of the account; `kind` is the word for it."""

    def __init__(self, kind: str, asked: str) -> None:
        super().__init__(f"There is no {kind} {asked[:100]} here")
        self.kind = kind


@dataclass(frozen=True)
class Speaker:
    """Who says something: `author` signs it, `told_by` names the key or session that brought it."""

    author: str
    told_by: str
    correlation_id: str = ""

    @classmethod
    def of(cls, told_by: str, author: str | None, correlation_id: str = "") -> "Speaker":
        """Return who speaks: the key's own name signs unless an app speaks for somebody."""
        return cls(author or told_by, told_by, correlation_id)


@dataclass(frozen=True)
class Held:
    """An account that is held while something is said of it, and the moment by the database's clock."""

    connection: Connection
    account_id: UUID
    name: str
    owner: str | None
    now: datetime


@dataclass(frozen=True)
class Speaking:
    """What the use cases of people's words stand on."""

    pool: Pool = field(repr=False)
    hints: Hints = field(repr=False)
    vault: Vault = field(repr=False)
    reading: Reading = field(repr=False)

    async def account(self, asked: str) -> UUID:
        """Return the id of an account, scored or not. Raises AccountUnknown."""
        row = await reads.account(self.pool, as_uuid(asked), as_reference(asked))
        if row is None:
            raise await self.reading.absent(asked)
        found: UUID = row["account_id"]
        return found

    @contextlib.asynccontextmanager
    async def about(self, asked: str, *, alone: bool = False) -> AsyncIterator[Held]:
        """Hold an account for one transaction, one after the other if `alone`. Raises AccountUnknown."""
        account = await self.account(asked)
        async with self.pool.acquire() as connection, connection.transaction():
            row = await queries.hold(connection, account, alone=alone)
            if row is None:
                raise AccountUnknown(asked, ())
            yield Held(connection, row["account_id"], row["name"], row["owner"], row["now"])

    @contextlib.asynccontextmanager
    async def moving(self, asked: str, speaker: Speaker) -> AsyncIterator[Held]:
        """As `about`, for words that move the score: the same transaction makes the account due."""
        async with self.about(asked, alone=True) as held:
            yield held
            await mark_human(held.connection, [held.account_id], speaker.correlation_id)
        self.hints.nudge(RESCORE_LANE)

    def place(self, name: str, filters: object, cursor: str | None) -> tuple[datetime, UUID] | None:
        """Return the last row's place that a cursor of a list tells; None without one. Raises CursorBroken."""
        if cursor is None:
            return None
        moment, _, last = Cursors(self.vault, name).place(filters, cursor).partition(" ")
        try:
            return datetime.fromisoformat(moment), UUID(last)
        except ValueError:
            raise CursorBroken("it is not one of ours, or not whole") from None

    def cut(
        self, name: str, filters: object, rows: list[asyncpg.Record], limit: int
    ) -> tuple[list[asyncpg.Record], str | None]:
        """Return a page's rows, of one more than its limit, and the cursor of the next page if there is one."""
        if len(rows) <= limit:
            return rows, None
        last = rows[limit - 1]
        place = f"{last['created_at'].isoformat()} {last['id']}"
        return rows[:limit], Cursors(self.vault, name).make(filters, place)


def end_of(now: datetime, expires_at: datetime | None, days: float | None, otherwise: float | None) -> datetime:
    """Return when a word ends that says so in one of two ways, or in none. Raises WordRefused."""
    if expires_at is not None and days is not None:
        raise WordRefused("days", "one_end", "say when it ends once: either expires_at or days")
    if expires_at is not None:
        return expires_at
    days = otherwise if days is None else days
    if days is None:
        raise WordRefused("days", "no_end", "say when it ends: expires_at, or days from now")
    return now + timedelta(days=days)


def then(row: asyncpg.Record) -> ScoreThen:
    """Return the score that stands beside a word."""
    return ScoreThen(score=row["score"], band=row["band"], as_of=row["snapshot_as_of"])
