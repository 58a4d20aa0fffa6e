"""Which change of a HubSpot property means what in our words; a connection's settings override the defaults.

It never looks at a signature or at a whole batch.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ingest_webhooks.shapes import Broken, instant_of_milliseconds
from milepost_contracts.events import EventType

Template = Annotated[str, StringConstraints(min_length=1, max_length=255)]
PropertyPath = Annotated[str, StringConstraints(pattern=r"^(company|contact|deal|ticket)\.([A-Za-z0-9_]+|\*)$")]


class Rule(BaseModel):
    """What one changed property becomes.

    `attribute` alone sets an attribute of the account. `type` makes an event; its `item`, `role`, `actor`, `value` and
    `properties` are templates in which `{value}`, `{property}` and `{object}` stand for the new value, the name of
    the property and the reference of the changed object. `reads` says what the value is, `translate` replaces
    values (lower case) before anything else, `at: value` takes the value as the moment when it happened. `when`
    picks another rule by the value (lower case; `*` for any other).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    attribute: Template | None = None
    type: EventType | None = None
    item: Template | None = None
    role: Template | None = None
    actor: Template | None = None
    value: Template | None = None
    properties: dict[Template, Template] = Field(default_factory=dict, max_length=50)
    reads: Literal["text", "number", "date"] = "text"
    at: Literal["event", "value"] = "event"
    translate: dict[str, str] = Field(default_factory=dict, max_length=500)
    when: "dict[str, Rule]" = Field(default_factory=dict, max_length=500)
    ignore: bool = False

    @model_validator(mode="after")
    def _says_one_thing(self) -> "Rule":
        if sum((self.attribute is not None, self.type is not None, bool(self.when), self.ignore)) != 1:
            raise ValueError("give exactly one of attribute, type, when or ignore")
        return self


class HubspotSettings(BaseModel):
    """How a company uses its HubSpot.

    `allow_v1` lets requests pass that carry the old signature only (no timestamp: they can be replayed). `app_id`
    names our own app there, so that the echo of what we wrote is left alone. `closed_stages` are the ticket
    pipeline stages that mean "resolved".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow_v1: bool = False
    app_id: int | None = None
    closed_stages: tuple[str, ...] = ("4",)
    properties: dict[PropertyPath, Rule] = Field(default_factory=dict, max_length=1_000)


_SEVERITY = {"low": "low", "medium": "medium", "high": "high", "urgent": "critical"}
_GONE = Rule(type="stakeholder.left", role="sponsor", value="{value}")
_ROLE = Rule(type="stakeholder.role_changed", actor="{object}", role="{value}")


def _severity(kind: str) -> Rule:
    return Rule(type=kind, item="{object}", properties={"severity": "{value}"}, translate=_SEVERITY)


DEFAULT_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "company.hubspot_owner_id": Rule(attribute="owner"),
        "company.annualrevenue": Rule(attribute="annual_revenue", reads="number"),
        "company.numberofemployees": Rule(attribute="employees", reads="number"),
        "company.lifecyclestage": Rule(attribute="lifecycle_stage"),
        "company.seats": Rule(attribute="seats", reads="number"),
        "company.contract_value": Rule(attribute="contract_value", reads="number"),
        "company.onboarding_start_date": Rule(type="account.started", reads="date", at="value"),
        "company.onboarding_milestone": Rule(type="milestone.completed", item="{value}"),
        "company.sponsor_status": Rule(
            when={
                "left": _GONE,
                "departed": _GONE,
                "inactive": _GONE,
                "*": Rule(type="stakeholder.role_changed", role="sponsor", value="{value}"),
            }
        ),
        "company.*": Rule(attribute="{property}"),
        "contact.onboarding_role": _ROLE,
        "contact.hs_buying_role": _ROLE,
        # Names, addresses and numbers of persons are none of a health score's business.
        "contact.*": Rule(ignore=True),
        "deal.*": Rule(ignore=True),
        "ticket.subject": Rule(type="ticket.updated", item="{object}", properties={"label": "{value}"}),
        "ticket.hs_ticket_priority": Rule(
            when={
                "high": _severity("ticket.escalated"),
                "urgent": _severity("ticket.escalated"),
                "*": _severity("ticket.updated"),
            }
        ),
        # Which field was touched, never what was written into it: ticket texts are people's words.
        "ticket.*": Rule(type="ticket.updated", item="{object}", properties={"changed": "{property}"}),
    }
)


def rule_for(settings: HubspotSettings, kind: str, name: str, value: str) -> Rule:
    """Return the rule for a changed property: the settings' own, then the default, then those for any property."""
    exact, any_of_kind = f"{kind}.{name}", f"{kind}.*"
    rule = settings.properties.get(exact) or DEFAULT_RULES.get(exact)
    rule = rule or settings.properties.get(any_of_kind) or DEFAULT_RULES[any_of_kind]
    while rule.when:
        rule = rule.when.get(value.strip().lower()) or rule.when.get("*") or Rule(ignore=True)
    return rule


def read_value(rule: Rule, text: str) -> Any:
    """Return the value as the rule reads it, None when it was cleared; raises Broken for no number or no date."""
    word = rule.translate.get(text.strip().lower(), text)
    if not word.strip():
        return None
    match rule.reads:
        case "number":
            return _number(word)
        case "date":
            return _instant(word).isoformat()
        case _:
            return word.strip()


def instant_of(text: str) -> datetime:
    """Return the moment that a date property names: epoch milliseconds or ISO 8601; raises Broken."""
    return _instant(text)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise Broken("propertyValue is no number") from None
    if not math.isfinite(number):
        raise Broken("propertyValue is no finite number")
    return int(number) if number.is_integer() else number


def _instant(text: str) -> datetime:
    word = text.strip()
    if word.isascii() and word.isdigit() and len(word) <= 20:
        return instant_of_milliseconds(int(word))
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        raise Broken("propertyValue is no date") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
