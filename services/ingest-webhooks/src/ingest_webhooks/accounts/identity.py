"""Says where a reference leads, and where it led at any time, from the words told about it; it never talks to a store.

A name of an account (a company, an id of the customer's own) leads to one account, whatever the time. A thing (a
contact, a ticket, a domain) leads where its words lead: which words there are decides, never the order of telling.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from ingest_webhooks.words.references import follows, may_open
from ingest_webhooks.words.shapes import EPOCH

NOW = datetime.max.replace(tzinfo=UTC)
EVER = datetime.min.replace(tzinfo=UTC)


class Kind(StrEnum):
    """What a word says of a reference and its target.

    LINK and PRIMARY: it belongs there from then on; REMOVED takes both back. SAME: two names of one thing. HINT: it
    came beside that name, which counts while nothing better is known. HAND: somebody said so, which outranks
    providers; UNHAND takes that and hints back.
    """

    LINK = "link"
    PRIMARY = "primary"
    REMOVED = "removed"
    SAME = "same"
    HINT = "hint"
    HAND = "hand"
    UNHAND = "unhand"


_ADDING = (Kind.LINK, Kind.PRIMARY, Kind.HAND)


class Word(NamedTuple):
    """What was told once: from `at` on, `reference` and `target` have to do with each other as `kind` says."""

    reference: str
    target: str
    at: datetime
    kind: Kind


class Step(NamedTuple):
    """A target that words lead to, and since when."""

    target: str
    since: datetime
    by_hand: bool


class Lead(NamedTuple):
    """The account that a reference leads to, and the account's name at the end of the way."""

    account_id: UUID
    name: str


