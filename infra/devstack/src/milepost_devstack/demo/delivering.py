"""Sends facts as providers do: HubSpot batches signed v3 over the raw bytes, plain events under an API key.

It retries what a provider would retry and gives up loudly; it never writes anywhere but through the front doors.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from milepost_devstack.demo.company import APP, PORTAL
from milepost_devstack.demo.diary import Fact

BATCH_CRM = 100
BATCH_EVENTS = 1_000
AT_ONCE = 3
TRIES = 6


class DeliveryRefused(Exception):
    """The front door did not take a delivery."""


@dataclass(frozen=True)
class Doors:
    """Where to deliver, and what proves that we may."""

    client: httpx.AsyncClient
    webhook_url: str
    webhook_secret: str
    events_url: str
    key: str


def sign_v3(secret: str, method: str, url: str, body: bytes, timestamp_ms: int) -> str:
    """Return HubSpot's v3 signature: base64 of HMAC-SHA256 over method, URL, body and milliseconds."""
    text = method.encode() + url.encode() + body + str(timestamp_ms).encode()
    return base64.b64encode(hmac.digest(secret.encode(), text, hashlib.sha256)).decode()


async def deliver(doors: Doors, facts: Sequence[Fact], progress: Callable[[int], None]) -> None:
    """Deliver facts in order of time, a few requests at once; calls `progress` with the number delivered.

    Raises DeliveryRefused with the door's own words.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(batch: Sequence[Fact]) -> None:
        try:
            await (_send_crm if batch[0].crm else _send_events)(doors, batch)
        finally:
            gate.release()
        progress(len(batch))

    async with asyncio.TaskGroup() as group:
        for batch in _batches(facts):
            await gate.acquire()
            group.create_task(one(batch))


def _batches(facts: Sequence[Fact]) -> Iterator[Sequence[Fact]]:
    """Cut the stream as it comes: two buffers, each sent when it is full."""
    crm: list[Fact] = []
    plain: list[Fact] = []
    for fact in facts:
        buffer, size = (crm, BATCH_CRM) if fact.crm else (plain, BATCH_EVENTS)
        buffer.append(fact)
        if len(buffer) == size:
            yield tuple(buffer)
            buffer.clear()
    yield from (tuple(rest) for rest in (crm, plain) if rest)


async def _send_crm(doors: Doors, facts: Sequence[Fact]) -> None:
    body = json.dumps([_hubspot(fact) for fact in facts]).encode()
    stamp = int(time.time() * 1000)
    headers = {
        "Content-Type": "application/json",
        "X-HubSpot-Request-Timestamp": str(stamp),
        "X-HubSpot-Signature-v3": sign_v3(doors.webhook_secret, "POST", doors.webhook_url, body, stamp),
    }
    await _post(doors.client, doors.webhook_url, body, headers)


async def _send_events(doors: Doors, facts: Sequence[Fact]) -> None:
    body = json.dumps([fact.what | {"occurred_at": fact.at.isoformat()} for fact in facts]).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {doors.key}"}
    await _post(doors.client, doors.events_url, body, headers)


async def _post(client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str]) -> None:
    for attempt in range(TRIES):
        try:
            answer = await client.post(url, content=body, headers=headers)
        except httpx.TransportError as error:
            trouble = repr(error)
        else:
            if answer.is_success:
                return
            trouble = f"{answer.status_code} {answer.text[:500]}"
            if answer.status_code not in (429, 503):
                break
        await asyncio.sleep(0.2 * 2**attempt)
    raise DeliveryRefused(f"{url}: {trouble}")


def _hubspot(fact: Fact) -> dict[str, Any]:
    moment = int(fact.at.timestamp() * 1000)
    what = fact.what
    naming = f"{what['subscriptionType']} {what['objectId']} {what.get('propertyName', '')} {moment}"
    return {
        "eventId": int.from_bytes(hashlib.sha256(naming.encode()).digest()[:4]),
        "subscriptionId": 6_547_000 + len(what["subscriptionType"]),
        "portalId": PORTAL,
        "appId": APP,
        "occurredAt": moment,
        "attemptNumber": 0,
        "changeSource": "CRM_UI",
        **what,
    }
