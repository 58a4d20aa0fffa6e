"""Reads the Open University Learning Analytics data set as accounts that stay or leave; it judges nobody.

An enrolment is an account, assessments are milestones with their deadlines, withdrawing is leaving. The data set says
days, counted from the start of the module; no day of the week and no hour is known.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scoring_api.evaluating.sheets import days_of, described, rows, split_anew
from scoring_api.evaluating.sides import sides
from scoring_api.evaluating.studies import Event, Finding, Look, Study, Subject

FILES = ("accounts.csv", "milestones.csv", "submissions.csv", "usage_snapshots.csv")
_STARTS = {"B": 2, "J": 10}
_COUNTED = (14, 28, 42, 56)
# The calendar of a module is known long before it begins.
_PLANNED = timedelta(days=365)


def read(folder: Path, split: Mapping[str, Any]) -> Study:
    """Return the study. Raises DataUnreadable."""
    settings = split_anew(described("oulad.yaml"), split)
    accounts = [row for row in rows(folder, "accounts.csv") if row["single_enrolment"] == "1"]
    subjects = [_subject(row) for row in accounts]
    calendar, parts = settings["panel"], settings["split"]
    days = range(calendar["from_day"], calendar["to_day"] + 1, calendar["every_days"])

    return Study(
        name="oulad",
        title=settings["title"],
        citation=settings["citation"],
        subjects=subjects,
        events=lambda: _events(folder, subjects),
        looks=[Look(f"day {day}", after=timedelta(days=day)) for day in days],
        horizon=timedelta(days=settings["horizon_days"]),
        side=sides(parts, timedelta(days=settings["horizon_days"])),
        settings=settings,
        findings=_findings(accounts, folder),
        split_words=f"trained on {', '.join(parts['train'])}, tested on {', '.join(parts['test'])}",
    )


def _findings(accounts: Sequence[Mapping[str, str]], folder: Path) -> list[Finding]:
    """Everything in the tables of the panel's enrolments that cannot be, or that contradicts itself."""
    left = {row["account_id"]: day for row in accounts if (day := days_of(row["withdrew_day"])) is not None}
    registered = {row["account_id"]: day for row in accounts if (day := days_of(row["registered_day"])) is not None}
    mine = {row["account_id"] for row in accounts}
    done = [(row["account_id"], day) for row in rows(folder, "submissions.csv")
            if row["account_id"] in mine and row["is_banked"] != "1"
            and (day := days_of(row["submitted_day"])) is not None]  # fmt: skip
    withdrawn = [(row["final_result"] == "Withdrawn", row["account_id"] in left) for row in accounts]
    found = [
        ("enrolments that ended as withdrawn, without a day", [said and not day for said, day in withdrawn]),
        ("enrolments with a day of withdrawing that ended otherwise", [day and not said for said, day in withdrawn]),
        ("enrolments without a day of registration", [row["account_id"] not in registered for row in accounts]),
        ("enrolments withdrawn before they were registered",
         [name in registered and day < registered[name] for name, day in left.items()]),
        ("submissions after withdrawing", [name in left and day > left[name] for name, day in done]),
        ("submissions before registering", [name in registered and day < registered[name] for name, day in done]),
    ]  # fmt: skip
    return [Finding(what, sum(flags), len(flags)) for what, flags in found if any(flags)]


def _start(presentation: str) -> datetime:
    return datetime(int(presentation[:4]), _STARTS[presentation[4]], 1, tzinfo=UTC)


def _subject(row: Mapping[str, str]) -> Subject:
    start = _start(row["presentation"])
    registered = days_of(row["registered_day"])
    left = days_of(row["withdrew_day"])
    # Nobody wrote down when a few registered; they had before it was looked for the first time.
    enters = start - timedelta(days=1000) if registered is None else start + registered
    known: dict[str, Any] = {
        "module": row["module"],
        "presentation": row["presentation"],
        "credits": float(row["credits"]),
    }
    known |= {} if registered is None else {"registered_days_before": -registered / timedelta(days=1)}
    ends = start + timedelta(days=float(row["length_days"]))
    gone = None if left is None else start + left
    return Subject(row["account_id"], start, enters, () if gone is None else (gone,), gone, ends, known)


def _events(folder: Path, subjects: list[Subject]) -> Iterator[Event]:
    place = {subject.name: at for at, subject in enumerate(subjects)}
    plan: dict[tuple[str, str], list[tuple[str, timedelta, float]]] = {}
    for row in rows(folder, "milestones.csv"):
        due = days_of(row["due_day"])
        if row["kind"] != "Exam" and due is not None:
            planned = (row["milestone_id"], due, max(1.0, float(row["weight"])))
            plan.setdefault((row["module"], row["presentation"]), []).append(planned)
    for at, subject in enumerate(subjects):
        module = (subject.attributes["module"], subject.attributes["presentation"])
        yield from _known_before(at, subject, plan.get(module, []))
    deadlines = {(*module, name): due for module, steps in plan.items() for name, due, _ in steps}
    yield from _submissions(folder, subjects, place, deadlines)
    yield from _usage(folder, subjects, place)


def _known_before(at: int, subject: Subject, plan: list[tuple[str, timedelta, float]]) -> Iterator[Event]:
    """The plan, how early somebody registered, and how much was taken on at once."""
    for name, due, weight in plan:
        properties = {"due_at": (subject.start + due).isoformat(), "weight": weight}
        yield Event(at, f"plan:{name}", "milestone.planned", subject.start - _PLANNED, item=name, properties=properties)
    early = subject.attributes.get("registered_days_before")
    if early is not None:
        yield Event(at, "registered", "registration.made", subject.enters, value=early)
    taken_on = Event(at, "credits", "subscription.counted", subject.enters, value=subject.attributes["credits"])
    yield taken_on


def _submissions(
    folder: Path, subjects: list[Subject], place: Mapping[str, int], deadlines: Mapping[Any, timedelta]
) -> Iterator[Event]:
    """A submission completes its milestone; its mark and how late it was are told with it, on the same day."""
    for row in rows(folder, "submissions.csv"):
        at, day = place.get(row["account_id"]), days_of(row["submitted_day"])
        if at is None or day is None or row["is_banked"] == "1":
            continue
        subject = subjects[at]
        due = deadlines.get((subject.attributes["module"], subject.attributes["presentation"], row["milestone_id"]))
        if due is None:
            continue
        mark = float(row["score"]) if row["score"] else None
        late = {"days_late": (day - due) / timedelta(days=1)}
        name = row["milestone_id"]
        yield Event(
            at, f"done:{name}", "milestone.completed", subject.start + day, item=name, value=mark, properties=late
        )


def _usage(folder: Path, subjects: list[Subject], place: Mapping[str, int]) -> Iterator[Event]:
    """What was clicked since the count before; totals become what was added. No row means that nothing was."""
    totals: dict[tuple[int, int], tuple[float, float]] = {}
    for row in rows(folder, "usage_snapshots.csv"):
        at = place.get(row["account_id"])
        if at is not None:
            totals[at, int(row["as_of_day"])] = float(row["total_clicks"]), float(row["active_days"])
    for at, subject in enumerate(subjects):
        before = (0.0, 0.0)
        for day in _COUNTED:
            moment = subject.start + timedelta(days=day)
            now = totals.get((at, day), before)
            if subject.enters <= moment:
                yield Event(at, f"clicks:{day}", "usage.clicks_counted", moment, value=now[0] - before[0])
                yield Event(at, f"days:{day}", "usage.days_counted", moment, value=now[1] - before[1])
            before = now
