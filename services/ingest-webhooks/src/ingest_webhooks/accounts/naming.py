"""Lets people see and say which customer a reference means; it never reads a delivery.

What a person says outranks what providers say, and is kept with who said it, when and why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.accounts.attaching import By, follow, load_book, settle
from ingest_webhooks.accounts.identity import EVER, Book, Kind, Word
from ingest_webhooks.accounts.settling import Ledger
from ingest_webhooks.queries import events, identity, names
from ingest_webhooks.queries.events import READER_LANE, Origin
from ingest_webhooks.words.domains import domain_reference, leads_nowhere, parents
from ingest_webhooks.words.references import follows
from milepost_contracts.events import FEED, OWN_SOURCE
from milepost_runtime.database import Connection, Pool
from milepost_runtime.feeds import publish_lock
from milepost_runtime.ids import new_id
from milepost_runtime.paging import Cursors
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault


class AccountUnknown(Exception):
    """There is no such account; `pointer` is where the request names it, empty: in the path."""

    def __init__(self, account_id: UUID, pointer: str = "") -> None:
        super().__init__(str(account_id))
        self.pointer = pointer


class ReferenceUnknown(Exception):
    """The reference does not lead there."""


class ReferenceTaken(Exception):
    """The reference leads to another account already."""


class LeadsNowhere(Exception):
    """The reference can lead to no one account, the text says why; `pointer` is where the request names it."""

    def __init__(self, why: str, pointer: str) -> None:
        super().__init__(why)
        self.pointer = pointer


class MergedIntoItself(Exception):
    """An account cannot live on in itself."""


class MergedAlready(Exception):
    """The account lives on in another one than was asked for; the text is that one's id."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who speaks, in which request, and why."""

    name: str
    correlation_id: str
    reason: str = ""

    @property
    def by(self) -> By:
        """The author of words."""
        return By(Origin(OWN_SOURCE, None, None, self.correlation_id), self.name, self.reason)


