"""Statements about who works here and who is away; it decides nothing."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from milepost_runtime.database import Connection, Pool

_PERSON = "id, name, email, zone, region, roles, opens, closes, minutes_a_day, active"
_ABSENCE = "id, person_id, since, until, delegate_id"


async def page(pool: Pool, after: str | None, limit: int) -> list[asyncpg.Record]:
    """Return people by id, after one."""
    rows: list[asyncpg.Record] = await pool.fetch(
        f"select {_PERSON} from person where ($1::text is null or id > $1) order by id limit $2",  # noqa: S608 - a constant of the code
        after,
        limit,
    )
    return rows


async def known(connection: Connection, ids: Sequence[str]) -> dict[str, asyncpg.Record]:
    """Return people by id; who is not there is unknown."""
    rows = await connection.fetch(
        f"select {_PERSON} from person where id = any($1::text[])",  # noqa: S608 - a constant of the code
        ids,
    )
    return {row["id"]: row for row in rows}


async def put(connection: Connection, person_id: str, said: Mapping[str, Any]) -> tuple[asyncpg.Record, bool]:
    """Write a person down as said, whatever was known before; return them, and whether they are new."""
    row = await connection.fetchrow(
        f"insert into person ({_PERSON}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"  # noqa: S608 - a constant of the code
        " on conflict (id) do update set name = excluded.name, email = excluded.email, zone = excluded.zone,"
        " region = excluded.region, roles = excluded.roles, opens = excluded.opens, closes = excluded.closes,"
        " minutes_a_day = excluded.minutes_a_day, active = excluded.active"
        f" returning {_PERSON}, xmax = 0 as added",
        person_id,
        said["name"],
        said["email"],
        said["zone"],
        said["region"],
        said["roles"],
        said["opens"],
        said["closes"],
        said["minutes_a_day"],
        said["active"],
    )
    assert row is not None, "a row was written"
    return row, bool(row["added"])


async def roles(pool: Pool) -> set[str]:
    """Return the roles that somebody who works here has."""
    rows = await pool.fetch("select distinct unnest(roles) as role from person where active")
    return {row["role"] for row in rows}


async def named(connection: "Connection | Pool", name: str) -> asyncpg.Record | None:
    """Return whose id or address a name is; None: nobody's who was entered."""
    return await connection.fetchrow(
        f"select {_PERSON} from person where id = $1 or (email <> '' and lower(email) = lower($1))"  # noqa: S608 - a constant of the code
        " order by id <> $1, not active, id limit 1",
        name,
    )


async def names_of(connection: "Connection | Pool", name: str) -> list[str]:
    """Return all the names under which somebody may have work: as said, as id, as address."""
    row = await named(connection, name)
    return [name] if row is None else sorted({name, row["id"], row["email"]} - {""})


async def email_taken(connection: Connection, person_id: str, email: str) -> bool:
    """Tell whether somebody else who is active has this address."""
    return bool(
        await connection.fetchval(
            "select true from person where lower(email) = lower($2) and id <> $1 and active and email <> ''",
            person_id,
            email,
        )
    )


async def absences(pool: Pool, person_ids: Sequence[str]) -> list[asyncpg.Record]:
    """Return absences of these people that are not over, in their order."""
    rows: list[asyncpg.Record] = await pool.fetch(
        f"select {_ABSENCE} from absence where person_id = any($1::text[]) and until >= current_date - 1"  # noqa: S608 - a constant of the code
        " order by since, id",
        person_ids,
    )
    return rows


async def insert_absence(
    connection: Connection, absence_id: UUID, person_id: str, days: tuple[date, date], delegate_id: str | None
) -> asyncpg.Record:
    """Write an absence down: from a day to a day, both included."""
    row = await connection.fetchrow(
        f"insert into absence ({_ABSENCE}) values ($1, $2, $3, $4, $5) returning {_ABSENCE}",  # noqa: S608 - a constant of the code
        absence_id,
        person_id,
        *days,
        delegate_id,
    )
    assert row is not None, "a row was written"
    return row


async def delete_absence(pool: Pool, absence_id: UUID) -> str | None:
    """Take an absence back and return the address of whose it was; None: there is none."""
    email: str | None = await pool.fetchval(
        "with gone as (delete from absence where id = $1 returning person_id)"
        " select coalesce(p.email, '') from gone left join person p on p.id = gone.person_id",
        absence_id,
    )
    return email
