"""Reads accounts' plans and what was said of them, as of given moments; it judges nothing and never writes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from milepost_contracts.events import OWN_SOURCE
from milepost_core.delays import SIDES, DelayWord
from milepost_core.milestones import Plan, PlannedMilestone
from milepost_core.model import Milestone, ScoreModel
from milepost_runtime.database import Connection
from scoring_api.queries.ordering import sequence
from scoring_api.queries.signals import states
from scoring_api.queries.signals.sheet import Sheet
from scoring_api.queries.signals.starting import start_at
from scoring_api.queries.signals.statement import ASKED, VISIBLE
from scoring_api.queries.then import Then, narrowed

DELAY_STARTED, DELAY_ENDED = "delay.started", "delay.ended"
_ASKED = (
    f"with asked as materialized (select b.*, {start_at()} as start_at from {ASKED} b"  # noqa: S608 - names of ours
    " join scoring.account t on t.account_id = b.account_id)"
)
_WORDS = f"""
select r.event_id, r.type, r.item, r.occurred_at, r.recorded_at, r.actor, r.properties, r.source,
  {sequence("r")} as place
from scoring.record r, {ASKED} b
where {VISIBLE} and ((r.type = any($4::text[]) and r.item is not null) or r.event_id = any($5::text[]))
order by r.occurred_at, place
"""  # noqa: S608 - names of ours
_DELAYS = f"""
select r.account_id, r.event_id, r.type, r.item, r.occurred_at, r.properties, {sequence("r")} as place
from {ASKED} b join scoring.record r on {VISIBLE} and r.type in ('{DELAY_STARTED}', '{DELAY_ENDED}')
"""  # noqa: S608 - names of ours

_FOUND = """
select event_id, occurred_at, properties from scoring.record
where account_id = $1 and type = $2 and source = $3 and starts_with(event_id, $4)
"""
_MOMENTS = """
select distinct occurred_at from scoring.record
where account_id = $1 and occurred_at > $2 and occurred_at <= $3 and superseded_at is null
order by occurred_at limit $4
"""


@dataclass(frozen=True)
class KnownPlan:
    """An account's plan at a moment; `completions` names the record that completed each milestone that is done."""

    plan: Plan
    completions: Mapping[str, str]
    said: Mapping[str, Mapping[str, Any]]
    """The newest word on each milestone that somebody planned for this account alone, or planned anew."""


