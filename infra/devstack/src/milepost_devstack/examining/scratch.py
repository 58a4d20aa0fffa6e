"""A migrated database in a temporary folder, for one program; it never touches a house, running or not."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from milepost_devstack.house import MILEPOST
from milepost_devstack.preparation import migrate
from milepost_devstack.stores import EmbeddedPostgres


@contextlib.asynccontextmanager
async def scratch_database() -> AsyncIterator[str]:
    """Yield the URL of an empty database at head; its server and its folder go with the block.

    Raises StoreFailed and NotPrepared.
    """
    with tempfile.TemporaryDirectory(prefix="milepost-scratch-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", fast=True)
        try:
            await server.start()
            await migrate(MILEPOST, server.url())
            yield server.url()
        finally:
            await server.stop()
