"""Ready answers in memory, by every way in which they were asked for, the least used thrown out; it asks no store.

An answer leaves this memory only while somebody has looked for changes within `OVERDUE_S`: without that, nobody can say
that it is not old.
"""

import time
from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from milepost_runtime.hot import Answer

# An answer is never older than a second: this long after the last look it is not given from memory any more.
OVERDUE_S = 0.9
# A read that took longer is not remembered: what was said meanwhile may have been forgotten again.
SLOWEST_READ_S = 10.0
_NAMES_AT_MOST = 8
_OVERHEAD = 2_000


@dataclass(slots=True, eq=False)
class Entry:
    """One account's answers: the whole one, and the one to who has it; `names` are the raw ways it was asked for."""

    account_id: UUID
    whole: Answer
    unchanged: Answer
    etag: str
    names: dict[bytes, str | None] = field(default_factory=dict)
    used: bool = False
    weight: int = 0


@dataclass
class Memory:
    """At most `limit` bytes of answers; times are of `time.monotonic`."""

    limit: int
    size: int = 0
    _looked_at: float = float("-inf")
    _cleared_at: float = float("-inf")
    _by_name: dict[bytes, Entry] = field(default_factory=dict, repr=False)
    _entries: OrderedDict[UUID, Entry] = field(default_factory=OrderedDict, repr=False)
    _by_reference: dict[str, set[bytes]] = field(default_factory=dict, repr=False)
    _stale_at: OrderedDict[Hashable, float] = field(default_factory=OrderedDict, repr=False)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: bytes) -> Entry | None:
        """Return what this raw name is answered with; None if that is not known, or may be old."""
        found = self._by_name.get(name)
        if found is None or time.monotonic() - self._looked_at > OVERDUE_S:
            return None
        found.used = True
        return found

    def keep(self, entry: Entry, name: bytes, reference: str | None, asked_at: float) -> None:
        """Remember an answer that was asked of the store at `asked_at`, unless it may be stale already.

        `reference` is what led to the account, None if that was an id.
        """
        now = time.monotonic()
        said = max(self._stale_at.get(entry.account_id, 0.0), self._stale_at.get(reference, 0.0), self._cleared_at)
        if asked_at <= said or now - asked_at > SLOWEST_READ_S or now - self._looked_at > OVERDUE_S:
            return
        known = self._entries.get(entry.account_id)
        if known is None or known.etag != entry.etag:
            self._drop(entry.account_id)
            known = self._entries[entry.account_id] = entry
            known.weight = len(entry.whole.body) + _OVERHEAD
            self.size += known.weight
        self._name(known, name, reference)
        self._make_room()

    def forget(self, accounts: Iterable[UUID], references: Iterable[str]) -> None:
        """Forget what is stale: answers about these accounts, and where these references lead."""
        now = time.monotonic()
        for account in accounts:
            self._stale_at[account] = now
            self._stale_at.move_to_end(account)
            self._drop(account)
        for reference in references:
            self._stale_at[reference] = now
            self._stale_at.move_to_end(reference)
            for name in tuple(self._by_reference.get(reference, ())):
                self._unname(self._by_name[name], name)
        while self._stale_at and now - next(iter(self._stale_at.values())) > SLOWEST_READ_S + OVERDUE_S:
            self._stale_at.popitem(last=False)

    def clear(self) -> None:
        """Forget everything: nobody knows what was said meanwhile."""
        self._cleared_at = time.monotonic()
        self._looked_at = float("-inf")
        self.size = 0
        for shelf in (self._by_name, self._entries, self._by_reference, self._stale_at):
            shelf.clear()

    def looked(self, at: float) -> None:
        """Note that everything committed before this moment has been heard of."""
        self._looked_at = at

    @property
    def names(self) -> Collection[bytes]:
        """All raw names that would be answered from here."""
        return self._by_name.keys()

    def _name(self, entry: Entry, name: bytes, reference: str | None) -> None:
        known = self._by_name.get(name)
        if known is not None:
            self._unname(known, name)
        if len(entry.names) >= _NAMES_AT_MOST:
            self._unname(entry, next(iter(entry.names)))
        entry.names[name] = reference
        self._by_name[name] = entry
        if reference is not None:
            self._by_reference.setdefault(reference, set()).add(name)

    def _unname(self, entry: Entry, name: bytes) -> None:
        reference = entry.names.pop(name)
        del self._by_name[name]
        if reference is not None:
            self._by_reference[reference].discard(name)
            if not self._by_reference[reference]:
                del self._by_reference[reference]

    def _drop(self, account: UUID) -> None:
        entry = self._entries.pop(account, None)
        if entry is not None:
            self.size -= entry.weight
            for name in tuple(entry.names):
                self._unname(entry, name)

    def _make_room(self) -> None:
        """Throw out the oldest; who was asked for since its last turn gets another one."""
        while self.size > self.limit and self._entries:
            account, entry = next(iter(self._entries.items()))
            if entry.used:
                entry.used = False
                self._entries.move_to_end(account)
            else:
                self._drop(account)
