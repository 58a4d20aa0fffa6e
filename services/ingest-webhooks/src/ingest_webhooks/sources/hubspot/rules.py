"""What HubSpot's changes mean unless a connection's mapping says otherwise; it never looks at a delivery.

A topic is `<object>.<property>` for a changed property and `<object>.<what happened>` for anything else.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ingest_webhooks.words.rules import Rule

_SEVERITY = {"low": "low", "medium": "medium", "high": "high", "urgent": "critical"}
_GONE = Rule(type="stakeholder.left", role="sponsor", value="{value}")
_ROLE = Rule(type="stakeholder.role_changed", actor="{object}", role="{value}")
_KNOWN = Rule(attributes={"crm": "hubspot", "crm_state": "active"})
_JOINED = Rule(type="stakeholder.joined", actor="{object}")
_LEFT = Rule(type="stakeholder.left", actor="{object}")
_IGNORED = Rule(ignore=True)


def _severity(kind: str) -> Rule:
    return Rule(type=kind, item="{object}", properties={"severity": "{value}"}, translate=_SEVERITY)


_COMPANY = {
    "company.creation": _KNOWN,
    "company.restore": _KNOWN,
    "company.deletion": Rule(attributes={"crm": "hubspot", "crm_state": "deleted"}),
    "company.name": Rule(attribute="name"),
    "company.domain": Rule(attribute="domain"),
    "company.hubspot_owner_id": Rule(attribute="owner"),
    "company.annualrevenue": Rule(attribute="annual_revenue", reads="number"),
    "company.numberofemployees": Rule(attribute="employees", reads="number"),
    "company.lifecyclestage": Rule(attribute="lifecycle_stage"),
    "company.seats": Rule(attribute="seats", reads="number"),
    "company.contract_value": Rule(attribute="contract_value", reads="number"),
    "company.onboarding_start_date": Rule(type="account.started", reads="date", at="{value}"),
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
}
_PEOPLE = {
    "contact.creation": _JOINED,
    "contact.restore": _JOINED,
    "contact.deletion": _LEFT,
    "contact.privacyDeletion": _LEFT,
    "contact.onboarding_role": _ROLE,
    "contact.hs_buying_role": _ROLE,
    # Names, addresses and numbers of persons are none of a health score's business.
    "contact.*": _IGNORED,
}
_TICKETS = {
    "ticket.creation": Rule(type="ticket.opened", item="{object}"),
    "ticket.restore": Rule(type="ticket.reopened", item="{object}"),
    "ticket.deletion": Rule(type="ticket.resolved", item="{object}"),
    # Told of every ticket that went into another one, so that none of them stays open for ever.
    "ticket.merge": Rule(type="ticket.resolved", item="{object}", properties={"reason": "merged"}),
    "ticket.subject": Rule(type="ticket.updated", item="{object}", properties={"label": "{value}"}),
    # Whether a move reopens a ticket depends on what came before it; `open` says all that the move can know.
    "ticket.hs_pipeline_stage": Rule(
        by="closed",
        when={
            "true": Rule(type="ticket.resolved", item="{object}", properties={"stage": "{value}"}),
            "*": Rule(type="ticket.updated", item="{object}", properties={"stage": "{value}", "open": "{open}"}),
        },
    ),
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
_WORKFLOWS = {
    "workflow.action": Rule(
        by="inputFields.milestone",
        when={"": _IGNORED, "*": Rule(type="milestone.completed", item="{inputFields.milestone}")},
    ),
}

DEFAULT_RULES: Mapping[str, Rule] = MappingProxyType(
    {**_COMPANY, **_PEOPLE, "deal.*": _IGNORED, **_TICKETS, **_WORKFLOWS}
)
