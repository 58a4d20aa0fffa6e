"""SQL for "did you mean": names and references that begin alike, or share parts; it waits for no slow answer."""

from collections.abc import Sequence

import asyncpg

from milepost_runtime.database import Pool
from scoring_api.queries.reading import Rows, Source

_AT_MOST = 100
# Byte by byte up to the last of all characters: what begins with it, in any collation.
_NEAR = f"""
select n.account_id, n.name, null as reference
from (select account_id, name from health_document
  where lower(name) ~>=~ $1::text and lower(name) ~<~ ($1::text || U&'\\+10FFFF') limit {_AT_MOST}) n
union all
select r.account_id, d.name, r.reference
from unnest($2::text[]) as p(start)
cross join lateral (select account_id, reference from account_reference
  where reference ~>=~ p.start and reference ~<~ (p.start || U&'\\+10FFFF') limit {_AT_MOST}) r
join health_document d on d.account_id = r.account_id
"""  # noqa: S608 - a constant of ours

# Through all names and references, which are narrow: those that hold a part, by how many short pieces they share.
_ALIKE = f"""
select account_id, name, null as reference from (
  select account_id, name,
    (select count(*) from unnest($2::text[]) as g(piece) where strpos(lower(name), g.piece) > 0) as shared
  from health_document where lower(name) like any($1::text[]) order by shared desc, lower(name) limit {_AT_MOST}) n
union all
select r.account_id, d.name, r.reference from (
  select account_id, reference,
    (select count(*) from unnest($2::text[]) as g(piece) where strpos(reference, g.piece) > 0) as shared
  from account_reference where reference like any($1::text[]) order by shared desc, reference limit {_AT_MOST}) r
join health_document d on d.account_id = r.account_id
"""  # noqa: S608 - a constant of ours
# A guess is worth no more waiting than this.
_SHORT = "set local statement_timeout = '250ms'"


async def similar(source: Source, name: str, references: Sequence[str]) -> Rows:
    """Return accounts whose name (in lower case) begins with `name`, or a reference of theirs with one of these.

    At most a hundred of each beginning: account_id, name, and the reference that was found.
    """
    rows: Rows = await source.fetch(_NEAR, name, references)
    return rows


async def alike(pool: Pool, patterns: Sequence[str], pieces: Sequence[str]) -> Rows:
    """Return accounts of which a name or reference is like one of the patterns: the same columns as `similar`.

    Those that share most pieces come first, at most a hundred of each kind; none when looking takes too long.
    """
    async with pool.acquire() as connection:
        try:
            async with connection.transaction():
                await connection.execute(_SHORT)
                rows: Rows = await connection.fetch(_ALIKE, patterns, pieces)
        except asyncpg.QueryCanceledError:
            return []
    return rows
