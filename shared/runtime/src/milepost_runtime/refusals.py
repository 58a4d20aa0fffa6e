"""Which refusals an operation may answer with, told in its contract; it refuses nothing itself."""

from collections.abc import Iterator, Mapping
from typing import Any

from milepost_runtime.problems import MEDIA_TYPE

# What each status means at our doors; the table of a service says which fact becomes which.
MEANINGS: Mapping[int, str] = {
    400: "The body is not JSON, or a cursor is none of ours.",
    401: "No key, or one that is not valid.",
    403: "The key lacks the scope that this operation asks for.",
    404: "Nothing is known by this name; `errors` may hold what looks like it.",
    409: "It cannot be done as things stand; or the first request of this `Idempotency-Key` is under way, or nobody"
    " knows what became of it (`idempotency_outcome_unknown`): look before you repeat it.",
    413: "The body is larger than is taken here.",
    415: "The body's media type is not taken here.",
    422: "The request is understood and not valid; each fault stands in `errors` with its place.",
    503: "The store is away; ask again after `Retry-After`.",
}
_CHANGING = frozenset({"post", "put", "patch", "delete"})


def document_refusals(document: dict[str, Any]) -> None:
    """Say of each operation how it may refuse; what a route says itself stays."""
    shape = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in document["paths"].values():
        for method, operation in path.items():
            responses = operation.setdefault("responses", {})
            # The framework's own word on it has another shape.
            responses.pop("422", None)
            for status in _possible(method, operation):
                responses.setdefault(str(status), {"description": MEANINGS[status], "content": shape})
            responses["4XX"] = {"description": "The request cannot be answered as asked.", "content": shape}
            responses["5XX"] = {"description": "Our fault or a passing one.", "content": shape}


def _possible(method: str, operation: Mapping[str, Any]) -> Iterator[int]:
    """Return the statuses that follow from what an operation asks for."""
    parameters = operation.get("parameters", ())
    guarded, takes_body = bool(operation.get("security")), "requestBody" in operation
    if takes_body or any(one["name"] == "cursor" for one in parameters):
        yield 400
    if guarded:
        yield from (401, 403)
    if any(one["in"] == "path" for one in parameters):
        yield 404
    if method in _CHANGING and guarded:
        yield 409
    if takes_body:
        yield from (413, 415)
    if guarded:
        yield from (422, 503)
