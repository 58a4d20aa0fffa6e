"""What Zendesk's events mean unless a connection's mapping says otherwise; it never looks at a delivery.

A topic is the event type without `zen:event-type:`; a trigger's is `trigger.` and what its body says `happened`.
Beside the event's fields the rules read the plain names of `event`. Subjects, descriptions and comments are
people's words: no rule takes them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ingest_webhooks.words.rules import Rule

_IGNORED = Rule(ignore=True)
_SEVERITY = {"low": "low", "normal": "medium", "high": "high", "urgent": "critical"}
_RESOLVED = Rule(type="ticket.resolved", item="{object}", value="{hours_open}")
_REOPENED = Rule(type="ticket.reopened", item="{object}", actor="{actor}")
_TOUCHED = Rule(type="ticket.updated", item="{object}", properties={"changed": "{property}"})
_GONE = Rule(type="ticket.updated", item="{object}", properties={"changed": "{property}", "open": "{open}"})


def _ticket(kind: str, **more: str) -> Rule:
    return Rule(
        type=kind,
        item="{object}",
        properties={"severity": "{priority}", **more},
        translate=_SEVERITY,
    )


_MOVED = Rule(
    by="move",
    when={
        "resolved": _RESOLVED,
        "reopened": _REOPENED,
        "*": Rule(type="ticket.updated", item="{object}", properties={"status": "{status}", "changed": "status"}),
    },
)
_RANKED = Rule(by="escalated", when={"true": _ticket("ticket.escalated"), "*": _ticket("ticket.updated")})
_OPENED = _ticket("ticket.opened", channel="{channel}").model_copy(
    update={
        "actor": "{requester}",
        # A call that was settled on the phone is written down as solved at once.
        "also": (Rule(by="move", when={"resolved": _RESOLVED}),),
    }
)
_REPLIED = Rule(
    by="author",
    when={
        "customer": Rule(type="message.replied", actor="{writer}", item="{object}"),
        "agent": Rule(type="message.sent", actor="{writer}", item="{object}"),
    },
)

_EVENTS = {
    "ticket.created": _OPENED,
    "ticket.status_changed": _MOVED,
    "ticket.priority_changed": _RANKED,
    "ticket.comment_added": _REPLIED,
    # Spam and deleted tickets are open no more, and nobody has resolved them.
    "ticket.marked_as_spam": _GONE,
    "ticket.soft_deleted": _GONE,
    "ticket.permanently_deleted": _GONE,
    "ticket.undeleted": _GONE,
    # Which field was touched, never what was written into it.
    "ticket.*": _TOUCHED,
}
_TRIGGERS = {
    "trigger.opened": _OPENED,
    "trigger.updated": _ticket("ticket.updated", status="{status}"),
    "trigger.escalated": _ticket("ticket.escalated"),
    "trigger.resolved": _RESOLVED,
    "trigger.reopened": _REOPENED,
    "trigger.replied": Rule(type="message.replied", actor="{requester}", item="{object}"),
    "trigger": _IGNORED,
}

DEFAULT_RULES: Mapping[str, Rule] = MappingProxyType({**_EVENTS, **_TRIGGERS})
