"""Reads a data set that describes itself: `evaluation.yaml` beside `events.csv` and `outcomes.csv`; it guesses nothing.

`events.csv`: id, type, account, occurred_at, and if wanted recorded_at, actor, role, item, value; any other column is a
property. `outcomes.csv`: account, left_at (empty: stayed), and if wanted enters_at and followed_until. The description
says horizon, panel, split, and which model with which curves to fit; docs/evaluation.md shows one.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from scoring_api.evaluating.sheets import DataUnreadable, find, moment_of, parsed, rows, split_anew
from scoring_api.evaluating.studies import Event, Finding, Look, Side, Study, Subject

FILE = "evaluation.yaml"
_COLUMNS = ("id", "type", "account", "occurred_at", "recorded_at", "actor", "role", "item", "value")
_KEYS = frozenset({"title", "citation", "horizon_days", "outcome", "panel", "split", "journey", "fit", "bands",
                   "default", "adapted", "analogy", "model"})  # fmt: skip


def read(folder: Path, split: Mapping[str, Any]) -> Study:
    """Return the study. Raises DataUnreadable."""
    settings = parsed((folder / FILE).read_text(encoding="utf-8"), FILE)
    settings = split_anew(settings, split)
    _refuse(settings)
    whole = list(rows(folder, "events.csv"))
    told = list(_once(whole))
    subjects = list(_subjects(told, list(rows(folder, "outcomes.csv"))))
    return Study(
        name=folder.resolve().name,
        title=str(settings.get("title", folder.resolve().name)),
        citation=str(settings.get("citation", "")),
        subjects=subjects,
        events=lambda: _events(told, subjects),
        looks=list(_looks(settings["panel"], subjects)),
        horizon=timedelta(days=float(settings["horizon_days"])),
        side=_side(settings["split"]),
        settings={"journey": [], "fit": {}, "bands": {"red": 0.1, "yellow": 0.3}, **settings},
        findings=_findings(told, subjects, len(whole) - len(told)),
        split_words=", ".join(f"{key.replace('_', ' ')} {value}" for key, value in settings["split"].items()),
    )


def _refuse(settings: Mapping[str, Any]) -> None:
    for key in ("horizon_days", "panel", "split"):
        if key not in settings:
            raise DataUnreadable(f"{FILE} says no {key}")
    if strange := set(settings) - _KEYS:
        raise DataUnreadable(f"{FILE}: {min(strange)} has no meaning; known are {', '.join(sorted(_KEYS))}")
    by_cohort = {"attribute", "train", "test"} <= set(settings["split"])
    if not by_cohort and not {"train_before", "test_from"} <= set(settings["split"]):
        raise DataUnreadable(f"{FILE}: split names attribute, train and test, or train_before and test_from")


def _moment(text: Any, what: str) -> datetime:
    moment = moment_of(str(text))
    if moment is None:
        raise DataUnreadable(f"{what} is missing")
    return moment


def _subjects(told: Sequence[Mapping[str, str]], outcomes: Sequence[Mapping[str, str]]) -> Iterator[Subject]:
    """Accounts are those of the outcomes; an account starts with its `account.started`, else with its first event."""
    starts: dict[str, datetime] = {}
    known: dict[str, dict[str, Any]] = {}
    last = [_moment(row["occurred_at"], "occurred_at") for row in told]
    last += [left for row in outcomes if (left := moment_of(row["left_at"])) is not None]
    for row, at in zip(told, last, strict=False):
        account = row["account"]
        said = row["type"] == "account.started"
        starts[account] = at if said else min(at, starts.get(account, at))
        if row["type"].startswith("account."):
            known.setdefault(account, {}).update(_properties(row))
    for row in outcomes:
        account, left = row["account"], moment_of(row["left_at"])
        if account not in starts:
            raise DataUnreadable(f"outcomes.csv: nothing is told of account {account}")
        enters = moment_of(row.get("enters_at", "")) or starts[account]
        ends = moment_of(row.get("followed_until", "")) or max(last)
        happened = () if left is None else (left,)
        yield Subject(account, starts[account], enters, happened, left, ends, known.get(account, {}))


def _properties(row: Mapping[str, str]) -> dict[str, Any]:
    return {name: _number_or_word(text) for name, text in row.items() if name not in _COLUMNS and text}


def _number_or_word(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _looks(panel: Mapping[str, Any], subjects: Sequence[Subject]) -> Iterator[Look]:
    every = int(panel.get("every_days", 7))
    if "from_day" in panel:
        for day in range(int(panel["from_day"]), int(panel["to_day"]) + 1, every):
            yield Look(f"day {day}", after=timedelta(days=day))
        return
    moment = _moment(panel.get("from", ""), "panel: from")
    last = moment_of(str(panel.get("to", ""))) or max(subject.ends for subject in subjects)
    while moment <= last:
        yield Look(f"{moment:%Y-%m-%d}", at=moment)
        moment += timedelta(days=every)


def _side(split: Mapping[str, Any]) -> Any:
    if "attribute" in split:
        train, test = ([str(one) for one in split[name]] for name in ("train", "test"))

        def by_cohort(subject: Subject, _moment: datetime) -> Side:
            cohort = str(subject.attributes.get(split["attribute"]))
            return "test" if cohort in test else "train" if cohort in train else ""

        return by_cohort
    until, since = (_moment(split[name], name) for name in ("train_before", "test_from"))

    def by_time(_subject: Subject, moment: datetime) -> Side:
        return "train" if moment < until else "test" if moment >= since else ""

    return by_time


def _events(told: Sequence[Mapping[str, str]], subjects: Sequence[Subject]) -> Iterator[Event]:
    place = {subject.name: at for at, subject in enumerate(subjects)}
    for number, row in enumerate(told):
        at = place.get(row["account"])
        # Starts and attributes are told once, from the accounts; outcomes are what has to be foreseen.
        if at is None or row["type"] in ("account.started", "account.updated"):
            continue
        value = row.get("value", "")
        yield Event(
            at,
            row.get("id") or f"row {number}",
            row["type"],
            _moment(row["occurred_at"], "occurred_at"),
            moment_of(row.get("recorded_at", "")),
            row.get("actor") or None,
            row.get("role") or None,
            row.get("item") or None,
            _number_or_word(value) if value else None,
            _properties(row),
        )


def _once(told: Sequence[Mapping[str, str]]) -> Iterator[Mapping[str, str]]:
    """Yield every event once: of those of one account and id the first counts, as the front door has it."""
    seen: set[tuple[str, str]] = set()
    for number, row in enumerate(told):
        name = (row["account"], row.get("id") or f"row {number}")
        if name not in seen:
            seen.add(name)
            yield row


def _findings(told: Sequence[Mapping[str, str]], subjects: Sequence[Subject], repeated: int) -> list[Finding]:
    by_name = {subject.name: subject for subject in subjects}
    mine = [(by_name[row["account"]], _moment(row["occurred_at"], "occurred_at"), row) for row in told
            if row["account"] in by_name]  # fmt: skip
    found = [
        ("events before their account starts", [at < subject.start for subject, at, _ in mine]),
        ("events after their account left",
         [subject.gone is not None and at > subject.gone for subject, at, _ in mine]),
        ("events of accounts without an outcome", [row["account"] not in by_name for row in told]),
        ("accounts that leave before they start",
         [subject.gone is not None and subject.gone < subject.start for subject in subjects]),
    ]  # fmt: skip
    again = [Finding("events told more than once", repeated, len(told) + repeated)] if repeated else []
    return again + [Finding(what, sum(flags), len(flags)) for what, flags in found if any(flags)]


def is_one(folder: Path) -> bool:
    """Tell whether a folder describes itself."""
    return (folder / FILE).is_file() and find(folder, "events.csv") is not None
