"""Decides which account a reference leads to, in memory and for one batch; it never talks to a store."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from ingest_webhooks.shapes import Link, Merge, Standing, names_an_account


@dataclass(frozen=True, slots=True)
class Told:
    """A name of an account that is new or leads elsewhere now; readers of the feed are told."""

    reference: str
    account_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Gone:
    """An account that lives on in another one since `at`."""

    survivor: UUID
    at: datetime


@dataclass
class Ledger:
    """References as they stand, and what a batch changes in them.

    Load `known` with every reference that the batch speaks of (and all names of accounts that it merges) first.
    """

    known: dict[str, Standing]
    new_account: Callable[[], UUID]
    changed: dict[str, Standing] = field(default_factory=dict)
    opened: list[UUID] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    merged: dict[UUID, Gone] = field(default_factory=dict)

    def account_of(self, reference: str) -> UUID | None:
        """Return the account that a reference leads to by now."""
        standing = self.known.get(reference)
        return None if standing is None else standing.account_id

    def open(self, reference: str, at: datetime) -> UUID:
        """Return the account behind a reference, a new one if there is none."""
        account_id = self.account_of(reference)
        if account_id is None:
            account_id = self.new_account()
            self.opened.append(account_id)
            self._set(reference, Standing(account_id, at, primary=True))
        return account_id

    def link(self, link: Link) -> None:
        """Let a reference lead to an account, or take that away; a late word about an earlier time changes nothing."""
        current = self.known.get(link.reference)
        if link.removed:
            self._unlink(link, current)
            return
        account_id = self.open(link.account, link.at)
        if current is not None and current.account_id == account_id:
            at, primary = max(current.linked_at, link.at), current.primary or link.primary
            self._set(link.reference, Standing(account_id, at, primary))
        elif self._outranks(link, current):
            self._set(link.reference, Standing(account_id, link.at, link.primary))

    def point(self, reference: str, account_id: UUID, at: datetime) -> None:
        """Let a reference lead to an account because somebody said so; that outranks what a provider says."""
        if self.account_of(reference) != account_id:
            self._set(reference, Standing(account_id, at, primary=True))

    def merge(self, merge: Merge) -> None:
        """Let every name of the merged accounts lead to the survivor."""
        survivor = self.open(merge.survivor, merge.at)
        for reference in merge.merged:
            gone = self.account_of(reference)
            if gone is None:
                self._set(reference, Standing(survivor, merge.at, primary=True))
            elif gone != survivor:
                self._merge_account(gone, survivor, merge.at)

    def _merge_account(self, gone: UUID, survivor: UUID, at: datetime) -> None:
        # What lived on in the one that goes now lives on in its survivor.
        for earlier, one in self.merged.items():
            if one.survivor == gone:
                self.merged[earlier] = Gone(survivor, one.at)
        self.merged[gone] = Gone(survivor, at)
        for name, standing in list(self.known.items()):
            if standing.account_id == gone:
                self._set(name, Standing(survivor, max(standing.linked_at, at), standing.primary))

    def _unlink(self, link: Link, current: Standing | None) -> None:
        ours = (None, self.account_of(link.account))
        if current is None or (current.account_id in ours and link.at >= current.linked_at):
            self._set(link.reference, Standing(None, link.at))

    @staticmethod
    def _outranks(link: Link, current: Standing | None) -> bool:
        """Another account's primary link beats others and an earlier primary one; among equals the first stays."""
        if current is None:
            return True
        if current.account_id is None:
            return link.at > current.linked_at
        return link.primary and (not current.primary or link.at > current.linked_at)

    def _set(self, reference: str, standing: Standing) -> None:
        before = self.account_of(reference)
        self.known[reference] = self.changed[reference] = standing
        if standing.account_id is not None and standing.account_id != before and names_an_account(reference):
            self.told.append(Told(reference, standing.account_id, standing.linked_at))


def ledger_of(rows: Iterable[Mapping[str, object]], new_account: Callable[[], UUID]) -> Ledger:
    """Return a ledger over rows of the table `reference`."""
    known = {
        str(row["reference"]): Standing(row["account_id"], row["linked_at"], bool(row["primary_link"]))  # type: ignore[arg-type]
        for row in rows
    }
    return Ledger(known, new_account)


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
    return [replace(merge, survivor=last(merge.survivor)) for merge in ordered]


def wanted(links: Iterable[Link], merges: Iterable[Merge], references: Iterable[str]) -> set[str]:
    """Return every reference that a batch speaks of."""
    names = set(references)
    for link in links:
        names.update((link.reference, link.account))
    for merge in merges:
        names.update((merge.survivor, *merge.merged))
    return names


def own_ids(references: Iterable[str]) -> dict[UUID, str]:
    """Return the references that are ids of ours, by id."""
    return {UUID(name): name for name in references if ":" not in name}
