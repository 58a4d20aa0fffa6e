"""Turns the `where` of a model into conditions on records; it never decides what is visible.

Records are called `r`, the account and moment asked for `b`. Words that are columns of a record are compared as
columns, any other word as a property of the event.
"""

from collections.abc import Sequence

from milepost_core.model.sources import Scalar, Where
from scoring_api.queries.signals.sheet import Selection, Sheet

TEXT_COLUMNS = frozenset({"type", "actor", "role", "item", "source"})
DAY = "86400.0::float8"
# Whoever tells a number of this size or above is mistaken.
ABSURD = "1e15"
# The smallest number that a float8 carries in full: below it PostgreSQL refuses what it cannot write.
FAINTEST = "2.2250738585072014e-308"


def select(sheet: Sheet, where: Where, window_days: float | None = None) -> Selection:
    """Return the records that match and lie in the window (T - w, T]."""
    clauses = [_clause(sheet, key, values) for key, values in where.clauses]
    if window_days is not None:
        # Two numbers are compared in a fraction of the time that texts take: the window comes first.
        clauses.insert(0, f"r.occurred_at > {sheet.edge(window_days)}")
    return Selection(" and ".join(clauses) or "true", window_days, where.types)


def field_of(sheet: Sheet, field: str) -> str:
    """Return the expression for a field by which records can be told apart; null where one does not carry it."""
    if field in TEXT_COLUMNS:
        return f"r.{field}"
    if field == "value":
        return "coalesce(to_jsonb(r.value_text), to_jsonb(r.value))"
    return f"nullif(r.properties -> {sheet.bind(field, 'text')}, 'null')"


def number_of(sheet: Sheet, field: str) -> str:
    """Return the expression for a field as a number; null where a record carries none (or an absurd one)."""
    if field == "value":
        return "r.value"
    if field in TEXT_COLUMNS:
        return "null::float8"
    name = sheet.bind(field, "text")
    value = f"(r.properties ->> {name})"
    return (
        f"(case jsonb_typeof(r.properties -> {name})"
        f" when 'number' then {told_number(f'{value}::numeric')}"
        f" when 'boolean' then {value}::boolean::int::float8 end)"
    )


def told_number(exact: str) -> str:
    """Return the float8 of an exact number that somebody told; null where it is absurd."""
    return f"case when abs({exact}) < {ABSURD} then {float_of(exact)} end"


def float_of(exact: str) -> str:
    """Return the float8 of an exact number; what is too faint for one is 0."""
    return f"case when abs({exact}) < {FAINTEST} then 0 else ({exact})::float8 end"


def word_of(sheet: Sheet, field: str) -> str:
    """Return the expression for a field as a word; null where a record carries a number or nothing."""
    if field == "value":
        return "r.value_text"
    if field in TEXT_COLUMNS:
        return f"r.{field}"
    name = sheet.bind(field, "text")
    return f"(case when jsonb_typeof(r.properties -> {name}) = 'string' then r.properties ->> {name} end)"


def age_of(moment: str) -> str:
    """Return the expression for the days from a moment to the moment asked for."""
    return days_between(moment, "b.as_of")


def told_by(rows: str) -> str:
    """Return the condition that a row had happened by `b.as_of`, and counted as far as was known at `b.known_at`."""
    return (
        f"{rows}.occurred_at <= b.as_of and {rows}.recorded_at <= b.known_at"
        f" and ({rows}.superseded_at is null or {rows}.superseded_at > b.known_at)"
    )


def visible_by(rows: str) -> str:
    """Return the condition that a record was visible at the moment asked for: told by then, and not run out."""
    return f"{told_by(rows)} and ({rows}.expires_at is null or {rows}.expires_at > b.as_of)"


def days_between(earlier: str, later: str) -> str:
    """Return the expression for the days from one moment to another."""
    return f"extract(epoch from {later} - {earlier})::float8 / {DAY}"


def _clause(sheet: Sheet, key: str, values: Sequence[Scalar]) -> str:
    if key in TEXT_COLUMNS:
        return f"r.{key} = any({sheet.bind([str(value) for value in values], 'text[]')})"
    if key == "value":
        numbers = [float(value) for value in values if not isinstance(value, str)]
        words = [value for value in values if isinstance(value, str)]
        number = f"r.value = any({sheet.bind(numbers, 'float8[]')})"
        return f"({number} or r.value_text = any({sheet.bind(words, 'text[]')}))"
    found = f"(r.properties -> {sheet.bind(key, 'text')})"
    if key == "kind":
        found = f"coalesce(nullif({found}, 'null'), to_jsonb(split_part(r.type, '.', 1)))"
    return f"{found} = any({sheet.bind(list(values), 'jsonb[]')})"
