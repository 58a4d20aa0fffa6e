"""Compiles a score model into one statement that measures every signal and gate for a batch of accounts.

It never runs the statement; equal questions of two signals are asked once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from milepost_core.events import OUTCOME_TYPES
from milepost_core.model import ScoreModel, sources
from milepost_core.model.sources import Denominator
from milepost_core.readings import Status
from scoring_api.queries.signals import events, items, states
from scoring_api.queries.signals.measured import Finisher, Measured, known
from scoring_api.queries.signals.selecting import age_of, visible_by
from scoring_api.queries.signals.sheet import Area, Columns, Floats, Selection, Sheet
from scoring_api.queries.signals.starting import start_at

# What a record must fulfil to be visible at T: it had happened, was told by then, still counted, had not run out.
VISIBLE = f"r.account_id = b.account_id and {visible_by('r')}"

# Who is asked for, the moment to look at each, and by when what counts then had to be told.
ASKED = (
    "(select u.*, coalesce($3::timestamptz, u.as_of) as known_at from"
    " unnest($1::uuid[], $2::timestamptz[]) with ordinality as u(account_id, as_of, place))"
)

# The difference of any two values up to this size is a number.
LARGEST_QUOTIENT = 1e307


@dataclass(frozen=True)
class Compiled:
    """A model as SQL: `$1` accounts, `$2` moments, `$3` when all was told (null: each at its own), then `arguments`.

    `names` are the columns of its rows, `finishers` make readings of them.
    """

    model: ScoreModel
    sql: str
    arguments: tuple[Any, ...]
    names: tuple[str, ...]
    finishers: tuple[Finisher, ...]


def compile_model(model: ScoreModel) -> Compiled:
    """Return the statement of a model; rows come back in the order in which accounts were asked for."""
    sheet = Sheet(model.timezone)
    finishers = tuple(_compile(sheet, column.source) for column in model.columns)
    sources_of_rows = _laterals(sheet, model)
    names = tuple(name for area in sheet.areas.values() for name in area.values())
    edges = "".join(f", b.as_of - {span} as {name}" for span, name in sheet.edges.items())
    sql = (
        f"with asked as materialized (select b.account_id, b.as_of, b.known_at, b.place, {start_at()} as start_at"  # noqa: S608 - placeholders and names of ours
        f"{edges} from {ASKED} b"
        " join scoring.account t on t.account_id = b.account_id)"
        f" select {', '.join(['b.place', age_of('b.start_at') + ' as age', *names])}"
        f" from asked b {sources_of_rows} order by b.place"
    )
    return Compiled(model, sql, tuple(sheet.arguments), names, finishers)


def _compile(sheet: Sheet, source: Denominator) -> Finisher:  # noqa: PLR0911 - one line a kind of source
    match source:
        case sources.Last():
            return events.compile_last(sheet, source)
        case sources.DaysSinceLast():
            return events.compile_days_since_last(sheet, source)
        case sources.TimeToFirst():
            return events.compile_time_to_first(sheet, source)
        case sources.Slope() | sources.Momentum():
            return events.compile_trend(sheet, source)
        case sources.OpenItems() | sources.OverdueItems() | sources.OldestOpenAge():
            return items.compile_items(sheet, source)
        case sources.MilestoneProgress():
            return states.compile_milestones(sheet, source)
        case sources.Attribute():
            return states.compile_attribute(sheet, source)
        case sources.Constant():
            return _constant(source.value)
        case sources.Ratio():
            return _ratio(source, _compile(sheet, source.num), _compile(sheet, source.den))
        case _:
            return events.compile_counted(sheet, source)


def _constant(value: float) -> Finisher:
    def finish(columns: Columns) -> Measured:
        still = 0.0 * columns["age"]
        return known(still + value, still)

    return finish


def _ratio(source: sources.Ratio, num: Finisher, den: Finisher) -> Finisher:
    """Divide two measures: no denominator comes before no numerator, and that before a zero below.

    What is so small that nothing can be counted with the quotient divides like nothing.
    """

    def finish(columns: Columns) -> Measured:
        above, below = num(columns), den(columns)
        zero = below.raw == 0
        with np.errstate(over="ignore"):
            value = np.divide(above.raw, below.raw, out=np.full_like(above.raw, np.nan), where=~zero)
        if source.max is not None:
            value = np.minimum(value, source.max)
        zero |= ~(np.abs(value) <= LARGEST_QUOTIENT)
        if source.zero_den is not None:
            value = np.where(zero, source.zero_den, value)
            zero[:] = False
        measured = known(value, _newer(source, above, below)).unless(np.isnan(below.raw), Status.NO_DENOMINATOR)
        for status in Status:
            if status != Status.OK:
                measured = measured.unless(above.status == status, status)
        return measured.unless(np.isnan(above.raw), Status.NO_DATA).unless(zero, Status.ZERO_DENOMINATOR)

    return finish


def _newer(source: sources.Ratio, above: Measured, below: Measured) -> Floats:
    """Return the age of the newest record behind a ratio; a plain number below says nothing of it."""
    if isinstance(source.den, sources.Attribute | sources.Constant):
        return above.age_days
    return np.fmin(above.age_days, below.age_days)


def _laterals(sheet: Sheet, model: ScoreModel) -> str:
    """Return the joins that compute each area's columns for every account asked for."""
    rows: dict[Area, Callable[[], str]] = {
        "recent": lambda: f"from scoring.record r where {_recent(sheet)}",
        "ever": lambda: f"from scoring.record r where {_ever(sheet)}",
        "items": lambda: f"from ({items.folding(sheet, VISIBLE)}) i",
        "milestones": lambda: f"from ({states.reached(sheet, VISIBLE, model.milestones)}) m",
        "attributes": lambda: "",
    }
    return " ".join(_lateral(sheet.areas[area], make(), f"{area}_") for area, make in rows.items() if sheet.areas[area])


def _recent(sheet: Sheet) -> str:
    """Which records the windows may need: not older than the longest of them, however long the history."""
    found = sheet.selections["recent"].values()
    longest = max(one.window_days or 0.0 for one in found)
    return f"{_seen(sheet)} and r.occurred_at > {sheet.edge(longest)} and ({_any(found)})"


def _ever(sheet: Sheet) -> str:
    """Which records of all time may be needed: if every question names its types, an index leads to them."""
    found = sheet.selections["ever"].values()
    if not all(one.types for one in found):
        return f"{_seen(sheet)} and ({_any(found)})"
    types = sorted({name for one in found for name in one.types})
    return f"{_seen(sheet)} and r.type = any({sheet.bind(types, 'text[]')}) and ({_any(found)})"


def _seen(sheet: Sheet) -> str:
    # An outcome is what the score has to foresee: no signal may see it, however broad its question.
    return f"{VISIBLE} and r.type <> all({sheet.bind(sorted(OUTCOME_TYPES), 'text[]')})"


def _any(found: Iterable[Selection]) -> str:
    return " or ".join(f"({one.condition})" for one in found)


def _lateral(columns: dict[str, str], rows: str, name: str) -> str:
    wanted = ", ".join(f"{expression} as {alias}" for expression, alias in columns.items())
    return f"cross join lateral (select {wanted} {rows}) {name}"


def matrix(names: Sequence[str], rows: Sequence[Any]) -> dict[str, Any]:
    """Return the answer by column: floats with NaN for null, objects where a column holds words."""
    columns: dict[str, Any] = {}
    for index, name in enumerate(("place", "age", *names)):
        values = [row[index] for row in rows]
        words = any(isinstance(value, str) for value in values)
        columns[name] = np.array(values, dtype=np.object_ if words else np.float64)
    return columns
