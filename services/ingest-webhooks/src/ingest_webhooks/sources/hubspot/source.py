"""HubSpot's webhooks and workflows: who sent them and which facts they tell; pure, it reads no clock and no store."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from ingest_webhooks.mapping import take
from ingest_webhooks.sources.hubspot import signature as hubspot_signature
from ingest_webhooks.sources.hubspot import workflow as hubspot_workflow
from ingest_webhooks.sources.hubspot.change import Change, kind_of, number_of, read_change, text_of
from ingest_webhooks.sources.hubspot.rules import DEFAULT_RULES
from ingest_webhooks.sources.manner import DIGITS, TEST_TENANT, Manner, digits_of
from ingest_webhooks.sources.source import ACCEPTED, Reply, Source
from ingest_webhooks.words.domains import domain_reference
from ingest_webhooks.words.shapes import (
    Broken,
    Context,
    Fact,
    Fault,
    Link,
    Merge,
    Normalised,
    Received,
    fact_key,
    usable_instant,
)
from milepost_runtime.strict_json import BadBody, read_json

HIDDEN_VALUE = "REDACTED"
# What the properties are called that we write an account's health to.
OWN_PROPERTIES = "milepost_"
# What happens to objects; a property that is named like one of these goes by a longer topic.
_HAPPENINGS = frozenset(("creation", "deletion", "merge", "restore", "privacyDeletion", "associationChange"))
_EXECUTED = Reply(200, hubspot_workflow.SUCCESS, b"application/json")


class HubspotSettings(BaseModel):
    """How a company uses its HubSpot.

    `allow_v1` lets requests pass that carry the old signature only (no timestamp: they can be replayed). `app_id`
    names our own app there, so that the echo of what we wrote is left alone. `closed_stages` are the ticket
    pipeline stages that mean "resolved". `portal_id` is the account's id, for workflows whose bodies do not name it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow_v1: bool = False
    app_id: int | None = None
    closed_stages: tuple[str, ...] = ("4",)
    portal_id: int | None = None


class Hubspot(Source):
    """The source `hubspot`."""

    name = "hubspot"
    title = "HubSpot"
    settings = HubspotSettings
    rules = DEFAULT_RULES
    kept_headers = frozenset({"x-hubspot-signature-version"})
    companies = Manner(digits_of, DIGITS, tenant=TEST_TENANT, read_tenant=DIGITS, setting="portal_id")

    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Check the newest signature that is there over the raw bytes, else the secret address; raises Refused."""
        assert isinstance(settings, HubspotSettings)
        hubspot_signature.verify(received, secrets, allow_v1=settings.allow_v1, now=now)

    def examine(self, received: Received, settings: BaseModel) -> int:
        """Return the number of changes of a batch, or of properties of a workflow's object; raises BadBody."""
        document = read_json(received.body)
        if isinstance(document, list):
            return len(document)
        return hubspot_workflow.count(document) if isinstance(document, dict) else 1

    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say what a body means; a broken element is a fault of its own, the others count."""
        said = Normalised()
        try:
            document = read_json(body)
            if isinstance(document, dict):
                _take_workflow(document, body, context, said)
            elif isinstance(document, list):
                _take_batch(document, context, said)
            else:
                raise Broken("a HubSpot batch is a JSON array")
        except BadBody as error:
            said.faults.append(Fault(None, f"{error.code}: {error}"))
        except Broken as error:
            said.faults.append(Fault(None, str(error)))
        return said

    def reply(self, received: Received) -> Reply:
        """Tell a custom action that it succeeded; anything else gets an empty answer."""
        if received.body[:1] == b"[" or not hubspot_workflow.is_action(read_json(received.body)):
            return ACCEPTED
        return _EXECUTED

    def has_value(self, topic: str) -> bool:
        """Changed properties have one; what happens to objects, and a workflow's call, have none."""
        return topic != hubspot_workflow.ACTION and topic.partition(".")[2] not in _HAPPENINGS

    def retry_after(self, received: Received, seconds: int) -> str:
        """Return milliseconds for a workflow, which reads them so; a batch is told seconds."""
        return str(seconds * 1000 if received.body.lstrip()[:1] == b"{" else seconds)

    def sign(self, received: Received, secret: bytes, now: float) -> Mapping[str, str]:
        """Return the headers of signature version 3."""
        stamp = int(now * 1000)
        signature = hubspot_signature.signature_v3(secret, received.method, received.uri, received.body, stamp)
        return {"X-HubSpot-Request-Timestamp": str(stamp), "X-HubSpot-Signature-v3": signature.decode("ascii")}


def _settings(context: Context) -> HubspotSettings:
    return context.settings if isinstance(context.settings, HubspotSettings) else HubspotSettings()


def _take_batch(elements: Sequence[Any], context: Context, said: Normalised) -> None:
    for position, element in enumerate(elements):
        said.begin(position)
        try:
            _take_change(read_change(element), context, said)
        except Broken as error:
            said.faults.append(Fault(position, str(error)))


def _take_workflow(document: Mapping[str, Any], body: bytes, context: Context, said: Normalised) -> None:
    if hubspot_workflow.is_action(document):
        take(hubspot_workflow.action_of(document, context.received_at), context, DEFAULT_RULES, said)
        return
    enrolled = hubspot_workflow.enrolled_of(document, body, _settings(context).portal_id)
    facts = list(hubspot_workflow.property_facts(enrolled, context.received_at))
    if not facts:
        said.ignored += 1
    for position, fact in enumerate(facts):
        said.begin(position)
        try:
            if isinstance(fact, Broken):
                raise fact
            if fact.value == HIDDEN_VALUE or (enrolled.whole and not _has_own_rule(fact.topic, context)):
                said.ignored += 1
            else:
                _take_property(fact, context, said)
        except Broken as error:
            said.faults.append(Fault(position, str(error)))


