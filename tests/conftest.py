"""Fixtures that every test may use: one real PostgreSQL and one real Valkey per run, a migrated database per module."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import structlog
from support.stores import Databases

from milepost_devstack.schemas import SCHEMAS
from milepost_devstack.stores import EmbeddedPostgres, EmbeddedValkey
from milepost_runtime.database import Pool, open_pool
from milepost_runtime.migrations import upgrade_all

INGEST, SCORING, PLAYBOOKS = SCHEMAS


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> None:
    """Logged faults as the house logs them: drawn with the values of its variables, a single one takes seconds."""
    *steps, _drawn = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*steps, plain])


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), fast=True)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def valkey(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"), fast=True)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def databases(postgres: EmbeddedPostgres) -> Databases:
    """Makes databases: the template is migrated once, as production is."""
    source = Databases(postgres)
    await upgrade_all(await source.create_template(), SCHEMAS)
    return source


@pytest.fixture(scope="module")
async def database_url(databases: Databases) -> str:
    """A migrated, empty database of the module's own."""
    return await databases.clone()


@pytest.fixture(scope="module")
async def redis_url(valkey: EmbeddedValkey) -> str:
    return valkey.url


@pytest.fixture(scope="module")
async def ingest_pool(database_url: str) -> AsyncIterator[Pool]:
    async with await open_pool(database_url, INGEST, process="test", size=8) as pool:
        yield pool


@pytest.fixture(scope="module")
async def scoring_pool(database_url: str) -> AsyncIterator[Pool]:
    async with await open_pool(database_url, SCORING, process="test", size=8) as pool:
        yield pool


@pytest.fixture(scope="module")
async def playbooks_pool(database_url: str) -> AsyncIterator[Pool]:
    async with await open_pool(database_url, PLAYBOOKS, process="test", size=8) as pool:
        yield pool


@pytest.fixture(scope="module")
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that may see every schema, for looking at what the services left behind."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]
