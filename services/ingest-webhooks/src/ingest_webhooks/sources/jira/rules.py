"""What Jira's events mean unless a connection's mapping says otherwise; it never looks at a delivery.

A topic is `issue.created`, `issue.deleted`, `comment.created` …; each field of a changelog is one of its own,
`issue.<field>`. Beside the event's fields the rules read the plain names of `jira_event`. Summaries, descriptions and
comments are people's words: no rule takes them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ingest_webhooks.words.rules import Rule

_IGNORED = Rule(ignore=True)
_SEVERITY = {
    **dict.fromkeys(("highest", "blocker", "critical", "urgent"), "critical"),
    **dict.fromkeys(("high", "major"), "high"),
    **dict.fromkeys(("medium", "normal"), "medium"),
    **dict.fromkeys(("low", "lowest", "minor", "trivial"), "low"),
}
_RESOLVED = Rule(type="ticket.resolved", item="{object}", value="{hours_open}", properties={"status": "{status}"})
_TOUCHED = Rule(type="ticket.updated", item="{object}", properties={"changed": "{property}"})


def _ticket(kind: str) -> Rule:
    return Rule(type=kind, item="{object}", properties={"severity": "{priority}"}, translate=_SEVERITY)


_OPENED = _ticket("ticket.opened").model_copy(
    update={
        "actor": "{reporter}",
        "also": (Rule(by="move", when={"resolved": _RESOLVED}),),
    }
)

DEFAULT_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "issue.created": _OPENED,
        "issue.status": Rule(
            by="move",
            when={
                "resolved": _RESOLVED,
                "reopened": Rule(type="ticket.reopened", item="{object}", properties={"status": "{status}"}),
                # Whether a move reopens an issue depends on what came before it; `open` says all that it can know.
                "*": Rule(type="ticket.updated", item="{object}", properties={"status": "{status}", "open": "{open}"}),
            },
        ),
        "issue.priority": Rule(
            by="escalated", when={"true": _ticket("ticket.escalated"), "*": _ticket("ticket.updated")}
        ),
        "issue.deleted": Rule(
            type="ticket.updated", item="{object}", properties={"changed": "{property}", "open": "{open}"}
        ),
        # The move of the status says it already.
        "issue.resolution": _IGNORED,
        "issue.statuscategory": _IGNORED,
        "issue.*": _TOUCHED,
        "comment.created": Rule(
            by="author",
            when={
                "customer": Rule(type="message.replied", item="{object}", actor="{writer}"),
                "agent": Rule(type="message.sent", item="{object}", actor="{writer}"),
            },
        ),
    }
)
