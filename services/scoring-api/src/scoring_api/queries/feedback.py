"""SQL about feedback on scores: kept, listed for whoever has to answer, answered; it never commits.

What is open waits for the account's owner of today, or for the steward; what is answered keeps whose it was.
"""

from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool

Source: TypeAlias = "Pool | Connection"

# The steward is the first argument of every statement that names an owner.
_OWNER = "case when f.state = 'open' then coalesce(nullif(a.owner, ''), $1::text) else f.owner end"
_COLUMNS = (
    "f.id, f.account_id, coalesce(d.name, a.name, '') as name, f.because, f.signal, f.expected_band, f.author,"
    f" f.told_by, {_OWNER} as owner, f.state, f.created_at, f.snapshot_as_of, f.score, f.band, f.model_id,"
    " f.model_version, f.answer, f.verdict, f.answered_by, f.answered_at"
)
_NAMED = (
    "from scoring.feedback f left join scoring.account a on a.account_id = f.account_id"
    " left join scoring.health_document d on d.account_id = f.account_id"
)


async def insert(connection: Connection, row: tuple[Any, ...]) -> None:
    """Keep feedback: account, id, because, signal, expected_band, author, told_by, owner, created_at, snapshot_as_of,
    score, band, model_id, model_version."""
    await connection.execute(
        "insert into scoring.feedback (account_id, id, because, signal, expected_band, author, told_by, owner,"
        " created_at, snapshot_as_of, score, band, model_id, model_version)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        *row,
    )


async def of_account(source: Source, steward: str, account: UUID, limit: int) -> list[asyncpg.Record]:
    """Return the feedback on an account's score, the newest first."""
    rows: list[asyncpg.Record] = await source.fetch(
        f"select {_COLUMNS} {_NAMED} where f.account_id = $2 order by f.created_at desc, f.id limit $3",
        steward,
        account,
        limit,
    )
    return rows


async def one(source: Source, steward: str, feedback: UUID) -> asyncpg.Record | None:
    """Return one feedback, None if there is none of this id."""
    return await source.fetchrow(f"select {_COLUMNS} {_NAMED} where f.id = $2", steward, feedback)


async def listed(
    source: Source, steward: str, wanted: tuple[str | None, str | None], after: tuple[datetime, UUID] | None, limit: int
) -> list[asyncpg.Record]:
    """Return feedback of a state and an owner (None: any), what waits longest first, after a row's place."""
    rows: list[asyncpg.Record] = await source.fetch(
        f"select {_COLUMNS} {_NAMED} where ($2::text is null or f.state = $2) and ($3::text is null or {_OWNER} = $3)"
        " and ($4::timestamptz is null or (f.created_at, f.id) > ($4, $5::uuid))"
        " order by f.created_at, f.id limit $6",
        steward,
        *wanted,
        *(after or (None, None)),
        limit,
    )
    return rows


async def waiting(source: Source, steward: str, owner: str | None) -> asyncpg.Record:
    """Return how many wait for an answer of this owner (None: of anybody), and since when the oldest does."""
    row = await source.fetchrow(
        f"select count(*) as open, min(f.created_at) as since {_NAMED}"
        f" where f.state = 'open' and ($2::text is null or {_OWNER} = $2)",
        steward,
        owner,
    )
    assert row is not None
    return row


async def owners(source: Source, steward: str) -> list[str]:
    """Return those who have something to answer, at most 200."""
    rows = await source.fetch(
        f"select distinct {_OWNER} as owner {_NAMED} where f.state = 'open' order by 1 limit 200", steward
    )
    return [row["owner"] for row in rows]


async def answer(connection: Connection, steward: str, feedback: UUID, verdict: str, text: str, by: str) -> bool:
    """Answer what waits for an answer, and keep whose it was; False: it does not wait."""
    row = await connection.fetchrow(
        "update scoring.feedback f set state = 'answered', verdict = $3, answer = $4, answered_by = $5,"
        " answered_at = clock_timestamp(), owner = coalesce((select nullif(a.owner, '') from scoring.account a"
        " where a.account_id = f.account_id), $1) where id = $2 and state = 'open' returning id",
        steward,
        feedback,
        verdict,
        text,
        by,
    )
    return row is not None
