"""Conditions about accounts as SQL, and who meets them: the stored documents are asked, nothing is written.

SQL's own three values are the law's: null is what cannot be known, and and, or, not treat it as the law does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from milepost_core.playbooks.conditions import AllOf, AnyOf, Compare, Condition, Not, Scalar, subjects_of
from scoring_api.queries.reading import Source

# What lists keep beside a document needs no look into it.
_COLUMNS: Final = {
    "score": ("d.score", "number"), "change_28d": ("d.change_28d", "number"), "band": ("d.effective_band", "word"),
    "stage": ("d.stage", "word"), "segment": ("d.segment", "word"), "owner": ("d.owner", "word"),
    "journey": ("d.journey", "word"),
}  # fmt: skip
_PATHS: Final = {
    "change_7d": "{trend,change_7d}", "confidence": "{confidence,value}", "age_days": "{account,age_days}",
}  # fmt: skip
_LISTS: Final = {
    "signal": "$.drivers[*] ? (@.signal == $name).value",
    "points": "$.drivers[*] ? (@.signal == $name).points",
    "dimension": "$.dimensions[*] ? (@.id == $name).score",
    "milestone": "$.milestones.items[*] ? (@.id == $name).state",
}
# What counts of a type at the moment asked for; the whole past is behind one probe of an index.
_SINCE: Final = """(extract(epoch from {at} - coalesce((select max(r.occurred_at) from record r
  where r.account_id = d.account_id and r.type = {type} and r.occurred_at <= {at} and r.superseded_at is null
  and (r.expires_at is null or r.expires_at > {at})), a.start_at))::float8 / 86400.0::float8)"""
_SIGNS: Final = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}

# `offset 0` keeps the document from being unpacked again by every test, and lets the tests of columns go first.
_DOCUMENT = "cross join lateral (select convert_from(d.body, 'UTF8')::jsonb as doc offset 0) j"
_ATTRIBUTES = "left join account a on a.account_id = d.account_id"

Bind = Callable[[Any, str], str]


@dataclass(frozen=True)
class Page:
    """A part of the book: accounts after this one, up to the other (None: to the end), at most so many answers."""

    after: UUID | None
    upto: UUID | None
    limit: int


async def matching(
    source: Source, condition: Condition, page: Page, at: datetime, *, everyone: bool
) -> list[asyncpg.Record]:
    """Return the next accounts of the book in the order of their ids: account_id, own_id, holds, body, attributes.

    Only those for whom the condition holds at this moment, or everyone.
    """
    arguments: list[Any] = [page.after, page.limit, page.upto]
    said = render(condition, _binding(arguments), at)
    rows: list[asyncpg.Record] = await source.fetch(
        f"select d.account_id, d.account_id as own_id, ({said}) as holds, d.body, a.attributes"  # noqa: S608 - names of ours, values are bound
        f" from health_document d {_ATTRIBUTES} {_unpacked(condition)}"
        " where ($1::uuid is null or d.account_id > $1) and ($3::uuid is null or d.account_id <= $3)"
        f" and {'true' if everyone else f'({said})'}"
        " order by d.account_id limit $2",
        *arguments,
    )
    return rows


async def edge(source: Source, after: UUID | None, accounts: int) -> UUID | None:
    """Return the account that comes so many after another one in the book, or None where the book ends before."""
    found: UUID | None = await source.fetchval(
        "select account_id from health_document where $1::uuid is null or account_id > $1"
        " order by account_id offset $2 limit 1",
        after,
        accounts - 1,
    )
    return found


async def of_accounts(
    source: Source, condition: Condition, accounts: Sequence[UUID], at: datetime, *, everyone: bool
) -> list[asyncpg.Record]:
    """Return these accounts as far as they have a score: account_id as asked, own_id, holds, body, attributes.

    One that was merged away is answered for by its survivor.
    """
    arguments: list[Any] = [accounts]
    said = render(condition, _binding(arguments), at)
    rows: list[asyncpg.Record] = await source.fetch(
        f"select asked.id as account_id, d.account_id as own_id, ({said}) as holds, d.body, a.attributes"  # noqa: S608 - as above
        " from unnest($1::uuid[]) with ordinality as asked(id, place)"
        " left join merged_account m on m.account_id = asked.id"
        f" join health_document d on d.account_id = coalesce(m.survivor_id, asked.id) {_ATTRIBUTES}"
        f" {_unpacked(condition)} where {'true' if everyone else f'({said})'} order by asked.place",
        *arguments,
    )
    return rows


async def scored(source: Source, accounts: Sequence[UUID]) -> set[UUID]:
    """Return those of these accounts that have a score, or a survivor that has one."""
    rows = await source.fetch(
        "select asked.id from unnest($1::uuid[]) as asked(id) left join merged_account m on m.account_id = asked.id"
        " join health_document d on d.account_id = coalesce(m.survivor_id, asked.id)",
        accounts,
    )
    return {row["id"] for row in rows}


async def days_since(
    source: Source, accounts: Sequence[UUID], types: Sequence[str], at: datetime
) -> dict[tuple[UUID, str], float]:
    """Return, for each account and type of event, the days since the last one, or since the account's start."""
    since = _SINCE.format(at="$3::timestamptz", type="t.type")
    rows = await source.fetch(
        f"select d.account_id, t.type, {since} as days from health_document d {_ATTRIBUTES}"  # noqa: S608 - as above
        " cross join unnest($2::text[]) as t(type) where d.account_id = any($1::uuid[])",
        accounts,
        types,
        at,
    )
    return {(row["account_id"], row["type"]): row["days"] for row in rows if row["days"] is not None}


