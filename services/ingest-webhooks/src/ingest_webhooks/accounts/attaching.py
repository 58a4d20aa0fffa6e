"""Settles for a batch which account every reference leads to, writes that down, and lets events follow.

It never reads a delivery.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.accounts.identity import Book, Kind, Word
from ingest_webhooks.accounts.settling import Ledger, Shift, unchained
from ingest_webhooks.queries import identity, placing
from ingest_webhooks.queries.events import Origin
from ingest_webhooks.queries.identity import Spoken
from ingest_webhooks.words.references import follows, may_open, names_an_account, names_of
from ingest_webhooks.words.shapes import Link, Merge, NormalEvent, Normalised, fact_key, successor_id
from milepost_contracts.events import ACCOUNT_LINKED, ACCOUNT_MERGED, ACCOUNT_UNLINKED, OWN_SOURCE
from milepost_runtime.database import Connection
from milepost_runtime.ids import new_id

Heard = Sequence[tuple[Normalised, Origin]]
NOBODY = Origin(OWN_SOURCE, None, None, "")


@dataclass(frozen=True, slots=True)
class By:
    """Who speaks: where it came from and, if it was a person, who and why."""

    origin: Origin
    author: str = ""
    reason: str = ""

    def spoken(self, word: Word, origin: Origin | None = None) -> Spoken:
        """Return a word to write down."""
        told_by = (origin or self.origin).delivery_id
        return Spoken(*word[:3], word.kind.value, told_by, self.author, self.reason)


@dataclass(frozen=True)
class Attached:
    """Where the references of a batch lead, which lead elsewhere than before, and what the feed is told of it."""

    book: Book
    names: Set[str]
    shifts: Mapping[str, Shift]
    told: Sequence[tuple[NormalEvent, Origin, UUID]]

    @cached_property
    def accounts(self) -> Mapping[str, UUID]:
        """The account of every reference of the batch that leads to one by now."""
        return {name: found for name in self.names if (found := self.book.now(name)) is not None}

    def account_of(self, event: NormalEvent) -> UUID | None:
        """Return the account that an event of the batch belongs to, None: it waits."""
        names = names_of(event.item, event.reference, event.fallbacks)
        return self.book.place(names, event.item, event.occurred_at)


async def attach_references(connection: Connection, heard: Heard) -> Attached:
    """Settle merges, then links, then what may open an account; write the changes.

    The caller holds the feed's lock: one batch at a time decides about identity. Once it has published what `told`
    says and its own events, it calls `follow`.
    """
    merges = [one for said, _ in heard for one in said.merges]
    links = sorted((one for said, _ in heard for one in said.links), key=lambda link: link.at)
    spoken = [event for said, _ in heard for event in said.events]
    ledger = Ledger(await _load(connection, merges, links, spoken), new_id)
    for merge in merges:
        ledger.note(merge)
    for merge in unchained(merges):
        ledger.merge(merge)
    for link in links:
        ledger.link(link)
    for event in spoken:
        ledger.take(event)
    return await settle(connection, ledger, _origins(heard), By(heard[0][1] if heard else NOBODY))


async def settle(connection: Connection, ledger: Ledger, origins: Mapping[str, Origin], by: By) -> Attached:
    """Settle a ledger and write what it changes; `origins` are where names were spoken of, `by` who else speaks."""
    at = datetime.now(UTC)
    ledger.settle(at)
    names = ledger.concerned()
    shifts = ledger.shifts(names)
    await identity.open_accounts(connection, ledger.opened.values())
    await identity.write_words(connection, [by.spoken(word, origins.get(word.reference)) for word in ledger.words])
    await identity.forget_words(connection, [by.spoken(word) for word in ledger.thinned])
    merged = {gone: (one.survivor, one.at) for gone, one in ledger.merged.items()}
    moved = await identity.merge_accounts(connection, merged)
    await identity.write_references(connection, ledger.leading(names, at))
    linked = {row["reference"]: (row["account_id"], row["linked_at"]) for row in moved}
    for name in shifts:
        if (found := ledger.book.now(name)) is not None:
            linked[name] = found, at if ledger.before.now(name) else ledger.since.get(name, at)
    left = {name: (found, at) for name in shifts if name not in linked and (found := ledger.left(name)) is not None}
    said = [(ACCOUNT_LINKED, name, *one) for name, one in linked.items()]
    said += [(ACCOUNT_UNLINKED, name, *one) for name, one in left.items()]
    told = _announced(said, origins, by.origin) + _announced_merges(ledger, by.origin)
    return Attached(ledger.book, ledger.book.names, shifts, told)


async def follow(connection: Connection, attached: Attached) -> None:
    """Let events follow the names that lead elsewhere: waiting ones join the feed, told ones move.

    A moved event is taken back where it was and told anew where it belongs, with its own time.
    """
    names = list(attached.shifts)
    if not names:
        return
    known = [(name, found) for name in names if not follows(name) and (found := attached.book.now(name)) is not None]
    await placing.attach_known(connection, known)
    async for page in placing.waiting(connection, names):
        book = await _book_of(connection, page, attached)
        placed = [(row["event_id"], found) for row in page if (found := _place(book, row)) is not None]
        await placing.attach(connection, placed)
    since = min(shift.low for shift in attached.shifts.values())
    items = [name for name, shift in attached.shifts.items() if shift.item]
    async for page in placing.told(connection, names, since, items):
        book = await _book_of(connection, page, attached)
        await placing.move(
            connection, [_move(row, there) for row in page if (there := _place(book, row)) != row["account_id"]]
        )


async def load_book(
    connection: Connection, names: Iterable[str], changing: Iterable[str] = (), following: Iterable[str] = ()
) -> Book:
    """Return a book of these names, with the words over which they lead somewhere.

    A name of an account that stands for itself needs none, unless it is one of `following`; what leads over the
    `changing` names, or over such as are not known yet, is loaded too.
    """
    spoken = {*names, *changing, *following}
    rows = {row["reference"]: row for row in await identity.references(connection, spoken)}
    unknown = {name for name in spoken if may_open(name) and (name not in rows or rows[name]["account_id"] is None)}
    led = {
        name for name in spoken if follows(name) or (name in rows and rows[name]["account_id"] != rows[name]["own_id"])
    }
    book = Book(names=spoken)
    if unknown or led or changing or following:
        for row in await identity.words(connection, [*changing, *unknown], [*following, *led]):
            book.add(Word(row["reference"], row["target"], row["at"], Kind(row["kind"])))
        more = book.mentioned() - spoken
        rows |= {row["reference"]: row for row in await identity.references(connection, more)} if more else {}
        spoken = spoken | more
    for name, row in rows.items():
        if row["own_id"] is not None:
            book.own[name] = row["own_id"]
            book.roots |= {name} if row["opened"] else set()
    ids = {UUID(name): name for name in spoken if ":" not in name}
    for row in await identity.living_accounts(connection, ids) if ids else ():
        book.own[ids[row["id"]]] = row["account_id"]
    return book


async def _load(
    connection: Connection, merges: Sequence[Merge], links: Sequence[Link], spoken: Sequence[NormalEvent]
) -> Book:
    changing = {link.reference for link in links}
    changing |= {name for merge in merges for name in (merge.survivor, *merge.merged) if follows(name)}
    # What was linked to a merged company can be taken back under the name of its heir, and may have been already.
    changing |= {name for merge in merges for name in merge.merged}
    hinting = {event.reference for event in spoken if event.opens and event.fallbacks}
    names = {name for merge in merges for name in (merge.survivor, *merge.merged)} | {link.account for link in links}
    for event in spoken:
        names.update(names_of(event.item, event.reference, event.fallbacks))
    return await load_book(connection, names, changing, hinting)


async def _book_of(connection: Connection, rows: Sequence[Record], attached: Attached) -> Book:
    """Return a book that can place these rows: the batch's own, unless they name something that it did not."""
    names = {name for row in rows for name in _names(row)}
    return attached.book if names <= attached.names else await load_book(connection, names)


