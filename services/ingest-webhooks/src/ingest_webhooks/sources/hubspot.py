"""HubSpot's CRM webhooks: who sent them and what they say in our words; pure, it reads no clock and no store."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel

from ingest_webhooks.shapes import (
    Broken,
    Context,
    Fault,
    Link,
    Merge,
    NormalEvent,
    Normalised,
    Received,
    short_name,
    usable_instant,
)
from ingest_webhooks.sources import hubspot_signature
from ingest_webhooks.sources.hubspot_change import Change, kind_of, number_of, read_change, text_of
from ingest_webhooks.sources.hubspot_rules import HubspotSettings, Rule, instant_of, read_value, rule_for
from ingest_webhooks.sources.reading import BadBody, read_json
from ingest_webhooks.sources.source import Source

HIDDEN_VALUE = "REDACTED"
# A company's domain becomes a way to find the account, unless half the world shares it.
SHARED_DOMAINS = frozenset(
    (
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com", "icloud.com"),
        *("proton.me", "protonmail.com", "aol.com", "gmx.de", "gmx.net", "web.de", "mail.ru", "qq.com", "163.com"),
    )
)


class Hubspot(Source):
    """The source `hubspot`."""

    name = "hubspot"
    title = "HubSpot"
    settings = HubspotSettings

    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Check signature v3 (v1 where allowed) over the raw bytes; raises Refused."""
        assert isinstance(settings, HubspotSettings)
        hubspot_signature.verify(received, secrets, allow_v1=settings.allow_v1, now=now)

    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say what a batch means; a broken element is a fault of its own, the others count."""
        said = Normalised()
        try:
            elements = read_json(body)
        except BadBody as error:
            said.faults.append(Fault(None, f"{error.code}: {error}"))
            return said
        if not isinstance(elements, list):
            said.faults.append(Fault(None, "a HubSpot batch is a JSON array"))
            return said
        for position, element in enumerate(elements):
            try:
                _take(read_change(element), context, said)
            except Broken as error:
                said.faults.append(Fault(position, str(error)))
        return said


def _take(change: Change, context: Context, said: Normalised) -> None:
    settings = context.settings if isinstance(context.settings, HubspotSettings) else HubspotSettings()
    meaning = _MEANINGS.get((change.kind, change.verb)) or _MEANINGS.get(("*", change.verb))
    if meaning is None or _is_echo(change, settings):
        said.ignored += 1
        return
    before = len(said.events), len(said.links) + len(said.merges)
    meaning(change, settings, context, said)
    if len(said.events) == before[0]:
        if len(said.links) + len(said.merges) > before[1]:
            said.linked += 1
        else:
            said.ignored += 1


def _is_echo(change: Change, settings: HubspotSettings) -> bool:
    """What our own app wrote there comes back as a change; it is no behaviour of the customer."""
    return settings.app_id is not None and str(change.raw.get("sourceId")) == str(settings.app_id)


def _event(change: Change, context: Context, kind: str, **more: Any) -> NormalEvent:
    claimed = more.pop("at", None) or change.occurred_at
    used = usable_instant(claimed, context.received_at)
    properties = dict(more.pop("properties", {}))
    if used != claimed:
        properties["original_occurred_at"] = claimed.isoformat()
    return NormalEvent(
        key=change.key,
        reference=change.subject,
        type=kind,
        occurred_at=used,
        opens=change.kind == "company" and change.verb != "deletion",
        properties=properties,
        **more,
    )


def _company_known(change: Change, _settings: HubspotSettings, context: Context, said: Normalised) -> None:
    state = {"creation": "active", "restore": "active", "deletion": "deleted"}[change.verb]
    properties = {"crm": "hubspot", "crm_state": state}
    said.events.append(_event(change, context, "account.updated", properties=properties))


def _company_merged(change: Change, _settings: HubspotSettings, context: Context, said: Normalised) -> None:
    survivor = number_of(change.raw, "newObjectId" if change.raw.get("newObjectId") else "primaryObjectId")
    ids = change.raw.get("mergedObjectIds")
    if not isinstance(ids, list) or not ids:
        raise Broken("mergedObjectIds is missing")
    gone = {number_of({"mergedObjectIds": one}, "mergedObjectIds") for one in ids}
    gone |= {number_of(change.raw, "primaryObjectId")} if change.raw.get("primaryObjectId") else set()
    merged = tuple(change.reference("company", one) for one in sorted(gone - {survivor}))
    at = usable_instant(change.occurred_at, context.received_at)
    said.merges.append(Merge(change.reference("company", survivor), merged, at))


def _contact_known(change: Change, _settings: HubspotSettings, context: Context, said: Normalised) -> None:
    kind = "stakeholder.joined" if change.verb in ("creation", "restore") else "stakeholder.left"
    said.events.append(_event(change, context, kind, actor=change.subject))


def _ticket_known(change: Change, _settings: HubspotSettings, context: Context, said: Normalised) -> None:
    kind = {"creation": "ticket.opened", "restore": "ticket.reopened", "deletion": "ticket.resolved"}[change.verb]
    said.events.append(_event(change, context, kind, item=change.subject))


def _associated(change: Change, _settings: HubspotSettings, context: Context, said: Normalised) -> None:
    """Each change comes twice, once from either side; both say the same link."""
    ends = {}
    for side, kind in zip(("from", "to"), _kinds_of(change), strict=True):
        ends[kind] = change.reference(kind, number_of(change.raw, f"{side}ObjectId"))
    account = ends.pop("company", None)
    if account is None or len(ends) != 1:
        return
    said.links.append(
        Link(
            reference=ends.popitem()[1],
            account=account,
            at=usable_instant(change.occurred_at, context.received_at),
            primary=change.raw.get("isPrimaryAssociation") is True,
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


def _property_changed(change: Change, settings: HubspotSettings, context: Context, said: Normalised) -> None:
    if change.kind not in ("company", "contact", "deal", "ticket"):
        return
    name, value = change.property_name, change.property_value
    if value == HIDDEN_VALUE:
        return
    if change.kind == "ticket" and name == "hs_pipeline_stage" and f"ticket.{name}" not in settings.properties:
        said.events.append(_stage_event(change, settings, context, value))
        return
    rule = rule_for(settings, change.kind, name, value)
    if not rule.ignore:
        _apply(rule, change, context, said)
    if change.kind == "company" and name == "domain":
        _link_domain(change, context, said, value)


def _stage_event(change: Change, settings: HubspotSettings, context: Context, stage: str) -> NormalEvent:
    if stage in settings.closed_stages:
        return _event(change, context, "ticket.resolved", item=change.subject, properties={"stage": stage})
    # Whether that reopens the ticket depends on what came before it; `open` says all that this move can know.
    properties = {"stage": stage, "open": True}
    return _event(change, context, "ticket.updated", item=change.subject, properties=properties)


def _apply(rule: Rule, change: Change, context: Context, said: Normalised) -> None:
    value = read_value(rule, change.property_value)
    if rule.attribute is not None:
        attribute = short_name(rule.attribute.replace("{property}", change.property_name), "the attribute's name")
        said.events.append(_event(change, context, "account.updated", properties={attribute: value}))
        return
    if value is None:
        return
    filled = {name: _fill(getattr(rule, name), value, change) for name in ("item", "role", "actor", "value")}
    number = filled.pop("value")
    said.events.append(
        _event(
            change,
            context,
            rule.type or "account.updated",
            at=instant_of(change.property_value) if rule.at == "value" else None,
            properties={name: _fill(text, value, change) for name, text in rule.properties.items()},
            **{name: short_name(str(text), f"the {name}") for name, text in filled.items() if text is not None},
            **_as_value(number),
        )
    )


def _fill(template: str | None, value: Any, change: Change) -> Any:
    if template is None or template == "{value}":
        return None if template is None else value
    filled = template.replace("{property}", change.property_name).replace("{object}", change.subject)
    return filled.replace("{value}", str(value))


def _as_value(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, int | float) and math.isfinite(value):
        return {"value": float(value)}
    return {"value_text": str(value)[:4096]}


def _link_domain(change: Change, context: Context, said: Normalised, domain: str) -> None:
    name = domain.strip().lower().removeprefix("www.")
    if "." in name and name not in SHARED_DOMAINS and len(name) <= 200 and not any(c.isspace() for c in name):
        at = usable_instant(change.occurred_at, context.received_at)
        said.links.append(Link(f"domain:{name}", change.subject, at))


_Meaning = Callable[[Change, HubspotSettings, Context, Normalised], None]
_MEANINGS: dict[tuple[str, str], _Meaning] = {
    ("company", "creation"): _company_known,
    ("company", "restore"): _company_known,
    ("company", "deletion"): _company_known,
    ("company", "merge"): _company_merged,
    ("contact", "creation"): _contact_known,
    ("contact", "restore"): _contact_known,
    ("contact", "deletion"): _contact_known,
    ("contact", "privacyDeletion"): _contact_known,
    ("ticket", "creation"): _ticket_known,
    ("ticket", "restore"): _ticket_known,
    ("ticket", "deletion"): _ticket_known,
    ("*", "associationChange"): _associated,
    ("*", "propertyChange"): _property_changed,
}
