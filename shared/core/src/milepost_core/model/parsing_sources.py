"""Parses ``source`` sections: which aggregation, over which records.

It never looks at an account and never computes a value.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from milepost_core.events import ITEM_KINDS
from milepost_core.model.leaks import leaks_item, leaks_outcome, leaks_state, tells_state
from milepost_core.model.problems import nearest_word, step_into
from milepost_core.model.section import DAYS, DIVISOR, MOST_DAYS, SHARE, SPAN, WEIGHT, Section, is_number, scalars
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

__all__ = ["AGGREGATIONS", "MOST_BUCKETS", "MOST_CLAUSES", "parse_source", "parse_where", "refuse_leak"]

MOST_BUCKETS: Final = 100
MOST_CLAUSES: Final = 20


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
    types = [one for one in scalars(raw.take("type")) if isinstance(one, str)] if raw.has("type") else []
    clauses = tuple((name, _values(raw, name, types)) for name in raw.keys())  # noqa: SIM118 - a Section is no mapping
    if len(clauses) > MOST_CLAUSES:
        raw.note("", f"has {len(clauses)} clauses", f"at most {MOST_CLAUSES}")
    raw.finish()
    return Where(clauses)


def refuse_leak(section: Section, key: str, name: object, expected: str) -> None:
    """Note a word at a key that tells the outcome."""
    section.note(key, f"label leak: {str(name)[:60]!r} is the outcome the score must foresee", expected)


def _where(section: Section) -> Where:
    return parse_where(section, "where")


def _items(section: Section) -> Where:
    """Which items match; of a kind that nobody knows there are none, and none open would read as perfect."""
    where, place = _where(section), section.section("where", {})
    if where.get("type"):
        place.note("type", "an item has no type, it has a kind", f"kind: one of {', '.join(ITEM_KINDS)}", "kind")
    for kind in where.get("kind") or ():
        if kind not in ITEM_KINDS:
            message = f"there are no items of kind {str(kind)[:60]!r}; a company cannot have kinds of its own yet"
            near = nearest_word(kind, ITEM_KINDS, section.problems)
            place.note("kind", message, f"one of {', '.join(ITEM_KINDS)}", near)
    return where


def _values(where: Section, key: str, types: Sequence[str]) -> tuple[Scalar, ...]:
    values = scalars(where.take(key))
    if not values:
        where.note(key, "matches nothing that a record can hold", "a text, a number or a list of them")
    leaks = [key] if leaks_outcome(key) else []
    if key == "type":
        leaks += [one for one in types if leaks_outcome(one)]
    elif key == "item":
        leaks += [str(one) for one in values if leaks_item(one, types)]
    elif tells_state(key):
        leaks += [str(one) for one in values if leaks_state(one, types)]
    if leaks:
        refuse_leak(where, key, leaks[0], "no outcome event")
    return values


def _window(section: Section) -> float | None:
    return section.optional_number("window_days", SPAN)


def _min_age(section: Section) -> float | None:
    return section.optional_number("min_age_days", DAYS)


def _field(section: Section) -> str:
    # "field" says what to count, "value" says what to add up; both name a property of the event
    return _named(section, "value", _named(section, "field", "value"))


def _named(section: Section, key: str, default: str | None = None) -> str:
    name = section.text(key) if default is None else section.text(key, default)
    if section.has(key) and leaks_outcome(name):
        refuse_leak(section, key, name, "another property")
    return name


def _count(section: Section) -> Count:
    return Count(_where(section), _window(section), _min_age(section))


def _distinct(section: Section) -> Distinct:
    return Distinct(_named(section, "field"), _where(section), _window(section), _min_age(section))


def _active_days(section: Section) -> ActiveDays:
    return ActiveDays(_where(section), _window(section), _min_age(section))


def _sum(section: Section) -> Sum:
    return Sum(_where(section), _window(section), _min_age(section), _field(section))


def _mean(section: Section) -> Mean:
    least = section.whole("min_n", 1, least=1)
    return Mean(_where(section), _window(section), _min_age(section), least, _field(section))


def _decayed_sum(section: Section) -> DecayedSum:
    key = "half_life" if section.has("half_life") else "half_life_days"
    half_life = section.number(key, limits=SPAN)
    return DecayedSum(_where(section), half_life, _window(section), _min_age(section), _field(section))


def _last(section: Section) -> Last:
    return Last(_where(section), _window(section), _field(section))


def _days_since_last(section: Section) -> DaysSinceLast:
    never = section.choice("never", ["age"], "")
    return DaysSinceLast(_where(section), _window(section), never == "age")


def _slope(section: Section) -> Slope:
    return Slope(_where(section), *_buckets(section))


def _momentum(section: Section) -> Momentum:
    days, buckets = _buckets(section)
    if buckets % 2:
        section.note("buckets", f"{buckets} buckets have no halves", "an even number of buckets")
    return Momentum(_where(section), days, buckets)


def _buckets(section: Section) -> tuple[float, int]:
    days, buckets = section.number("bucket_days", limits=SPAN), section.whole("buckets", least=2, most=MOST_BUCKETS)
    if days * buckets > MOST_DAYS and buckets <= MOST_BUCKETS:
        section.note("bucket_days", f"{buckets} buckets of {days:g} days are {days * buckets:g} days",
                     f"at most {MOST_DAYS} days in all")  # fmt: skip
    return days, buckets


def _milestone_progress(section: Section) -> MilestoneProgress:
    penalty = section.number("late_penalty_per_day", 0.0, WEIGHT)
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
            refuse_leak(section, "den", raw, "another attribute")
        return Attribute(raw)
    if is_number(raw):
        return Constant(section.checked_number("den", raw, DIVISOR))
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
    "open_items": lambda section: OpenItems(_items(section)),
    "overdue_items": lambda section: OverdueItems(_items(section)),
    "oldest_open_age": lambda section: OldestOpenAge(_items(section)),
    "milestone_progress": _milestone_progress,
    "breadth": _breadth,
    "rate": _rate,
}

AGGREGATIONS: Final = tuple(_PARSERS)
"""Every ``agg`` that a source may name."""
