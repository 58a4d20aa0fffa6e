"""Statements about who works today, how loaded they are and when their days are; it never writes."""

from collections.abc import Sequence
from datetime import date

import asyncpg

from milepost_core.owning import Colleague
from milepost_runtime.database import Connection


async def present(connection: Connection) -> dict[str, Colleague]:
    """Return everybody who works here, by id; their loads are not asked for."""
    return {name: one for name, one in (await everybody(connection)).items() if one.active}


async def everybody(connection: Connection) -> dict[str, Colleague]:
    """Return everybody who was ever entered, by id, so that who has left is known as such; without loads."""
    return {row["id"]: colleague(row) for row in await colleagues(connection)}


async def colleagues(connection: Connection) -> list[asyncpg.Record]:
    """Return everybody who was ever entered: place, roles, hours, and whether they are away today where they live."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select p.id, p.email, p.zone, p.region, p.roles, p.active, p.opens, p.closes, a.delegate_id,"
        " a.id is not null as away from person p"
        " left join lateral (select a.id, a.delegate_id from absence a where a.person_id = p.id"
        " and (clock_timestamp() at time zone p.zone)::date between a.since and a.until"
        " order by a.until desc, a.id limit 1) a on true order by p.id"
    )
    return rows


def colleague(row: asyncpg.Record, load: float = 0.0) -> Colleague:
    """Return a row of `colleagues` as the law on owners knows people; `load` is the minutes of their open work."""
    return Colleague(
        id=row["id"],
        email=row["email"],
        roles=tuple(row["roles"]),
        active=row["active"],
        load=load,
        away=row["away"],
        delegate=row["delegate_id"],
    )


async def loads(connection: Connection, roles: Sequence[str]) -> list[asyncpg.Record]:
    """Return the minutes of open work of everybody who has one of these roles."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select p.id, coalesce(sum(t.effort_minutes), 0)::float8 as minutes from person p left join task t"
        " on t.owner = p.id and t.state in ('open', 'claimed') where p.roles && $1::text[] group by p.id",
        roles,
    )
    return rows


async def days_off(connection: Connection) -> list[asyncpg.Record]:
    """Return the company's own days off by region, as far as they lie ahead."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select region, day from holiday where day >= (clock_timestamp() - interval '3 days')::date"
    )
    return rows


async def today(connection: Connection) -> date:
    """Return the day that it is in UTC."""
    day: date = await connection.fetchval("select (clock_timestamp() at time zone 'UTC')::date")
    return day
