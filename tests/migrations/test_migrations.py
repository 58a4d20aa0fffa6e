"""Claims about the schemas: from nothing to head equals the tables; two upgrades wait; old schemas are refused."""

import asyncio
import importlib
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from support.stores import Databases

from milepost_devstack.schemas import SCHEMAS
from milepost_runtime.database import Schema, SchemaTooOld, head_revision, open_pool, require_schema
from milepost_runtime.migrations import configuration, engine, names_of, upgrade_all

ROOMS = [pytest.param(schema, id=schema.name) for schema in SCHEMAS]


@pytest.mark.parametrize("schema", ROOMS)
async def test_migrating_from_nothing_to_head_equals_the_tables(database_url: str, schema: Schema) -> None:
    metadata: sa.MetaData = importlib.import_module(f"{schema.package}.tables").METADATA

    def compare(connection: sa.Connection) -> list[Any]:
        options = {
            "include_schemas": True,
            "include_name": names_of(connection, schema),
            "include_object": lambda _object, name, _kind, _reflected, _to: name != "alembic_version",
            "compare_type": True,
            "compare_server_default": True,
        }
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    source = engine(database_url)
    async with source.connect() as connection:
        await connection.execute(sa.text(f'set role "{schema.role}"'))
        difference = await connection.run_sync(compare)
    await source.dispose()

    assert difference == []
    assert len(metadata.tables) > 3


@pytest.mark.parametrize("schema", ROOMS)
async def test_rows_that_are_due_at_one_moment_have_a_lasting_order_in_every_lane(schema: Schema) -> None:
    metadata: sa.MetaData = importlib.import_module(f"{schema.package}.tables").METADATA
    found = {
        table.name: [list(index.columns.keys()) for index in table.indexes if "next_at" in index.columns]
        for table in metadata.tables.values()
        if "lease_until" in table.columns and any("next_at" in index.columns for index in table.indexes)
    }

    assert found
    for name, indexes in found.items():
        key = next(iter(metadata.tables[f"{schema.name}.{name}"].primary_key.columns.keys()))
        assert indexes == [["next_at", key]], name


@pytest.mark.parametrize("schema", ROOMS)
def test_the_head_that_processes_ask_for_is_the_head_of_the_history(schema: Schema) -> None:
    assert ScriptDirectory.from_config(configuration(schema)).get_current_head() == head_revision(schema)


@pytest.mark.parametrize("schema", ROOMS)
async def test_a_role_owns_its_own_room_and_only_its_own(owner: asyncpg.Connection, schema: Schema) -> None:
    owners = await owner.fetch(
        "select distinct tableowner from pg_tables where schemaname = $1 and tablename <> 'alembic_version'",
        schema.name,
    )
    writable = await owner.fetch(
        "select schemaname from pg_tables where has_table_privilege($1, schemaname || '.' || tablename, 'insert')"
        " and schemaname in ('ingest', 'scoring', 'playbooks') group by 1",
        schema.role,
    )

    assert [row["tableowner"] for row in owners] == [schema.role]
    assert [row["schemaname"] for row in writable] == [schema.name]


@pytest.mark.parametrize(
    ("reader", "readable"),
    [
        ("milepost_ingest", []),
        ("milepost_scoring", ["ingest.event"]),
        ("milepost_playbooks", ["ingest.event", "scoring.change"]),
    ],
)
async def test_a_service_sees_a_neighbours_feed_and_nothing_else_of_it(
    owner: asyncpg.Connection, reader: str, readable: list[str]
) -> None:
    rows = await owner.fetch(
        "select schemaname || '.' || tablename as name from pg_tables"
        " where schemaname in ('ingest', 'scoring', 'playbooks')"
        " and tableowner <> $1 and has_table_privilege($1, schemaname || '.' || tablename, 'select')"
        " and has_schema_privilege($1, schemaname, 'usage') order by 1",
        reader,
    )

    assert [row["name"] for row in rows] == readable


async def test_two_upgrades_at_once_wait_for_one_another(databases: Databases) -> None:
    url = await databases.empty()
    await asyncio.gather(upgrade_all(url, SCHEMAS), upgrade_all(url, SCHEMAS))

    for schema in SCHEMAS:
        async with await open_pool(url, schema, process="test") as pool:
            await require_schema(pool, schema)


async def test_a_process_refuses_to_start_on_an_old_schema(databases: Databases) -> None:
    url = await databases.clone()
    schema = SCHEMAS[0]
    async with await open_pool(url, schema, process="test") as pool:
        await pool.execute("update alembic_version set version_num = '0000'")
        with pytest.raises(SchemaTooOld, match="run `milepost migrate`"):
            await require_schema(pool, schema)


async def test_a_connection_waits_for_its_commits_whatever_the_database_says(databases: Databases) -> None:
    url = await databases.clone()
    schema = SCHEMAS[0]
    async with await open_pool(url, schema, process="test") as pool:
        name = await pool.fetchval("select current_database()")
    owner = await asyncpg.connect(url)
    await owner.execute(f'alter database "{name}" set synchronous_commit = off')
    await owner.close()

    async with await open_pool(url, schema, process="test") as pool:
        await require_schema(pool, schema)
        assert await pool.fetchval("show synchronous_commit") == "on"


async def test_a_process_refuses_connections_that_do_not_wait_for_their_commits(databases: Databases) -> None:
    url = await databases.clone()
    # As through a pooler that forgets what a connection asks for when it begins.
    async with asyncpg.create_pool(url, min_size=1, server_settings={"synchronous_commit": "off"}) as pool:
        with pytest.raises(SchemaTooOld, match="synchronous_commit=off"):
            await require_schema(pool, SCHEMAS[0])
