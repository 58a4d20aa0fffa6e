"""The front door as tests see it: the web application over real stores, and a way to relay what it kept."""

import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from support.lifespan import lifespan

from ingest_webhooks.app import create
from ingest_webhooks.service import Service
from ingest_webhooks.settings import IngestSettings
from milepost_runtime.database import Pool
from milepost_runtime.keys import insert_key, new_key
from milepost_runtime.lanes import drain

SECRET = "a-client-secret-of-hubspot"
SAMPLES = Path(__file__).parents[1] / "ingest_webhooks" / "samples" / "hubspot"
BATCHES = sorted(path.name for path in SAMPLES.glob("*.json") if path.name != "signature-vectors.json")
TABLES = ("connection", "delivery", "event_key", "event", "waiting_event", "account", "reference")
_numbers = itertools.count(900_001)


@dataclass
class Bench:
    """The service as a sender and its owner see it."""

    app: Any
    client: httpx.AsyncClient
    pool: Pool
    service: Service
    connection: dict[str, Any]

    async def deliver(self, body: bytes, secret: str = SECRET, **more: Any) -> httpx.Response:
        """Post a body signed as HubSpot signs it; `headers` replace or (None) remove."""
        return await self.client.post(self.path, content=body, headers=self.signed(body, secret, **more))

    def signed(
        self, body: bytes, secret: str = SECRET, *, offset_s: float = 0, headers: dict[str, str | None] | None = None
    ) -> dict[str, str]:
        """Return the headers under which HubSpot would send this body now, or `offset_s` away from now."""
        stamp = str(int((time.time() + offset_s) * 1000))
        text = b"POST" + self.connection["webhook_url"].encode() + body + stamp.encode()
        signature = base64.b64encode(hmac.digest(secret.encode(), text, hashlib.sha256)).decode()
        made: dict[str, str | None] = {
            "content-type": "application/json",
            "x-hubspot-request-timestamp": stamp,
            "x-hubspot-signature-v3": signature,
        }
        return {name: value for name, value in (made | (headers or {})).items() if value is not None}

    @property
    def path(self) -> str:
        return f"/webhooks/hubspot/{self.connection['id']}"

    async def relay(self) -> None:
        """Relay everything that was kept."""
        await drain(self.pool, self.service.relaying.lane)

    async def counts(self) -> dict[str, int]:
        """Return the number of rows of every table."""
        return {name: await self.pool.fetchval(f"select count(*) from ingest.{name}") for name in TABLES}

    async def events(self, reference: str) -> list[asyncpg.Record]:
        """Return the events of the account behind a reference, without book-keeping, in the order of the feed."""
        rows: list[asyncpg.Record] = await self.pool.fetch(
            "select e.* from ingest.event e join ingest.reference r using (account_id)"
            " where r.reference = $1 and e.type not in ('account.linked', 'account.merged') order by e.id",
            reference,
        )
        return rows

    async def connect(self, **wanted: Any) -> dict[str, Any]:
        """Make a connection of its own."""
        body = {"source": "hubspot", "name": "test", "secret": SECRET} | wanted
        return dict((await self.client.post("/connections", json=body)).raise_for_status().json())


def change(subscription: str, portal: int, number: int, **more: Any) -> dict[str, Any]:
    """Return one element of a HubSpot batch."""
    return {
        "eventId": next(_numbers),
        "subscriptionId": 11,
        "portalId": portal,
        "appId": 22,
        "occurredAt": int(time.time() * 1000) - 60_000,
        "subscriptionType": subscription,
        "attemptNumber": 0,
        "objectId": number,
        "changeSource": "CRM_UI",
        "sourceId": "userId:1",
        **more,
    }


def prop(kind: str, portal: int, number: int, name: str, value: str, **more: Any) -> dict[str, Any]:
    """Return a changed property."""
    return change(f"{kind}.propertyChange", portal, number, propertyName=name, propertyValue=value, **more)


def linked(kind: str, portal: int, number: int, company: int, **more: Any) -> dict[str, Any]:
    """Return an association of an object to a company, told from the object's side."""
    return change(
        f"{kind}.associationChange",
        portal,
        number,
        **{
            "associationType": f"{kind.upper()}_TO_COMPANY",
            "fromObjectId": number,
            "toObjectId": company,
            "associationRemoved": False,
            "isPrimaryAssociation": True,
        }
        | more,
    )


def batch(*elements: Any) -> bytes:
    """Return the bytes of a batch."""
    return json.dumps(list(elements)).encode()


@pytest.fixture(scope="module")
def settings(database_url: str, redis_url: str) -> IngestSettings:
    return IngestSettings(environment="test", database_url=database_url, redis_url=redis_url)


@pytest.fixture(scope="module")
async def admin_key(ingest_pool: Pool) -> str:
    key = new_key()
    async with ingest_pool.acquire() as connection:
        await insert_key(connection, "ingest", key, name="tests", scopes=["admin"], days=None)
    return key.text


@pytest.fixture(scope="module")
async def bench(settings: IngestSettings, ingest_pool: Pool, admin_key: str) -> AsyncIterator[Bench]:
    """The application with one HubSpot connection, on a database of the module's own."""
    app: Any = create(settings)
    async with lifespan(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {admin_key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            service: Service = app._behind._app.state.service
            made = Bench(app, client, ingest_pool, service, {})
            made.connection = await made.connect()
            yield made
