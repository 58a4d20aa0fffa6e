"""Parses ``source`` sections: which aggregation, over which records.

It never looks at an account and never computes a value.
"""

from collections.abc import Callable, Mapping
from typing import Final

from milepost_core.events import OUTCOME_WORDS
from milepost_core.model.problems import step_into
from milepost_core.model.section import NOT_NEGATIVE, POSITIVE, SHARE, Section, is_number, scalars
from milepost_core.model.sources import (
    ActiveDays,
    Attribute,
    Breadth,
    Constant,
    Count,
    DaysSinceLast,
    DecayedSum,
    Denominator,
    Distinct,
    Last,
    Mean,
    MilestoneProgress,
    Momentum,
    OldestOpenAge,
    OpenItems,
    OverdueItems,
    Rate,
    Ratio,
    Scalar,
    Slope,
    Source,
    Sum,
    TimeToFirst,
    Where,
)

__all__ = ["AGGREGATIONS", "leaks_outcome", "parse_source", "parse_where"]


def parse_source(section: Section) -> Source:
    """The aggregation of a section; problems are noted there, a plain count stands in."""
    agg = section.choice("agg", _PARSERS)
    if not agg:
        return Count(Where())
    source = _PARSERS[agg](section)
    section.finish()
    return source


def parse_where(section: Section, key: str) -> Where:
    """Which records match, as the mapping under a key says; a clause on the outcome is noted as a label leak."""
    raw = section.section(key, {})
    clauses = tuple((name, _values(raw, name)) for name in raw.keys())  # noqa: SIM118 - a Section is no mapping
    raw.finish()
    return Where(clauses)


def leaks_outcome(name: object) -> bool:
    """A word by which records or accounts tell the outcome, however it is written."""
    return isinstance(name, str) and name.strip().lower() in OUTCOME_WORDS


def _where(section: Section) -> Where:
    return parse_where(section, "where")


def _values(where: Section, key: str) -> tuple[Scalar, ...]:
    values = scalars(where.take(key))
    if not values:
        where.note(key, "matches nothing that a record can hold", "a text, a number or a list of them")
    leaks = [one for one in (key, *(values if key in _TELLING else ())) if leaks_outcome(one)]
    if leaks:
        where.note(key, f"label leak: {leaks[0]!r} is the outcome the score must foresee", "no outcome event")
    return values


# The clauses whose values say what happened; elsewhere "renewal" may be the topic of a survey.
_TELLING: Final = ("type", "kind", "state", "status")


def _window(section: Section) -> float | None:
    return section.optional_number("window_days", POSITIVE)


def _min_age(section: Section) -> float | None:
    return section.optional_number("min_age_days", NOT_NEGATIVE)


def _field(section: Section) -> str:
    # "field" says what to count, "value" says what to add up; both name a property of the event
    return section.text("value", section.text("field", "value"))


def _count(section: Section) -> Count:
    return Count(_where(section), _window(section), _min_age(section))


def _distinct(section: Section) -> Distinct:
    return Distinct(section.text("field"), _where(section), _window(section), _min_age(section))


def _active_days(section: Section) -> ActiveDays:
    return ActiveDays(_where(section), _window(section), _min_age(section))


def _sum(section: Section) -> Sum:
    return Sum(_where(section), _window(section), _min_age(section), _field(section))


def _mean(section: Section) -> Mean:
    least = section.whole("min_n", 1, least=1)
    return Mean(_where(section), _window(section), _min_age(section), least, _field(section))


def _decayed_sum(section: Section) -> DecayedSum:
    key = "half_life" if section.has("half_life") else "half_life_days"
    half_life = section.number(key, limits=POSITIVE)
    return DecayedSum(_where(section), half_life, _window(section), _min_age(section), _field(section))


def _last(section: Section) -> Last:
    return Last(_where(section), _window(section), _field(section))


def _days_since_last(section: Section) -> DaysSinceLast:
    never = section.choice("never", ["age"], "")
    return DaysSinceLast(_where(section), _window(section), never == "age")


def _slope(section: Section) -> Slope:
    days = section.number("bucket_days", limits=POSITIVE)
    return Slope(_where(section), days, section.whole("buckets", least=2))


def _momentum(section: Section) -> Momentum:
    days, buckets = section.number("bucket_days", limits=POSITIVE), section.whole("buckets", least=2)
    if buckets % 2:
        section.note("buckets", f"{buckets} buckets have no halves", "an even number of buckets")
    return Momentum(_where(section), days, buckets)


def _milestone_progress(section: Section) -> MilestoneProgress:
    penalty = section.number("late_penalty_per_day", 0.0, NOT_NEGATIVE)
    return MilestoneProgress(penalty, section.number("late_floor", 0.0, SHARE))


def _breadth(section: Section) -> Breadth:
    roles = section.texts("expected")
    if len(set(roles)) != len(roles):
        section.note("expected", "names a role twice", "every role once")
    return Breadth(_where(section), roles, _window(section), _min_age(section))


def _rate(section: Section) -> Rate:
    return Rate(_where(section), _window(section), _min_age(section))


def _ratio(section: Section) -> Ratio:
    num = parse_source(section.section("num"))
    cap, zero = section.optional_number("max"), section.optional_number("zero_den")
    return Ratio(num, _denominator(section), cap, zero)


def _denominator(section: Section) -> Denominator:
    raw = section.take("den")
    if isinstance(raw, Mapping):
        return parse_source(Section(raw, step_into(section.pointer, "den"), section.problems))
    if isinstance(raw, str) and raw:
        if leaks_outcome(raw):
            section.note("den", f"label leak: {raw!r} is the outcome the score must foresee", "another attribute")
        return Attribute(raw)
    if is_number(raw):
        return Constant(section.checked_number("den", raw))
    section.note("den", "is not something to divide by", "an aggregation, an account attribute or a number")
    return Constant(1.0)


_PARSERS: Final[dict[str, Callable[[Section], Source]]] = {
    "count": _count,
    "distinct": _distinct,
    "active_days": _active_days,
    "sum": _sum,
    "mean": _mean,
    "decayed_sum": _decayed_sum,
    "last": _last,
    "days_since_last": _days_since_last,
    "time_to_first": lambda section: TimeToFirst(_where(section)),
    "ratio": _ratio,
    "slope": _slope,
    "momentum": _momentum,
    "open_items": lambda section: OpenItems(_where(section)),
    "overdue_items": lambda section: OverdueItems(_where(section)),
    "oldest_open_age": lambda section: OldestOpenAge(_where(section)),
    "milestone_progress": _milestone_progress,
    "breadth": _breadth,
    "rate": _rate,
}

AGGREGATIONS: Final = tuple(_PARSERS)
"""Every ``agg`` that a source may name."""
