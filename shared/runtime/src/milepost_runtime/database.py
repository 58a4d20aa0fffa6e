"""Connections to PostgreSQL, one role and one schema per service; it never holds a statement of a service."""

import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.resources import files
from typing import TypeAlias

import asyncpg

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

# The store was away or in another's way: nobody's fault, so it counts against no row.
STORE_TROUBLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    # It does not let us in any more: its operator changed a password or a right, and a new one mends it.
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
)
_REVISION_FILE = re.compile(r"(\d{4})_\w+\.py\Z")


@dataclass(frozen=True)
class Schema:
    """A service's own room in the database: its schema, the role that owns it, the package with its migrations.

    `one_plan`: its statements are the same for one row and for a thousand, and so are their plans: making one takes
    longer than running it.
    """

    name: str
    role: str
    package: str
    one_plan: bool = False


class SchemaTooOld(Exception):
    """The database is not at the revision that this code was written for; run `milepost migrate`."""


class RolesMissing(Exception):
    """The roles are not there, or this login may not act as them, or may not create them."""


class StoreUnusable(Exception):
    """The database does not answer or does not let us in; the message holds its words, never the password."""


def is_store_trouble(error: Exception) -> bool:
    """Tell whether the store failed us rather than the caller; a value that cannot be encoded is the caller's.

    A file that cannot be read is our own fault: such an error names the file, one of a socket names none.
    """
    if isinstance(error, OSError) and error.filename is not None:
        return False
    return isinstance(error, STORE_TROUBLE) and not isinstance(error, ValueError)


async def open_pool(url: str, schema: Schema, *, process: str, size: int = 5, statement_timeout_s: float = 5) -> Pool:
    """Open a pool whose connections act as the service's role, in its schema, with every wait bounded.

    Connections are not reset between users: never SET without LOCAL, never LISTEN on them.
    Raises RolesMissing and StoreUnusable, each with its remedy.
    """
    try:
        return await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            timeout=10,
            command_timeout=statement_timeout_s + 5,
            max_inactive_connection_lifetime=600,
            # However long a statement is, it is planned once: the longest gain most by that.
            max_cacheable_statement_size=0,
            init=_teach_json,
            reset=_no_reset,
            server_settings=_manners(schema, process, statement_timeout_s),
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if schema.role in str(error):
            raise RolesMissing(
                f"role {schema.role} is missing or not granted to this login: run `milepost migrate`, or have an"
                " administrator run infra/postgres/roles.sql once"
            ) from error
        reason = str(error) or type(error).__name__
        raise StoreUnusable(
            f"the database cannot be used ({reason}): check MILEPOST_DATABASE_URL and the server"
        ) from error


@contextlib.asynccontextmanager
async def open_connection(
    url: str, schema: Schema, *, process: str, statement_timeout_s: float = 5
) -> AsyncIterator[Connection]:
    """Open one connection with the same manners that belongs to its user alone, who may LISTEN on it.

    Raises what asyncpg and the network raise.
    """
    connection = await asyncpg.connect(
        url,
        timeout=10,
        command_timeout=statement_timeout_s + 5,
        server_settings=_manners(schema, process, statement_timeout_s),
    )
    try:
        await _teach_json(connection)
        yield connection
    finally:
        with contextlib.suppress(*STORE_TROUBLE):
            await connection.close(timeout=2)


def _manners(schema: Schema, process: str, statement_timeout_s: float) -> dict[str, str]:
    """Return what every connection of a process is set to."""
    return {
        "role": schema.role,
        "search_path": schema.name,
        "application_name": f"milepost {process}",
        # Our statements are short and wide: compiling one costs a hundred times what it saves.
        "jit": "off",
        # Plans are made while tables are small and kept: reading a whole one must not look cheap then.
        "random_page_cost": "1.1",
        "plan_cache_mode": "force_generic_plan" if schema.one_plan else "auto",
        "TimeZone": "UTC",
        "synchronous_commit": "on",
        "statement_timeout": f"{int(statement_timeout_s * 1000)}",
        "lock_timeout": "2000",
        "idle_in_transaction_session_timeout": "10000",
    }


def head_revision(schema: Schema) -> str:
    """Return the newest revision shipped with the code; histories are linear and files are named `NNNN_what.py`."""
    names = (
        _REVISION_FILE.match(item.name) for item in files(schema.package).joinpath("migrations", "versions").iterdir()
    )
    return max(match[1] for match in names if match)


async def current_revision(connection: Connection, schema: Schema) -> str | None:
    """Return the revision that the database is at, or None before the first migration."""
    present = await connection.fetchval("select to_regclass($1)", f"{schema.name}.alembic_version")
    if present is None:
        return None
    version: str | None = await connection.fetchval(f'select version_num from "{schema.name}".alembic_version')  # noqa: S608 - a constant of ours
    return version


async def require_schema(pool: Pool, schema: Schema) -> None:
    """Refuse to go on unless the database is at head and keeps what it acknowledges.

    Raises SchemaTooOld with the remedy.
    """
    async with pool.acquire() as connection:
        current = await current_revision(connection, schema)
        durable = await connection.fetchval("select current_setting('fsync') || current_setting('full_page_writes')")
        waits = await connection.fetchval("select current_setting('synchronous_commit')")
    head = head_revision(schema)
    if current != head:
        raise SchemaTooOld(
            f"schema {schema.name} is at {current or 'nothing'}, this code needs {head}: run `milepost migrate`"
        )
    if durable != "onon":
        await _allow_only_tests(pool)
    # We ask for it with each connection; something between us and the server may have forgotten that.
    if waits not in ("on", "remote_apply"):
        raise SchemaTooOld(
            f"connections commit with synchronous_commit={waits}: accepted events could be lost; let a pooler in"
            " between pass startup parameters on, or set it to on for the database"
        )


async def _allow_only_tests(pool: Pool) -> None:
    """A server without fsync may lose what it acknowledged; only a cluster marked as disposable may do that."""
    if await pool.fetchval("select current_setting('milepost.disposable', true)") != "on":
        raise SchemaTooOld(
            "the server runs without fsync or full_page_writes: accepted events could be lost; turn both on"
        )


async def _teach_json(connection: Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=_dump, decoder=json.loads)


# Made once: `json.dumps` makes an encoder for every value.
_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


async def _no_reset(_connection: Connection) -> None:
    return None
