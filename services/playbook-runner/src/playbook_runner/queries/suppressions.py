"""Statements about who is left alone, and why; it decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool

_COLUMNS = (
    "id, account_id, person is not null as of_person, kind, reason, author, evidence, since, until, ended_at,"
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
class NewReturn:
    """What a mail server or a provider said of a mailbox at some moment, and by which `evidence` it can be found."""

    id: UUID
    kind: str
    person: bytes
    reason: str
    author: str
    evidence: str
    at: datetime | None


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


async def keep_returns(connection: Connection, told: Sequence[NewReturn]) -> int:
    """Write down what was said of mailboxes, one word for each; return how many are new.

    A word that counts already is enough. What happened before a person took such a word back brings it back no more,
    and neither does what was evidence for it. `at` None: it happened now.
    """
    rows = await connection.fetch(
        "insert into suppression (id, kind, person, reason, author, evidence)"
        " select distinct on (t.person, t.kind) t.id, t.kind, t.person, t.reason, t.author, t.evidence"
        " from unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])"
        " as t(id, kind, person, reason, author, evidence, at) where not exists (select from suppression s"
        " where s.person = t.person and s.kind = t.kind and s.account_id is null and (s.evidence = t.evidence"
        " or s.ended_at is null and s.until is null or s.ended_at >= coalesce(t.at, clock_timestamp())))"
        " order by t.person, t.kind, t.at on conflict do nothing returning id",
        [one.id for one in told],
        [one.kind for one in told],
        [one.person for one in told],
        [one.reason for one in told],
        [one.author for one in told],
        [one.evidence for one in told],
        [one.at for one in told],
    )
    return len(rows)


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
    """Return a word, with the digest of whom it is about."""
    return await pool.fetchrow(
        f"select {_COLUMNS}, person from suppression where id = $1",  # noqa: S608 - a constant of the code
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
