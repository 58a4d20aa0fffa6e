"""Aggregations over items (tickets, tasks, invoices), folded from their events as of the moment asked for.

It never keeps an item's state: what an item was at T follows from the records visible at T alone.
"""

from collections.abc import Sequence

from milepost_core.events import ITEM_KINDS, OPEN_PROPERTY
from milepost_core.model import sources
from milepost_core.model.sources import Scalar, Where
from scoring_api.queries.signals.events import NEWEST_FIRST
from scoring_api.queries.signals.measured import Finisher, Measured, known
from scoring_api.queries.signals.selecting import age_of
from scoring_api.queries.signals.sheet import Columns, Sheet

# An opening that no closing has undone.
_SINCE = "r.opens and (r.closed_at is null or r.occurred_at > r.closed_at)"
ItemSource = sources.OpenItems | sources.OverdueItems | sources.OldestOpenAge


def compile_items(sheet: Sheet, source: ItemSource) -> Finisher:
    """Return the finisher of an aggregation over items; items are called `i` in the statement."""
    where = " and ".join(["i.is_open", *(clause(sheet, key, values) for key, values in source.where.clauses)])
    match source:
        case sources.OpenItems():
            expression = f"count(*) filter (where {where})"
        case sources.OverdueItems():
            expression = f"count(*) filter (where {where} and i.due_at < b.as_of)"
        case sources.OldestOpenAge():
            oldest = age_of(f"min(i.{_since(sheet, source.where)}) filter (where {where})")
            expression = f"coalesce({oldest}, 0)"
    name = sheet.column("items", expression)
    sheet.item_kinds.update(kinds_of(source.where))

    def finish(columns: Columns) -> Measured:
        return known(columns[name], 0.0 * columns["age"])

    return finish


def kinds_of(where: Where) -> Sequence[str]:
    """Return the kinds of item that a `where` may match."""
    asked = where.get("kind")
    return tuple(kind for kind in ITEM_KINDS if asked is None or kind in asked)


def folding(sheet: Sheet, visible: str) -> str:
    """Return the query that folds an account's records into items `i`, one row an item.

    An item is open unless it was closed at or after its last opening; its state is the verb of the newest type
    that has opened it since. An opening by property alone has no verb that would be a state.
    """
    lines = [
        "r.item",
        "split_part(r.type, '.', 1) as kind",
        f"coalesce(bool_or({_SINCE}), false) as is_open",
        f"(array_agg(split_part(r.type, '.', 2) {NEWEST_FIRST}) filter (where {_SINCE} and r.typed))[1] as state",
        f"(array_agg(r.due_at {NEWEST_FIRST}) filter (where r.due_at is not null))[1] as due_at",
    ]
    for key, name in sheet.item_properties.items():
        value = f"r.properties -> {sheet.bind(key, 'text')}"
        lines.append(f"(array_agg({value} {NEWEST_FIRST}) filter (where {value} is not null))[1] as {name}")
    for states, name in sheet.item_states.items():
        lines.append(f"{_entered(sheet, states)} as {name}")
    return f"select {', '.join(lines)} from ({_moves(sheet, visible)}) r group by 2, 1"  # noqa: S608 - placeholders and names of ours


def _moves(sheet: Sheet, visible: str) -> str:
    """Return the query of what is told of items: whether it opens, whether by its type, and the last closing."""
    typed = f"r.type = any({sheet.bind(_types(sheet, 'opens'), 'text[]')})"
    said = f"r.properties -> {sheet.bind(OPEN_PROPERTY, 'text')}"
    closes = f"r.type = any({sheet.bind(_types(sheet, 'closes'), 'text[]')}) or {said} = 'false'"
    item = "partition by split_part(r.type, '.', 1), r.item"
    return (
        f"select r.*, {typed} as typed, ({typed} or {said} = 'true') as opens,"  # noqa: S608 - placeholders and names of ours
        f" max(r.occurred_at) filter (where {closes}) over ({item}) as closed_at from ({_told(sheet, visible)}) r"
    )


def _told(sheet: Sheet, visible: str) -> str:
    """Return the query of the records about items: those of known types, and the few others that say `open`."""
    known, kinds = sheet.bind(_types(sheet, "types"), "text[]"), sheet.bind(sorted(sheet.item_kinds), "text[]")
    said = f"r.properties -> {sheet.bind(OPEN_PROPERTY, 'text')} in ('true', 'false')"
    # The words of the partial index on such records: of most accounts there are none.
    others = f"r.properties ? 'open' and {said} and r.type <> all({known})"
    rows = f"select r.* from scoring.record r where {visible} and r.item is not null and"  # noqa: S608 - as above
    return f"{rows} r.type = any({known}) union all {rows} {others} and split_part(r.type, '.', 1) = any({kinds})"


def _since(sheet: Sheet, where: Where) -> str:
    """Return the name under which items say since when they have been in one of the asked states."""
    states = tuple(sorted(str(state) for state in where.get("state") or ()))
    return sheet.item_states.setdefault(states, f"since{len(sheet.item_states)}")


def _entered(sheet: Sheet, states: Sequence[str]) -> str:
    """Return the aggregate: the first opening since the item was last closed, of those that led to these states."""
    since = _SINCE
    if states:
        since += f" and r.typed and split_part(r.type, '.', 2) = any({sheet.bind(list(states), 'text[]')})"
    return f"min(r.occurred_at) filter (where {since})"


def _types(sheet: Sheet, which: str) -> list[str]:
    return sorted(one for kind in sheet.item_kinds for one in getattr(ITEM_KINDS[kind], which))


def clause(sheet: Sheet, key: str, values: Sequence[Scalar]) -> str:
    """Return the condition on an item `i` that one clause of a `where` makes."""
    if key in ("kind", "state", "item"):
        return f"i.{key} = any({sheet.bind([str(value) for value in values], 'text[]')})"
    name = sheet.item_properties.setdefault(key, f"p{len(sheet.item_properties)}")
    return f"i.{name} = any({sheet.bind(list(values), 'jsonb[]')})"