def _take_change(change: Change, context: Context, said: Normalised) -> None:
    if change.verb == "privacyDeletion":
        said.erased.append(change.subject)
    if _is_echo(change, _settings(context)):
        said.ignored += 1
    elif change.verb == "propertyChange":
        if change.property_value == HIDDEN_VALUE:
            said.ignored += 1
        else:
            _take_property(_fact(change, change.property_name, change.property_value), context, said)
    elif change.verb == "associationChange":
        _take_association(change, context, said)
    elif change.verb == "merge":
        _take_merge(change, context, said)
    elif _has_own_rule(f"{change.kind}.{change.verb}", context):
        take(_fact(change), context, DEFAULT_RULES, said)
    else:
        said.ignored += 1
        said.unheard.append(f"{change.kind}.{change.verb}")


def _has_own_rule(topic: str, context: Context) -> bool:
    """What happens to objects is of interest by name only: a rule for any property does not mean it."""
    return topic in context.mapping or topic in DEFAULT_RULES


def _is_echo(change: Change, settings: HubspotSettings) -> bool:
    """What our own app wrote there comes back as a change; it is no behaviour of the customer.

    Our own properties are known by name, also where nobody said which app is ours.
    """
    if str(change.raw.get("propertyName", "")).startswith(OWN_PROPERTIES):
        return True
    return settings.app_id is not None and str(change.raw.get("sourceId")) == str(settings.app_id)


def _fact(change: Change, name: str = "", value: str | None = None) -> Fact:
    topic = f"{change.kind}.{name or change.verb}"
    if name in _HAPPENINGS:
        topic = f"{change.kind}.propertyChange.{name}"
    return Fact(
        key=change.key,
        topic=topic,
        at=change.occurred_at,
        accounts=(change.subject,),
        subject=change.subject,
        value=value,
        fields=change.raw,
        opens=change.kind == "company" and change.verb != "deletion",
    )


def _take_property(fact: Fact, context: Context, said: Normalised) -> None:
    if fact.topic == "ticket.hs_pipeline_stage":
        closed = fact.value in _settings(context).closed_stages
        fact = replace(fact, fields={**fact.fields, "closed": closed, "open": not closed})
    ignored = said.ignored
    take(fact, context, DEFAULT_RULES, said)
    domain = domain_reference(fact.value) if fact.topic == "company.domain" else None
    if domain is not None:
        said.links.append(Link(domain, fact.subject, usable_instant(fact.at, context.received_at)))
        said.linked += said.ignored - ignored
        said.ignored = ignored


def _take_merge(change: Change, context: Context, said: Normalised) -> None:
    """Let the names that are gone lead to the survivor, and tell what a rule says of each of them."""
    merge = _merge(change, context)
    heard = Normalised()
    if _has_own_rule(f"{change.kind}.merge", context):
        for gone in merge.merged:
            key = fact_key("merged", change.key.hex(), gone)
            fact = replace(_fact(change), key=key, subject=gone, accounts=(gone, merge.survivor), opens=False)
            take(fact, context, DEFAULT_RULES, heard)
    said.merges.append(merge)
    said.events += heard.events
    said.linked += 0 if heard.events else 1


def _merge(change: Change, context: Context) -> Merge:
    survivor = number_of(change.raw, "newObjectId" if change.raw.get("newObjectId") else "primaryObjectId")
    ids = change.raw.get("mergedObjectIds")
    if not isinstance(ids, list) or not ids:
        raise Broken("mergedObjectIds is missing")
    gone = {number_of({"mergedObjectIds": one}, "mergedObjectIds") for one in ids}
    gone |= {number_of(change.raw, "primaryObjectId")} if change.raw.get("primaryObjectId") else set()
    merged = tuple(change.reference(change.kind, one) for one in sorted(gone - {survivor}))
    at = usable_instant(change.occurred_at, context.received_at)
    return Merge(change.reference(change.kind, survivor), merged, at)


def _take_association(change: Change, context: Context, said: Normalised) -> None:
    """Each change comes twice, once from either side; both say the same link.

    What belongs to no company, or not yet, belongs where its contact does.
    """
    ends = {}
    for side, kind in zip(("from", "to"), _kinds_of(change), strict=True):
        ends[kind] = change.reference(kind, number_of(change.raw, f"{side}ObjectId"))
    holder = next((kind for kind in ("company", "contact") if kind in ends), None)
    if holder is None or len(ends) != 2:
        said.ignored += 1
        return
    target = ends.pop(holder)
    said.linked += 1
    said.links.append(
        Link(
            reference=ends.popitem()[1],
            account=target,
            at=usable_instant(change.occurred_at, context.received_at),
            # Of several companies one is the first; a contact never comes before a company.
            primary=holder == "company" and change.raw.get("isPrimaryAssociation") is True,
            removed=change.raw.get("associationRemoved") is True,
        )
    )


def _kinds_of(change: Change) -> tuple[str, str]:
    if "fromObjectTypeId" in change.raw:
        return kind_of(change.raw, "fromObjectTypeId"), kind_of(change.raw, "toObjectTypeId")
    first, joint, second = text_of(change.raw, "associationType").lower().partition("_to_")
    if not joint:
        raise Broken("associationType is missing")
    return first, second
