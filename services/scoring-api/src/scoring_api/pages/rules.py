"""What a signal measures, in words; it reads no account and draws nothing."""

from collections.abc import Sequence

from milepost_core.events import EVENT_TYPES
from milepost_core.model import sources
from milepost_core.model.document import Gate
from milepost_core.model.normalisers import category_text
from milepost_core.model.sources import Denominator, Scalar, Where

_OPS = {
    "==": "is", "!=": "is not", ">": "is above", ">=": "is at least", "<": "is below", "<=": "is at most",
    "in": "is one of", "not_in": "is none of",
}  # fmt: skip


def measured(source: Denominator) -> str:  # noqa: PLR0911 - one line a kind of source
    """Return what a source measures, as half a sentence."""
    match source:
        case sources.Attribute():
            return f"the account's {_words(source.name)}"
        case sources.Constant():
            return f"{source.value:g}"
        case sources.Ratio():
            return f"{measured(source.num)}, divided by {measured(source.den)}{_capped(source)}"
        case sources.MilestoneProgress():
            return f"the weighted share of milestones that are due and done{_late(source)}"
        case sources.OpenItems():
            return f"the number of open {_items(source.where)}"
        case sources.OverdueItems():
            return f"the number of {_items(source.where)} that are past their day"
        case sources.OldestOpenAge():
            return f"the age of the oldest open one of: {_items(source.where)}"
        case sources.Breadth():
            return f"the share of {_listed(source.expected)} who were seen in {_events(source.where)}{_window(source)}"
        case _:
            return _of_events(source)


def _of_events(source: Denominator) -> str:  # noqa: PLR0911 - as above
    match source:
        case sources.Count():
            return f"how often: {_events(source.where)}{_window(source)}"
        case sources.Distinct():
            return f"how many different {_many(source.field)} in {_events(source.where)}{_window(source)}"
        case sources.ActiveDays():
            return f"the number of days with {_events(source.where)}{_window(source)}"
        case sources.Sum():
            return f"the total {_words(source.field)} of {_events(source.where)}{_window(source)}"
        case sources.Mean():
            return f"the average {_words(source.field)} of {_events(source.where)}{_window(source)}"
        case sources.DecayedSum():
            half = f", each counting half after {source.half_life_days:g} days"
            return f"how often: {_events(source.where)}{half}{_window(source)}"
        case sources.Last():
            return f"what the newest of these says: {_events(source.where)}{_window(source)}"
        case sources.DaysSinceLast():
            return f"days since the last of: {_events(source.where)}{_window(source)}"
        case sources.TimeToFirst():
            return f"days from the start to the first of: {_events(source.where)}"
        case sources.Rate():
            return f"how often a week: {_events(source.where)}{_window(source)}"
        case sources.Slope() | sources.Momentum():
            span = f"{source.buckets} stretches of {source.bucket_days:g} days"
            return f"how the number of these grows or falls over {span}: {_events(source.where)}"
    raise TypeError(f"no words for {source!r}")


def fires(gate: Gate) -> str:
    """Return when a gate fires, as half a sentence."""
    return f"when {compared(gate.source, gate.op, gate.value)}"


def compared(source: sources.Source, op: str, value: Scalar | tuple[Scalar, ...]) -> str:
    """Return a measure and what it is held against."""
    values = value if isinstance(value, tuple) else (value,)
    return f"{measured(source)} {_OPS[op]} {_either(values)}"


def asked_for(clauses: Sequence[tuple[str, tuple[Scalar, ...]]]) -> str:
    """Return whom a model or segment takes: `plan is enterprise or group, and region is north`."""
    return ", and ".join(f"{_words(name)} is {_either(values)}" for name, values in clauses)


def _events(where: Where) -> str:
    known = [f"“{EVENT_TYPES[name].label if name in EVENT_TYPES else name}”" for name in where.types]
    told = _listed(known) or "anything that happened"
    more = [f"{_words(key)} {_either(values)}" for key, values in where.clauses if key != "type"]
    return f"{told} ({', '.join(more)})" if more else told


def _items(where: Where) -> str:
    kinds = where.get("kind") or where.get("type") or ("item",)
    more = [f"{_words(key)} {_either(values)}" for key, values in where.clauses if key not in ("kind", "type")]
    told = " or ".join(f"{category_text(one)}s" for one in kinds)
    return f"{told} ({', '.join(more)})" if more else told


def _window(source: Denominator) -> str:
    days, least = getattr(source, "window_days", None), getattr(source, "min_age_days", None)
    told = "" if days is None else f", in the last {days:g} days"
    return told + (f"; not before day {least:g}" if least else "")


def _capped(source: sources.Ratio) -> str:
    return "" if source.max is None else f", at most {source.max:g}"


def _late(source: sources.MilestoneProgress) -> str:
    if not source.late_penalty_per_day:
        return ""
    return f"; each day late costs {source.late_penalty_per_day:.0%} of one, down to {source.late_floor:.0%}"


def _either(values: Sequence[Scalar]) -> str:
    return _listed([category_text(one) for one in values])


def _listed(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _many(name: str) -> str:
    return {"actor": "people", "item": "items", "role": "roles"}.get(name, f"values of {_words(name)}")


def _words(name: str) -> str:
    return name.replace("_", " ")
