"""HubSpot as a sender: batches of changes, signed v3 over the bytes that go out."""

import base64
import hashlib
import hmac
import itertools
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

PORTAL = 48_975_575
_numbers = itertools.count(7_000_001)


@dataclass(frozen=True)
class Connection:
    """A connection as its maker sees it once."""

    webhook_url: str
    secret: str


def signed(connection: Connection, body: bytes, *, at_ms: int | None = None) -> dict[str, str]:
    """Return the headers under which HubSpot would send this body now."""
    stamp = str(int(time.time() * 1000) if at_ms is None else at_ms)
    text = b"POST" + connection.webhook_url.encode() + body + stamp.encode()
    signature = base64.b64encode(hmac.digest(connection.secret.encode(), text, hashlib.sha256)).decode()
    return {
        "Content-Type": "application/json",
        "X-HubSpot-Request-Timestamp": stamp,
        "X-HubSpot-Signature-v3": signature,
    }


async def send(client: httpx.AsyncClient, connection: Connection, body: bytes, **headers: str) -> httpx.Response:
    """Deliver a body as HubSpot does."""
    return await client.post(connection.webhook_url, content=body, headers=signed(connection, body) | headers)


def change(subscription: str, number: int, at: datetime, **more: Any) -> dict[str, Any]:
    """Return one element of a batch."""
    return {
        "eventId": next(_numbers),
        "subscriptionId": 6_547_117,
        "portalId": PORTAL,
        "appId": 39_522_895,
        "occurredAt": int(at.timestamp() * 1000),
        "subscriptionType": subscription,
        "attemptNumber": 0,
        "objectId": number,
        "changeSource": "CRM_UI",
        **more,
    }


def prop(kind: str, number: int, at: datetime, name: str, value: object) -> dict[str, Any]:
    """Return a changed property."""
    return change(f"{kind}.propertyChange", number, at, propertyName=name, propertyValue=str(value))


def drifting_company(number: int, *, days: int = 20, tickets: int = 4) -> bytes:
    """Return a batch of a customer in trouble: kick-off and sign-on missed, nobody signs in, tickets burn."""
    now = datetime.now(UTC)
    started = now - timedelta(days=days)
    batch = [
        change("company.creation", number, started, changeFlag="CREATED"),
        prop("company", number, started, "name", f"Drifting {number}"),
        prop("company", number, started, "domain", f"drifting-{number}.example"),
        prop("company", number, started, "seats", 20),
        prop("company", number, started, "hubspot_owner_id", "owner@milepost-test.example"),
        prop("company", number, started, "onboarding_start_date", started.isoformat()),
    ]
    for offset in range(tickets):
        ticket = number * 100 + offset
        at = now - timedelta(minutes=30 - offset)
        batch += [
            change("ticket.creation", ticket, at, changeFlag="CREATED"),
            change(
                "ticket.associationChange",
                ticket,
                at,
                associationType="TICKET_TO_COMPANY",
                fromObjectId=ticket,
                toObjectId=number,
                associationRemoved=False,
                isPrimaryAssociation=True,
            ),
            prop("ticket", ticket, at, "hs_ticket_priority", "URGENT"),
        ]
    return json.dumps(batch).encode()
