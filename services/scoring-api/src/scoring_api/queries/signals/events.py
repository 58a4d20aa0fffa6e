"""Aggregations over events: the columns that the statement must answer, and how they become a reading.

It never looks at items, milestones or attributes.
"""

from functools import partial

import numpy as np

from milepost_core.model import sources
from milepost_core.model.sources import Where
from milepost_core.readings import Status
from scoring_api.queries.ordering import newest_first, newest_recorded_first
from scoring_api.queries.signals.measured import Finisher, Measured, known
from scoring_api.queries.signals.selecting import age_of, days_between, field_of, float_of, number_of, select, word_of
from scoring_api.queries.signals.sheet import Columns, Floats, Selection, Sheet

Counted = (
    sources.Count | sources.Distinct | sources.ActiveDays | sources.Sum | sources.DecayedSum | sources.Breadth
    | sources.Rate | sources.Mean
)  # fmt: skip
NEWEST_FIRST = f"order by {newest_first('r')}"
LAST_FIRST = f"order by {newest_recorded_first('r')}"
# Beyond this many half-lives a float8 cannot hold in full what an event still weighs: it is nothing.
SPENT = 1022


def newest_age(sheet: Sheet, selection: Selection) -> str:
    """Return the column that holds the age in days of the newest record selected."""
    return sheet.aggregate(selection, "max(r.occurred_at)", age_of)


def compile_counted(sheet: Sheet, source: Counted) -> Finisher:
    """Return the finisher of an aggregation that has a value from its first day, or from `min_age_days`."""
    selection = select(sheet, source.where, source.window_days)
    value = _counting(sheet, source, selection)
    newest = newest_age(sheet, selection)

    def finish(columns: Columns) -> Measured:
        age = columns["age"]
        too_new = age < (0.0 if source.min_age_days is None else source.min_age_days)
        if isinstance(source, sources.Rate):
            too_new |= ~(_span(source, age) > 0)
        elif source.min_age_days is None:
            too_new[:] = False
        return known(_scaled(source, columns[value], age), columns[newest]).unless(too_new, Status.TOO_NEW)

    return _with_enough(sheet, source, selection, finish) if isinstance(source, sources.Mean) else finish


def _counting(sheet: Sheet, source: Counted, selection: Selection) -> str:
    """Return the column of the aggregate itself."""
    match source:
        case sources.Count() | sources.Rate():
            expression = "count(*)"
        case sources.Distinct():
            expression = f"count(distinct {field_of(sheet, source.field)})"
        case sources.ActiveDays():
            zone = sheet.bind(sheet.timezone, "text")
            expression = f"count(distinct (r.occurred_at at time zone {zone})::date)"
        case sources.Breadth():
            selection = selection.but(f"r.role = any({sheet.bind(list(source.expected), 'text[]')})")
            expression = "count(distinct r.role)"
        case sources.Sum():
            return _added(sheet, selection, "sum", _exact(number_of(sheet, source.field)))
        case sources.Mean():
            return _added(sheet, selection, "avg", _exact(number_of(sheet, source.field)))
        case sources.DecayedSum():
            return _added(sheet, selection, "sum", _decayed(sheet, source))
    return sheet.aggregate(selection, expression)


def _added(sheet: Sheet, selection: Selection, function: str, number: str) -> str:
    """Return the column of a sum or mean of decimals: they add up to the same in any order of the rows."""
    return sheet.aggregate(selection, f"{function}({number})", float_of)


def _decayed(sheet: Sheet, source: sources.DecayedSum) -> str:
    lives = f"{age_of('r.occurred_at')} / {sheet.bind(source.half_life_days, 'float8')}"
    weight = f"case when {lives} > {SPENT} then 0 else power(2::float8, -({lives})) end"
    # Multiplied as decimals: the product of two small floats may be too faint for a third.
    return f"coalesce({_exact(number_of(sheet, source.field))}, 1) * {_exact(weight)}"


def _exact(number: str) -> str:
    return f"({number})::numeric"


def _scaled(source: Counted, value: Floats, age: Floats) -> Floats:
    """Return the aggregate in the source's own unit; sums over nothing are 0."""
    match source:
        case sources.Breadth():
            return value / len(source.expected)
        case sources.Rate():
            return value / _span(source, age) * 7.0
        case sources.Sum() | sources.DecayedSum():
            return np.where(np.isnan(value), 0.0, value)
        case _:
            return value


def _span(source: sources.Rate, age: Floats) -> Floats:
    """Return the days that a rate speaks of: the window, or the account's age if that is shorter."""
    return age if source.window_days is None else np.minimum(age, source.window_days)


