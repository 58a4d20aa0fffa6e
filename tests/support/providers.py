"""Providers as tests play them: each signs as its documentation says, in a few lines that share nothing with ours."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from support.front_door import Bench

SAMPLES = Path(__file__).parents[1] / "ingest_webhooks" / "samples"
SECRETS = {
    "stripe": "whsec_0123456789abcdefghijklmnopqrstuv",
    "zendesk": "HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA=",
    "intercom": "a-client-secret-of-intercom",
    "jira": "a-webhook-secret-of-jira",
}
Signs = Callable[[bytes, str, float], dict[str, str]]


def stripe_headers(body: bytes, secret: str, now: float) -> dict[str, str]:
    """Stripe: `t.body` under the secret as text, in hex."""
    stamp = f"{now:.0f}"
    made = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={stamp},v1={made}"}


def zendesk_headers(body: bytes, secret: str, now: float) -> dict[str, str]:
    """Zendesk: time and body under the secret as text, in base64."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = hmac.new(secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
    signature = base64.b64encode(made).decode()
    return {"x-zendesk-webhook-signature": signature, "x-zendesk-webhook-signature-timestamp": stamp}


def intercom_headers(body: bytes, secret: str, now: float) -> dict[str, str]:
    """Intercom: the body under the client secret, SHA-1 in hex."""
    return {"x-hub-signature": "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()}


def jira_headers(body: bytes, secret: str, now: float) -> dict[str, str]:
    """Jira: the body under the webhook's secret, SHA-256 in hex."""
    return {"x-hub-signature": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


SIGNS: dict[str, Signs] = {
    "stripe": stripe_headers,
    "zendesk": zendesk_headers,
    "intercom": intercom_headers,
    "jira": jira_headers,
}


def sample(source: str, name: str) -> dict[str, Any]:
    """Return a sample as a document that may be changed."""
    document: dict[str, Any] = json.loads((SAMPLES / source / name).read_text(encoding="utf-8-sig"))
    return document


@dataclass
class Sender:
    """One provider at one connection."""

    bench: Bench
    connection: dict[str, Any]
    source: str

    @property
    def path(self) -> str:
        """The address without its host."""
        return f"/webhooks/{self.source}/{self.connection['id']}"

    def signed(
        self, body: bytes, *, secret: str | None = None, offset_s: float = 0, headers: Mapping[str, str | None] = {}
    ) -> dict[str, str]:
        """Return the headers under which the provider would send a body; `headers` replace or (None) remove."""
        made: dict[str, str | None] = {"content-type": "application/json"}
        made |= SIGNS[self.source](body, secret or SECRETS[self.source], time.time() + offset_s)
        return {name: value for name, value in (made | dict(headers)).items() if value is not None}

    async def send(self, document: Any, **more: Any) -> httpx.Response:
        """Deliver a document, or bytes as they are."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return await self.bench.client.post(self.path, content=body, headers=self.signed(body, **more))

    async def tell(self, *documents: Any, **more: Any) -> None:
        """Deliver documents that have to be taken, and relay them."""
        for document in documents:
            answer = await self.send(document, **more)
            assert answer.is_success, answer.text
        await self.bench.relay()

    async def events(self) -> list[asyncpg.Record]:
        """Return what this connection's deliveries became on accounts, in the order of the feed."""
        rows: list[asyncpg.Record] = await self.bench.pool.fetch(
            "select * from ingest.event where connection_id = $1"
            " and type not in ('account.linked', 'account.merged') order by id",
            self._id,
        )
        return rows

    async def waiting(self) -> list[asyncpg.Record]:
        """Return what waits for an account."""
        rows: list[asyncpg.Record] = await self.bench.pool.fetch(
            "select * from ingest.waiting_event where connection_id = $1 order by event_id", self._id
        )
        return rows

    async def deliveries(self) -> list[asyncpg.Record]:
        """Return this connection's deliveries, in the order in which they came."""
        rows: list[asyncpg.Record] = await self.bench.pool.fetch(
            "select * from ingest.delivery where connection_id = $1 order by id", self._id
        )
        return rows

    @property
    def _id(self) -> str:
        return str(self.connection["id"])


async def sender(bench: Bench, source: str, **settings: Any) -> Sender:
    """Return a provider at a connection of its own."""
    wanted = {"source": source, "name": source, "secret": SECRETS[source], "settings": settings}
    return Sender(bench, await bench.connect(**wanted), source)
