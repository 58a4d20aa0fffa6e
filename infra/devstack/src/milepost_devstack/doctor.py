"""Examine the machine, the settings, the stores and the running house; it changes nothing and heals nothing."""

import asyncio
from collections.abc import Mapping

from milepost_devstack import machine_checks, readiness, store_checks
from milepost_devstack.environment import EnvironmentUnreadable, given
from milepost_devstack.findings import Finding, failed
from milepost_devstack.house import House
from milepost_devstack.state import StateFolder

__all__ = ["Finding", "examine", "failed"]

_DATABASE_CHECKS = ("database", "schemas", "database clock", "durability")


async def examine(house: House, state: StateFolder, environ: Mapping[str, str]) -> list[Finding]:
    """Every finding, whether the house is up or down; what cannot be checked now says so."""
    endpoints = state.endpoints()
    found = machine_checks.examine(house, state, environ, running=endpoints is not None)
    database_url = _setting(environ, "DATABASE_URL") or (endpoints or {}).get("database_url")
    redis_url = _setting(environ, "REDIS_URL") or (endpoints or {}).get("redis_url")
    if database_url:
        found += await store_checks.database(house, str(database_url))
    else:
        found += [_unchecked(name) for name in _DATABASE_CHECKS]
    found.append(await store_checks.queue(str(redis_url)) if redis_url else _unchecked("queue"))
    if endpoints is None:
        return [*found, *(_unchecked(service.name) for service in house.services)]
    return [*found, *await asyncio.gather(*(_service(service.name, endpoints) for service in house.services))]


def _setting(environ: Mapping[str, str], name: str) -> str | None:
    try:
        return given(environ, name)
    except EnvironmentUnreadable:
        return None  # the check of the settings tells it


def _unchecked(name: str) -> Finding:
    return Finding(name, "unchecked", "the house is not up", "start it with 'milepost up' and ask again")


async def _service(name: str, endpoints: Mapping[str, object]) -> Finding:
    base = endpoints.get(name.replace("-", "_"))
    answer = await readiness.run_id_of(f"{base}/readyz")
    if answer is None:
        return Finding(name, "fail", f"{base} is not ready", f"see 'milepost logs {name}'")
    if answer != endpoints.get("run_id"):
        return Finding(
            name, "fail", f"{base} belongs to another run", "'milepost down', end the stranger, 'milepost up'"
        )
    return Finding(name, "ok", f"ready at {base}")
