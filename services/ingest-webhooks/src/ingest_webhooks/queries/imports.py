"""Statements about imports: where each one stands, what it refused, and how a chunk of it is written in bulk."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg import Record

from milepost_runtime.database import Connection

REJECTS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class NewImport:
    """An import to make; `fingerprint` tells the same one when it comes again."""

    id: UUID
    name: str
    sender: str
    fingerprint: str | None
    total_lines: int | None
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """What a chunk adds to its import, all in numbers of lines but `size`, which is in bytes."""

    lines: int
    size: int
    accepted: int
    duplicates: int
    conflicts: int
    unmapped: int
    ignored: int
    rejected: int
    blank: int


_SHOWN = """
    id, name, sender, fingerprint, dry_run, state, total_lines, position, bytes, accepted, duplicates, conflicts,
    unmapped, ignored, rejected, blank, stream_position, stream_since, started_at, updated_at, finished_at
"""


async def make(connection: Connection, new: NewImport) -> tuple[Record, bool]:
    """Return the import and whether it is new; one of the same fingerprint, sender and kind is gone on with."""
    status = await connection.execute(
        """
        insert into ingest.import (id, name, sender, fingerprint, total_lines, dry_run) values ($1, $2, $3, $4, $5, $6)
        on conflict (fingerprint, sender, dry_run) do update set total_lines = coalesce($5, import.total_lines),
            state = case import.state when 'cancelled' then 'open' else import.state end
        """,
        new.id,
        new.name,
        new.sender,
        new.fingerprint,
        new.total_lines,
        new.dry_run,
    )
    assert status == "INSERT 0 1"
    row = await one(connection, new.id)
    if row is not None:
        return row, True
    rows = await connection.fetch(
        f"select {_SHOWN} from ingest.import where fingerprint = $1 and sender = $2 and dry_run = $3",  # noqa: S608 - a constant of ours
        new.fingerprint,
        new.sender,
        new.dry_run,
    )
    return rows[0], False


async def one(connection: Connection, import_id: UUID) -> Record | None:
    """Return an import."""
    return await connection.fetchrow(f"select {_SHOWN} from ingest.import where id = $1", import_id)  # noqa: S608 - a constant of ours


async def page(connection: Connection, *, before: UUID | None, limit: int) -> list[Record]:
    """Return imports, newest first; ids grow with time."""
    rows: list[Record] = await connection.fetch(
        f"select {_SHOWN} from ingest.import where $1::uuid is null or id < $1 order by id desc limit $2",  # noqa: S608 - a constant of ours
        before,
        limit,
    )
    return rows


async def close(connection: Connection, import_id: UUID, state: str) -> bool:
    """Bring an open import to its end; False when it is not open or lines are missing that were promised."""
    status = await connection.execute(
        """
        update ingest.import set state = $2, updated_at = clock_timestamp(), finished_at = clock_timestamp()
        where id = $1 and state = 'open'
            and ($2 = 'cancelled' or total_lines is null or position >= total_lines)
        """,
        import_id,
        state,
    )
    return bool(status == "UPDATE 1")


async def begin_stream(connection: Connection, import_id: UUID) -> None:
    """Note that lines come from now on; the rate is told since then."""
    await connection.execute(
        "update ingest.import set stream_position = position, stream_since = clock_timestamp(),"
        " updated_at = clock_timestamp() where id = $1",
        import_id,
    )


async def hold(connection: Connection, import_id: UUID) -> tuple[int, str]:
    """Lock an import until the transaction ends; return its position and state."""
    row = await connection.fetchrow("select position, state from ingest.import where id = $1 for update", import_id)
    return (-1, "gone") if row is None else (row["position"], row["state"])


async def advance(connection: Connection, import_id: UUID, done: Progress) -> None:
    """Add a chunk to the counts of its import; the caller holds it."""
    await connection.execute(
        """
        update ingest.import set position = position + $2, bytes = bytes + $3, accepted = accepted + $4,
            duplicates = duplicates + $5, unmapped = unmapped + $6, rejected = rejected + $7, blank = blank + $8,
            ignored = ignored + $9, conflicts = conflicts + $10, updated_at = clock_timestamp()
        where id = $1
        """,
        import_id,
        done.lines,
        done.size,
        done.accepted,
        done.duplicates,
        done.unmapped,
        done.rejected,
        done.blank,
        done.ignored,
        done.conflicts,
    )


async def refuse(connection: Connection, import_id: UUID, rejects: Sequence[tuple[int, Any]]) -> None:
    """Keep why lines were refused or set aside, the first ones of an import; call it before `advance` counts them."""
    await connection.execute(
        """
        insert into ingest.import_reject (import_id, line, errors)
        select $1, line, errors::jsonb from unnest($2::bigint[], $3::text[]) with ordinality r(line, errors, position)
        where position <= $4 - (select rejected + conflicts from ingest.import where id = $1)
        """,
        import_id,
        [line for line, _ in rejects],
        [json.dumps(list(errors)) for _, errors in rejects],
        REJECTS_KEPT,
    )


async def rejects(connection: Connection, import_id: UUID, *, after: int, limit: int) -> list[Record]:
    """Return refused and contradicting lines in their order."""
    rows: list[Record] = await connection.fetch(
        "select line, errors from ingest.import_reject where import_id = $1 and line > $2 order by line limit $3",
        import_id,
        after,
        limit,
    )
    return rows


_BOOKS = """
    with told as (
        select count(*) as imports, count(*) filter (where state = 'finished') as finished,
            count(*) filter (where state = 'cancelled') as cancelled, count(*) filter (where state = 'open') as open,
            coalesce(sum(accepted + duplicates + unmapped), 0)::bigint as settled,
            coalesce(sum(duplicates), 0)::bigint as duplicates, coalesce(sum(ignored), 0)::bigint as ignored
        from ingest.import where not dry_run
    )
    select 'import' as source, imports as told, settled + ignored as events_told, imports as accepted, finished as done,
        cancelled as ignored, 0::bigint as quarantined, open as waiting, settled + ignored as events_accepted,
        settled as events_settled, duplicates as events_duplicate, ignored as events_ignored,
        0::bigint as events_quarantined, 0::bigint as events_unread, 0::bigint as events_missing,
        (select count(*) from ingest.waiting_event where source = 'import') as events_unmapped
    from told where imports > 0
