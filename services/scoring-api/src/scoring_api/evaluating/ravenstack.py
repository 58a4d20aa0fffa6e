"""Reads the RavenStack tables of a made-up SaaS company as accounts with churn events; it repairs nothing it finds.

Dates that cannot be are told as findings and go into the records as they stand.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scoring_api.evaluating.describing import ByTime, split_of
from scoring_api.evaluating.sheets import described, moment_of, rows, split_anew
from scoring_api.evaluating.sides import sides
from scoring_api.evaluating.studies import Event, Finding, Look, Study, Subject

FILES = ("accounts.csv", "subscriptions.csv", "feature_usage.csv", "support_tickets.csv", "churn_events.csv")
_NEVER = datetime.max.replace(tzinfo=UTC)
Table = Sequence[Mapping[str, str]]


def read(folder: Path, split: Mapping[str, Any]) -> Study:
    """Return the study. Raises DataUnreadable."""
    settings = split_anew(described("ravenstack.yaml"), split)
    tables = {name.removesuffix(".csv"): list(rows(folder, name)) for name in FILES}
    churned: dict[str, list[datetime]] = {}
    for row in tables["churn_events"]:
        churned.setdefault(row["account_id"], []).append(_at(row["churn_date"]))
    ends = max(_at(row["usage_date"]) for row in tables["feature_usage"])
    subjects = [_subject(row, churned.get(row["account_id"], []), ends) for row in tables["accounts"]]
    parts, horizon = split_of(settings["split"]), timedelta(days=settings["horizon_days"])
    assert isinstance(parts, ByTime)
    return Study(
        name="ravenstack",
        title=settings["title"],
        citation=settings["citation"],
        subjects=subjects,
        events=lambda: _events(tables, subjects),
        looks=list(_looks(_at(settings["panel"]["from"]), settings["panel"]["every_days"], ends)),
        horizon=horizon,
        side=sides(parts, horizon),
        settings=settings,
        findings=_findings(tables),
        split_words=f"trained before {parts.train_before:%Y-%m-%d}, tested from {parts.test_from:%Y-%m-%d}",
    )


def _at(text: object) -> datetime:
    moment = moment_of(str(text))
    return _NEVER if moment is None else moment


def _looks(first: datetime, every: int, ends: datetime) -> Iterator[Look]:
    moment = first
    while moment <= ends:
        yield Look(f"{moment:%Y-%m-%d}", at=moment)
        moment += timedelta(days=every)


def _subject(row: Mapping[str, str], churned: Sequence[datetime], ends: datetime) -> Subject:
    signed = _at(row["signup_date"])
    known = {"plan": row["plan_tier"], "industry": row["industry"], "seats": float(row["seats"])}
    # Accounts are billed on after a churn event: nobody is gone for good.
    return Subject(row["account_id"], signed, signed, tuple(sorted(churned)), None, ends, known)


def _events(tables: Mapping[str, Table], subjects: Sequence[Subject]) -> Iterator[Event]:
    place = {subject.name: at for at, subject in enumerate(subjects)}
    owner = {row["subscription_id"]: place[row["account_id"]] for row in tables["subscriptions"]}
    for row in tables["feature_usage"]:
        at, when = owner[row["subscription_id"]], _at(row["usage_date"])
        properties = {"seconds": float(row["usage_duration_secs"]), "errors": float(row["error_count"])}
        yield Event(at, row["usage_id"], "feature.used", when, item=row["feature_name"],
                    value=float(row["usage_count"]), properties=properties)  # fmt: skip
    for row in tables["support_tickets"]:
        yield from _ticket(place[row["account_id"]], row)


def _ticket(at: int, row: Mapping[str, str]) -> Iterator[Event]:
    name, opened, closed = row["ticket_id"], _at(row["submitted_at"]), moment_of(row["closed_at"])
    severity = {"severity": row["priority"]}
    yield Event(at, f"{name}:opened", "ticket.opened", opened, item=name, properties=severity)
    if row["escalation_flag"] == "True":
        yield Event(at, f"{name}:escalated", "ticket.escalated", opened, item=name)
    if closed is None:
        return
    hours = float(row["resolution_time_hours"]) if row["resolution_time_hours"] else None
    yield Event(at, f"{name}:resolved", "ticket.resolved", closed, item=name, value=hours)
    if row["satisfaction_score"]:
        yield Event(at, f"{name}:rated", "survey.answered", closed, value=float(row["satisfaction_score"]))


def _findings(tables: Mapping[str, Table]) -> list[Finding]:
    """Everything in the tables that cannot be, or that contradicts itself."""
    accounts = {row["account_id"]: row for row in tables["accounts"]}
    subscriptions = {row["subscription_id"]: row for row in tables["subscriptions"]}
    usage, tickets, churn = tables["feature_usage"], tables["support_tickets"], tables["churn_events"]
    owners = [subscriptions[row["subscription_id"]] for row in usage]
    used = list(zip(usage, owners, strict=True))
    churned = {row["account_id"] for row in churn}
    signups = {name: row["signup_date"] for name, row in accounts.items()}
    found = [
        ("usage before its subscription begins", [use["usage_date"] < own["start_date"] for use, own in used]),
        ("usage after its subscription ended",
         [bool(own["end_date"]) and use["usage_date"] > own["end_date"] for use, own in used]),
        ("usage before the account signed up", [use["usage_date"] < signups[own["account_id"]] for use, own in used]),
        ("tickets before the account signed up", [one["submitted_at"] < signups[one["account_id"]] for one in tickets]),
        ("tickets closed before they were opened",
         [bool(one["closed_at"]) and one["closed_at"] < one["submitted_at"] for one in tickets]),
        ("churn before the account signed up", [one["churn_date"] < signups[one["account_id"]] for one in churn]),
        ("accounts whose churn flag contradicts the churn events",
         [(row["churn_flag"] == "True") != (name in churned) for name, row in accounts.items()]),
        ("churn events after which the account goes on as if nothing had been", _going_on(churn, used)),
    ]  # fmt: skip
    return [Finding(what, sum(flags), len(flags)) for what, flags in found if any(flags)]


def _going_on(churn: Table, used: Sequence[tuple[Mapping[str, str], Mapping[str, str]]]) -> list[bool]:
    last: dict[str, str] = {}
    for use, own in used:
        last[own["account_id"]] = max(last.get(own["account_id"], ""), use["usage_date"])
    return [last.get(row["account_id"], "") > row["churn_date"] for row in churn]
