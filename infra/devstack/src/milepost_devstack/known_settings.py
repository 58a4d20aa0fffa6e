"""Every name a setting of Milepost may have, gathered from the settings classes; never their values."""

import importlib
from collections.abc import Iterator, Mapping
from functools import cache

from pydantic import BaseModel

from milepost_devstack.environment import PREFIX
from milepost_runtime.settings import not_a_setting

# What only the supervisor and the command read.
SUPERVISOR = frozenset({"HOME", "DEMO", "POSTGRES_BIN", "VALKEY_BIN", "INGEST_URL", "API_KEY"})
MODULES = (
    "milepost_runtime.settings",
    "scoring_api.settings",
    "ingest_webhooks.settings",
    "playbook_runner.settings",
    "milepost_devstack.mailbox.settings",
)


@cache
def known_names() -> frozenset[str]:
    """Names with prefix, of every process of the house."""
    found = {PREFIX + name for name in SUPERVISOR}
    for classes in map(settings_classes, MODULES):
        for one in classes:
            found |= {PREFIX + field.upper() for field in one.model_fields}
    return frozenset(found)


def settings_classes(module: str) -> list[type[BaseModel]]:
    """The settings classes that a module defines itself."""
    members = vars(importlib.import_module(module)).values()
    return [
        one
        for one in members
        if isinstance(one, type)
        and issubclass(one, BaseModel)
        and one.__module__ == module
        and one.__name__.endswith("Settings")
    ]


def unknown(environ: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each MILEPOST_ name that no process of the house reads, with the nearest known one."""
    known = known_names()
    return (not_a_setting(name, known) for name in sorted(environ) if not _is_read(name, known))


def only_known(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without the MILEPOST_ names that no process of the house reads."""
    known = known_names()
    return {name: value for name, value in environ.items() if _is_read(name, known)}


def _is_read(name: str, known: frozenset[str]) -> bool:
    return not name.startswith(PREFIX) or name in known or name.removesuffix("_FILE") in known


def twice_set(environ: Mapping[str, str]) -> Iterator[str]:
    """Names that are set both directly and by a file."""
    for name in sorted(known_names()):
        if environ.get(name) and environ.get(f"{name}_FILE"):
            yield name
