"""Statements about connections and their sealed secrets."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from asyncpg import Record

from milepost_runtime.database import Connection

CHANGEABLE = ("name", "settings", "enabled", "rate_per_second")
_COLUMNS = "c.id, c.source, c.name, c.settings, c.enabled, c.rate_per_second, c.mapping_version, c.created_at"
_SECRETS = """
    coalesce((select array_agg(s.sealed order by s.created_at desc) from ingest.connection_secret s
        where s.connection_id = c.id and (s.until is null or s.until > clock_timestamp())), '{}') as sealed,
    (select min(s.until) from ingest.connection_secret s
        where s.connection_id = c.id and s.until > clock_timestamp()) as older_secret_until
"""


async def insert(
    connection: Connection,
    connection_id: UUID,
    source: str,
    name: str,
    settings: Mapping[str, Any],
    rate_per_second: float | None,
) -> None:
    """Create a connection."""
    await connection.execute(
        "insert into ingest.connection (id, source, name, settings, rate_per_second) values ($1, $2, $3, $4, $5)",
        connection_id,
        source,
        name,
        settings,
        rate_per_second,
    )


async def hold_secrets(connection: Connection) -> None:
    """Let nobody else add or retire secrets until the transaction ends."""
    await connection.execute("lock table ingest.connection_secret in share row exclusive mode")


async def add_secret(connection: Connection, secret_id: UUID, connection_id: UUID, sealed: bytes) -> None:
    """Make a sealed secret live."""
    await connection.execute(
        "insert into ingest.connection_secret (id, connection_id, sealed) values ($1, $2, $3)",
        secret_id,
        connection_id,
        sealed,
    )


async def retire_secrets(connection: Connection, connection_id: UUID, seconds: float) -> None:
    """Let the secret that is current live on for `seconds`; older ones are forgotten."""
    await connection.execute(
        "delete from ingest.connection_secret where connection_id = $1 and until is not null", connection_id
    )
    await connection.execute(
        """
        update ingest.connection_secret set until = clock_timestamp() + make_interval(secs => $2)
        where connection_id = $1
        """,
        connection_id,
        seconds,
    )


async def every(connection: Connection) -> list[Record]:
    """Return all connections with their live sealed secrets, newest secret first."""
    rows: list[Record] = await connection.fetch(f"select {_COLUMNS}, {_SECRETS} from ingest.connection c order by c.id")  # noqa: S608 - constants of ours
    return rows


async def one(connection: Connection, connection_id: UUID, *, lock: bool = False) -> Record | None:
    """Return a connection with its live sealed secrets; `lock` keeps it until the transaction ends."""
    ending = " for update of c" if lock else ""
    return await connection.fetchrow(
        f"select {_COLUMNS}, {_SECRETS} from ingest.connection c where c.id = $1{ending}",  # noqa: S608 - constants of ours
        connection_id,
    )


async def change(connection: Connection, connection_id: UUID, values: Mapping[str, Any]) -> None:
    """Write everything about a connection that its owner may change."""
    await connection.execute(
        """
        update ingest.connection set name = $2, settings = $3, enabled = $4, rate_per_second = $5 where id = $1
        """,
        connection_id,
        *(values[name] for name in CHANGEABLE),
    )


async def delete(connection: Connection, connection_id: UUID) -> bool:
    """Forget a connection and its secrets; its deliveries stay. False when there is none."""
    status = await connection.execute("delete from ingest.connection where id = $1", connection_id)
    return bool(status == "DELETE 1")