def _with_enough(sheet: Sheet, source: sources.Mean, selection: Selection, finish: Finisher) -> Finisher:
    numbers = sheet.aggregate(selection, f"count({number_of(sheet, source.field)})")

    def finish_mean(columns: Columns) -> Measured:
        return finish(columns).unless(columns[numbers] < max(1, source.min_n), Status.NO_DATA)

    return finish_mean


def compile_last(sheet: Sheet, source: sources.Last) -> Finisher:
    """Return the finisher of the newest value: a number, or a word beside it."""
    number, word = number_of(sheet, source.field), word_of(sheet, source.field)
    spoken = select(sheet, source.where, source.window_days).but(f"({number} is not null or {word} is not null)")
    names = [sheet.aggregate(spoken, f"array_agg({what} {LAST_FIRST})", _first) for what in (number, word)]
    newest = newest_age(sheet, spoken)

    def finish(columns: Columns) -> Measured:
        numbers, words, age = columns[names[0]], columns[names[1]], columns[newest]
        measured = known(numbers, age).unless(np.isnan(age), Status.NEVER)
        # A column of which no row holds a word comes as numbers.
        said = words if words.dtype == np.object_ else None
        return Measured(measured.raw, measured.status, age, measured.censored, said)

    return finish


def _first(listed: str) -> str:
    return f"({listed})[1]"


def compile_days_since_last(sheet: Sheet, source: sources.DaysSinceLast) -> Finisher:
    """Return the finisher of the days since the newest event; without one, never or the account's age."""
    newest = newest_age(sheet, select(sheet, source.where, source.window_days))

    def finish(columns: Columns) -> Measured:
        since = columns[newest]
        if source.never_is_age:
            return known(np.where(np.isnan(since), columns["age"], since), since)
        return known(since, since).unless(np.isnan(since), Status.NEVER)

    return finish


def compile_time_to_first(sheet: Sheet, source: sources.TimeToFirst) -> Finisher:
    """Return the finisher of the days from the start to the first event; until then the age, censored.

    A value that only waits has no record behind it, and therefore no age: waiting is not hearing.
    """
    since = select(sheet, source.where).but("r.occurred_at >= b.start_at")
    # Measured from the start itself: a difference of two ages would tremble in its last digits.
    first = sheet.aggregate(since, "min(r.occurred_at)", partial(days_between, "b.start_at"))
    newest = newest_age(sheet, since)

    def finish(columns: Columns) -> Measured:
        age, waiting = columns["age"], np.isnan(columns[first])
        measured = known(np.where(waiting, age, columns[first]), columns[newest])
        return Measured(measured.raw, measured.status, measured.age_days, waiting)

    return finish


def compile_trend(sheet: Sheet, source: sources.Slope | sources.Momentum) -> Finisher:
    """Return the finisher over counts in buckets (T-(j+1)b, T-jb]; an account younger than them is too new."""
    span = source.bucket_days * source.buckets
    names = [_bucket(sheet, source.where, source.bucket_days, back) for back in reversed(range(source.buckets))]
    newest = newest_age(sheet, select(sheet, source.where, span))

    def finish(columns: Columns) -> Measured:
        counts = np.stack([columns[name] for name in names])
        if isinstance(source, sources.Momentum):
            measured = known(_momentum(counts), columns[newest])
        else:
            measured = known(_slope(counts), columns[newest])
        silent = np.isnan(measured.raw)
        return measured.unless(columns["age"] < span, Status.TOO_NEW).unless(silent, Status.NO_ACTIVITY)

    return finish


def _bucket(sheet: Sheet, where: Where, days: float, back: int) -> str:
    inside = select(sheet, where, days * (back + 1))
    return sheet.aggregate(inside.but(f"r.occurred_at <= {sheet.edge(days * back)}") if back else inside, "count(*)")


def _slope(counts: Floats) -> Floats:
    """Return the least-squares slope per bucket in percent of the mean; NaN without any event."""
    # Twice the distance from the middle is a whole number, so that what is level comes out as exactly 0.
    at = 2.0 * np.arange(counts.shape[0], dtype=np.float64) - (counts.shape[0] - 1)
    mean: Floats = counts.mean(axis=0)
    slope: Floats = 2.0 * (at @ counts) / (at @ at)
    return np.divide(slope * 100.0, mean, out=np.full_like(mean, np.nan), where=mean > 0)


def _momentum(counts: Floats) -> Floats:
    """Return log2((newer + 1) / (older + 1)) of the two halves."""
    half = counts.shape[0] // 2
    ratio: Floats = (counts[half:].sum(axis=0) + 1.0) / (counts[:half].sum(axis=0) + 1.0)
    return np.log2(ratio)