class Naming:
    """What the API of identity does."""

    def __init__(self, pool: Pool, hints: Hints, vault: Vault) -> None:
        self._pool = pool
        self._hints = hints
        self._cursors = Cursors(vault, "references")

    async def look_up(self, reference: str) -> UUID:
        """Return the account that a reference leads to by now; raises ReferenceUnknown."""
        async with self._pool.acquire() as connection:
            book = await load_book(connection, [reference])
        found = _leads(book, reference)
        if found is None:
            raise ReferenceUnknown(reference)
        return found

    async def references(
        self, account_id: UUID, cursor: str | None, limit: int
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return the references that lead to an account or did, with their history, and the cursor of the next page.

        Raises AccountUnknown, CursorBroken.
        """
        after = self._cursors.place(account_id, cursor) if cursor else ""
        async with self._pool.acquire() as connection:
            living = await _living(connection, account_id)
            found = await names.of_account(connection, living, after=after, limit=limit + 1)
            book = await load_book(connection, found[:limit], found[:limit], found[:limit])
            said = await names.words_about(connection, found[:limit])
            rows = {row["reference"]: row for row in await identity.references(connection, found[:limit])}
        more = self._cursors.make(account_id, found[limit - 1]) if len(found) > limit else None
        return [_described(name, book, rows.get(name), said) for name in found[:limit]], more

    async def open_account(self, references: Sequence[str], person: Person) -> UUID:
        """Make an account by hand, with these references; raises LeadsNowhere, ReferenceTaken."""
        for place, reference in enumerate(references):
            _check_leads(reference, f"/references/{place}")
        account_id = new_id()
        async with self._pool.acquire() as connection, connection.transaction():
            await publish_lock(connection, FEED)
            ledger = await _ledger(connection, references)
            ledger.opened[str(account_id)] = ledger.book.own[str(account_id)] = account_id
            for reference in references:
                _point(ledger, reference, account_id, move=False)
            await _carry_out(connection, ledger, person)
        self._hints.nudge(READER_LANE)
        return account_id

    async def add_reference(self, account_id: UUID, reference: str, person: Person, *, move: bool) -> UUID:
        """Let a reference lead to an account (its survivor after a merge), and bring over what waited for it.

        Returns the account. Raises LeadsNowhere, AccountUnknown, and ReferenceTaken unless `move`.
        """
        _check_leads(reference, "/reference")
        async with self._pool.acquire() as connection, connection.transaction():
            await publish_lock(connection, FEED)
            target = await _living(connection, account_id)
            ledger = await _ledger(connection, [reference, str(target)])
            _point(ledger, reference, target, move=move)
            await _carry_out(connection, ledger, person)
        self._hints.nudge(READER_LANE)
        return target

    async def remove_reference(self, account_id: UUID, reference: str, person: Person) -> None:
        """Take back what people said of a reference, else what providers said, so that it leads there no longer.

        Raises AccountUnknown, ReferenceUnknown.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await publish_lock(connection, FEED)
            target = await _living(connection, account_id)
            ledger = await _ledger(connection, [reference, str(target)])
            if _leads(ledger.book, reference) != target:
                raise ReferenceUnknown(reference)
            ledger.detach(reference, target, datetime.now(UTC))
            await _carry_out(connection, ledger, person)
        self._hints.nudge(READER_LANE)

    async def merge(self, account_id: UUID, into: UUID, person: Person) -> UUID:
        """Let an account live on in another one (in that one's survivor); doing it again changes nothing.

        Returns the survivor. Raises AccountUnknown, MergedIntoItself, MergedAlready.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await publish_lock(connection, FEED)
            here = await _living(connection, account_id)
            survivor = await _living(connection, into, "/into")
            if account_id == into or (here == survivor and here == account_id):
                raise MergedIntoItself
            if here == survivor:
                return survivor
            if here != account_id:
                raise MergedAlready(str(here))
            ledger = await _ledger(connection, [str(here), str(survivor)])
            at = datetime.now(UTC)
            ledger.say(Word(str(here), str(survivor), at, Kind.SAME))
            ledger.merge_accounts(here, survivor, at)
            await _carry_out(connection, ledger, person)
        self._hints.nudge(READER_LANE)
        return survivor

    async def unmapped(self, cursor: str | None, limit: int) -> tuple[list[dict[str, Any]], str | None]:
        """Return references that events wait for, each with accounts that it may mean, and the next page's cursor.

        Raises CursorBroken.
        """
        after = self._cursors.place("unmapped", cursor) if cursor else ""
        async with self._pool.acquire() as connection:
            rows = await events.unmapped(connection, after=after, limit=limit + 1)
            near = {row["reference"]: _near(row) for row in rows[:limit]}
            book = await load_book(connection, {name for found in near.values() for name in found})
        more = self._cursors.make("unmapped", rows[limit - 1]["reference"]) if len(rows) > limit else None
        return [_waiting(row, near[row["reference"]], book) for row in rows[:limit]], more


def _check_leads(reference: str, pointer: str) -> None:
    if why := leads_nowhere(reference):
        raise LeadsNowhere(why, pointer)


async def _living(connection: Connection, account_id: UUID, pointer: str = "") -> UUID:
    rows = await identity.living_accounts(connection, [account_id])
    if not rows:
        raise AccountUnknown(account_id, pointer)
    living: UUID = rows[0]["account_id"]
    return living


async def _ledger(connection: Connection, references: Sequence[str]) -> Ledger:
    named = [name for name in references if ":" in name]
    return Ledger(await load_book(connection, references, named, named), new_id)


async def _carry_out(connection: Connection, ledger: Ledger, person: Person) -> None:
    attached = await settle(connection, ledger, {}, person.by)
    await events.publish(connection, attached.told)
    await follow(connection, attached)


def _point(ledger: Ledger, reference: str, target: UUID, *, move: bool) -> None:
    current = _leads(ledger.book, reference)
    if current == target:
        return
    if current is not None and not move:
        raise ReferenceTaken(reference)
    ledger.say(Word(reference, str(target), datetime.now(UTC), Kind.HAND))


def _leads(book: Book, reference: str) -> UUID | None:
    return (book.of_item(reference) if follows(reference) else None) or book.now(reference)


def _described(name: str, book: Book, row: Record | None, said: Mapping[str, list[Record]]) -> dict[str, Any]:
    """Return where a reference leads, led from when to when, and what was told of that by whom."""
    spans: list[dict[str, Any]] = []
    for moment in sorted(book.moments([name])):
        found = book.at(name, moment)
        if not spans or spans[-1]["account_id"] != found:
            if spans:
                spans[-1]["until"] = moment
            since = None if moment == EVER else moment
            spans.append({"account_id": found, "since": since, "until": None})
    return {
        "reference": name,
        "account_id": book.now(name),
        "since": None if row is None else row["linked_at"],
        "history": [span for span in spans if span["account_id"] is not None],
        "words": [dict(word) for word in said.get(name, ())],
    }


def _near(row: Record) -> dict[str, str]:
    """Return names of known accounts that an unknown reference may mean, and why it may."""
    found: dict[str, str] = {}
    for name in row["names"]:
        found.setdefault(name, "another name that came with it")
    for name in [row["reference"], *row["names"]]:
        for parent in parents(name):
            found.setdefault(parent, "the domain above it")
    for address in row["addresses"]:
        domain = domain_reference(address)
        for name in () if domain is None else (domain, *parents(domain)):
            found.setdefault(name, "the mail domain of somebody in its events")
    return found


def _waiting(row: Record, near: Mapping[str, str], book: Book) -> dict[str, Any]:
    candidates: dict[UUID, dict[str, Any]] = {}
    for name, because in near.items():
        account_id = book.now(name)
        if account_id is not None:
            candidates.setdefault(account_id, {"account_id": account_id, "reference": name, "because": because})
    shown = {name: row[name] for name in ("reference", "events", "since", "newest", "types", "names")}
    return shown | {"candidates": list(candidates.values())}
