"""Statements about accounts and the references that lead to them."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.shapes import Standing
from milepost_runtime.database import Connection


async def references(connection: Connection, names: Iterable[str]) -> list[Record]:
    """Return the known ones among these references."""
    rows: list[Record] = await connection.fetch(
        "select reference, account_id, linked_at, primary_link from ingest.reference where reference = any($1::text[])",
        list(names),
    )
    return rows


async def references_of(connection: Connection, accounts: Iterable[UUID]) -> list[Record]:
    """Return every reference that leads to one of these accounts."""
    rows: list[Record] = await connection.fetch(
        "select reference, account_id, linked_at, primary_link from ingest.reference"
        " where account_id = any($1::uuid[])",
        list(accounts),
    )
    return rows


async def living_accounts(connection: Connection, ids: Iterable[UUID]) -> list[Record]:
    """Return id, living account (the survivor after a merge) and creation of the known ones among these ids."""
    rows: list[Record] = await connection.fetch(
        """
        select account_id as id, coalesce(merged_into, account_id) as account_id, created_at
        from ingest.account where account_id = any($1::uuid[])
        """,
        list(ids),
    )
    return rows


async def open_accounts(connection: Connection, ids: Iterable[UUID]) -> None:
    """Create accounts."""
    await connection.execute("insert into ingest.account (account_id) select unnest($1::uuid[])", list(ids))


async def write_references(connection: Connection, standings: Mapping[str, Standing]) -> None:
    """Let references lead where they stand now."""
    await connection.execute(
        """
        insert into ingest.reference (reference, account_id, linked_at, primary_link)
        select * from unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::bool[])
        on conflict (reference) do update set account_id = excluded.account_id, linked_at = excluded.linked_at,
            primary_link = excluded.primary_link
        """,
        list(standings),
        [one.account_id for one in standings.values()],
        [one.linked_at for one in standings.values()],
        [one.primary for one in standings.values()],
    )


async def merge_accounts(connection: Connection, merged: Mapping[UUID, UUID]) -> None:
    """Note which accounts live on in which; chains are kept one step long."""
    await connection.execute(
        """
        update ingest.account a set merged_into = m.survivor
        from unnest($1::uuid[], $2::uuid[]) as m(gone, survivor)
        where a.account_id = m.gone or a.merged_into = m.gone
        """,
        list(merged),
        list(merged.values()),
    )