async def read_plans(
    connection: Connection,
    model: ScoreModel,
    accounts: Sequence[UUID],
    as_of: datetime,
    known_at: datetime | None = None,
    then: Then | None = None,
) -> dict[UUID, KnownPlan]:
    """Return the plans of known accounts by the model that judges them, as of one moment.

    `known_at` looks past that moment as the signals do. An account that nobody knew then has no plan. Of merges, its
    holder's records are those of `then`.
    """
    sheet = Sheet(model.timezone)
    reached = states.reached(sheet, VISIBLE, model.milestones)
    sql, arguments = narrowed(
        then,
        f"{_ASKED} select b.account_id, b.start_at, m.* from asked b left join lateral ({reached}) m on true"  # noqa: S608 - placeholders and names of ours
        " where b.start_at is not null order by b.place, m.due_at nulls last, m.place nulls last, m.id",
        sheet.arguments,
    )
    rows = await connection.fetch(sql, list(accounts), [as_of] * len(accounts), known_at, *arguments)
    found: dict[UUID, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        found[row["account_id"]].append(row)
    template, zone = {one.id: one for one in model.milestones}, ZoneInfo(model.timezone)
    return {account: _known(told, template, (model, zone)) for account, told in found.items()}


def _known(
    rows: Sequence[asyncpg.Record], template: Mapping[str, Milestone], of: tuple[ScoreModel, ZoneInfo]
) -> KnownPlan:
    steps = [row for row in rows if row["id"] is not None]
    plan = Plan(
        start_at=rows[0]["start_at"],
        milestones=tuple(_milestone(row, template.get(row["id"])) for row in steps),
        journey=of[0].journey,
        zone=of[1],
    )
    return KnownPlan(
        plan,
        {row["id"]: row["done_event"] for row in steps if row["done_event"] is not None},
        {row["id"]: row["said"] for row in steps if isinstance(row["said"], dict)},
    )


def _milestone(row: asyncpg.Record, one: Milestone | None) -> PlannedMilestone:
    """Return a step of the plan: what the newest word on it says, and what that leaves out as the model says it."""
    said: Mapping[str, Any] = row["said"] if isinstance(row["said"], dict) else {}
    name = row["id"]
    side = said.get("side") if said.get("side") in SIDES else None
    return PlannedMilestone(
        id=name,
        label=_text(said.get("label")) or (one.label if one else name.replace("_", " ")),
        due_at=row["due_at"],
        done_at=row["done_at"],
        required=_flag(said.get("required"), one.required if one else True),
        weight=row["weight"],
        side=side or (one.side if one else SIDES[0]),
        owner=_text(said.get("owner")) or (one.owner if one else ""),
        after=_names(said.get("after"), one.after if one else ()),
        work_days=_days(said.get("work_days"), one.work_days if one else None),
        reopened=row["reopened"],
        reopened_at=row["reopened_at"],
    )


def _text(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) and value else None


def _flag(value: Any, otherwise: bool) -> bool:
    return value if isinstance(value, bool) else otherwise


def _names(value: Any, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return otherwise
    return tuple(dict.fromkeys(value))


def _days(value: Any, otherwise: float | None) -> float | None:
    if value is None or isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        return otherwise
    return float(value)


async def words_on_milestones(
    connection: Connection, account: UUID, as_of: datetime, completions: Sequence[str], then: Then | None = None
) -> list[asyncpg.Record]:
    """Return all that was said of an account's milestones, oldest first, and the records that completed them."""
    types = [states.PLANNED, states.DROPPED, states.DONE, states.REOPENED]
    sql, arguments = narrowed(then, _WORDS, (types, list(completions)))
    rows: list[asyncpg.Record] = await connection.fetch(sql, [account], [as_of], None, *arguments)
    return rows


async def delay_words(
    connection: Connection,
    accounts: Sequence[UUID],
    as_of: datetime,
    known_at: datetime | None = None,
    then: Then | None = None,
) -> dict[UUID, list[DelayWord]]:
    """Return what was said of waiting at these accounts; words that name no side we know say nothing."""
    found: dict[UUID, list[DelayWord]] = defaultdict(list)
    sql, arguments = narrowed(then, _DELAYS, ())
    for row in await connection.fetch(sql, list(accounts), [as_of] * len(accounts), known_at, *arguments):
        word = _delay(row)
        if word is not None:
            found[row["account_id"]].append(word)
    return found


def _delay(row: asyncpg.Record) -> DelayWord | None:
    said: Mapping[str, Any] = row["properties"] if isinstance(row["properties"], dict) else {}
    starts = row["type"] == DELAY_STARTED
    if starts and said.get("side") not in SIDES:
        return None
    return DelayWord(
        id=row["event_id"],
        at=row["occurred_at"],
        sequence=row["place"],
        side=said["side"] if starts else None,
        item=row["item"] or _text(said.get("item")),
        because=_text(said.get("because")) or "",
        ends=None if starts else _text(said.get("delay")),
    )


async def journey_since(connection: Connection, account: UUID, as_of: datetime) -> dict[str, datetime]:
    """Return when the journey was last published to have come to each state, as known at a moment."""
    rows = await connection.fetch(
        "select detail ->> 'to' as state, max(as_of) as since from scoring.change"
        " where account_id = $1 and kind = 'journey_moved' and as_of <= $2 group by 1",
        account,
        as_of,
    )
    return {row["state"]: row["since"] for row in rows}


async def started(
    connection: Connection, since: datetime, until: datetime, segment: str | None
) -> list[asyncpg.Record]:
    """Return the accounts that started in a span (its end is out), of one segment if one is named.

    In a transaction: they may be very many, and are read in parts, between which others are answered.
    """
    rows: list[asyncpg.Record] = []
    cursor = await connection.cursor(
        "select account_id, segment, attributes from scoring.account"
        " where start_at >= $1 and start_at < $2 and ($3::text is null or segment = $3) order by account_id",
        since,
        until,
        segment,
    )
    while part := await cursor.fetch(1000):
        rows += part
    return rows


async def found_words(connection: Connection, account: UUID) -> list[asyncpg.Record]:
    """Return all that was ever found of an account's conditions, also what was withdrawn: event_id, occurred_at,
    properties."""
    rows: list[asyncpg.Record] = await connection.fetch(_FOUND, account, states.DONE, OWN_SOURCE, states.FOUND)
    return rows


async def moments_between(
    connection: Connection, account: UUID, span: tuple[datetime, datetime], most: int
) -> list[datetime]:
    """Return when anything happened at an account after the first and until the second moment, by today's records."""
    return [row["occurred_at"] for row in await connection.fetch(_MOMENTS, account, *span, most)]
