"""What happens once between ready stores and starting services: schemas to head, keys known, the demo remembered.

Never runs inside a service, and imports the heavy parts late so that the stores start at once.
"""

from collections.abc import Mapping
from typing import Any

import asyncpg

from milepost_devstack.environment import EnvironmentUnreadable, given
from milepost_devstack.house import House
from milepost_devstack.initialising import StoreFailed
from milepost_devstack.ports import NoFreePort
from milepost_devstack.state import Secrets, StateFolder, StateRefused
from milepost_runtime.settings import SettingsError

DEMO_STATES = ("auto", "off", "always")
_PENDING = "demo.pending"


class NotPrepared(Exception):
    """The database cannot be brought to the state that the services need."""


class DemoStopped(Exception):
    """The demo company did not arrive whole; the house works all the same."""


# What ends a start with one sentence instead of a traceback.
REASONS = (
    StoreFailed, NotPrepared, DemoStopped, StateRefused, EnvironmentUnreadable, SettingsError, NoFreePort, OSError,
)  # fmt: skip


def import_early() -> None:
    """Import what `prepare` needs; run in a thread while the stores come up."""
    import milepost_runtime.keys  # noqa: PLC0415
    import milepost_runtime.migrations  # noqa: F401, PLC0415


async def prepare(house: House, url: str, secrets: Secrets) -> str:
    """Bring every schema to head and make the house's own keys known; returns the revisions in words.

    Raises NotPrepared.
    """
    revisions = await migrate(house, url)
    from milepost_devstack import api_keys  # noqa: PLC0415

    names = [schema.name for schema in house.schemas]
    async with api_keys.connected(url) as connection:
        await api_keys.insert(connection, names, secrets.admin_key, name="local administrator", scopes=["admin"])
        await api_keys.insert(connection, names, secrets.service_key, name="playbook-runner", scopes=["read", "ingest"])
    return ", ".join(f"{name} {revision}" for name, revision in revisions.items())


async def migrate(house: House, url: str) -> dict[str, str]:
    """Bring every schema to head; returns the revision by schema. Raises NotPrepared."""
    from alembic.util.exc import CommandError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from milepost_runtime.database import RolesMissing, head_revision  # noqa: PLC0415
    from milepost_runtime.migrations import upgrade_all  # noqa: PLC0415
    from milepost_runtime.settings import normalise_postgres_url  # noqa: PLC0415

    try:
        await upgrade_all(normalise_postgres_url(url), house.schemas)
    except (CommandError, RolesMissing, SQLAlchemyError, asyncpg.PostgresError, ValueError, OSError) as error:
        raise NotPrepared(f"the database could not be migrated: {error}") from error
    return {schema.name: head_revision(schema) for schema in house.schemas}


def demo_wish(environ: Mapping[str, str]) -> str:
    """What MILEPOST_DEMO says, `auto` when it says nothing. Raises EnvironmentUnreadable for an unknown word."""
    wish = given(environ, "DEMO") or "auto"
    if wish not in DEMO_STATES:
        raise EnvironmentUnreadable(f"MILEPOST_DEMO={wish} is unknown: use {', '.join(DEMO_STATES)}.")
    return wish


def demo_is_due(state: StateFolder, environ: Mapping[str, str]) -> bool:
    """True when the demo company belongs into this run: wished for always, or `auto` on an empty embedded database.

    Remembered in the state folder, so that a first run that was stopped half-way plays it at the next start.
    Raises EnvironmentUnreadable.
    """
    wish = demo_wish(environ)
    pending = state.home / _PENDING
    if wish == "always" or (wish == "auto" and state.is_fresh() and given(environ, "DATABASE_URL") is None):
        pending.touch()
    return wish != "off" and pending.exists()


async def play_demo(state: StateFolder, endpoints: Mapping[str, Any], *, quiet: bool) -> str | None:
    """Send the demo company through the front doors; returns the account to look at first, None when played before.

    Raises DemoStopped; playing again goes on where it stopped.
    """
    from milepost_devstack.consoles import plain_console  # noqa: PLC0415
    from milepost_devstack.demo import DemoFailed, play  # noqa: PLC0415

    try:
        played = await play(endpoints, state.home, plain_console(stderr=True, quiet=quiet))
    except DemoFailed as error:
        raise DemoStopped(str(error)) from error
    (state.home / _PENDING).unlink(missing_ok=True)
    return played.account_id if played is not None else None
