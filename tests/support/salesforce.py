"""Salesforce as tests see it: messages, change events, and what they mean to us."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingest_webhooks.sources.salesforce.rules import SalesforceSettings
from ingest_webhooks.sources.salesforce.source import Salesforce
from ingest_webhooks.sources.source import address_token
from ingest_webhooks.words.rules import Rule
from ingest_webhooks.words.shapes import Context, NormalEvent, Normalised, Received

SAMPLES = Path(__file__).parents[1] / "ingest_webhooks" / "samples" / "salesforce"
MESSAGES = ("account-created", "account-field-populated", "contacts-batch-of-3", "three-leads-with-bom")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
ORG = "00Dxx0000001gPFEAY"
ACME = "001xx000003DGb2AAG"
ACCOUNT = f"salesforce:{ORG}:{ACME}"
CASE = "500xx000003DGb5AAG"
SECRET = b"a-secret-of-ours"


def message(*records: str, action: str = "04kxx00000000blAAA", org: str = ORG) -> bytes:
    """Return an outbound message; the records' notifications are numbered."""
    said = "".join(
        f"<Notification><Id>04lxx000000CaS{number}</Id>{record}</Notification>" for number, record in enumerate(records)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        f'<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{org}</OrganizationId>'
        f'<ActionId>{action}</ActionId><SessionId xsi:nil="true"/>{said}</notifications>'
        "</soapenv:Body></soapenv:Envelope>"
    ).encode()


def record(kind: str, record_id: str, *, created: bool = False, **fields: str) -> str:
    """Return an sObject as Salesforce writes it."""
    told = {"Id": record_id, "CreatedDate": "2026-11-01T09:30:00.000Z" if created else "2026-10-01T00:00:00.000Z"}
    told |= {"LastModifiedDate": "2026-11-01T09:30:00.000Z"} | fields
    inner = "".join(f"<sf:{name}>{value}</sf:{name}>" for name, value in told.items())
    return f'<sObject xsi:type="sf:{kind}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{inner}</sObject>'


def change(kind: str, record_id: str | list[str], word: str = "UPDATE", **more: Any) -> dict[str, Any]:
    """Return a change event; what is in `header` is put into its header."""
    header = {
        "entityName": kind,
        "recordIds": record_id if isinstance(record_id, list) else [record_id],
        "changeType": word,
        "changeOrigin": "com/salesforce/api/soap/60.0;client=SfdcInternalAPI/",
        "transactionKey": "0001ade9-3f74-0b99-dbc4-42e73424b774",
        "sequenceNumber": 1,
        "commitTimestamp": int(AT.timestamp() * 1000),
        "commitNumber": 1082985383811,
    }
    return {"ChangeEventHeader": header | more.pop("header", {}), **more}


def said(body: bytes | Any, *, mapping: dict[str, Any] | None = None, **settings: Any) -> Normalised:
    """Return what a body means."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    rules = {topic: Rule.model_validate(rule) for topic, rule in (mapping or {}).items()}
    chosen = SalesforceSettings.model_validate({"organization_id": ORG} | settings)
    return Salesforce().normalise(raw, Context(NOW, chosen, mapping=rules))


def types(found: Normalised) -> list[str]:
    return [event.type for event in found.events]


def only(body: bytes | Any, kind: str, **more: Any) -> NormalEvent:
    """Return the one event of a type."""
    (event,) = (event for event in said(body, **more).events if event.type == kind)
    return event


def attributes(found: Normalised) -> dict[str, Any]:
    """Return what is told of the account, all in one."""
    told: dict[str, Any] = {}
    for event in found.events:
        assert event.type == "account.updated"
        told |= event.properties
    return told


def received(body: bytes, media: bytes = b"text/xml; charset=utf-8", token: bytes | None = None) -> Received:
    """Return a request as Salesforce makes it, at the secret address unless another token is given."""
    named = {b"content-type": media}
    given = address_token(SECRET).encode() if token is None else token
    return Received("POST", "https://milepost.example/webhooks/salesforce/x", list(named.items()), named, body, given)
