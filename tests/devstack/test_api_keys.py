"""A key made on the command line opens every service, is kept only as a hash, and can be ended."""

import asyncio

import asyncpg
import pytest

from milepost_devstack import api_keys
from milepost_devstack.schemas import SCHEMAS
from milepost_devstack.state import new_key
from milepost_runtime.database import open_pool
from milepost_runtime.keys import KeyRing, Principal
from milepost_runtime.problems import Problem

pytestmark = pytest.mark.anyio
NAMES = [schema.name for schema in SCHEMAS]


async def _shown_to_every_service(url: str, text: str) -> list[Principal]:
    found = []
    for schema in SCHEMAS:
        async with await open_pool(url, schema, process="test", size=1) as pool:
            found.append(await KeyRing(pool, schema).authenticate(f"Bearer {text}"))
    return found


async def test_a_new_key_opens_every_service_with_its_scopes(database_url: str, owner: asyncpg.Connection) -> None:
    text = await api_keys.create(owner, NAMES, name="the CRM", scopes=["ingest", "read"], days=30)
    for principal in await _shown_to_every_service(database_url, text):
        assert principal.name == "the CRM"
        assert principal.scopes == {"ingest", "read"}


async def test_the_key_that_a_state_folder_generates_is_one_that_the_services_read(
    database_url: str, owner: asyncpg.Connection
) -> None:
    text = new_key()
    for _ in range(2):  # every start inserts it again
        await api_keys.insert(owner, NAMES, text, name="local administrator", scopes=["admin"])
    assert {one.scopes for one in await _shown_to_every_service(database_url, text)} == {frozenset({"admin"})}


async def test_the_stores_hold_no_secret(owner: asyncpg.Connection) -> None:
    text = await api_keys.create(owner, NAMES, name="hashed", scopes=["read"], days=None)
    secret = text.split("_", 2)[2]
    for name in NAMES:
        rows = await owner.fetch(f"select k::text from {name}.api_key k")
        assert rows
        assert not [row for row in rows if secret in row["k"]]


async def test_a_list_shows_one_line_per_key_and_where_it_is_known(owner: asyncpg.Connection) -> None:
    text = await api_keys.create(owner, NAMES, name="listed", scopes=["read"], days=1)
    (found,) = [key for key in await api_keys.listed(owner, NAMES) if key.name == "listed"]
    assert found.id == text.split("_")[1]
    assert found.services == tuple(NAMES)
    assert found.expires_at is not None
    assert found.last_used_at is None


async def test_a_revoked_key_opens_nothing_whether_named_by_id_or_pasted_whole(
    database_url: str, owner: asyncpg.Connection
) -> None:
    for whole in (True, False):
        text = await api_keys.create(owner, NAMES, name="ended", scopes=["read"], days=None)
        await api_keys.revoke(owner, NAMES, text if whole else text.split("_")[1])
        with pytest.raises(Problem):
            await _shown_to_every_service(database_url, text)


async def test_what_cannot_be_made_or_found_is_refused_with_the_remedy(owner: asyncpg.Connection) -> None:
    with pytest.raises(api_keys.KeyRefused, match="ingest, read, write"):
        await api_keys.create(owner, NAMES, name="x", scopes=["everything"], days=None)
    with pytest.raises(api_keys.KeyRefused, match="one day"):
        await api_keys.create(owner, NAMES, name="x", scopes=["read"], days=0)
    with pytest.raises(api_keys.KeyRefused, match="keys list"):
        await api_keys.revoke(owner, NAMES, "000000000000")


async def test_without_a_database_the_command_says_how_to_start_one() -> None:
    with pytest.raises(api_keys.KeyRefused, match="milepost up"):
        async with asyncio.timeout(20), api_keys.connected("postgresql://a@127.0.0.1:1/b"):
            pass
