"""The slow, obviously right reading: what each aggregation means, one account and one record at a time.

It is the yardstick for whatever computes signals fast. It never vectorises, caches or guesses.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from support.items import open_items, opened_at
from support.plans import steps_of
from support.records import (
    LARGEST,
    MOST_LIVES,
    MOST_QUOTIENT,
    Account,
    Value,
    canonical,
    days_between,
    event_at,
    event_key,
    field_of,
    held,
    instant,
    matches,
    missing,
    newest_versions,
    number_or,
    numbers_of,
    recorded_at,
)

from milepost_contracts.events import EVENT_RETRACTED
from milepost_core.events import OUTCOME_TYPES
from milepost_core.model import ScoreModel, Where, sources
from milepost_core.readings import Readings, Status

__all__ = ["Account", "Reader", "age_of", "fill", "instant", "read"]


def age_of(account: Account, as_of: datetime) -> float:
    start = instant(account.get("start_at"))
    return math.nan if start is None else days_between(start, as_of)


def read(account: Account, model: ScoreModel, as_of: object) -> Readings:
    """All columns of one account as of a moment."""
    moment = instant(as_of)
    assert moment is not None
    readings = Readings.empty(model, 1)
    fill(readings, Reader(account, moment, model), model)
    return readings


def fill(readings: Readings, reader: "Reader", model: ScoreModel) -> None:
    """Write what a reader finds into readings of one account."""
    assert readings.category is not None
    for index, column in enumerate(model.columns):
        value = reader.value(column.source)
        readings.status[0, index] = value.status
        readings.censored[0, index] = value.censored
        readings.age_days[0, index] = math.nan if value.age_days is None else value.age_days
        if isinstance(value.raw, str):
            readings.category[0, index] = value.raw
        elif value.raw is not None:
            readings.raw[0, index] = value.raw


class Reader:
    """One account as it was known at one moment."""

    def __init__(self, account: Account, as_of: datetime, model: ScoreModel) -> None:
        self.account = account
        self.as_of = as_of
        self.zone, self.plan = ZoneInfo(model.timezone), model.milestones
        self.start = instant(account.get("start_at"))
        self.age = age_of(account, as_of)
        self.events = [
            event
            for event in newest_versions(account.get("events") or [], as_of, at="t", key=event_key)
            if event_at(event) <= as_of and event["type"] not in (*OUTCOME_TYPES, EVENT_RETRACTED)
        ]
        self.items = open_items(account.get("items") or [], as_of)

    # -- which records ------------------------------------------------------------------------------

    def matching(self, where: Where, window_days: float | None = None) -> list[Account]:
        """Visible events that match, inside the window: its lower edge is out, its upper edge in."""
        return [
            event
            for event in self.events
            if matches(event, where) and (window_days is None or event_at(event) > self.edge(window_days))
        ]

    def open_items(self, where: Where) -> list[Account]:
        return [item for item in self.items if matches(item, where)]

    def edge(self, days: float) -> datetime:
        """The moment so many days of 86,400 seconds ago."""
        return self.as_of - timedelta(days=days)

    def days_ago(self, event: Account) -> float:
        return days_between(event_at(event), self.as_of)

    def newest_age(self, events: Sequence[Account]) -> float | None:
        return min((self.days_ago(event) for event in events), default=None)

    def measured(self, raw: float | str, events: Sequence[Account]) -> Value:
        return Value(raw, Status.OK, self.newest_age(events))

    def too_new(self, source: sources.Denominator) -> bool:
        least = getattr(source, "min_age_days", None)
        return least is not None and not self.age >= least

    # -- what they amount to ---------------------------------------------------------------------------

    def value(self, source: sources.Denominator) -> Value:
        """What one source says about the account."""
        compute: dict[type, Callable[[Any], Value]] = {
            sources.Count: self.count,
            sources.Distinct: self.distinct,
            sources.ActiveDays: self.active_days,
            sources.Sum: self.sum,
            sources.Mean: self.mean,
            sources.DecayedSum: self.decayed_sum,
            sources.Last: self.last,
            sources.DaysSinceLast: self.days_since_last,
            sources.TimeToFirst: self.time_to_first,
            sources.Ratio: self.ratio,
            sources.Slope: self.slope,
            sources.Momentum: self.momentum,
            sources.OpenItems: self.count_open,
            sources.OverdueItems: self.count_overdue,
            sources.OldestOpenAge: self.oldest_open_age,
            sources.MilestoneProgress: self.milestone_progress,
            sources.Breadth: self.breadth,
            sources.Rate: self.rate,
            sources.Attribute: self.attribute,
            sources.Constant: lambda constant: Value(constant.value, Status.OK, 0.0),
        }
        return missing(Status.TOO_NEW) if self.too_new(source) else compute[type(source)](source)

    def count(self, source: sources.Count) -> Value:
        events = self.matching(source.where, source.window_days)
        return self.measured(float(len(events)), events)

    def distinct(self, source: sources.Distinct) -> Value:
        events = self.matching(source.where, source.window_days)
        values = {canonical(value) for event in events if (value := field_of(event, source.field)) is not None}
        return self.measured(float(len(values)), events)

    def active_days(self, source: sources.ActiveDays) -> Value:
        events = self.matching(source.where, source.window_days)
        dates = {event_at(event).astimezone(self.zone).date() for event in events}
        return self.measured(float(len(dates)), events)

    def sum(self, source: sources.Sum) -> Value:
        events = self.matching(source.where, source.window_days)
        return self.measured(math.fsum(numbers_of(events, source.field)), events)

    def mean(self, source: sources.Mean) -> Value:
        events = self.matching(source.where, source.window_days)
        values = numbers_of(events, source.field)
        if len(values) < max(1, source.min_n):
            return missing(Status.NO_DATA)
        return self.measured(math.fsum(values) / len(values), events)

    def decayed_sum(self, source: sources.DecayedSum) -> Value:
        events = self.matching(source.where, source.window_days)
        lives = [self.days_ago(event) / source.half_life_days for event in events]
        total = sum(
            (Fraction(number_or(event, source.field, 1.0)) * Fraction(2.0**-gone)
             for event, gone in zip(events, lives, strict=True) if gone <= MOST_LIVES),
            Fraction(0),
        )  # fmt: skip
        return self.measured(held(float(total)), events)

    def last(self, source: sources.Last) -> Value:
        spoken = [
            event
            for event in self.matching(source.where, source.window_days)
            if isinstance(field_of(event, source.field), str) or numbers_of([event], source.field)
        ]
        if not spoken:
            return missing(Status.NEVER)
        newest = max(spoken, key=lambda event: (event_at(event), recorded_at(event, "t"), event.get("sequence") or ""))
        value = field_of(newest, source.field)
        return Value(value if isinstance(value, str) else float(value), Status.OK, self.days_ago(newest))

    def days_since_last(self, source: sources.DaysSinceLast) -> Value:
        events = self.matching(source.where, source.window_days)
        newest = self.newest_age(events)
        if newest is not None:
            return Value(newest, Status.OK, newest)
        if source.never_is_age and not math.isnan(self.age):
            return Value(self.age)
        return missing(Status.NEVER)

    def time_to_first(self, source: sources.TimeToFirst) -> Value:
        if self.start is None:
            return missing(Status.NO_DATA)
        since = [event for event in self.matching(source.where) if event_at(event) >= self.start]
        if not since:
            return Value(self.age, censored=True)
        first = min(event_at(event) for event in since)
        return self.measured(days_between(self.start, first), since)

    def ratio(self, source: sources.Ratio) -> Value:
        below, above = self.value(source.den), self.value(source.num)
        if below.status != Status.OK or not isinstance(below.raw, int | float):
            return missing(Status.NO_DENOMINATOR)
        if above.status != Status.OK or not isinstance(above.raw, int | float):
            return missing(above.status or Status.NO_DATA)
        ages = [age for age in (above.age_days, below.age_days) if age is not None]
        age = (
            above.age_days if isinstance(source.den, sources.Attribute | sources.Constant) else min(ages, default=None)
        )
        zero = source.zero_den
        nothing_below = missing(Status.ZERO_DENOMINATOR) if zero is None else Value(zero, Status.OK, age)
        if below.raw == 0:
            return nothing_below
        share = Fraction(above.raw) / Fraction(below.raw)
        share = share if source.max is None else min(share, Fraction(source.max))
        return nothing_below if abs(share) > MOST_QUOTIENT else Value(float(share), Status.OK, age)

    def slope(self, source: sources.Slope) -> Value:
        counts, events = self.bucket_counts(source)
        if not self.age >= source.bucket_days * source.buckets:
            return missing(Status.TOO_NEW)
        mean = sum(counts) / len(counts)
        if mean == 0:
            return missing(Status.NO_ACTIVITY)
        # In halves of a bucket the distances from the middle are whole numbers: a level course has the slope 0.
        halves = [2 * place - (len(counts) - 1) for place in range(len(counts))]
        rise = 2 * sum(half * count for half, count in zip(halves, counts, strict=True))
        return self.measured(rise / sum(half**2 for half in halves) / mean * 100.0, events)

    def momentum(self, source: sources.Momentum) -> Value:
        counts, events = self.bucket_counts(source)
        if not self.age >= source.bucket_days * source.buckets:
            return missing(Status.TOO_NEW)
        half = len(counts) // 2
        earlier, recent = sum(counts[:half]), sum(counts[half:])
        return self.measured(math.log2((recent + 1) / (earlier + 1)), events)

    def bucket_counts(self, source: sources.Slope | sources.Momentum) -> tuple[list[int], list[Account]]:
        """Events per bucket, oldest first; a bucket holds its newer edge, not its older one."""
        width, number = source.bucket_days, source.buckets
        events = self.matching(source.where, width * number)
        counts = [0] * number
        for event in events:
            for back in range(number):
                if self.edge(width * (back + 1)) < event_at(event) <= self.edge(width * back):
                    counts[number - 1 - back] += 1
        return counts, events

    def count_open(self, source: sources.OpenItems) -> Value:
        return Value(float(len(self.open_items(source.where))), Status.OK, 0.0)

    def count_overdue(self, source: sources.OverdueItems) -> Value:
        due = [instant(item.get("due_at")) for item in self.open_items(source.where)]
        return Value(float(sum(moment is not None and moment < self.as_of for moment in due)), Status.OK, 0.0)

    def oldest_open_age(self, source: sources.OldestOpenAge) -> Value:
        since = [opened_at(item, source.where) for item in self.open_items(source.where)]
        ages = [days_between(moment, self.as_of) for moment in since if moment is not None]
        return Value(max(ages, default=0.0), Status.OK, 0.0)

    def milestone_progress(self, source: sources.MilestoneProgress) -> Value:
        earned, possible = 0.0, 0.0
        for step in steps_of(self.account, self.events, self.plan, self.start, self.as_of):
            if step.done_at is None and (step.due_at is None or step.due_at > self.as_of):
                continue
            possible += step.weight
            if step.done_at is not None:
                late = 0.0 if step.due_at is None else max(0.0, days_between(step.due_at, step.done_at))
                earned += step.weight * max(source.late_floor, 1.0 - late * source.late_penalty_per_day)
        return Value(earned / possible, Status.OK, 0.0) if possible > 0 else missing(Status.NOTHING_DUE)

    def breadth(self, source: sources.Breadth) -> Value:
        events = self.matching(source.where, source.window_days)
        seen = {event.get("role") for event in events} & set(source.expected)
        return self.measured(len(seen) / len(source.expected), events)

    def rate(self, source: sources.Rate) -> Value:
        span = min(math.inf if source.window_days is None else source.window_days, self.age)
        if not span > 0:
            return missing(Status.TOO_NEW)
        events = self.matching(source.where, source.window_days)
        return self.measured(len(events) / span * 7.0, events)

    def attribute(self, source: sources.Attribute) -> Value:
        attributes = {**self.account, **(self.account.get("attributes") or {})}
        value = attributes.get(source.name)
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= LARGEST:
            return missing(Status.NO_DATA)
        return Value(held(float(value)), Status.OK, 0.0)
