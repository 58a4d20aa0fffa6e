"""What Intercom's topics mean unless a connection's mapping says otherwise; it never looks at a delivery.

A conversation that a customer begins is a ticket. Beside the notification's fields the rules read the plain names of
`intercom_event`. What people write to each other is theirs: no rule takes it.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ingest_webhooks.words.rules import Rule

_IGNORED = Rule(ignore=True)
_JOINED = Rule(type="stakeholder.joined", actor="{contact}")
_LEFT = Rule(type="stakeholder.left", actor="{contact}")
_OPENED = Rule(type="ticket.opened", item="{object}", actor="{contact}")
_RESOLVED = Rule(type="ticket.resolved", item="{object}", value="{hours_open}")
_REOPENED = Rule(type="ticket.reopened", item="{object}")
_TOUCHED = Rule(type="ticket.updated", item="{object}", properties={"changed": "{property}"})
_SENT = Rule(type="message.sent", item="{object}")
# A customer's answer reopens a closed conversation; `open` says where it stands, in whichever order things come.
_REPLIED = Rule(
    type="message.replied",
    item="{object}",
    actor="{contact}",
    also=(Rule(type="ticket.updated", item="{object}", properties={"changed": "reply", "open": "{open}"}),),
)
_COMPANY = Rule(type="account.updated", properties={"name": "{data.item.name}", "intercom_plan": "{plan}"})

_CONVERSATIONS = {
    "conversation.user.created": _OPENED,
    "conversation.user.replied": _REPLIED,
    "conversation.admin.replied": _SENT,
    "conversation.admin.single.created": _SENT,
    "conversation.admin.closed": _RESOLVED,
    "conversation.admin.opened": _REOPENED,
    "conversation.deleted": Rule(
        type="ticket.updated", item="{object}", properties={"changed": "deleted", "open": "{gone}"}
    ),
    "conversation.priority.updated": Rule(
        by="priority",
        when={
            "high": Rule(type="ticket.escalated", item="{object}", properties={"severity": "high"}),
            "*": Rule(type="ticket.updated", item="{object}", properties={"severity": "low"}),
        },
    ),
    "conversation.rating.added": Rule(
        type="survey.answered",
        actor="{contact}",
        item="{object}",
        value="{rating_of_ten}",
        properties={"rating": "{rating}", "survey": "conversation rating"},
    ),
    "conversation.admin.snoozed": _TOUCHED,
    "conversation.admin.unsnoozed": _TOUCHED,
    "conversation.admin.assigned": _TOUCHED,
    # Notes among colleagues, reading, tags: nothing that happens to the customer.
    "conversation.*": _IGNORED,
}
_TICKETS = {
    "ticket.created": _OPENED,
    "ticket.contact.replied": _REPLIED,
    "ticket.admin.replied": _SENT,
    "ticket.closed": _RESOLVED,
    "ticket.resolved": _RESOLVED,
    "ticket.state.updated": Rule(by="state", when={"resolved": _RESOLVED, "*": _TOUCHED}),
    "ticket.note.created": _IGNORED,
    "ticket.*": _TOUCHED,
}
_PEOPLE = {
    "user.created": _JOINED,
    "user.deleted": _LEFT,
    "contact.user.created": _JOINED,
    "contact.signed_up": _JOINED,
    "contact.lead.signed_up": _JOINED,
    "contact.deleted": _LEFT,
    "contact.archived": _LEFT,
    "company.contact.attached": _JOINED,
    "company.contact.detached": _LEFT,
}
_COMPANIES = {"company.created": _COMPANY, "company.updated": _COMPANY}

DEFAULT_RULES: Mapping[str, Rule] = MappingProxyType({**_CONVERSATIONS, **_TICKETS, **_PEOPLE, **_COMPANIES})