"""


async def books(connection: Connection) -> list[Record]:
    """Return the line of imports in the books, if there are any, with the names of the others' lines.

    An import stands where a delivery does. Its counts move in the transaction that writes its events, a chunk at a
    time, so there is nothing between accepting and settling; refused and contradicting lines were never accepted.
    """
    rows: list[Record] = await connection.fetch(_BOOKS)
    return rows


async def known_keys(connection: Connection, keys: Sequence[bytes]) -> set[bytes]:
    """Return which of these facts are known."""
    rows = await connection.fetch("select key from ingest.event_key where key = any($1::bytea[])", list(keys))
    return {row["key"] for row in rows}


async def write(connection: Connection, table: str, columns: Sequence[str], rows: str) -> int:
    """Append rows to `event` or `waiting_event`, given in the text format of COPY; return how many were new.

    They are copied straight in. Only where one of them is there already (its key was forgotten, as keys are after
    some time) are they staged and the new ones picked out. Publishing into `event` needs the feed's lock.
    """
    if not rows:
        return 0
    try:
        async with connection.transaction():
            return await _copy(connection, "ingest", table, columns, rows)
    except asyncpg.UniqueViolationError:
        return await _pick(connection, table, columns, rows)


async def _pick(connection: Connection, table: str, columns: Sequence[str], rows: str) -> int:
    named = ", ".join(columns)
    stage = f"staged_{table}"
    await connection.execute(
        f"create temp table {stage} on commit drop as select {named} from ingest.{table} with no data"  # noqa: S608 - names of ours
    )
    await _copy(connection, "pg_temp", stage, columns, rows)
    status = await connection.execute(
        f"insert into ingest.{table} ({named}) select {named} from pg_temp.{stage} on conflict (event_id) do nothing"  # noqa: S608 - names of ours
    )
    return int(status.rpartition(" ")[2])


async def _copy(connection: Connection, schema: str, table: str, columns: Sequence[str], rows: str) -> int:
    status = await connection.copy_to_table(table, schema_name=schema, columns=list(columns), source=_whole(rows))
    return int(status.rpartition(" ")[2])


async def _whole(rows: str) -> AsyncIterator[bytes]:
    yield rows.encode()
