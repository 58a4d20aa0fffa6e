"""The slow reading of an account from the rows that the feed told of it: who it was, what counted, what was open.

One plain loop for each sentence of the law on visibility; the aggregations over what is left are those of `reading`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from support.histories import SOURCE, Told
from support.items import Move
from support.reading import Reader, fill
from support.records import LARGEST, Account, days_between, instant

from milepost_contracts.events import ACCOUNT_LINKED, BOOK_KEEPING
from milepost_core.events import ITEM_KINDS, OUTCOME_TYPES, subject_of
from milepost_core.model import ScoreModel
from milepost_core.readings import Readings

ABOUT_ACCOUNTS = ("account.updated", "account.started", "subscription.changed")


@dataclass(frozen=True)
class Row:
    """One event with everything that decides whether and how it counts; `ends` are the moments it is superseded."""

    told: Told
    ends: tuple[datetime, ...] = ()
    expires_at: datetime | None = None
    own: bool = False

    @property
    def at(self) -> datetime:
        return self.told.occurred_at

    @property
    def known(self) -> datetime:
        return self.told.recorded_at or self.told.occurred_at

    @property
    def place(self) -> tuple[datetime, str]:
        """Of two words of one thing that with the greater place is the newer."""
        return self.at, self.told.sequence or self.told.event_id


@dataclass(frozen=True)
class Look:
    """At which moment somebody looks, and by when what counts had to be told: by then, unless it says otherwise."""

    as_of: datetime
    known_at: datetime | None = None

    @property
    def known(self) -> datetime:
        return self.known_at or self.as_of

    def sees(self, row: Row) -> bool:
        """The law's words: it had happened, was told by then, counted still, and had not run out."""
        happened, told = row.at <= self.as_of, row.known <= self.known
        counts = all(end > self.known for end in row.ends)
        lasts = row.expires_at is None or row.expires_at > self.as_of
        return happened and told and counts and lasts


@dataclass(frozen=True)
class Feed:
    """All that was told of one account, and what our own people said of it."""

    told: Sequence[Told]
    own: Sequence[Row] = field(default_factory=tuple)

    @cached_property
    def rows(self) -> Sequence[Row]:
        """Every event once, with the moments from which another stands in its place."""
        found: dict[str, Row] = {}
        for one in self.told:
            ends = tuple(other.recorded_at or other.occurred_at for other in self.told if _ends(other, one))
            found.setdefault(one.event_id, Row(one, ends))
        return [row for row in found.values() if row.told.type not in BOOK_KEEPING] + list(self.own)

    def start(self, look: Look) -> datetime | None:
        """The newest visible word on the start by when it was said, else what was seen first; None: unknown then."""
        told = [row for row in self.rows if not row.own]
        words = [row for row in told if row.told.type == "account.started" and look.sees(row)]
        if words:
            return max(words, key=lambda row: (row.told.told_at or row.known, row.place[1])).at
        named = [max(one.occurred_at, one.recorded_at or one.occurred_at) for one in self.told if _names(one)]
        seen = [row.at for row in told if look.sees(row)]
        seen += [moment for moment in named if moment <= min(look.as_of, look.known)]
        ever = [row.at for row in told if look.sees(replace(row, ends=()))]
        return min(seen or ever, default=None)

    def attributes(self, look: Look) -> dict[str, Any]:
        """The newest visible value of each attribute."""
        found: dict[str, Any] = {}
        for row in sorted(self.rows, key=lambda row: row.place):
            if row.told.type in ABOUT_ACCOUNTS and not row.own and look.sees(row):
                found.update(row.told.properties)
        return found


def _ends(other: Told, one: Told) -> bool:
    return other.supersedes == one.event_id


def _names(one: Told) -> bool:
    return one.type == ACCOUNT_LINKED


class FeedReader(Reader):
    """One account as a look at its feed shows it."""

    def __init__(self, feed: Feed, look: Look, model: ScoreModel) -> None:
        self.as_of, self.zone, self.plan = look.as_of, ZoneInfo(model.timezone), model.milestones
        visible = [row for row in feed.rows if look.sees(row)]
        self.account = {"attributes": feed.attributes(look)}
        self.start = feed.start(look)
        self.age = float("nan") if self.start is None else days_between(self.start, look.as_of)
        self.events = [_event(row) for row in visible if row.told.type not in OUTCOME_TYPES]
        self.items = _items(visible)


def _event(row: Row) -> Account:
    """An event as it is kept: somebody who joined or left is known by that word, an absurd number is none."""
    one, verb = row.told, row.told.type.partition(".")[2]
    number, word = one.value, one.value_text
    if one.type in ("stakeholder.joined", "stakeholder.left"):
        number, word = None, verb
    elif one.type.startswith("stakeholder.") and number is None and word is None:
        word = verb
    if number is not None and abs(number) >= LARGEST:
        number = None
    value = word if word is not None else number
    said = {"t": row.at, "recorded_at": row.known, "sequence": row.place[1], "type": one.type, "value": value}
    return {**said, "actor": one.actor, "role": one.role, "item": one.item, "source": one.source or SOURCE,
            "properties": one.properties}  # fmt: skip


def _items(visible: Sequence[Row]) -> list[Account]:
    """The items that are open: an opening lies after the last closing."""

    def thing(row: Row) -> tuple[str, str]:
        return subject_of(row.told.type), row.told.item or ""

    about = [row for row in visible if row.told.item is not None and subject_of(row.told.type) in ITEM_KINDS]
    found = [_item(kind, name, list(rows)) for (kind, name), rows in groupby(sorted(about, key=thing), key=thing)]
    return [item for item in found if item is not None]


def _item(kind: str, name: str, rows: Sequence[Row]) -> Account | None:
    words, types = [], ITEM_KINDS[kind]
    for row in rows:
        said = row.told.properties.get("open")
        if row.told.type in types.types or isinstance(said, bool):
            words.append((row, row.told.type in types.opens, said if isinstance(said, bool) else None))
    closed = [row.at for row, _, said in words if row.told.type in types.closes or said is False]
    openings = [
        (row, Move(row.at, row.known, True, row.told.type.partition(".")[2] if typed else None))
        for row, typed, said in words
        if (typed or said is True) and all(row.at > moment for moment in closed)
    ]
    if not openings:
        return None
    states = sorted((row.place, move.state) for row, move in openings if move.state is not None)
    newest = sorted((row for row, *_ in words), key=lambda row: row.place)
    due = [moment for row in newest if (moment := instant(row.told.properties.get("due_at"))) is not None]
    return {
        "kind": kind, "id": name, "opened_at": openings[0][1].at, "openings": [move for _, move in openings],
        "state": states[-1][1] if states else None, "due_at": due[-1] if due else None,
        "properties": _newest(row.told.properties for row in newest),
    }  # fmt: skip


def _newest(said: Any) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for properties in said:
        found.update(properties)
    return found


def read_feed(feed: Feed, model: ScoreModel, look: Look) -> tuple[Readings, float]:
    """All columns of one account as a look shows them, and its age in days: NaN if nobody knew it then."""
    reader = FeedReader(feed, look, model)
    readings = Readings.empty(model, 1)
    if reader.start is not None:
        fill(readings, reader, model)
    return readings, reader.age
