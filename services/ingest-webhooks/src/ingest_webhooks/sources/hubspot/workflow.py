"""What HubSpot's workflows send: one object instead of a list of changes; it decides nothing about its meaning.

Three shapes are known: the call of a custom action, the whole enrolled object (with `properties`), and a body of
chosen fields. A whole object tells of everything that it has, so only properties that a rule names are of interest.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ingest_webhooks.mapping.values import instant_of
from ingest_webhooks.sources.hubspot.change import number_of, object_kind, reference_of
from ingest_webhooks.words.domains import domain_reference
from ingest_webhooks.words.shapes import EPOCH, Broken, Fact, clean, fact_key, instant_of_milliseconds

ACTION = "workflow.action"
SUCCESS = b'{"outputFields":{"hs_execution_state":"SUCCESS"}}'
# What names the enrolled object in one shape or another; none of it is a property.
_IDS = {"companyId": "company", "dealId": "deal", "ticketId": "ticket", "vid": "contact"}
_PORTALS = ("portalId", "portal-id")
_CHANGED = ("hs_lastmodifieddate", "lastmodifieddate")
_NAMING = {*_IDS, *_PORTALS, *_CHANGED, "objectId", "hs_object_id", "objectType", "objectTypeId"}


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The object that a workflow speaks of; `whole` when the body is the object itself, not a choice of its fields.

    `changed` is when it was last changed, in epoch milliseconds, if the body says so.
    """

    portal: int
    kind: str
    number: int
    properties: Mapping[str, Any]
    whole: bool
    changed: int | None
    digest: str

    @property
    def accounts(self) -> tuple[str, ...]:
        """Where it may belong: by its own name, else by the domain of its e-mail address."""
        named = reference_of(self.portal, self.kind, self.number)
        email = _plain(self.properties.get("email"))
        domain = domain_reference(email) if self.kind != "company" and email else None
        return (named,) if domain is None else (named, domain)


def is_action(document: Any) -> bool:
    """Tell whether a document is the call of a custom action, which waits for an answer of its own."""
    return isinstance(document, dict) and "callbackId" in document


def count(document: Mapping[str, Any]) -> int:
    """Return how many elements a workflow's body has: one for a call, else one for every property."""
    return 1 if is_action(document) else max(1, len(_properties(document)))


def action_of(document: Mapping[str, Any], at: datetime) -> Fact:
    """Return what the call of a custom action says; raises Broken."""
    callback, origin, enrolled = (document.get(name) for name in ("callbackId", "origin", "object"))
    if not isinstance(callback, str) or not 0 < len(callback) <= 255:
        raise Broken("callbackId is missing or no id")
    if not isinstance(origin, dict) or not isinstance(enrolled, dict):
        raise Broken("origin or object is missing")
    found = _enrolled(enrolled, number_of(origin, "portalId"), "")
    return Fact(
        key=fact_key("hubspot", found.portal, ACTION, callback),
        topic=ACTION,
        at=at,
        accounts=found.accounts,
        subject=found.accounts[0],
        fields=document,
        opens=found.kind == "company",
    )


def enrolled_of(document: Mapping[str, Any], body: bytes, portal: int | None) -> Enrolled:
    """Return the object that a body is or has chosen fields of; raises Broken."""
    for name in _PORTALS:
        if name in document:
            portal = number_of(document, name)
    if portal is None:
        raise Broken("the body names no portalId; the connection's setting portal_id can say it")
    return _enrolled(document, portal, hashlib.sha256(body).hexdigest())


def property_facts(enrolled: Enrolled, received_at: datetime) -> Iterator[Fact | Broken]:
    """Return one fact for every property, or why it is none, in the order of the body."""
    values = {name: _plain(value) for name, value in enrolled.properties.items()}
    for name, raw in enrolled.properties.items():
        value = values[name]
        if value is None:
            yield Broken(f"the property {clean(name)[:100]} is no plain value")
            continue
        own = _stamp(raw.get("timestamp")) if isinstance(raw, dict) else None
        moment = own or enrolled.changed
        known_by = str(own) if own else enrolled.digest
        yield Fact(
            key=fact_key("hubspot workflow", *_identity(enrolled), name, value, known_by),
            topic=f"{enrolled.kind}.{clean(name)}",
            at=instant_of_milliseconds(moment) if moment else received_at,
            accounts=enrolled.accounts,
            subject=enrolled.accounts[0],
            value=value,
            fields=values,
            opens=enrolled.kind == "company",
        )


def _identity(enrolled: Enrolled) -> tuple[str | int, ...]:
    return enrolled.portal, enrolled.kind, enrolled.number


def _enrolled(document: Mapping[str, Any], portal: int, digest: str) -> Enrolled:
    kind, id_name = _kind_and_id(document)
    properties = _properties(document)
    holder = properties if isinstance(document.get("properties"), dict) else document
    return Enrolled(
        portal=portal,
        kind=kind,
        number=number_of(document, id_name),
        properties=properties,
        whole=holder is properties,
        changed=next((at for name in _CHANGED if (at := _stamp(_plain(holder.get(name))))), None),
        digest=digest,
    )


def _kind_and_id(document: Mapping[str, Any]) -> tuple[str, str]:
    named = document.get("objectTypeId") or document.get("objectType")
    for name, kind in _IDS.items():
        if name in document:
            return kind, name
    if not isinstance(named, str):
        raise Broken("the body does not say what it is about; add objectType (COMPANY, CONTACT, DEAL or TICKET)")
    return object_kind(named), "objectId" if "objectId" in document else "hs_object_id"


def _properties(document: Mapping[str, Any]) -> Mapping[str, Any]:
    whole = document.get("properties")
    if isinstance(whole, dict):
        return whole
    return {name: value for name, value in document.items() if name not in _NAMING}


def _plain(value: Any) -> str | None:
    """Return a property's value as HubSpot writes it, empty when it was cleared; None for what is no value."""
    if isinstance(value, dict):
        value = value.get("value")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return clean(str(value))
    return "" if value is None else None


def _stamp(value: Any) -> int | None:
    """Return an instant in epoch milliseconds, be it written so or as ISO 8601; None for anything else."""
    text = str(value)
    if text.isascii() and text.isdigit():
        return int(text) if 12 <= len(text) <= 14 else None
    try:
        return round((instant_of(text) - EPOCH) / timedelta(milliseconds=1))
    except Broken:
        return None
