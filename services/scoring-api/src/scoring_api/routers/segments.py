"""Routes whose path is matched part by part as it was sent: a slash inside a name comes encoded and parts nothing.

References of accounts may hold slashes, so `acme%2Fhealth` is one name and never the health of `acme`.
"""

from typing import Any
from urllib.parse import quote, unquote

from fastapi.routing import APIRoute
from starlette.routing import Match, Route

from milepost_runtime.idempotency import NamedRequests


def as_sent(scope: Any) -> str:
    """Return the path of a request with its parts decoded, but for what would part them otherwise."""
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    parts = (unquote(part) for part in raw.partition(b"?")[0].decode("ascii", "replace").split("/"))
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


class _BySegments:
    """What both kinds of routes have in common; stands before them among the bases."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        """Return how well a request fits; its parameters are decoded once."""
        if scope["type"] != "http":
            return Match.NONE, {}
        match, found = super().matches({**scope, "path": as_sent(scope)})  # type: ignore[misc]
        asked = found.get("path_params")
        if asked:
            decoded = {name: unquote(value) if isinstance(value, str) else value for name, value in asked.items()}
            found = {**found, "path_params": decoded}
        return match, found


class Segments(_BySegments, APIRoute):
    """A route of the API."""


class NamedSegments(_BySegments, NamedRequests):
    """A route of the API that may be named by its callers."""


class PageSegments(_BySegments, Route):
    """A route of the pages."""
