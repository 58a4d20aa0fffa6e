"""Alembic for one schema per service, under one lock; it never runs inside a service's process."""

import asyncio
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from milepost_runtime.database import RolesMissing, Schema

# Any number will do as long as every migrating process of the house takes the same one.
_LOCK = 0x4D696C65706F7374 & 0x7FFFFFFFFFFFFFFF


def engine(url: str) -> AsyncEngine:
    """Return an engine without a pool for the URL that the settings hold."""
    parts = urlsplit(url)
    query = [("ssl" if key == "sslmode" else key, value) for key, value in parse_qsl(parts.query)]
    return create_async_engine(
        urlunsplit(("postgresql+asyncpg", parts.netloc, parts.path, urlencode(query, safe="/"), "")),
        poolclass=NullPool,
    )


def upgrade(url: str, schemas: Sequence[Schema]) -> None:
    """Bring every schema to head; two starting processes wait for one another.

    Raises RolesMissing, naming the script that an administrator runs once.
    """
    asyncio.run(upgrade_all(url, schemas))


async def upgrade_all(url: str, schemas: Sequence[Schema]) -> None:
    """As `upgrade`, inside a running loop."""
    source = engine(url)
    try:
        async with source.connect() as connection:
            await connection.execute(sa.text("select pg_advisory_lock(:key)"), {"key": _LOCK})
            await connection.commit()
            try:
                await _ensure_rooms(connection, schemas)
                for schema in schemas:
                    await connection.run_sync(_upgrade_one, schema)
                    await connection.commit()
            finally:
                await connection.rollback()
                await connection.execute(sa.text("reset role"))
                await connection.execute(sa.text("select pg_advisory_unlock(:key)"), {"key": _LOCK})
                await connection.commit()
    finally:
        await source.dispose()


def configuration(schema: Schema) -> Config:
    """Return Alembic's configuration for one service; nothing is read from an ini file."""
    config = Config()
    config.set_main_option(
        "script_location", str(Path(str(files(schema.package).joinpath("migrations")))).replace("%", "%%")
    )
    config.set_main_option("path_separator", "os")
    return config


def run_env(metadata: sa.MetaData, schema: Schema) -> None:
    """Run the migrations of one service; called by its `migrations/env.py`."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        raise RuntimeError("migrations run through `milepost migrate`, not through Alembic's own command")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table_schema=schema.name,
        include_schemas=True,
        include_name=names_of(connection, schema),
        compare_server_default=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def names_of(connection: sa.Connection, schema: Schema) -> Callable[[str | None, str, Any], bool]:
    """Return which names of the database Alembic compares with the tables: the schema's own, but no partition's.

    Partitions come and go while a service runs; only what they are parts of is written in its tables.
    """
    rows = connection.execute(
        sa.text("select relname from pg_class where relispartition and relnamespace = to_regnamespace(:schema)"),
        {"schema": schema.name},
    )
    partitions = {row.relname for row in rows}

    def include(name: str | None, kind: str, _parents: Any) -> bool:
        return name == schema.name if kind == "schema" else kind != "table" or name not in partitions

    return include


def _upgrade_one(connection: sa.Connection, schema: Schema) -> None:
    connection.execute(sa.text(f'set role "{schema.role}"'))
    config = configuration(schema)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.execute(sa.text("reset role"))


async def _ensure_rooms(connection: AsyncConnection, schemas: Sequence[Schema]) -> None:
    for schema in schemas:
        await _ensure_role(connection, schema.role)
        await connection.execute(sa.text(f'create schema if not exists "{schema.name}" authorization "{schema.role}"'))
    await connection.commit()


async def _ensure_role(connection: AsyncConnection, role: str) -> None:
    state: Any = (
        await connection.execute(
            sa.text(
                "select exists(select from pg_roles where rolname = :role) as present,"
                " (select rolcreaterole or rolsuper from pg_roles where rolname = current_user) as may,"
                " exists(select from pg_roles where rolname = :role and pg_has_role(oid, 'member')) as member"
            ),
            {"role": role},
        )
    ).one()
    if state.member:
        return
    if not state.may:
        raise RolesMissing(
            f"role {role} is missing or not granted to this login, which may not create roles:"
            " have an administrator run infra/postgres/roles.sql once"
        )
    if not state.present:
        await connection.execute(sa.text(f'create role "{role}" nologin'))
    await connection.execute(sa.text(f'grant "{role}" to current_user'))
