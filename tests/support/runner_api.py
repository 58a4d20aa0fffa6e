"""The runner's web application as a client sees it, and the keys that let one in."""

import contextlib
from collections.abc import AsyncIterator, Mapping

import httpx
from support.lifespan import lifespan

from milepost_runtime.database import Pool
from milepost_runtime.keys import insert_key, new_key
from playbook_runner.app import build
from playbook_runner.settings import RunnerSettings


async def key_with(pool: Pool, *scopes: str, name: str = "Dana") -> dict[str, str]:
    """Make a key with these scopes; return it as the header that carries it."""
    key = new_key()
    async with pool.acquire() as connection:
        await insert_key(connection, "playbooks", key, name=name, scopes=scopes, days=None)
    return {"Authorization": f"Bearer {key.text}"}


@contextlib.asynccontextmanager
async def runner_api(
    settings: RunnerSettings, headers: Mapping[str, str] | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Run the application with its lifespan; yield a client that sends these headers."""
    app = build(settings)
    transport = httpx.ASGITransport(app)
    async with (
        lifespan(app),
        httpx.AsyncClient(transport=transport, base_url="http://runner", headers=dict(headers or {})) as client,
    ):
        yield client
