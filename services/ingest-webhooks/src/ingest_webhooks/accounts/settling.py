"""Settles in memory what a batch of words changes: accounts opened and merged, references that lead elsewhere.

It never talks to a store.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from ingest_webhooks.accounts.identity import NOW, Book, Kind, Word
from ingest_webhooks.queries.identity import Leading
from ingest_webhooks.words.references import follows, may_open
from ingest_webhooks.words.shapes import EPOCH, Link, Merge, NormalEvent

# Beyond so many words about one name those are dropped that say nothing beside their neighbours.
MANY = 64


@dataclass(frozen=True, slots=True)
class Gone:
    """An account that lives on in another one since `at`."""

    survivor: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Shift:
    """A reference that leads elsewhere than before: since `low` for events by it, and for those about it itself."""

    low: datetime
    item: bool


@dataclass
class Ledger:
    """A book, and what a batch changes in it.

    Load the book with every name that the batch speaks of, and with the words over which they, and the names that
    lead over them, find their accounts.
    """

    book: Book
    new_account: Callable[[], UUID]
    before: Book = field(init=False)
    opened: dict[str, UUID] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)
    words: list[Word] = field(default_factory=list)
    merged: dict[UUID, Gone] = field(default_factory=dict)
    adopted: set[str] = field(default_factory=set)
    thinned: list[Word] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.before = self.book.copy()

    def say(self, word: Word) -> None:
        """Write a word down unless it is known."""
        if self.book.add(word):
            self.words.append(word)
            self.since[word.reference] = max(word.at, self.since.get(word.reference, EPOCH))
            if len(self.book.words[word.reference]) > MANY:
                self.thinned += self.book.thin(word.reference)

    def open(self, reference: str, at: datetime) -> UUID | None:
        """Return the account behind a reference, a new one if there is none and the reference may open one."""
        account_id = self.book.now(reference)
        if account_id is None and may_open(reference):
            account_id = self.book.own[reference] = self.opened[reference] = self.new_account()
            self.book.roots.add(reference)
            self.since[reference] = at
        return account_id

    def link(self, link: Link) -> None:
        """Write a link down; an unknown company may open an account, a contact or a domain is waited for."""
        if link.opens and not link.removed:
            self.open(link.account, link.at)
        self.say(word_of(link))

    def merge(self, merge: Merge) -> None:
        """Let the merged names, and the accounts behind them, live on behind the survivor."""
        survivor = None if follows(merge.survivor) else self.open(merge.survivor, merge.at)
        for reference in merge.merged:
            if reference == merge.survivor or survivor is None or follows(reference):
                continue
            gone = self.book.own.get(reference) or self.book.now(reference)
            if gone is None:
                self.book.own[reference] = survivor
                self.adopted.add(reference)
                self.since[reference] = merge.at
            elif gone != survivor:
                self.merge_accounts(gone, survivor, merge.at)

    def note(self, merge: Merge) -> None:
        """Keep a merge as it was told: two names of one thing, or a name that another one took over."""
        for reference in merge.merged:
            if reference != merge.survivor:
                self.say(Word(reference, merge.survivor, merge.at, Kind.SAME))

    def detach(self, reference: str, account_id: UUID, at: datetime) -> None:
        """Take back what people said of a reference; if nobody did, let it lead to an account no longer."""
        steps = self.book.steps(reference)
        by_hand = {step.target for step in steps if step.by_hand}
        for target in by_hand:
            self.say(Word(reference, target, at, Kind.UNHAND))
        if by_hand:
            return
        for target in {step.target for step in steps} | {str(account_id)}:
            self.say(Word(reference, target, at, Kind.REMOVED))
        for word in list(self.book.words.get(reference, ())):
            if word.kind is Kind.HINT:
                self.say(Word(reference, word.target, at, Kind.UNHAND))
        self.book.own.pop(reference, None)
        self.book.roots.discard(reference)

    def take(self, event: NormalEvent) -> None:
        """Let an event open an account; a name that came beside its reference and is known wins over a new account."""
        if event.opens and may_open(event.reference):
            for name in event.fallbacks:
                if name != event.reference:
                    self.say(Word(event.reference, name, EPOCH, Kind.HINT))
            self.open(event.reference, event.occurred_at)

    def merge_accounts(self, gone: UUID, survivor: UUID, at: datetime) -> None:
        """Let all that leads to an account lead to its survivor."""
        for earlier, one in self.merged.items():
            if one.survivor == gone:
                self.merged[earlier] = Gone(survivor, one.at)
        self.merged[gone] = Gone(survivor, at)
        for name, account_id in self.book.own.items():
            if account_id == gone:
                self.book.own[name] = survivor
                self.book.roots.discard(name)

    def settle(self, at: datetime) -> None:
        """Let accounts that a name opened live on where the name leads by now, until nothing changes any more."""
        settled = False
        while not settled:
            settled = True
            for name in sorted(self.book.roots & self.book.words.keys()):
                own, now = self.book.own[name], self.book.now(name)
                if now is not None and now != own and not self.book.hand_leads(name):
                    self.merge_accounts(own, now, at)
                    settled = False
                    break

    def living(self, account_id: UUID | None) -> UUID | None:
        """Return the account that an account lives on in by now, itself if it does."""
        gone = None if account_id is None else self.merged.get(account_id)
        return account_id if gone is None else gone.survivor

    def concerned(self) -> set[str]:
        """Return the names that may lead elsewhere than before the batch."""
        changed = {word.reference for word in self.words} | self.opened.keys() | self.adopted
        return {name for name in self.book.leading_over(changed) if ":" in name} if changed else set()

    def leading(self, names: Iterable[str], at: datetime) -> dict[str, Leading]:
        """Return where these names lead by now, of those that do or did."""
        found = {}
        for name in names:
            now, own = self.book.now(name), self.book.own.get(name)
            if now is not None or own is not None or self.before.now(name) is not None:
                found[name] = Leading(now, self.since.get(name, at), own, name in self.book.roots)
        return found

    def left(self, name: str) -> UUID | None:
        """Return the account that a name led to before the batch, if it leads nowhere now."""
        return None if self.book.now(name) is not None else self.living(self.before.now(name))

    def shifts(self, names: Iterable[str]) -> dict[str, Shift]:
        """Return which of these names lead elsewhere than before the batch, beyond what merges of accounts explain."""
        found = {}
        for name in names:
            low = self._first_difference(name)
            item = follows(name) and self.living(self.before.of_item(name)) != self.book.of_item(name)
            if low is not None or item:
                found[name] = Shift(low or NOW, item)
        return found

    def _first_difference(self, name: str) -> datetime | None:
        moments = self.before.moments([name]) | self.book.moments([name])
        for moment in sorted(moments):
            if self.living(self.before.at(name, moment)) != self.book.at(name, moment):
                return moment
        return None


def word_of(link: Link) -> Word:
    """Return a provider's link as a word."""
    if link.derived:
        return Word(link.reference, link.account, link.at, Kind.HINT)
    kind = Kind.REMOVED if link.removed else Kind.PRIMARY if link.primary else Kind.LINK
    return Word(link.reference, link.account, link.at, kind)


def unchained(merges: Iterable[Merge]) -> list[Merge]:
    """Return merges in the order of their time, each with the name that survives them all.

    A name that only stands between two others in a chain opens no account this way.
    """
    ordered = sorted(merges, key=lambda merge: merge.at)
    leads: dict[str, str] = {}

    def last(name: str) -> str:
        while name in leads:
            name = leads[name]
        return name

    for merge in ordered:
        survivor = last(merge.survivor)
        for name in merge.merged:
            if last(name) != survivor:
                leads[last(name)] = survivor
    ends = [(merge, last(merge.survivor)) for merge in ordered]
    return [replace(merge, survivor=end, merged=(*merge.merged, *{merge.survivor} - {end})) for merge, end in ends]