@dataclass
class Book:
    """The words that a batch needs, and which accounts names have of their own.

    `own` is what a name of an account leads to by itself, `roots` are those names that opened it themselves; `names`
    are the ones that it was opened for.
    """

    names: Set[str] = frozenset()
    words: dict[str, set[Word]] = field(default_factory=dict)
    own: dict[str, UUID] = field(default_factory=dict)
    roots: set[str] = field(default_factory=set)
    ties: dict[str, set[str]] = field(default_factory=dict)

    def copy(self) -> "Book":
        """Return a book that changes of this one do not reach."""
        words = {name: set(said) for name, said in self.words.items()}
        ties = {name: set(tied) for name, tied in self.ties.items()}
        return Book(self.names, words, dict(self.own), set(self.roots), ties)

    def add(self, word: Word) -> bool:
        """Write a word down; False when it was there."""
        said = self.words.setdefault(word.reference, set())
        if word in said:
            return False
        said.add(word)
        if word.kind is Kind.SAME and follows(word.reference) and follows(word.target):
            self.ties.setdefault(word.reference, set()).add(word.target)
            self.ties.setdefault(word.target, set()).add(word.reference)
        return True

    def thin(self, name: str) -> list[Word]:
        """Drop the words that repeat the one before and are repeated by the one after; return them."""
        told = sorted(self.words[name], key=lambda word: (word.at, word.target, word.kind))
        inner = zip(told, told[1:], told[2:], strict=False)
        idle = [here for before, here, after in inner if before[1::2] == here[1::2] == after[1::2]]
        self.words[name] -= set(idle)
        return idle

    def now(self, name: str) -> UUID | None:
        """Return the account that a reference leads to by now."""
        return self.at(name, NOW)

    def at(self, name: str, moment: datetime) -> UUID | None:
        """Return the account that a reference led to at a moment, else the next one that it came to lead to."""
        lead = self.lead(name, moment, frozenset())
        return None if lead is None else lead.account_id

    def of_item(self, name: str) -> UUID | None:
        """Return the account that all of a thing's own story belongs to: the last one that it was given to."""
        group = self.group(name)
        for step in self._active(group, NOW):
            lead = self.lead(step.target, step.since, group)
            if lead is not None:
                return lead.account_id
        return None

    def place(self, names: Sequence[str], item: str | None, moment: datetime) -> UUID | None:
        """Return the account of an event with these names: that of the first that leads to one."""
        for name in names:
            if name in self.own and name not in self.words:
                return self.own[name]
            found = self.of_item(name) if name == item and follows(name) else self.at(name, moment)
            if found is not None:
                return found
        return None

    def lead(self, name: str, moment: datetime, path: Set[str]) -> Lead | None:
        """Follow a name at a moment without coming back to a name of `path`."""
        if not follows(name):
            return self._lead_of_account(name, path)
        group = self.group(name)
        return self._first(self._ways(group, moment), moment, path | group)

    def steps(self, name: str) -> list[Step]:
        """Return where words lead from a name now, best first, whether or not any account is there."""
        return self._active(self.group(name), NOW)

    def hand_leads(self, name: str) -> bool:
        """Tell whether it is a word by hand that a name follows now."""
        return any(step.by_hand for step in self._active({name}, NOW)[:1])

    def group(self, name: str) -> frozenset[str]:
        """Return all names of the same thing."""
        found, waiting = {name}, [name]
        while waiting:
            new = self.ties.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return frozenset(found)

    def mentioned(self) -> set[str]:
        """Return every name that a word mentions."""
        return {name for said in self.words.values() for word in said for name in (word.reference, word.target)}

    def leading_over(self, names: Iterable[str]) -> set[str]:
        """Return these names, and all that lead over them or are the same thing."""
        over: dict[str, set[str]] = {}
        for said in self.words.values():
            for word in said:
                over.setdefault(word.target, set()).add(word.reference)
        found, waiting = set(names), list(names)
        while waiting:
            name = waiting.pop()
            new = (over.get(name, set()) | self.ties.get(name, set())) - found
            found |= new
            waiting += new
        return found

    def moments(self, names: Iterable[str]) -> set[datetime]:
        """Return the moments at which names, or what they lead over, may have changed."""
        seen: set[str] = set()
        waiting = list(names)
        found: set[datetime] = {EVER}
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                words = self.words.get(name, set())
                found.update(word.at for word in words)
                waiting += [*self.ties.get(name, ()), *(word.target for word in words)]
        return found

    def _lead_of_account(self, name: str, path: Set[str]) -> Lead | None:
        found = self._first(self._active({name}, NOW), NOW, path | {name})
        own = self.own.get(name)
        if found is None and (own is None or name in self.roots):
            found = self._hinted(name, path)
        if found is not None:
            return found
        return None if own is None else Lead(own, name)

    def _hinted(self, name: str, path: Set[str]) -> Lead | None:
        """A domain in common never makes one account of two companies of one system: that is told as a merge."""
        words = self.words.get(name, set())
        undone = {word.target for word in words if word.kind is Kind.UNHAND}
        hints = sorted({word.target for word in words if word.kind is Kind.HINT} - undone, key=_hint_order)
        for target in hints:
            lead = self._first([Step(target, NOW, False)], NOW, path | {name})
            if lead is not None and not (follows(target) and system_of(lead.name) == system_of(name)):
                return lead
        return None

    def _first(self, steps: Iterable[Step], moment: datetime, path: Set[str]) -> Lead | None:
        for step in steps:
            if step.target not in path:
                lead = self.lead(step.target, moment, path)
                if lead is not None:
                    return lead
        return None

    def _ways(self, group: Set[str], moment: datetime) -> Iterator[Step]:
        yield from self._active(group, moment)
        yield from self._later(group, moment)
        yield from self._derived(group)

    def _active(self, group: Set[str], moment: datetime) -> list[Step]:
        """Return where words lead at a moment, best first: by hand, then primary, the newest; then the oldest link."""
        ranked = []
        for (target, by_hand), added in self._added(group, moment).items():
            times = [word.at for word in added if word.at <= moment]
            strong = [word.at for word in added if word.at <= moment and word.kind is not Kind.LINK]
            if strong:
                ranked.append((0 if by_hand else 1, EPOCH - max(strong), Step(target, min(times), by_hand)))
            elif times:
                # What it was given to itself comes before what it is only known by.
                ranked.append((3 if follows(target) else 2, min(times) - EPOCH, Step(target, min(times), by_hand)))
        return [step for *_, step in sorted(ranked)]

    def _later(self, group: Set[str], moment: datetime) -> list[Step]:
        """Return where words lead after a moment, the next first: what came too early belongs there."""
        steps = []
        for (target, by_hand), added in self._added(group, moment).items():
            later = [word.at for word in added if word.at > moment]
            if later:
                steps.append((min(later), not by_hand, Step(target, min(later), by_hand)))
        return [step for *_, step in sorted(steps)]

    def _derived(self, group: Set[str]) -> list[Step]:
        """Return where hints of a thing lead, the oldest first, until a person took them back."""
        told = {word for name in group for word in self.words.get(name, ())}
        undone = {word.target: word.at for word in told if word.kind is Kind.UNHAND}
        hints = {word for word in told if word.kind is Kind.HINT and word.at > undone.get(word.target, EVER)}
        return [Step(word.target, word.at, False) for word in sorted(hints, key=lambda one: (one.at, one.target))]

    def _added(self, group: Set[str], moment: datetime) -> Mapping[tuple[str, bool], list[Word]]:
        """Return, per target and whether by hand, the words that belong there and were not undone by `moment`."""
        told = {word for name in group for word in self.words.get(name, ())}
        undoing = [
            word for word in told if word.kind is Kind.UNHAND or (word.kind is Kind.REMOVED and word.at <= moment)
        ]
        found: dict[tuple[str, bool], list[Word]] = {}
        for word in told:
            if word.kind in _ADDING and not (undoing and self._is_undone(word, undoing)):
                found.setdefault((word.target, word.kind is Kind.HAND), []).append(word)
        return found

    def _is_undone(self, added: Word, undoing: Iterable[Word]) -> bool:
        """What a merged name took over is taken back under the name of its heir, from the merge on.

        What a person said and took back counts as never said.
        """
        heirs = self._heirs(added.target)
        undoes = Kind.UNHAND if added.kind is Kind.HAND else Kind.REMOVED
        return any(word.at >= max(added.at, heirs.get(word.target, NOW)) and word.kind is undoes for word in undoing)

    def _heirs(self, name: str) -> dict[str, datetime]:
        """Return the names that a name of an account goes by, itself first, each from when on."""
        found, waiting = {name: EVER}, [name]
        while waiting:
            heir = waiting.pop()
            for word in self.words.get(heir, ()):
                if word.kind is Kind.SAME and word.target not in found:
                    found[word.target] = max(word.at, found[heir])
                    waiting.append(word.target)
        return found


def system_of(name: str) -> str:
    """Return which system, and which customer of ours in it, gave a name."""
    return "external" if name.startswith("external:") else name.rpartition(":")[0]


def _hint_order(target: str) -> tuple[int, str]:
    return (0 if may_open(target) else 2 if target.startswith("domain:") else 1, target)
