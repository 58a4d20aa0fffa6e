"""Statements that forget a person: who that is, where the person is named, and what is blanked."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from asyncpg import Record

from milepost_runtime.database import Connection

_HERE = """
    (lower(actor) = any($1::text[]) or lower(item) = any($1::text[]) or lower(reference) = any($1::text[])
        or lower(value_text) = any($1::text[]) or fallbacks && $2::text[]
        or exists (select from jsonb_each_text(properties) p where lower(p.value) = any($1::text[])))
"""
_BLANKED = """
    actor = case when lower(actor) = any($1::text[]) then null else actor end,
    item = case when lower(item) = any($1::text[]) then null else item end,
    value_text = case when lower(value_text) = any($1::text[]) then null else value_text end,
    properties = properties - array(
        select key from jsonb_each_text(properties) p where lower(p.value) = any($1::text[])
    ),
    reference = case when lower(reference) = any($1::text[]) then coalesce((
        select n.pseudonym from unnest($2::text[], $3::text[]) as n(name, pseudonym) where n.name = reference
    ), 'erased:person') else reference end,
    fallbacks = case when fallbacks && $2::text[] then array(
        select coalesce(n.pseudonym, f) from unnest(fallbacks) as f
        left join unnest($2::text[], $3::text[]) as n(name, pseudonym) on n.name = f)
        else fallbacks end
