"""What a run of lines of an import says, gathered until it is written; it reads no line and knows no store."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import TypeAlias

from ingest_webhooks.words.shapes import NormalEvent, clean

BLANK = b" \t\r"
Errors: TypeAlias = Sequence[Mapping[str, str]]


@dataclass(slots=True)
class Chunk:
    """What a run of lines says; `before` is the number of the last line in front of it, `kept` are the lines.

    `rows` are new facts by key: the reference of their account and their text in the format of COPY, without it. What
    belongs to an account by more than that, its moment or a thing that it is about, is a whole event in `special` too.
    `first_told` is the first moment told of each reference, `opening` are those that may become new accounts,
    `newcomers` is how many were not spoken of lately. `repeats` are further lines that tell one of the facts.
    """

    before: int
    lines: int = 0
    size: int = 0
    blank: int = 0
    ignored: int = 0
    newcomers: int = 0
    kept: list[Sequence[bytes]] = field(default_factory=list)
    rows: dict[bytes, tuple[str, str]] = field(default_factory=dict)
    special: dict[bytes, NormalEvent] = field(default_factory=dict)
    keys: list[bytes] = field(default_factory=list)
    told: list[bytes] = field(default_factory=list)
    repeats: list[tuple[int, bytes]] = field(default_factory=list)
    first_told: dict[str, datetime] = field(default_factory=dict)
    opening: set[str] = field(default_factory=set)
    rejects: list[tuple[int, Errors]] = field(default_factory=list)

    def seal(self) -> None:
        """Put the keys of all facts in order, and note the order in which they were told; nothing is added any more."""
        self.told = list(self.rows)
        self.keys = sorted(self.told)

    def leave_out(self, key: bytes) -> None:
        """Ignore a fact."""
        del self.rows[key]
        self.special.pop(key, None)
        self.ignored += 1

    def lines_of(self, keys: Container[bytes]) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield number, key and text of every line that tells one of these facts; the chunk is sealed."""
        refused, repeated, first = {number for number, _ in self.rejects}, dict(self.repeats), iter(self.told)
        for number, raw in enumerate(chain.from_iterable(self.kept), self.before + 1):
            line = raw.strip(BLANK)
            if not line or number in refused:
                continue
            key = repeated.get(number) or next(first)
            if key in keys:
                yield number, key, line


def reason(code: str, detail: str) -> Errors:
    """Return why a whole line cannot be taken."""
    return [{"pointer": "", "detail": f"{detail[:1].upper()}{detail[1:]}.", "code": code}]


def storable(errors: Errors) -> Errors:
    """Return why a line cannot be taken in words that a database can hold, whatever the line holds."""
    return [{name: clean(text) for name, text in one.items()} for one in errors]
