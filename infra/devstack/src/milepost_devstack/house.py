"""The house as data: which processes there are, which port each prefers, what each is told.

Never starts anything and never imports a service: they are started by name.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from milepost_devstack.environment import PREFIX, given
from milepost_devstack.ports import HOST as LOCALHOST
from milepost_devstack.schemas import SCHEMAS
from milepost_runtime.database import Schema
from milepost_runtime.entry import GRACE_S

PYTHON = (sys.executable, "-P", "-m")


@dataclass(frozen=True)
class Service:
    """One service: a web process and a worker process, each with an HTTP port.

    `family` is the middle of its settings' names: MILEPOST_<family>_PORT, MILEPOST_<family>_WORKER_PORT; the
    world follows links to it or calls it, so it has a MILEPOST_PUBLIC_URL_<family> as well.
    """

    name: str
    family: str
    port: int
    worker_port: int
    web: Sequence[str]
    worker: Sequence[str]
    asks_scoring: bool = False

    @property
    def endpoint(self) -> str:
        """Its key in endpoints.json."""
        return self.name.replace("-", "_")


@dataclass(frozen=True)
class House:
    """Everything the supervisor starts besides the stores."""

    services: tuple[Service, ...]
    mailbox: Sequence[str] = (*PYTHON, "milepost_devstack.mailbox")
    mailbox_port: int = 8025
    smtp_port: int = 1025
    schemas: tuple[Schema, ...] = SCHEMAS
    ready_s: float = 120.0
    # A worker ends by itself within its own grace.
    grace_s: float = GRACE_S + 15.0


@dataclass(frozen=True)
class Process:
    """One child to start: `ready_url` answers 200 with our run id once it takes work."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ready_url: str
    shown: str


@dataclass(frozen=True)
class Addresses:
    """Where this run's processes listen; `ports` by settings name without the prefix, such as `SCORING_PORT`."""

    host: str
    ports: Mapping[str, int]
    database_url: str
    redis_url: str
    run_id: str

    def base(self, port_name: str) -> str:
        """Base URL for clients on this machine."""
        reachable = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{self.ports[port_name]}"


def _service(name: str, family: str, port: int) -> Service:
    package = name.replace("-", "_")
    return Service(
        name=name,
        family=family,
        port=port,
        worker_port=port + 100,
        web=(*PYTHON, f"{package}.app"),
        worker=(*PYTHON, f"{package}.worker"),
        asks_scoring=family == "RUNNER",
    )


MILEPOST = House(
    services=(
        _service("scoring-api", "SCORING", 8000),
        _service("ingest-webhooks", "INGEST", 8001),
        _service("playbook-runner", "RUNNER", 8002),
    )
)


def preferred_ports(house: House) -> dict[str, int]:
    """Every port of the house by settings name, before the environment has its say."""
    wanted: dict[str, int] = {}
    for service in house.services:
        wanted[f"{service.family}_PORT"] = service.port
    for service in house.services:
        wanted[f"{service.family}_WORKER_PORT"] = service.worker_port
    return wanted | {"MAILBOX_PORT": house.mailbox_port, "MAILBOX_SMTP_PORT": house.smtp_port}


def listening_on(port_name: str, host: str) -> str:
    """The address behind a port: the mailbox takes mail from this machine only, wherever its pages are shown."""
    return LOCALHOST if port_name == "MAILBOX_SMTP_PORT" else host


@dataclass(frozen=True)
class Told:
    """The secrets that children are told by environment."""

    secret_key: str
    service_key: str
    home: Path


def processes(house: House, where: Addresses, environ: Mapping[str, str], told: Told) -> list[Process]:
    """The children of this run, each with its whole environment."""
    everybody = _everybodys_environment(house, where, environ, told)
    found = []
    for service in house.services:
        env = everybody | _service_environment(house, where, environ, told)
        if service.asks_scoring:
            env |= _unless_given(environ, {"SCORING_API_KEY": told.service_key, "INGEST_API_KEY": told.service_key})
        base = where.base(f"{service.family}_PORT")
        worker = where.base(f"{service.family}_WORKER_PORT")
        found.append(Process(service.name, service.web, env, f"{base}/readyz", base))
        found.append(Process(f"{service.name}-worker", service.worker, env, f"{worker}/readyz", worker))
    base = where.base("MAILBOX_PORT")
    found.append(Process("mailbox", house.mailbox, everybody, f"{base}/readyz", base))
    return found


def _everybodys_environment(house: House, where: Addresses, environ: Mapping[str, str], told: Told) -> dict[str, str]:
    # An empty value in the environment means unset; services would take it for a value.
    env = {name: value for name, value in environ.items() if value or not name.startswith(PREFIX)}
    env |= {f"{PREFIX}{name}": str(port) for name, port in where.ports.items()}
    offers = {"ENVIRONMENT": "development"}
    for service in house.services:
        offers[f"PUBLIC_URL_{service.family}"] = where.base(f"{service.family}_PORT")
    return (
        env
        | _unless_given(environ, offers)
        | {f"{PREFIX}HOME": str(told.home), f"{PREFIX}RUN_ID": where.run_id, "PYTHONUNBUFFERED": "1"}
    )


def _service_environment(house: House, where: Addresses, environ: Mapping[str, str], told: Told) -> dict[str, str]:
    offers = {
        "SECRET_KEY": told.secret_key,
        "DATABASE_URL": where.database_url,
        "REDIS_URL": where.redis_url,
        "SMTP_URL": f"smtp://127.0.0.1:{where.ports['MAILBOX_SMTP_PORT']}",
    }
    if any(service.family == "SCORING" for service in house.services):
        offers["SCORING_URL"] = where.base("SCORING_PORT")
    if any(service.family == "INGEST" for service in house.services):
        offers["INGEST_URL"] = where.base("INGEST_PORT")
    return _unless_given(environ, offers)


def _unless_given(environ: Mapping[str, str], offers: Mapping[str, str]) -> dict[str, str]:
    # What the owner set wins, directly or by a file; both at once would be refused by the services.
    return {f"{PREFIX}{name}": value for name, value in offers.items() if given(environ, name) is None}
