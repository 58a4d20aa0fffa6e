"""Listing accounts and changes page by page, under cursors that nobody can forge; it writes nothing."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from milepost_contracts.changes import ChangeRow
from milepost_contracts.health import HealthDocument
from milepost_runtime.database import Pool
from milepost_runtime.secrets import SealBroken, Vault
from scoring_api.answers.reading import Stored
from scoring_api.answers.views import AccountPage, AccountRow, ChangePage
from scoring_api.queries import lists, reading
from scoring_api.queries.lists import Filter, Moves, Position

ORDERS = lists.ORDERS


class CursorBroken(Exception):
    """A cursor that we did not make, or made for another list."""


@dataclass(frozen=True)
class Listed:
    """An account on a page: its whole document, its biggest reason in words, and whether it asks for a person."""

    document: HealthDocument
    reason: str
    act: bool


@dataclass(frozen=True)
class Tally:
    """How many accounts there are, how many ask for a person, and how many stand in each band."""

    accounts: int
    act: int
    newest: datetime | None
    bands: dict[str, int]


@dataclass(frozen=True)
class DayScore:
    """The last score of a day; `restated`: recomputed later, because nothing was known on the day."""

    at: datetime
    score: float
    band: str
    restated: bool


@dataclass(frozen=True)
class Listing:
    """The use cases of reading many accounts."""

    pool: Pool = field(repr=False)
    vault: Vault = field(repr=False)

    async def rows(self, wanted: Filter, order: str, cursor: str | None, limit: int) -> tuple[list[Listed], str | None]:
        """Return one page of documents in this order, and the cursor of the next. Raises CursorBroken."""
        after = self._after(cursor, wanted, order) if cursor else None
        rows = await lists.listed(self.pool, wanted, order, after, limit + 1)
        page = rows[:limit]
        more = self._cursor(page[-1], wanted, order) if len(rows) > limit else None
        return [_listed(row) for row in page], more

    async def page(self, wanted: Filter, order: str, cursor: str | None, limit: int) -> AccountPage:
        """Return one page as the API answers it. Raises CursorBroken."""
        rows, more = await self.rows(wanted, order, cursor, limit)
        return AccountPage(data=tuple(AccountRow.model_validate(row.document) for row in rows), next_cursor=more)

    def row(self, stored: Stored) -> AccountRow:
        """Return the short view of one account."""
        return AccountRow.model_validate(stored.parsed())

    async def changes(self, cursor: str | None, wanted: Moves, limit: int) -> ChangePage:
        """Return what moved after a cursor, oldest first. Raises CursorBroken.

        A cursor is a place in the whole feed, whatever of it is asked for.
        """
        position = self._position(cursor) if cursor else 0
        # Read first: what is published meanwhile comes after it, and may be what is asked for.
        end = await lists.newest_change(self.pool)
        rows = await lists.changes(self.pool, position, wanted, limit)
        last = rows[-1]["id"] if len(rows) == limit else max(end, position, rows[-1]["id"] if rows else 0)
        return ChangePage(
            data=tuple(ChangeRow.model_validate(dict(row)) for row in rows),
            next_cursor=self.vault.sign("changes", str(last)),
        )

    async def tally(self) -> Tally:
        """Return the counts over all accounts."""
        row = await lists.tally(self.pool)
        bands = {band: row[band] for band in ("red", "yellow", "unknown", "green")}
        return Tally(row["accounts"], row["act"], row["newest"], bands)

    async def choices(self) -> dict[str, list[str]]:
        """Return the segments, stages and owners to filter by."""
        return await lists.choices(self.pool)

    async def days(self, accounts: Sequence[UUID], end: datetime, days: int) -> dict[UUID, tuple[DayScore, ...]]:
        """Return each account's daily scores: as known on the day, restated where nothing was."""
        start = end - timedelta(days=days)
        found: dict[UUID, dict[Any, DayScore]] = {account: {} for account in accounts}
        for row in await reading.restated_days(self.pool, accounts, start, end):
            _keep(found[row["account_id"]], row, restated=True)
        for row in await reading.known_days(self.pool, accounts, start, end):
            _keep(found[row["account_id"]], row, restated=False)
        return {account: tuple(by_day[day] for day in sorted(by_day)) for account, by_day in found.items()}

    async def now(self) -> datetime:
        """Return the moment by the database's clock."""
        return await reading.now(self.pool)

    def _cursor(self, last: asyncpg.Record, wanted: Filter, order: str) -> str:
        place = [_list_name(wanted, order), last["position"], str(last["account_id"])]
        return self.vault.sign("accounts", json.dumps(place))

    def _after(self, cursor: str, wanted: Filter, order: str) -> Position:
        try:
            name, value, account = json.loads(self.vault.unsign("accounts", cursor))
        except SealBroken:
            raise CursorBroken("this cursor is not one of ours, or not whole") from None
        if name != _list_name(wanted, order):
            raise CursorBroken("this cursor belongs to another filter or order: start at the first page")
        return Position(value, UUID(account))

    def _position(self, cursor: str) -> int:
        try:
            return int(self.vault.unsign("changes", cursor))
        except SealBroken:
            raise CursorBroken("this cursor is not one of ours, or not whole") from None


def _listed(row: asyncpg.Record) -> Listed:
    return Listed(HealthDocument.model_validate_json(bytes(row["body"])), row["top_reason"], row["act"])


def _list_name(wanted: Filter, order: str) -> str:
    """Return a short name of a list, so that a cursor cannot be carried to another one."""
    text = json.dumps([order, asdict(wanted)], sort_keys=True)
    return hashlib.blake2s(text.encode(), digest_size=8).hexdigest()


def _keep(by_day: dict[Any, DayScore], row: asyncpg.Record, *, restated: bool) -> None:
    """Keep a day's score; a restated day speaks of its last instant, which would be the next day's midnight."""
    if row["score"] is not None:
        at = row["as_of"] - timedelta(microseconds=1) if restated else row["as_of"]
        by_day[row["day"]] = DayScore(at, row["score"], row["effective_band"], restated)
