"""Statements about who is left alone, and why; it decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool

_COLUMNS = (
    "id, account_id, person is not null as of_person, kind, reason, author, since, until, ended_at,"
    " ended_at is null and (until is null or until > clock_timestamp()) as active"
)


@dataclass(frozen=True)
class NewSuppression:
    """A word to leave somebody alone before it is written: of a person, of an account, or of both together."""

    id: UUID
    kind: str
    account_id: UUID | None
    person: bytes | None
    reason: str
    author: str
    until: datetime | None


@dataclass(frozen=True)
class Filter:
    """Which words a list shows."""

    account_id: UUID | None = None
    person: bytes | None = None
    kind: str | None = None
    active: bool | None = None


async def lock(connection: Connection, keys: Sequence[int]) -> None:
    """Wait for every message to these people and accounts that is being started, and let none start until the end."""
    await connection.execute(
        "select pg_advisory_xact_lock(key) from (select distinct key from unnest($1::bigint[]) key order by key) k",
        keys,
    )


async def insert(connection: Connection, new: NewSuppression) -> asyncpg.Record:
    """Write a word down; one of the same kind about the same, without an end, is the same word."""
    row = await connection.fetchrow(
        "with same as (select id from suppression where kind = $2 and account_id is not distinct from $3"  # noqa: S608
        " and person is not distinct from $4 and ended_at is null and until is null and $7::timestamptz is null"
        " limit 1),"
        " added as (insert into suppression (id, kind, account_id, person, reason, author, until)"
        " select $1, $2, $3, $4, $5, $6, $7 where not exists (select from same) returning *)"
        f" select {_COLUMNS} from added union all select {_COLUMNS} from suppression"
        " where id in (select id from same)",
        new.id,
        new.kind,
        new.account_id,
        new.person,
        new.reason,
        new.author,
        new.until,
    )
    assert row is not None, "it is added or there"
    return row


async def end(connection: Connection, suppression_id: UUID) -> asyncpg.Record | None:
    """End a word from now on, if it has not ended; return it, or None: there is none."""
    await connection.execute(
        "update suppression set ended_at = clock_timestamp() where id = $1 and ended_at is null", suppression_id
    )
    return await connection.fetchrow(
        f"select {_COLUMNS} from suppression where id = $1",  # noqa: S608 - a constant of the code
        suppression_id,
    )


async def one(pool: Pool, suppression_id: UUID) -> asyncpg.Record | None:
    """Return a word."""
    return await pool.fetchrow(
        f"select {_COLUMNS} from suppression where id = $1",  # noqa: S608 - a constant of the code
        suppression_id,
    )


async def page(pool: Pool, wanted: Filter, before: UUID | None, limit: int) -> list[asyncpg.Record]:
    """Return words, newest first (their ids grow with time), below an id."""
    rows: list[asyncpg.Record] = await pool.fetch(
        f"select * from (select {_COLUMNS}, person from suppression) s"  # noqa: S608 - a constant of the code
        " where ($1::uuid is null or account_id = $1) and ($2::bytea is null or person = $2)"
        " and ($3::text is null or kind = $3) and ($4::bool is null or active = $4) and ($5::uuid is null or id < $5)"
        " order by id desc limit $6",
        wanted.account_id,
        wanted.person,
        wanted.kind,
        wanted.active,
        before,
        limit,
    )
    return rows
