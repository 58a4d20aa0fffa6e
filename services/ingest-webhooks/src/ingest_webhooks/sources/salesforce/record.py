"""What one record of Salesforce's says: facts, the account that it belongs to, a merge; it reads no message."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ingest_webhooks.mapping import take
from ingest_webhooks.sources.documents import is_finite
from ingest_webhooks.sources.salesforce.ids import ACCOUNT_PREFIX, KINDS, id18, reference
from ingest_webhooks.sources.salesforce.rules import RULES, SalesforceSettings
from ingest_webhooks.words.domains import domain_reference
from ingest_webhooks.words.shapes import (
    Broken,
    Context,
    Fact,
    Link,
    Merge,
    Normalised,
    fact_key,
    short_name,
    usable_instant,
)

MAX_FIELDS = 1_000
# What the fields are called that we write an account's health to: what comes back of them is an echo.
OWN_FIELDS = "Milepost_"
# Book-keeping of the record itself: to be used in templates, but never told as a change.
_OWN_BOOKS = frozenset(
    (
        *("Id", "attributes", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp"),
        *("LastViewedDate", "LastReferencedDate", "LastActivityDate", "IsDeleted", "MasterRecordId"),
    )
)


@dataclass(frozen=True, slots=True)
class Record:
    """A record as a message tells of it.

    `verb` is created, updated, deleted, undeleted, or `gap_…` when Salesforce says no more than that something
    happened. `key` is what the message is known by. `fields` are the fields as they came (None: empty), `emptied`
    names of further ones that are empty now. `account` is a reference that the sender named beside the fields,
    `sequence` the place of its change among all changes.
    """

    organisation: str
    kind: str
    id: str
    verb: str
    at: datetime
    key: tuple[str, ...]
    fields: Mapping[str, Any]
    emptied: tuple[str, ...] = ()
    account: str = ""
    sequence: str = ""
    told: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        told = dict(_flat(dict.fromkeys(self.emptied))) | dict(_flat(self.fields))
        if len(told) > MAX_FIELDS:
            raise Broken(f"the record has more than {MAX_FIELDS} fields")
        if not is_finite(self.fields):
            raise Broken("a number is greater than any that can be kept")
        object.__setattr__(self, "told", told)

    @property
    def reference(self) -> str:
        """Our name of the record."""
        return reference(self.organisation, self.kind, self.id)


def say(record: Record, settings: SalesforceSettings, context: Context, said: Normalised) -> list[str]:
    """Add what a record means to `said`; return why single fields could not be understood."""
    at = usable_instant(record.at, context.received_at)
    master = id18(record.fields.get("MasterRecordId"))
    if record.kind == "Account" and master is not None and master != record.id:
        survivor = reference(record.organisation, "Account", master)
        # All else that is told of an account that is gone would be told of the one that took its place.
        said.merges.append(Merge(survivor, (record.reference,), at))
        return []
    accounts = tuple(dict.fromkeys(_accounts(record, settings)))
    said.links.extend(_links(record, accounts, at))
    troubles = []
    for fact in _facts(record, settings, accounts):
        try:
            take(fact, context, RULES, said)
        except Broken as error:
            troubles.append(f"{fact.topic}: {error}")
    return troubles


def is_echo(record: Record, settings: SalesforceSettings, client: str, user: object) -> bool:
    """Tell whether we wrote that ourselves: it is no behaviour of the customer."""
    if settings.client_name is not None and client == settings.client_name:
        return True
    writer = id18(user) or id18(record.fields.get("LastModifiedById"))
    return settings.integration_user is not None and writer == settings.integration_user


def _flat(fields: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield fields by name, parts of compound ones by dotted names; what is empty as an empty text."""
    for name, value in fields.items():
        if name in _OWN_BOOKS or name.startswith(OWN_FIELDS):
            continue
        if isinstance(value, Mapping) and not before:
            yield from _flat(value, f"{name}.")
        elif not isinstance(value, Mapping | list):
            yield before + name, "" if value is None else value


def _accounts(record: Record, settings: SalesforceSettings) -> Iterator[str]:
    """Yield names of what the record may belong to, the best first."""
    if record.kind == "Account":
        yield record.reference
        return
    if record.account:
        yield record.account
    about = [(name, id18(record.told.get(name))) for name in (*settings.account_fields, "WhatId", "ContactId", "WhoId")]
    for _name, found in about:
        if found is not None and found.startswith(ACCOUNT_PREFIX):
            yield reference(record.organisation, "Account", found)
    for _name, found in about:
        if found is not None and found[:3] in KINDS:
            yield reference(record.organisation, KINDS[found[:3]], found)
    yield record.reference


def _links(record: Record, accounts: tuple[str, ...], at: datetime) -> Iterator[Link]:
    if record.verb not in ("created", "updated", "undeleted"):
        return
    if record.kind == "Account":
        website = record.told.get("Website")
        domain = domain_reference(_host(website)) if isinstance(website, str) and website else None
        if domain is not None:
            yield Link(domain, record.reference, at)
    # A record stands under one account at a time, so the newest word counts.
    elif accounts[0] == record.account or accounts[0].count(":") == 2:
        yield Link(record.reference, accounts[0], at, primary=True)


def _host(website: str) -> str:
    try:
        return urlsplit(website if "//" in website else f"//{website}").hostname or ""
    except ValueError:
        return ""


def _facts(record: Record, settings: SalesforceSettings, accounts: tuple[str, ...]) -> Iterator[Fact]:
    document = {**record.fields, **record.told, **_derived(record, settings)}
    for name, value in ((record.verb, record.at.isoformat()), *record.told.items()):
        if record.verb == "created" and value == "":
            continue  # nothing was there that could have been emptied
        said = b"" if name == record.verb else repr(value).encode("utf-8", "surrogatepass")
        topic = short_name(f"{record.kind}.{name}", "a field's name")
        yield Fact(
            key=fact_key("salesforce", record.organisation, *record.key, topic),
            topic=topic,
            at=record.at,
            accounts=accounts,
            subject=record.reference,
            value=value,
            fields=document,
            content=hashlib.sha256(said).digest(),
            opens=record.kind == "Account" and record.verb != "deleted",
            sequence=record.sequence,
        )


def _derived(record: Record, settings: SalesforceSettings) -> dict[str, Any]:
    """Plain words for what several fields say together."""
    words: dict[str, Any] = {"object_name": record.kind, "record_id": record.id, "verb": record.verb}
    state = _state(record, settings) if record.kind == "Case" else ""
    if state:
        words["state"] = state
    if state or record.verb == "deleted":
        words["open"] = state != "closed" and record.verb != "deleted"
    return words


def _state(record: Record, settings: SalesforceSettings) -> str:
    status = str(record.told.get("Status") or "").strip().lower()
    is_closed = str(record.told.get("IsClosed", "")).lower()
    if is_closed == "true" or status in {one.lower() for one in settings.closed_case_statuses}:
        return "closed"
    if status in {one.lower() for one in settings.reopened_case_statuses}:
        return "reopened"
    return "open" if status or is_closed == "false" else ""
