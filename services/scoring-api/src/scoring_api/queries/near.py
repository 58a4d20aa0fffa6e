"""SQL for "did you mean": names and references that begin alike, by index ranges however many there are."""

from collections.abc import Sequence

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


async def similar(source: Source, name: str, references: Sequence[str]) -> Rows:
    """Return accounts whose name (in lower case) begins with `name`, or a reference of theirs with one of these.

    At most a hundred of each beginning: account_id, name, and the reference that was found.
    """
    rows: Rows = await source.fetch(_NEAR, name, references)
    return rows
