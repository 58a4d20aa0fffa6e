"""Reads a data set that describes itself: `evaluation.yaml` beside `events.csv` and `outcomes.csv`; it guesses nothing.

`events.csv`: id, type, account, occurred_at, and if wanted recorded_at, actor, role, item, value; any other column is a
property. `outcomes.csv`: account, left_at (empty: stayed), and if wanted enters_at and followed_until. The description
says horizon, panel, split, and which model with which curves to fit; docs/evaluation.md shows one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from milepost_core.events import ATTRIBUTE_TYPES
from scoring_api.evaluating.describing import FILE, ByCohort, ByDate, ByDay, ByTime, Description, understood
from scoring_api.evaluating.sheets import DataUnreadable, find, moment_of, parsed, placed_rows, split_anew
from scoring_api.evaluating.sides import sides
from scoring_api.evaluating.studies import Event, Finding, Look, Study, Subject, Told, folded

_COLUMNS = ("id", "type", "account", "occurred_at", "recorded_at", "actor", "role", "item", "value")
_YEARS = range(1900, 2201)
_MOST_LOOKS = 5000


class Line(NamedTuple):
    """A row of the events: whose it is, and what it tells."""

    account: str
    event: Event


def read(folder: Path, split: Mapping[str, Any]) -> Study:
    """Return the study. Raises DataUnreadable."""
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataUnreadable(f"{FILE} cannot be read: {error}") from None
    said = understood(split_anew(parsed(text, FILE), split))
    whole = list(_lines(folder))
    told = list(_once(whole))
    subjects = list(_subjects(told, folder))
    name, horizon = folder.resolve().name, timedelta(days=said.horizon_days)
    return Study(
        name=name,
        title=said.title or name,
        citation=said.citation,
        subjects=subjects,
        events=lambda: _events(told, subjects),
        looks=list(_looks(said, subjects)),
        horizon=horizon,
        side=sides(said.split, horizon),
        settings=said.model_dump(exclude={"panel", "split"}),
        findings=_findings(told, subjects, len(whole) - len(told), said.split),
        split_words=_words(said.split),
        tells_itself=True,
    )


def _words(split: ByCohort | ByTime) -> str:
    if isinstance(split, ByTime):
        return f"trained before {split.train_before:%Y-%m-%d}, tested from {split.test_from:%Y-%m-%d}"
    return f"by {split.attribute}: trained on {', '.join(split.train)}, tested on {', '.join(split.test)}"


def _moment(place: str, row: Mapping[str, str], column: str, *, open_end: bool = False) -> datetime | None:
    try:
        moment = moment_of(row.get(column, ""))
    except DataUnreadable as error:
        raise DataUnreadable(f"{place}: {column}: {error}") from None
    if moment is not None and moment.year not in _YEARS and not open_end:
        raise DataUnreadable(f"{place}: {column}: the year {moment.year} cannot be meant")
    return moment


def _required(place: str, row: Mapping[str, str], column: str) -> str:
    if not row[column]:
        raise DataUnreadable(f"{place}: {column} is missing")
    return row[column]


def _lines(folder: Path) -> Iterator[Line]:
    for place, row in placed_rows(folder, "events.csv", needs=("type", "account", "occurred_at")):
        kind, account = _required(place, row, "type"), _required(place, row, "account")
        occurred = _moment(place, row, "occurred_at")
        if occurred is None:
            raise DataUnreadable(f"{place}: occurred_at is missing")
        value = row.get("value", "")
        yield Line(
            account,
            Event(
                -1,
                row.get("id") or place,
                kind,
                occurred,
                _moment(place, row, "recorded_at"),
                row.get("actor") or None,
                row.get("role") or None,
                row.get("item") or None,
                _number_or_word(value) if value else None,
                {name: _number_or_word(text) for name, text in row.items() if name not in _COLUMNS and text},
            ),
        )


def _number_or_word(text: str) -> float | str:
    """What is no number that can be counted with stays a word: so do `nan` and `inf`."""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if isfinite(number) else text


def _once(told: Sequence[Line]) -> Iterator[Line]:
    """Yield every event once: of those of one account and id the first counts, as the front door has it."""
    seen: set[tuple[str, str]] = set()
    for line in told:
        name = (line.account, line.event.id)
        if name not in seen:
            seen.add(name)
            yield line


@dataclass
class _Known:
    """What the events tell of one account besides its behaviour."""

    first: datetime
    starts: list[Told] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    @property
    def start(self) -> datetime:
        """The start that was said first, else the first event: a later word moves no earlier look."""
        return min(self.starts, key=lambda one: (one.recorded_at, one.id)).occurred_at if self.starts else self.first

    def attributes_of_the_start(self) -> dict[str, Any]:
        """What held at the start, whenever it was told."""
        return folded(one for one in self.told if one.occurred_at <= self.start)


def _known(told: Sequence[Line]) -> dict[str, _Known]:
    found: dict[str, _Known] = {}
    for account, event in told:
        own = found.setdefault(account, _Known(event.occurred_at))
        own.first = min(own.first, event.occurred_at)
        word = Told(event.occurred_at, event.recorded_at or event.occurred_at, event.id, event.properties or {})
        if event.type == "account.started":
            own.starts.append(word)
        if event.type in ATTRIBUTE_TYPES and event.properties:
            own.told.append(word)
    return found


def _subjects(told: Sequence[Line], folder: Path) -> Iterator[Subject]:
    """Accounts are those of the outcomes; an account starts with its `account.started`, else with its first event."""
    known = _known(told)
    outcomes = list(placed_rows(folder, "outcomes.csv", needs=("account", "left_at")))
    last = [line.event.occurred_at for line in told]
    last += [left for place, row in outcomes if (left := _moment(place, row, "left_at")) is not None]
    seen: dict[str, str] = {}
    for place, row in outcomes:
        account, left = _required(place, row, "account"), _moment(place, row, "left_at")
        if account in seen:
            raise DataUnreadable(f"{place}: account {account[:80]} stands in {seen[account]} already")
        if account not in known:
            raise DataUnreadable(f"{place}: nothing is told of account {account[:80]}")
        seen[account], own = place, known[account]
        enters = _moment(place, row, "enters_at") or own.start
        ends = _moment(place, row, "followed_until", open_end=True) or max(last)
        happened = () if left is None else (left,)
        yield Subject(account, own.start, enters, happened, left, ends, own.attributes_of_the_start(),
                      tuple(own.told), tuple(own.starts))  # fmt: skip


def _looks(said: Description, subjects: Sequence[Subject]) -> Iterator[Look]:
    panel = said.panel
    if isinstance(panel, ByDay):
        days = range(panel.from_day, panel.to_day + 1, panel.every_days)
        _refuse_too_many(len(days))
        yield from (Look(f"day {day}", after=timedelta(days=day)) for day in days)
        return
    yield from _on_the_calendar(panel, max((subject.ends for subject in subjects), default=panel.since))


def _on_the_calendar(panel: ByDate, ends: datetime) -> Iterator[Look]:
    span = (panel.until or ends) - panel.since
    count = span // timedelta(days=panel.every_days) + 1
    _refuse_too_many(count)
    for number in range(count):
        moment = panel.since + number * timedelta(days=panel.every_days)
        yield Look(f"{moment:%Y-%m-%d}", at=moment.astimezone(UTC))


def _refuse_too_many(count: int) -> None:
    if count > _MOST_LOOKS:
        raise DataUnreadable(f"{FILE}: panel: these are {count:,} looks, more than {_MOST_LOOKS:,}: say an earlier end")


def _events(told: Sequence[Line], subjects: Sequence[Subject]) -> Iterator[Event]:
    """What happened, starts and attributes among it, each at its time; outcomes are what has to be foreseen."""
    place = {subject.name: at for at, subject in enumerate(subjects)}
    for account, event in told:
        at = place.get(account)
        if at is not None:
            yield event._replace(account=at)


def _findings(
    told: Sequence[Line], subjects: Sequence[Subject], repeated: int, split: ByCohort | ByTime
) -> list[Finding]:
    by_name = {subject.name: subject for subject in subjects}
    mine = [(by_name[one.account], one.event) for one in told if one.account in by_name]
    found = [
        ("events before their account starts", [event.occurred_at < subject.start for subject, event in mine]),
        ("events after their account left",
         [subject.gone is not None and event.occurred_at > subject.gone for subject, event in mine]),
        ("events of accounts without an outcome", [one.account not in by_name for one in told]),
        ("accounts that leave before they start",
         [subject.gone is not None and subject.gone < subject.start for subject in subjects]),
        ("accounts that are said to start at several moments",
         [len({one.occurred_at for one in subject.starts}) > 1 for subject in subjects]),
        ("values that look like numbers and are none (nan, inf)",
         [isinstance(event.value, str) and _looks_like_a_number(event.value) for _, event in mine]),
    ]  # fmt: skip
    if isinstance(split, ByCohort):
        unknown = [split.attribute not in subject.attributes for subject in subjects]
        found.append((f"accounts without {split.attribute} at their start, which are on neither side", unknown))
    again = [Finding("events told more than once", repeated, len(told) + repeated)] if repeated else []
    return again + [Finding(what, sum(flags), len(flags)) for what, flags in found if any(flags)]


def _looks_like_a_number(text: str) -> bool:
    return text.strip().lower().lstrip("+-") in ("nan", "inf", "infinity")


def is_one(folder: Path) -> bool:
    """Tell whether a folder describes itself."""
    return (folder / FILE).is_file() and find(folder, "events.csv") is not None
