"""SQL that finds the records behind a signal: those that its measure counts, by the same words; it measures nothing.

Of items (tickets, tasks, invoices) it lists all that happened to those the signal is about, closed ones included: what
closed a ticket is as much a reason for "none open" as what opened it.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from milepost_core.events import OUTCOME_TYPES
from milepost_core.model import ScoreModel, sources
from milepost_core.model.sources import Source, parts
from scoring_api.queries.ordering import newest_first, newest_recorded_first
from scoring_api.queries.reading import Rows
from scoring_api.queries.reading import Source as Store
from scoring_api.queries.signals import items, states
from scoring_api.queries.signals.selecting import field_of, number_of, select, told_by, word_of
from scoring_api.queries.signals.sheet import Selection, Sheet
from scoring_api.queries.signals.starting import start_at
from scoring_api.queries.signals.statement import ASKED, VISIBLE
from scoring_api.queries.then import Then, narrowed

_COLUMNS = (
    "r.event_id, r.type, r.occurred_at, r.recorded_at, r.actor, r.role, r.item, r.value, r.value_text, r.properties,"
    " r.source"
)


async def newest_records(
    store: Store,
    account: UUID,
    judge: tuple[ScoreModel, Source],
    as_of: datetime,
    limit: int,
    then: Then | None = None,
) -> Rows:
    """Return the newest records that a source of a model counts as of a moment (and merge: `then`), newest first."""
    model, source = judge
    sheet = Sheet(model.timezone)
    outcomes = sheet.bind(sorted(OUTCOME_TYPES), "text[]")
    found = [condition for part in parts(source) if (condition := _condition(sheet, part, model))]
    most = sheet.bind(limit, "int")
    edges = "".join(f", b.as_of - {span} as {name}" for span, name in sheet.edges.items())
    sql, arguments = narrowed(
        then,
        f"with asked as materialized (select b.*, {start_at()} as start_at{edges} from {ASKED} b"  # noqa: S608 - placeholders and names of ours
        " join scoring.account t on t.account_id = b.account_id)"
        f" select {_COLUMNS} from asked b join scoring.record r on {VISIBLE}"
        f" where r.type <> all({outcomes}) and ({' or '.join(f'({one})' for one in found) or 'false'})"
        f" order by {newest_first('r')} limit {most}",
        sheet.arguments,
    )
    rows: Rows = await store.fetch(sql, [account if then is None else then.holder], [as_of], None, *arguments)
    return rows


def _condition(sheet: Sheet, part: Any, model: ScoreModel) -> str | None:
    """Which records `r` a part of a source counts; None for a plain number."""
    match part:
        case sources.OpenItems() | sources.OverdueItems() | sources.OldestOpenAge():
            return _of_items(sheet, part)
        case sources.MilestoneProgress():
            return _of_milestones(sheet, model)
        case sources.Attribute():
            return _of_attribute(sheet, part.name)
        case sources.Last() | sources.DaysSinceLast():
            return _newest(sheet, part)
        case sources.Constant() | sources.Ratio():
            return None
        case _:
            return _of_events(sheet, part)


def _of_events(sheet: Sheet, part: Any) -> str:
    match part:
        case sources.TimeToFirst():
            return select(sheet, part.where).but("r.occurred_at >= b.start_at").condition
        case sources.Slope() | sources.Momentum():
            return select(sheet, part.where, part.bucket_days * part.buckets).condition
        case sources.Distinct():
            carrying = f"{field_of(sheet, part.field)} is not null"
        case sources.Sum() | sources.Mean():
            carrying = f"{number_of(sheet, part.field)} is not null"
        case sources.Breadth():
            carrying = f"r.role = any({sheet.bind(list(part.expected), 'text[]')})"
        case _:
            carrying = "true"
    return select(sheet, part.where, part.window_days).but(carrying).condition


def _newest(sheet: Sheet, part: sources.Last | sources.DaysSinceLast) -> str:
    """The one record whose value, or moment, is the reading."""
    selection: Selection = select(sheet, part.where, part.window_days)
    if isinstance(part, sources.Last):
        said = f"({number_of(sheet, part.field)} is not null or {word_of(sheet, part.field)} is not null)"
        selection = selection.but(said)
    outcomes = sheet.bind(sorted(OUTCOME_TYPES), "text[]")
    return (
        f"r.event_id = (select r.event_id from scoring.record r where {VISIBLE} and r.type <> all({outcomes})"  # noqa: S608 - as above
        f" and {selection.condition} order by {newest_recorded_first('r')} limit 1)"
    )


def _of_items(sheet: Sheet, part: items.ItemSource) -> str:
    """All that happened to the items that the signal is about, whether they are open or not."""
    sheet.item_kinds.update(items.kinds_of(part.where))
    asked = [(key, values) for key, values in part.where.clauses if key != "state"]
    about = " and ".join(items.clause(sheet, key, values) for key, values in asked) or "true"
    folded = items.folding(sheet, VISIBLE)
    return (
        "r.item is not null and (split_part(r.type, '.', 1), r.item) in"  # noqa: S608 - as above
        f" (select i.kind, i.item from ({folded}) i where {about})"
    )


def _of_milestones(sheet: Sheet, model: ScoreModel) -> str:
    """What completed the milestones of the plan, and every word that changed the plan or took a completion back."""
    reached = states.reached(sheet, VISIBLE, model.milestones)
    words = sheet.bind([states.PLANNED, states.DROPPED, states.REOPENED], "text[]")
    return f"r.type = any({words}) or r.event_id in (select m.done_event from ({reached}) m)"  # noqa: S608 - as above


def _of_attribute(sheet: Sheet, name: str) -> str:
    """The word that said the number to divide by."""
    return (
        "r.event_id = (select a.event_id from scoring.attribute a where a.account_id = b.account_id"  # noqa: S608 - as above
        f" and a.name = {sheet.bind(name, 'text')} and {told_by('a')} order by {newest_first('a')} limit 1)"
    )
