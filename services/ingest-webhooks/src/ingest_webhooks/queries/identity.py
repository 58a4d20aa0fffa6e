"""Statements about accounts, the references that lead to them, and the words that were told about those."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from asyncpg import Record

from milepost_runtime.database import Connection

# A moment at the end of the calendar is kept as no moment at all, and would come back without its zone.
FINITE = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Leading:
    """Where a reference leads since when, and which account it leads to by itself, because it opened that or not."""

    account_id: UUID | None
    linked_at: datetime
    own_id: UUID | None
    opened: bool


@dataclass(frozen=True, slots=True)
class Spoken:
    """A word to write down: what it says, who told it, and why if it was a person."""

    reference: str
    target: str
    at: datetime
    kind: str
    delivery_id: UUID | None = None
    author: str = ""
    reason: str = ""


async def references(connection: Connection, names: Iterable[str]) -> list[Record]:
    """Return the known ones among these references."""
    rows: list[Record] = await connection.fetch(
        "select reference, account_id, linked_at, own_id, opened from ingest.reference"
        " where reference = any($1::text[])",
        list(names),
    )
    return rows


async def words(connection: Connection, changing: Collection[str], following: Collection[str]) -> list[Record]:
    """Return all words over which `following` names lead somewhere, and the same for what leads over `changing` ones.

    Two names of one thing are taken together, so their words come together. The names are handed on as an array: how
    many they are is not foreseen, and a join would read every word of the book for a few of them.
    """
    rows: list[Record] = await connection.fetch(
        """
        with recursive up (name) as (
            select unnest($1::text[])
            union
            select n.name from up cross join lateral (
                select l.reference as name from ingest.reference_link l where l.target = up.name
                union all
                select l.target from ingest.reference_link l where l.reference = up.name and l.kind = 'same'
            ) n
        ), down (name) as (
            (select name from up union select unnest($2::text[]))
            union
            select n.name from down cross join lateral (
                select l.target as name from ingest.reference_link l where l.reference = down.name
                union all
                select l.reference from ingest.reference_link l where l.target = down.name and l.kind = 'same'
            ) n
        )
        select l.reference, l.target, least(greatest(l.at, $3), $4) as at, l.kind
        from ingest.reference_link l where l.reference = any(array(select name from down))
        """,
        list(changing),
        list(following),
        *FINITE,
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


async def open_accounts(connection: Connection, ids: Collection[UUID]) -> None:
    """Create accounts."""
    if not ids:
        return
    await connection.execute("insert into ingest.account (account_id) select unnest($1::uuid[])", list(ids))


async def write_references(connection: Connection, leading: Mapping[str, Leading]) -> None:
    """Let references lead where they lead now."""
    if not leading:
        return
    await connection.execute(
        """
        insert into ingest.reference as r (reference, account_id, linked_at, own_id, opened)
        select * from unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::uuid[], $5::bool[])
        on conflict (reference) do update set account_id = excluded.account_id, own_id = excluded.own_id,
            opened = excluded.opened, linked_at = case when r.account_id is distinct from excluded.account_id
                then excluded.linked_at else r.linked_at end
        """,
        list(leading),
        [one.account_id for one in leading.values()],
        [one.linked_at for one in leading.values()],
        [one.own_id for one in leading.values()],
        [one.opened for one in leading.values()],
    )


async def write_words(connection: Connection, spoken: Sequence[Spoken]) -> None:
    """Write words down, each once."""
    if not spoken:
        return
    await connection.execute(
        """
        insert into ingest.reference_link (reference, target, at, kind, delivery_id, author, reason)
        select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::uuid[], $6::text[], $7::text[])
        on conflict do nothing
        """,
        [one.reference for one in spoken],
        [one.target for one in spoken],
        [one.at for one in spoken],
        [one.kind for one in spoken],
        [one.delivery_id for one in spoken],
        [one.author for one in spoken],
        [one.reason for one in spoken],
    )


async def forget_words(connection: Connection, spoken: Sequence[Spoken]) -> None:
    """Let words be gone that say nothing beside others."""
    if not spoken:
        return
    await connection.execute(
        """
        delete from ingest.reference_link l
        using unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[]) as g(reference, target, at, kind)
        where (l.reference, l.target, l.at, l.kind) = (g.reference, g.target, g.at, g.kind)
        """,
        [one.reference for one in spoken],
        [one.target for one in spoken],
        [one.at for one in spoken],
        [one.kind for one in spoken],
    )


async def merge_accounts(connection: Connection, merged: Mapping[UUID, tuple[UUID, datetime]]) -> list[Record]:
    """Note which accounts live on in which; return the references that lead to the survivors for that.

    Chains are kept one step long.
    """
    if not merged:
        return []
    lists = list(merged), [survivor for survivor, _ in merged.values()], [at for _, at in merged.values()]
    await connection.execute(
        """
        update ingest.account a set merged_into = m.survivor
        from unnest($1::uuid[], $2::uuid[]) as m(gone, survivor)
        where a.account_id = m.gone or a.merged_into = m.gone
        """,
        *lists[:2],
    )
    await connection.execute(
        """
        update ingest.reference r set own_id = m.survivor, opened = false
        from unnest($1::uuid[], $2::uuid[]) as m(gone, survivor) where r.own_id = m.gone
        """,
        *lists[:2],
    )
    rows: list[Record] = await connection.fetch(
        """
        update ingest.reference r set account_id = m.survivor, linked_at = greatest(r.linked_at, m.at)
        from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as m(gone, survivor, at) where r.account_id = m.gone
        returning r.reference, r.account_id, r.linked_at
        """,
        *lists,
    )
    return rows