def render(condition: Condition, bind: Bind, at: datetime) -> str:
    """Return a condition as of a moment, as an expression over `d` (health_document), `j.doc` and `a` (account).

    True, false, or null where it cannot be known. `bind` takes a value with its SQL type and returns its placeholder.
    """
    match condition:
        case AllOf(parts):
            return "(" + (" and ".join(render(part, bind, at) for part in parts) or "true") + ")"
        case AnyOf(parts):
            return "(" + (" or ".join(render(part, bind, at) for part in parts) or "false") + ")"
        case Not(part):
            return f"(not {render(part, bind, at)})"
        case Compare():
            return _test(condition, bind, at)


def _binding(arguments: list[Any]) -> Bind:
    places: dict[tuple[str, Any], str] = {}

    def bind(value: Any, kind: str) -> str:
        # What is written twice is bound once.
        key = (kind, value)
        if key not in places:
            arguments.append(value)
            places[key] = f"${len(arguments)}::{kind}"
        return places[key]

    return bind


def _unpacked(condition: Condition) -> str:
    inside = (subject for subject in subjects_of(condition) if subject not in _COLUMNS)
    return _DOCUMENT if any(not subject.startswith(("attribute.", "days_since.")) for subject in inside) else ""


def _test(test: Compare, bind: Bind, at: datetime) -> str:
    column = _COLUMNS.get(test.subject)
    if column is not None:
        return _of_column(test, *column, bind)
    if test.subject.startswith("days_since."):
        kind = bind(test.subject.partition(".")[2], "text")
        return _of_column(test, _SINCE.format(at=bind(at, "timestamptz"), type=kind), "number", bind)
    if test.subject.startswith("gate."):
        name = bind(test.subject.partition(".")[2], "text")
        vars_ = f"jsonb_build_object('name', {name})"
        return _of_json(test, f"to_jsonb(jsonb_path_exists(j.doc, '$.gates[*] ? (@.id == $name)', {vars_}))", bind)
    return _of_json(test, f"nullif({_value(test.subject, bind)}, 'null')", bind)


def _value(subject: str, bind: Bind) -> str:
    if subject in _PATHS:
        return f"(j.doc #> '{_PATHS[subject]}')"
    kind, _, name = subject.partition(".")
    if kind == "attribute":
        return f"(a.attributes -> {bind(name, 'text')})"
    return f"jsonb_path_query_first(j.doc, '{_LISTS[kind]}', jsonb_build_object('name', {bind(name, 'text')}))"


def _of_column(test: Compare, column: str, kind: str, bind: Bind) -> str:
    if test.operator in ("known", "unknown"):
        return f"({column} is {'not ' if test.operator == 'known' else ''}null)"
    fitting = [value for value in test.values if _kind(value) == kind]
    if test.operator in _SIGNS:
        if not fitting:
            # Everything that is bound has to be used.
            return f"(case when {column} is null then null::boolean end)"
        collate = ' collate "C"' if kind == "word" else ""
        return f"({column}{collate} {_SIGNS[test.operator]} {_bound(fitting[0], bind)})"
    equal = " or ".join(f"{column} = {_bound(value, bind)}" for value in fitting)
    # Of a value that is known, none that is of another kind is equal; of one that is not, nobody can tell.
    found = f"({equal})" if equal else f"(case when {column} is not null then false end)"
    return f"(not {found})" if test.operator in ("ne", "not_in") else found


def _of_json(test: Compare, value: str, bind: Bind) -> str:
    """A value of a document or an attribute may be anything: what is no single value is not known."""
    single = f"(case when jsonb_typeof({value}) in ('number', 'string', 'boolean') then {value} end)"
    if test.operator in ("known", "unknown"):
        return f"({single} is {'not ' if test.operator == 'known' else ''}null)"
    if test.operator in _SIGNS:
        return _ordered(test, value, bind)
    equal = " or ".join(f"{single} = {_as_json(one, bind)}" for one in test.values)
    return f"(not ({equal}))" if test.operator in ("ne", "not_in") else f"({equal})"


def _ordered(test: Compare, value: str, bind: Bind) -> str:
    other, sign = test.values[0], _SIGNS[test.operator]
    match _kind(other):
        case "number":
            number = bind(repr(float(other)), "text")
            return (
                f"(case when jsonb_typeof({value}) = 'number' then ({value})::numeric {sign} ({number})::numeric end)"
            )
        case "word":
            text = f"({value} #>> '{{}}') collate \"C\""
            return f"(case when jsonb_typeof({value}) = 'string' then {text} {sign} {bind(other, 'text')} end)"
        case _:
            return "null::boolean"


def _as_json(value: Scalar, bind: Bind) -> str:
    match _kind(value):
        case "truth":
            return f"to_jsonb({bind(value, 'boolean')})"
        case "word":
            return f"to_jsonb({bind(value, 'text')})"
        case _:
            return f"to_jsonb(({bind(repr(float(value)), 'text')})::numeric)"


def _bound(value: Scalar, bind: Bind) -> str:
    return bind(value, "text") if isinstance(value, str) else bind(float(value), "float8")


def _kind(value: Scalar) -> str:
    return "truth" if isinstance(value, bool) else "word" if isinstance(value, str) else "number"