"""


async def any_erased(connection: Connection) -> bool:
    """Tell whether anybody was ever forgotten."""
    return bool(await connection.fetchval("select exists (select from ingest.erased_person)"))


async def erased(connection: Connection, digests: Sequence[bytes]) -> list[bytes]:
    """Return those of the digests that are of somebody who was forgotten."""
    rows = await connection.fetch("select digest from ingest.erased_person where digest = any($1::bytea[])", digests)
    return [row["digest"] for row in rows]


async def ask(connection: Connection, asked: Mapping[UUID, Sequence[str]], author: str, reason: str) -> None:
    """Let persons be forgotten soon, each known by some names."""
    await connection.executemany(
        "insert into ingest.erasure (id, names, author, reason, next_at) values ($1, $2, $3, $4, clock_timestamp())",
        [(erasure_id, list(names), author, reason) for erasure_id, names in asked.items()],
    )


async def one(connection: Connection, erasure_id: UUID) -> Record | None:
    """Return how an erasure stands; it names nobody."""
    return await connection.fetchrow(
        "select id, author, reason, asked_at, done_at, events, deliveries, left_alone"
        " from ingest.erasure where id = $1",
        erasure_id,
    )


async def names_of(connection: Connection, erasure_id: UUID) -> list[str]:
    """Return the names that an erasure is about."""
    return list(await connection.fetchval("select names from ingest.erasure where id = $1", erasure_id) or ())


async def note(connection: Connection, erasure_id: UUID, names: Sequence[str], digests: Sequence[bytes]) -> None:
    """Know a person by these names, and drop what is told of them from now on."""
    await connection.execute("update ingest.erasure set names = $2 where id = $1", erasure_id, list(names))
    await connection.execute(
        "insert into ingest.erased_person (digest, erasure_id) select unnest($2::bytea[]), $1 on conflict do nothing",
        erasure_id,
        digests,
    )


async def newest_event(connection: Connection) -> int:
    """Return the id of the newest row of the feed."""
    return int(await connection.fetchval("select coalesce(max(id), 0) from ingest.event"))


async def blank_events(
    connection: Connection, names: Sequence[str], pseudonyms: Mapping[str, str], after: int, upto: int | None
) -> list[Record]:
    """Blank the person in a range of the feed; return event, living account and delivery of what was changed."""
    rows: list[Record] = await connection.fetch(
        f"""
        with blanked as (
            update ingest.event set {_BLANKED} where id > $4 and ($5::bigint is null or id <= $5) and {_HERE}
            returning event_id, account_id, delivery_id
        )
        select b.event_id, coalesce(a.merged_into, b.account_id) as account_id, b.delivery_id
        from blanked b join ingest.account a using (account_id)
        """,  # noqa: S608 - constants of ours
        *_words(names, pseudonyms),
        after,
        upto,
    )
    return rows


async def blank_waiting(connection: Connection, names: Sequence[str], pseudonyms: Mapping[str, str]) -> list[Record]:
    """Blank the person in what waits; return the events and deliveries of what was changed."""
    rows: list[Record] = await connection.fetch(
        f"update ingest.waiting_event set {_BLANKED} where {_HERE} returning event_id, delivery_id",  # noqa: S608
        *_words(names, pseudonyms),
    )
    return rows


async def blank_references(connection: Connection, pseudonyms: Mapping[str, str]) -> list[UUID]:
    """Let words and references speak of nobody, and lead where they led; return the deliveries that told the words."""
    lists = list(pseudonyms), list(pseudonyms.values())
    rows = await connection.fetch(
        """
        with n (name, pseudonym) as (select * from unnest($1::text[], $2::text[]))
        update ingest.reference_link l
        set reference = coalesce((select pseudonym from n where name = l.reference), reference),
            target = coalesce((select pseudonym from n where name = l.target), target)
        where l.reference = any($1::text[]) or l.target = any($1::text[]) returning l.delivery_id
        """,
        *lists,
    )
    await connection.execute(
        """
        update ingest.reference r set reference = n.pseudonym
        from unnest($1::text[], $2::text[]) as n(name, pseudonym) where r.reference = n.name
        """,
        *lists,
    )
    return [row["delivery_id"] for row in rows if row["delivery_id"] is not None]


async def same_names(connection: Connection, names: Sequence[str]) -> list[str]:
    """Return the names by which a person is known, these and all that were merged with them."""
    rows = await connection.fetch(
        """
        with recursive found (name) as (
            select unnest($1::text[])
            union
            select case when l.reference = f.name then l.target else l.reference end
            from found f join ingest.reference_link l on f.name in (l.reference, l.target) where l.kind = 'same'
        )
        select name from found order by name
        """,
        names,
    )
    return [row["name"] for row in rows]


async def deliveries_naming(connection: Connection, needles: Sequence[bytes]) -> list[UUID]:
    """Return the kept deliveries in whose bodies one of these stands; every body is looked through."""
    rows = await connection.fetch(
        "select id from ingest.delivery d"
        " where exists (select from unnest($1::bytea[]) n where position(n in d.body) > 0)",
        needles,
    )
    return [row["id"] for row in rows]


async def bodies(connection: Connection, ids: Sequence[UUID]) -> list[Record]:
    """Return kept bodies, locked, in one order."""
    rows: list[Record] = await connection.fetch(
        "select id, body from ingest.delivery where id = any($1::uuid[]) order by id for update", ids
    )
    return rows


async def write_bodies(connection: Connection, bodies: Sequence[tuple[UUID, bytes]]) -> None:
    """Keep other bodies in the place of these; what was told from the old ones is not told again from the new ones."""
    await connection.execute(
        """
        update ingest.delivery d set body = b.body, size = octet_length(b.body),
            closed = closed or relayed + linked + duplicates > 0
                or exists (select from ingest.event e where e.delivery_id = d.id)
        from unnest($1::uuid[], $2::bytea[]) as b(id, body) where d.id = b.id
        """,
        [delivery_id for delivery_id, _ in bodies],
        [body for _, body in bodies],
    )


async def done(connection: Connection, erasure_id: UUID, events: int, deliveries: int, left_alone: int) -> None:
    """Write down what was done, and forget the names."""
    await connection.execute(
        """
        update ingest.erasure set names = '{}', done_at = clock_timestamp(), events = events + $2,
            deliveries = deliveries + $3, left_alone = left_alone + $4 where id = $1
        """,
        erasure_id,
        events,
        deliveries,
        left_alone,
    )


def _words(names: Sequence[str], pseudonyms: Mapping[str, str]) -> tuple[list[str], list[str], list[str]]:
    return [name.lower() for name in names], list(pseudonyms), list(pseudonyms.values())
