"""SQL behind lists of accounts and the feed of changes, page by page along an index; it writes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from scoring_api.queries.reading import Rows, Source

# In the default order whoever asks for a person comes first: from this urgency on nobody does.
CALM = 10_000.0


class _Order(NamedTuple):
    """What a list is sorted by: an indexed expression without nulls, how a cursor carries it, and the direction."""

    expression: str
    kind: str
    direction: str


# Ties are broken by account_id. Who has no score, or no course, comes last both ways.
_ORDERS = {
    "urgency": _Order("urgency", "float8", "asc"),
    "score": _Order("coalesce(score, 101)", "float8", "asc"),
    "-score": _Order("coalesce(score, -1)", "float8", "desc"),
    "name": _Order("lower(name)", "text", "asc"),
    "-name": _Order("lower(name)", "text", "desc"),
    "change_28d": _Order("coalesce(change_28d, 101)", "float8", "asc"),
    "-change_28d": _Order("coalesce(change_28d, -101)", "float8", "desc"),
    "computed_at": _Order("computed_at", "timestamptz", "asc"),
    "-computed_at": _Order("computed_at", "timestamptz", "desc"),
    # The one order in which nothing ever moves: for whoever has to see every account once.
    "id": _Order("account_id", "uuid", "asc"),
}
ORDERS = tuple(_ORDERS)

_TALLY = f"""
select count(*) as accounts, count(*) filter (where urgency < {CALM}) as act, max(computed_at) as newest,
  count(*) filter (where effective_band = 'red') as red, count(*) filter (where effective_band = 'yellow') as yellow,
  count(*) filter (where effective_band = 'green') as green,
  count(*) filter (where effective_band = 'unknown') as unknown
from health_document
"""  # noqa: S608 - constants of ours

_VALUES = """
select 'segment' as name, segment as value from health_document where segment is not null group by segment
union all select 'stage', stage from health_document where stage is not null group by stage
union all select 'owner', owner from health_document where owner is not null group by owner
order by 1, 2 limit 300
"""

_CHANGES = """
select id, account_id, kind, from_band, to_band, from_score, to_score, cause, model_id, model_version,
  as_of, computed_at, correlation_id, subject, detail
from change where id > $1
"""


@dataclass(frozen=True)
class Filter:
    """Which accounts; None lets all pass. `search` looks into names, owners and references."""

    bands: tuple[str, ...] | None = None
    segment: str | None = None
    stage: str | None = None
    owner: str | None = None
    search: str | None = None
    model: str | None = None
    journey: str | None = None
    confidence: str | None = None


@dataclass(frozen=True)
class Moves:
    """Which changes; None lets all pass. `min_move`: of mere moves only those of so many points, or from or to none."""

    account: UUID | None = None
    kinds: tuple[str, ...] | None = None
    min_move: float | None = None


@dataclass(frozen=True)
class Position:
    """The last row of a page: its value in the order, and its id."""

    value: Any
    account_id: UUID


async def listed(source: Source, wanted: Filter, order: str, after: Position | None, limit: int) -> Rows:
    """Return one page: account_id, body, top_reason, whether a person is asked for, and the place for a cursor."""
    statement, arguments = page_of(wanted, order, after, limit)
    rows: Rows = await source.fetch(statement, *arguments)
    return rows


def page_of(wanted: Filter, order: str, after: Position | None, limit: int) -> tuple[str, list[Any]]:
    """Return statement and arguments of one page: only what is asked for stands in it, so that an index leads there."""
    expression, kind, direction = _ORDERS[order]
    arguments: list[Any] = []

    def bind(value: Any, as_kind: str) -> str:
        arguments.append(value)
        return f"${len(arguments)}::{as_kind}"

    conditions = _conditions(wanted, bind)
    if after:
        # A moment travels as text: a float would lose its last digits.
        value = f"{bind(after.value, 'text')}::timestamptz" if kind == "timestamptz" else bind(after.value, kind)
        compare = ">" if direction == "asc" else "<"
        conditions.append(f"({expression}, account_id) {compare} ({value}, {bind(after.account_id, 'uuid')})")
    position = f"({expression})::text" if kind in ("timestamptz", "uuid") else expression
    where = f" where {' and '.join(conditions)}" if conditions else ""
    statement = (
        f"select account_id, body, top_reason, urgency < {CALM} as act, {position} as position from health_document"  # noqa: S608 - names of ours
        f"{where} order by {expression} {direction}, account_id {direction} limit {int(limit)}"
    )
    return statement, arguments


def _conditions(wanted: Filter, bind: Callable[[Any, str], str]) -> list[str]:
    found = []
    if wanted.bands is not None:
        # One band is asked for as one: then its index is in the order of the list already.
        one = len(wanted.bands) == 1
        band = bind(wanted.bands[0], "text") if one else f"any({bind(wanted.bands, 'text[]')})"
        found.append(f"effective_band = {band}")
    named = {"segment": wanted.segment, "stage": wanted.stage, "owner": wanted.owner, "model_id": wanted.model,
             "journey": wanted.journey, "confidence_word": wanted.confidence}  # fmt: skip
    found += [f"{column} = {bind(value, 'text')}" for column, value in named.items() if value is not None]
    if wanted.search is not None:
        like = bind(pattern(wanted.search), "text")
        found.append(
            f"(name ilike {like} or owner ilike {like} or account_id in"  # noqa: S608 - placeholders of ours
            f" (select account_id from account_reference where reference ilike {like}))"
        )
    return found


async def tally(source: Source) -> asyncpg.Record:
    """Return how many accounts there are, how many ask for action, and how many stand in each band."""
    row = await source.fetchrow(_TALLY)
    assert row is not None
    return row


async def choices(source: Source) -> dict[str, list[str]]:
    """Return the segments, stages and owners that there are, for filters; at most 300 in all."""
    found: dict[str, list[str]] = {"segment": [], "stage": [], "owner": []}
    for row in await source.fetch(_VALUES):
        found[row["name"]].append(row["value"])
    return found


async def changes(source: Source, after: int, wanted: Moves, limit: int) -> Rows:
    """Return what moved after this position of the feed, oldest first; an account's past names are followed."""
    arguments: list[Any] = [after]
    conditions = []
    if wanted.account is not None:
        arguments.append(wanted.account)
        place = f"${len(arguments)}::uuid"
        conditions.append(
            f"account_id = any(array(select {place} union"  # noqa: S608 - as above
            f" select survivor_id from merged_account where account_id = {place}))"
        )
    if wanted.kinds is not None:
        arguments.append(wanted.kinds)
        conditions.append(f"kind = any(${len(arguments)}::text[])")
    if wanted.min_move is not None:
        arguments.append(wanted.min_move)
        conditions.append(
            f"(kind <> 'score_moved' or (from_score is null) <> (to_score is null)"
            f" or abs(to_score - from_score) >= ${len(arguments)}::float8)"
        )
    more = "".join(f" and {one}" for one in conditions)
    rows: Rows = await source.fetch(f"{_CHANGES}{more} order by id limit {int(limit)}", *arguments)
    return rows


async def newest_change(source: Source) -> int:
    """Return the position of the feed's end, 0 before the first change."""
    found: int = await source.fetchval("select coalesce(max(id), 0) from change")
    return found


def pattern(search: str) -> str:
    """Return a LIKE pattern for `contains`, with the caller's own wildcards taken literally."""
    return "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
