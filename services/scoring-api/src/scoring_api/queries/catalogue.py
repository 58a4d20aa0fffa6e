"""SQL about what score models are kept, as people look at them and at who put them in charge; it never commits."""

from collections.abc import Sequence
from typing import TypeAlias
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool

Source: TypeAlias = "Pool | Connection"
Rows: TypeAlias = "list[asyncpg.Record]"

_VERSIONS = """
select v.model_id, v.version, v.title, v.digest, v.author, v.note, v.shipped, v.created_at,
  v.document -> 'applies_to' as applies_to, coalesce((v.document ->> 'precedence')::float8::int, 0) as precedence,
  coalesce(n.active and n.version = v.version, false) as in_charge
from scoring.model_version v
left join lateral (
  select a.version, a.active from scoring.activation a
  where a.model_id = v.model_id order by a.id desc limit 1) n on true
where $1::text is null or v.model_id = $1
order by v.model_id, v.version
"""

_ACTIVATIONS = """
select a.id, a.at, a.model_id, a.version, a.active, a.author, a.reason, v.title,
  (select p.version from scoring.activation p where p.model_id = a.model_id and p.id < a.id and p.active
   order by p.id desc limit 1) as before
from scoring.activation a join scoring.model_version v on v.model_id = a.model_id and v.version = a.version
where ($1::bigint is null or a.id < $1) and ($2::text is null or a.model_id = $2)
order by a.id desc limit $3
"""

# Whom a line-up of other number judged last, or nobody yet: due by then. One who is being scored just now is marked
# too, and is looked at again.
_DUE = """
update scoring.rescoring r set next_at = least(coalesce(r.next_at, w.at), w.at),
  marked = r.marked + 1, cause = case when r.cause = 'silence' then 'model' else r.cause end
from (
  select q.account_id, clock_timestamp() + make_interval(secs => $2::float8) as at
  from scoring.rescoring q left join scoring.standing s on s.account_id = q.account_id
  where s.lineup is distinct from $1::bigint
    and ($3::bool or q.lease_until is not null or q.next_at is null or q.next_at > clock_timestamp())
  order by q.account_id for update of q) w
where r.account_id = w.account_id
"""

# Spread over all accounts: ids begin with the time they were made at, so their hash decides.
_SAMPLE = """
select a.account_id, a.name, a.attributes, a.start_at, clock_timestamp() as as_of from scoring.account a
where $1::uuid[] is null or a.account_id = any($1)
order by hashtextextended(a.account_id::text, 0), a.account_id limit $2
"""


async def versions(source: Source, model_id: str | None = None) -> Rows:
    """Return every kept version, or those of one model: who made it, whom it takes, whether it is in charge."""
    rows: Rows = await source.fetch(_VERSIONS, model_id)
    return rows


async def version(source: Source, model_id: str, number: int) -> asyncpg.Record | None:
    """Return one version: document, text as its author wrote it, digest."""
    return await source.fetchrow(
        "select model_id, version, document, text, digest, created_at from scoring.model_version"
        " where model_id = $1 and version = $2",
        model_id,
        number,
    )


async def newest(source: Source, model_id: str) -> tuple[int, str]:
    """Return number and digest of a model's newest version; 0 and nothing without one."""
    row = await source.fetchrow(
        "select version, digest from scoring.model_version where model_id = $1 order by version desc limit 1", model_id
    )
    return (0, "") if row is None else (row["version"], row["digest"])


async def activations(source: Source, before: int | None, model_id: str | None, limit: int) -> Rows:
    """Return the words on who judges, newest first, those before an id; `before` of a row: the version till then."""
    rows: Rows = await source.fetch(_ACTIVATIONS, before, model_id, limit)
    return rows


async def mark_due(connection: Connection, number: int, after_s: float = 0.0) -> int:
    """Make everybody due so many seconds from now whom another line-up judged last; return how many."""
    return int((await connection.execute(_DUE, number, after_s, True)).rpartition(" ")[2])


async def mark_left(connection: Connection, number: int) -> int:
    """Make those due now whom another line-up judged last and who are not, or are being judged; return how many.

    Only for a line-up that is in charge already: by it is judged whoever is due and waits.
    """
    return int((await connection.execute(_DUE, number, 0.0, False)).rpartition(" ")[2])


async def accounts(connection: Connection, after: UUID | None, limit: int) -> Rows:
    """Return the next accounts in the order of their ids: account_id, attributes, start_at."""
    rows: Rows = await connection.fetch(
        "select account_id, attributes, start_at from scoring.account"
        " where $1::uuid is null or account_id > $1 order by account_id limit $2",
        after,
        limit,
    )
    return rows


async def sample(source: Source, accounts: Sequence[UUID] | None, limit: int) -> Rows:
    """Return accounts to try a model on: the ones asked for, else so many of all; the same ones each time."""
    rows: Rows = await source.fetch(_SAMPLE, None if accounts is None else list(accounts), limit)
    return rows
