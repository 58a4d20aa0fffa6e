"""SQL that finds the newest records behind a signal's source; it never computes the signal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from milepost_core.model.sources import (
    Attribute,
    Constant,
    MilestoneProgress,
    OldestOpenAge,
    OpenItems,
    OverdueItems,
    Source,
    parts,
)
from scoring_api.queries.ordering import newest_first
from scoring_api.queries.reading import Rows
from scoring_api.queries.reading import Source as Store

_COLUMNS = {"type": "type", "role": "role", "item": "item", "actor": "actor", "source": "source"}
# Clauses about the state of an item hold for the item, not for each record that made it what it is.
_OF_THE_ITEM = frozenset({"kind", "severity", "state"})


async def newest_records(store: Store, account: UUID, source: Source, as_of: datetime, limit: int) -> Rows:
    """Return the newest visible records that a source reads, newest first; for items, all that happened to them."""
    arguments: list[Any] = [account, as_of, limit]
    found = [_condition(part, arguments) for part in parts(source) if not isinstance(part, Attribute | Constant)]
    condition = " or ".join(f"({one})" for one in found if one) or "true"
    rows: Rows = await store.fetch(
        "select event_id, type, occurred_at, recorded_at, actor, role, item, value, value_text, properties, source"  # noqa: S608
        " from record where account_id = $1 and occurred_at <= $2 and recorded_at <= $2"
        " and (superseded_at is null or superseded_at > $2)"
        f" and ({condition}) order by {newest_first('record')} limit $3",
        *arguments,
    )
    return rows


def _condition(part: Any, arguments: list[Any]) -> str:
    if isinstance(part, MilestoneProgress):
        return _bind("type = any({})", ["milestone.completed"], arguments)
    where = getattr(part, "where", None)
    if where is None:
        return ""
    of_items = isinstance(part, OpenItems | OverdueItems | OldestOpenAge)
    return " and ".join(_clauses(where.clauses, of_items, arguments)) or "true"


def _clauses(clauses: Sequence[tuple[str, tuple[Any, ...]]], of_items: bool, arguments: list[Any]) -> list[str]:
    found = []
    for key, values in clauses:
        words = [_word(value) for value in values]
        if key == "kind":
            found.append(_bind("split_part(type, '.', 1) = any({})", words, arguments))
        elif key in _COLUMNS:
            found.append(_bind(f"{_COLUMNS[key]} = any({{}})", words, arguments))
        elif not (of_items and key in _OF_THE_ITEM):
            arguments.append(key)
            found.append(_bind(f"properties ->> ${len(arguments)}::text = any({{}})", words, arguments))
    return found


def _bind(template: str, words: list[str], arguments: list[Any]) -> str:
    arguments.append(words)
    return template.format(f"${len(arguments)}::text[]")


def _word(value: Any) -> str:
    """Return a value as PostgreSQL's ->> writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
