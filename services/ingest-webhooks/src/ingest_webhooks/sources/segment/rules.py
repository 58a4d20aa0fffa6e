"""What Segment's calls mean unless a connection's mapping says otherwise; it never looks at a delivery.

A topic is `track.<event>`, `page.<name>`, `screen.<name>`, `group.<trait>`, or the call's own word.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ingest_webhooks.words.rules import Rule

_IGNORED = Rule(ignore=True)
_SESSION = Rule(type="session.started", actor="{object}")
_JOINED = Rule(type="stakeholder.joined", actor="{object}")
_LEFT = Rule(type="stakeholder.left", actor="{object}")

# Words of Segment's own event catalogues that are no use of a feature.
_LIFECYCLE = {
    "Signed In": _SESSION,
    "Logged In": _SESSION,
    "Application Opened": _SESSION,
    "Signed Up": _JOINED,
    "Account Added User": _JOINED,
    "Account Removed User": _LEFT,
    **dict.fromkeys(
        (
            *("Signed Out", "Account Created", "Account Deleted", "Trial Started", "Trial Ended"),
            *("Application Installed", "Application Updated", "Application Backgrounded", "Application Crashed"),
            *("Install Attributed", "Deep Link Opened", "Push Notification Received", "Push Notification Bounced"),
        ),
        _IGNORED,
    ),
}
# A group's traits describe a company. These name it, or describe a person all the same.
_NO_ATTRIBUTES = (
    *("id", "email", "phone", "avatar", "address", "username", "title", "age", "birthday", "gender"),
    *("firstName", "first_name", "lastName", "last_name"),
)

SEGMENT_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        **{f"track.{name}": rule for name, rule in _LIFECYCLE.items()},
        "track.*": Rule(type="feature.used", item="{event}", actor="{object}"),
        # A view is not a use and not a visit: counted as either it would drown what people did.
        **dict.fromkeys(("page", "page.*", "screen", "screen.*"), _IGNORED),
        **{f"group.{name}": _IGNORED for name in _NO_ATTRIBUTES},
        "group.createdAt": Rule(attribute="created_at"),
        "group.*": Rule(attribute="{property}"),
        "delete": _LEFT,
    }
)
