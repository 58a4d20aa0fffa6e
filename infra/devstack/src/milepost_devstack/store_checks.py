"""The doctor's look at PostgreSQL and at the queue; it reads and changes nothing."""

from datetime import UTC, datetime

import asyncpg

from milepost_devstack import resp
from milepost_devstack.findings import Finding
from milepost_devstack.house import House

OLDEST_POSTGRES, OLDEST_REDIS = 15, (6, 2)
_SKEW_WARN_S, _SKEW_FAIL_S = 2.0, 60.0
_DURABLE = {"fsync": "on", "full_page_writes": "on"}


async def database(house: House, url: str) -> list[Finding]:
    """Version, schemas, clock and durability of the database behind `url`."""
    from milepost_runtime.settings import normalise_postgres_url  # noqa: PLC0415

    try:
        connection = await asyncpg.connect(normalise_postgres_url(url), timeout=10)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return [Finding("database", "fail", f"does not answer: {error}", "check MILEPOST_DATABASE_URL and the server")]
    try:
        return [
            await _version(connection),
            *await _schemas(house, connection),
            await _clock(connection),
            await _durability(connection),
        ]
    finally:
        await connection.close()


async def _version(connection: "asyncpg.Connection[asyncpg.Record]") -> Finding:
    number = int(await connection.fetchval("show server_version_num"))
    text = f"PostgreSQL {number // 10_000}.{number % 10_000}"
    if number < OLDEST_POSTGRES * 10_000:
        return Finding("database", "fail", text, f"use PostgreSQL {OLDEST_POSTGRES} or newer")
    return Finding("database", "ok", text)


async def _schemas(house: House, connection: "asyncpg.Connection[asyncpg.Record]") -> list[Finding]:
    from milepost_runtime.database import current_revision, head_revision  # noqa: PLC0415

    found = []
    for schema in house.schemas:
        head = head_revision(schema)
        try:
            current = await current_revision(connection, schema)
        except asyncpg.PostgresError as error:
            found.append(Finding("schemas", "fail", f"{schema.name}: {error}", "grant this login the services' roles"))
            continue
        if current == head:
            found.append(Finding("schemas", "ok", f"{schema.name} is at {head}, the head"))
        else:
            found.append(
                Finding(
                    "schemas",
                    "fail",
                    f"{schema.name} is at {current or 'nothing'}, {head} is the head",
                    "run 'milepost migrate'",
                )
            )
    return found


async def _clock(connection: "asyncpg.Connection[asyncpg.Record]") -> Finding:
    before = datetime.now(UTC)
    theirs: datetime = await connection.fetchval("select clock_timestamp()")
    after = datetime.now(UTC)
    # What the way there and back may explain is not counted.
    apart = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    text = f"{apart:.1f} s apart from this machine's"
    if apart > _SKEW_FAIL_S:
        return Finding(
            "database clock", "fail", text, "synchronise both clocks (NTP): signatures and due times go wrong"
        )
    if apart > _SKEW_WARN_S:
        return Finding("database clock", "warn", text, "synchronise both clocks (NTP)")
    return Finding("database clock", "ok", text)


async def _durability(connection: "asyncpg.Connection[asyncpg.Record]") -> Finding:
    for name, wanted in _DURABLE.items():
        value = await connection.fetchval("select current_setting($1)", name)
        if value != wanted:
            return Finding(
                "durability", "fail", f"{name} is {value}", f"set {name} = {wanted}: accepted events could be lost"
            )
    commit = await connection.fetchval("select current_setting('synchronous_commit')")
    if commit == "off":
        return Finding("durability", "fail", "synchronous_commit is off", "set synchronous_commit = on")
    return Finding("durability", "ok", f"fsync on, synchronous_commit {commit}")


async def queue(url: str) -> Finding:
    """Version and eviction policy of the queue; it carries hints only, so trouble here slows down and loses nothing."""
    try:
        answers = await resp.ask(url, ["INFO", "server"], ["INFO", "memory"])
    except (OSError, TimeoutError, resp.Refused) as error:
        return Finding(
            "queue",
            "warn",
            f"does not answer: {error}",
            "check MILEPOST_REDIS_URL; until then news travels within a second",
        )
    facts = dict(line.split(":", 1) for text in answers for line in str(text).splitlines() if ":" in line)
    version = facts.get("redis_version", "0.0")
    policy, limit = facts.get("maxmemory_policy", "unknown"), facts.get("maxmemory", "0")
    text = f"{facts.get('server_name', 'redis')} {facts.get('valkey_version', version)}, eviction policy {policy}"
    if tuple(map(int, version.split(".")[:2])) < OLDEST_REDIS:
        return Finding("queue", "fail", text, "use Redis 6.2, Valkey 7.2 or newer")
    if policy != "noeviction":
        return Finding(
            "queue",
            "warn" if limit == "0" else "fail",
            text,
            "set maxmemory-policy noeviction: an evicting store drops hints",
        )
    return Finding("queue", "ok", text)
