"""One whole house for the flows of a module."""

from collections.abc import AsyncIterator

import pytest
from support import house as houses
from support.house import House
from support.hubspot import Connection


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    home = tmp_path_factory.mktemp("house") / "state"
    async with houses.running(home, MILEPOST_LOG_FORMAT="json") as running:
        yield running


@pytest.fixture(scope="module")
async def crm(house: House) -> Connection:
    """A HubSpot connection of that house."""
    answer = await house.post("ingest_webhooks", "/connections", json={"source": "hubspot", "name": "CRM"})
    made = answer.raise_for_status().json()
    return Connection(made["webhook_url"], made["secret"])
