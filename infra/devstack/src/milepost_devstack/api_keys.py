"""API keys as their owner handles them: make, list, revoke; never shows a secret twice and never stores one.

Every service keeps its own copy of a key's row; these functions treat the copies as one key.
"""

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from milepost_devstack.refusal import Refusal
from milepost_runtime.database import Connection
from milepost_runtime.keys import SCOPES, NewKey, digest, insert_key, new_key
from milepost_runtime.settings import normalise_postgres_url


class KeyRefused(Refusal):
    """A key cannot be made, found or revoked; the message names the remedy."""


@dataclass(frozen=True)
class ListedKey:
    """A key without its secret; `services` are the schemas that know it."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    services: tuple[str, ...]


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """A connection to the house's database. Raises KeyRefused when there is none."""
    try:
        connection = await asyncpg.connect(normalise_postgres_url(url), timeout=10)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError) as error:
        raise KeyRefused(f"the database does not answer ({error}): is the house up? ('milepost up')") from error
    try:
        yield connection
    except asyncpg.UndefinedTableError as error:
        raise KeyRefused("the schemas are not there yet: run 'milepost migrate'.") from error
    finally:
        await connection.close()


async def insert(
    connection: Connection,
    schemas: Iterable[str],
    text: str,
    *,
    name: str,
    scopes: Sequence[str],
    days: int | None = None,
) -> None:
    """Make the key `text` known to every schema; one that is known already stays as it is."""
    _, key_id, secret = text.split("_", 2)
    key = NewKey(key_id, text, digest(secret))
    async with connection.transaction():
        for schema in schemas:
            await insert_key(connection, schema, key, name=name, scopes=scopes, days=days)


async def create(
    connection: Connection, schemas: Iterable[str], *, name: str, scopes: Sequence[str], days: int | None
) -> str:
    """Make a key and return its text, the only time it is shown. Raises KeyRefused for an unknown scope."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise KeyRefused(f"unknown scope {', '.join(unknown) or '(none)'}: use one or more of {', '.join(SCOPES)}.")
    if days is not None and days < 1:
        raise KeyRefused("a key lives at least one day.")
    key = new_key()
    await insert(connection, schemas, key.text, name=name, scopes=scopes, days=days)
    return key.text


async def listed(connection: Connection, schemas: Sequence[str]) -> list[ListedKey]:
    """Every key, oldest first."""
    rows = []
    for schema in schemas:
        rows += [
            (schema, row)
            for row in await connection.fetch(
                "select id, name, scopes, created_at, expires_at, revoked_at, last_used_at"  # noqa: S608 - our own names
                f' from "{schema}".api_key order by created_at, id'
            )
        ]
    found: dict[str, ListedKey] = {}
    for schema, row in rows:
        known = found.get(row["id"])
        seen = (known.last_used_at if known else None, row["last_used_at"])
        found[row["id"]] = ListedKey(
            id=row["id"],
            name=row["name"],
            scopes=tuple(row["scopes"]),
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            revoked_at=row["revoked_at"],
            last_used_at=max((at for at in seen if at is not None), default=None),
            services=(*(known.services if known else ()), schema),
        )
    return sorted(found.values(), key=lambda key: (key.created_at, key.id))


async def revoke(connection: Connection, schemas: Iterable[str], key_id: str) -> None:
    """End a key in every service at once (they forget within two seconds). Raises KeyRefused when unknown."""
    # People paste the whole key; the id is enough, and the secret part goes nowhere.
    key_id = key_id.split("_")[1] if key_id.startswith("mp_") and "_" in key_id[3:] else key_id.removeprefix("mp_")
    changed = 0
    async with connection.transaction():
        for schema in schemas:
            done = await connection.execute(
                f'update "{schema}".api_key set revoked_at = coalesce(revoked_at, clock_timestamp()) where id = $1',  # noqa: S608
                key_id,
            )
            changed += int(done.rsplit(" ", 1)[1])
    if not changed:
        raise KeyRefused(f"no key has the id {key_id}: see 'milepost keys list'.")
