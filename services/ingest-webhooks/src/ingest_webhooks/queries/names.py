"""Statements that list references for people, with what was told about them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.queries.identity import FINITE
from milepost_runtime.database import Connection


async def of_account(connection: Connection, account_id: UUID, *, after: str, limit: int) -> list[str]:
    """Return the references that lead to an account, and those that words ever led to it, in the order of names."""
    rows = await connection.fetch(
        """
        with ids (id) as (
            select account_id from ingest.account where account_id = $1 or merged_into = $1
        ), own (name) as (
            select reference from ingest.reference where own_id = $1 union all select id::text from ids
        ), found (name) as (
            select reference from ingest.reference where account_id = $1 or own_id = $1
            union select l.reference from own join ingest.reference_link l on l.target = own.name
        )
        select name from found where name > $2 and position(':' in name) > 0 order by name limit $3
        """,
        account_id,
        after,
        limit,
    )
    return [row["name"] for row in rows]


async def words_about(connection: Connection, references: Sequence[str]) -> Mapping[str, list[Record]]:
    """Return what was told about these references, newest first."""
    found: dict[str, list[Record]] = defaultdict(list)
    for row in await connection.fetch(
        """
        select reference, target, kind, least(greatest(at, $2), $3) as at, told_at, delivery_id, author, reason
        from ingest.reference_link where reference = any($1::text[]) order by at desc, told_at desc
        """,
        list(references),
        *FINITE,
    ):
        found[row["reference"]].append(row)
    return found
