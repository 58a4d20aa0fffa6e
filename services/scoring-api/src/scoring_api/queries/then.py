"""Asks of an account what was its own at a moment, whatever merges have moved since; it never writes.

A merge moves records to the survivor and leaves on each the account that it was first told of. Of an event that both
had under one id (what we found ourselves by a condition of the model) the survivor's alone is left.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from scoring_api.queries.reading import Source
from scoring_api.queries.signals.sheet import FIXED_PARAMETERS
from scoring_api.queries.signals.starting import start_as_told, start_at

_OWN = re.compile(r"\b([ra])\.account_id = b\.account_id")
_THEN = """
with recursive own as (
  select $1::uuid as id union
  select m.account_id from merged_account m
  join own o on coalesce(m.into_id, m.survivor_id) = o.id and m.merged_at <= $2
), holder as (select coalesce((select survivor_id from merged_account where account_id = $1), $1) as id)
select h.id as holder, array(select o.id from own o) as origins,
  exists (select from merged_account m where m.survivor_id = h.id) as merged,
  (select (s.readings -> 'account' ->> 'start_at')::timestamptz from snapshot s where s.account_id = $1
    and s.as_of <= $2 order by s.as_of desc limit 1) as start_at
from holder h
"""


@dataclass(frozen=True)
class Then:
    """An account at a moment: who holds its records today, and which accounts they were told of by then."""

    holder: UUID
    origins: Sequence[UUID]
    start_at: datetime | None
    """When it had started by the last score of then, for accounts whose start nobody told."""


async def then_of(source: Source, account: UUID, at: datetime) -> Then | None:
    """Return an account as of a moment; None: no merge ever touched its records, so they are all its own."""
    row = await source.fetchrow(_THEN, account, at)
    assert row is not None
    return Then(row["holder"], row["origins"], row["start_at"]) if row["merged"] else None


def narrowed(then: Then | None, sql: str, arguments: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """Return a statement over accounts `b` of which records `r` and attributes `a` are those of then.

    `arguments` are those after the fixed parameters. What the account's row of today says of its start is passed over.
    """
    if then is None:
        return sql, arguments
    place = FIXED_PARAMETERS + len(arguments) + 1
    added: tuple[Any, ...] = (list(then.origins),)
    if start_at() in sql:
        sql = sql.replace(start_at(), start_as_told(f"${place + 1}::timestamptz"))
        added = (*added, then.start_at)
    own = rf"(\g<0> and coalesce(\1.came_from, \1.account_id) = any(${place}::uuid[]))"
    return _OWN.sub(own, sql), (*arguments, *added)