def _names(row: Record) -> list[str]:
    return names_of(row["item"], row["reference"], row["fallbacks"] or ())


def _place(book: Book, row: Record) -> UUID | None:
    return book.place(_names(row), row["item"], row["occurred_at"])


def _move(row: Record, there: UUID | None) -> tuple[str, str, str, UUID, UUID | None]:
    back = successor_id(row["event_id"])
    return row["event_id"], back, successor_id(back), row["account_id"], there


def _origins(heard: Heard) -> dict[str, Origin]:
    """Return the delivery that spoke first of each name."""
    origins: dict[str, Origin] = {}
    for said, origin in heard:
        for link in said.links:
            origins.setdefault(link.reference, origin)
            origins.setdefault(link.account, origin)
        for merge in said.merges:
            for name in (merge.survivor, *merge.merged):
                origins.setdefault(name, origin)
        for event in said.events:
            origins.setdefault(event.reference, origin)
    return origins


def _announced(
    said: Iterable[tuple[str, str, UUID, datetime]], origins: Mapping[str, Origin], first: Origin
) -> list[tuple[NormalEvent, Origin, UUID]]:
    """Tell readers of the feed where names of accounts lead: our own word, with the delivery that spoke of them."""
    return [
        (_book_keeping(kind, account_id, name, at), _own(origins.get(name, first)), account_id)
        for kind, name, account_id, at in said
        if names_an_account(name)
    ]


def _announced_merges(ledger: Ledger, first: Origin) -> list[tuple[NormalEvent, Origin, UUID]]:
    return [
        (_book_keeping(ACCOUNT_MERGED, gone, str(one.survivor), one.at), _own(first), gone)
        for gone, one in ledger.merged.items()
    ]


def _own(origin: Origin) -> Origin:
    return replace(origin, source=OWN_SOURCE)


def _book_keeping(kind: str, account_id: UUID, text: str, at: datetime) -> NormalEvent:
    key = fact_key(kind, str(account_id), text, at.isoformat())
    return NormalEvent(key=key, reference=str(account_id), type=kind, occurred_at=at, value_text=text)
