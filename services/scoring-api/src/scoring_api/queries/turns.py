"""SQL for the next moment at which what is measured changes although nothing happens: the next edge of any window.

It never measures; whatever moves steadily, such as an age, has no edge and is foretold by the law.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from milepost_core.events import OUTCOME_TYPES
from milepost_core.model import ScoreModel, sources
from milepost_runtime.database import Connection
from scoring_api.queries.signals.measuring import Batch
from scoring_api.queries.signals.selecting import field_of, select
from scoring_api.queries.signals.sheet import Selection, Sheet
from scoring_api.queries.signals.statement import ASKED, VISIBLE

_DUE = """
(select min(r.occurred_at) from scoring.record r where r.account_id = b.account_id and r.superseded_at is null
  and r.occurred_at > b.as_of),
(select min(r.due_at) from scoring.record r where r.account_id = b.account_id and r.superseded_at is null
  and r.due_at > b.as_of) + interval '1 millisecond',
(select min(r.expires_at) from scoring.record r where r.account_id = b.account_id and r.superseded_at is null
  and r.expires_at > b.as_of)
"""


@dataclass(frozen=True)
class Edges:
    """A model's question for edges: `$1` accounts, `$2` moments, `$3` when all was told (null), then `arguments`."""

    model: ScoreModel
    sql: str
    arguments: tuple[Any, ...]


@dataclass
class EdgeFinder:
    """Finds edges; remembers the statement of each model, so that PostgreSQL can remember its plan."""

    _known: dict[int, Edges] = field(default_factory=dict)

    async def next_edges(self, connection: Connection, model: ScoreModel, batch: Batch) -> dict[UUID, datetime]:
        """Return when the next record begins, falls due, runs out or leaves a window, of the accounts that have one.

        What is told later than the moments asked for is not foreseen.
        """
        edges = self._of(model)
        rows = await connection.fetch(edges.sql, list(batch.accounts), list(batch.moments), None, *edges.arguments)
        return {row["account_id"]: row["edge"] for row in rows if row["edge"] is not None}

    def _of(self, model: ScoreModel) -> Edges:
        found = self._known.get(id(model))
        if found is None or found.model is not model:
            found = self._known[id(model)] = compile_edges(model)
        return found


def compile_edges(model: ScoreModel) -> Edges:
    """Return the statement that finds the next edge of each account asked for."""
    sheet = Sheet(model.timezone)
    plain: dict[float, dict[str, Selection]] = {}
    found: dict[str, None] = {}
    for column in model.columns:
        for source in sources.parts(column.source):
            for days, selection, told_apart in _windows(sheet, source):
                if told_apart is None:
                    plain.setdefault(days, {})[selection.condition] = selection
                else:
                    found[_last_of_each(sheet, days, selection, told_apart)] = None
    found |= dict.fromkeys(_first(sheet, days, list(conditions)) for days, conditions in plain.items())
    spans = "".join(f", b.as_of - {span} as {name}" for span, name in sheet.edges.items())
    sql = (
        "with asked as materialized (select b.account_id, b.as_of, b.known_at"  # noqa: S608 - placeholders and names of ours
        f"{spans} from {ASKED} b)"
        f" select b.account_id, least({', '.join([*found, _DUE])}) as edge from asked b"
    )
    return Edges(model, sql, tuple(sheet.arguments))


def _windows(sheet: Sheet, source: sources.Denominator) -> Iterator[tuple[float, Selection, str | None]]:
    """Return each window of a source: its days, what lies in it, and what its records are told apart by.

    Where only different values count, a record that leaves changes nothing as long as another of its value is inside.
    """
    match source:
        case sources.Slope() | sources.Momentum():
            for number in range(1, source.buckets + 1):
                days = source.bucket_days * number
                yield days, select(sheet, source.where, days), None
        case sources.Distinct(window_days=float() as days):
            yield days, select(sheet, source.where, days), field_of(sheet, source.field)
        case sources.ActiveDays(window_days=float() as days):
            zone = sheet.bind(sheet.timezone, "text")
            yield days, select(sheet, source.where, days), f"(r.occurred_at at time zone {zone})::date"
        case sources.Breadth(window_days=float() as days):
            expected = f"r.role = any({sheet.bind(list(source.expected), 'text[]')})"
            yield days, select(sheet, source.where, days).but(expected), "r.role"
        case _:
            window: float | None = getattr(source, "window_days", None)
            if window is not None:
                yield window, select(sheet, source.where, window), None  # type: ignore[union-attr]


def _first(sheet: Sheet, days: float, conditions: list[str]) -> str:
    """Return the edge of the first record inside a window that anything asks for; an index scan ends at it."""
    either = " or ".join(f"({one})" for one in conditions)
    return (
        f"(select r.occurred_at from scoring.record r where {_seen(sheet)}"  # noqa: S608 - as above
        f" and r.occurred_at > {sheet.edge(days)} and ({either}) order by r.occurred_at limit 1) + {_span(sheet, days)}"
    )


def _last_of_each(sheet: Sheet, days: float, selection: Selection, told_apart: str) -> str:
    """Return the first edge at which a value is no longer inside a window at all."""
    return (
        f"(select min(v.newest) from (select max(r.occurred_at) as newest from scoring.record r where {_seen(sheet)}"  # noqa: S608 - as above
        f" and {selection.condition} group by {told_apart}) v) + {_span(sheet, days)}"
    )


def _span(sheet: Sheet, days: float) -> str:
    """Return the length of a window, bound as its edge is."""
    edge = sheet.edge(days).removeprefix("b.")
    return next(span for span, name in sheet.edges.items() if name == edge)


def _seen(sheet: Sheet) -> str:
    return f"{VISIBLE} and r.type <> all({sheet.bind(sorted(OUTCOME_TYPES), 'text[]')})"
