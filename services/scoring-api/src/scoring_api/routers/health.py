"""`GET /accounts/{id}/health` as plain ASGI: ready bytes, mostly from memory, and a validator; it parses nothing."""

from typing import Any
from urllib.parse import unquote

from milepost_runtime.hot import Answer, Headers, HotRoute, Receive, Scope, header_text
from milepost_runtime.keys import KeyRing
from milepost_runtime.problems import Problem
from milepost_runtime.tagging import conditions, holds
from scoring_api.answers.remembering import Remembering
from scoring_api.dependencies import query_faults
from scoring_api.problems import as_problem
from scoring_api.routers.moments import answer_then

PREFIX, SUFFIX = b"/accounts/", b"/health"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NAME = "/accounts/{account_id}/health"


def hot_route(state: Any) -> HotRoute:
    """Return the route; `state` is the application's, filled when the process starts (`keys`, `doors`)."""

    async def answer(scope: Scope, _receive: Receive, _request_id: str) -> Answer:
        if scope["method"] not in ("GET", "HEAD"):
            raise Problem(405, "method_not_allowed", "Read it with GET or HEAD.", headers={"Allow": "GET, HEAD"})
        name = scope["raw_path"][len(PREFIX) : -len(SUFFIX)]
        query = scope["query_string"]
        if query:
            asked = unquote(name.decode("ascii", "replace"))
            text = query.decode("ascii", "replace")
            return await answer_then(state.keys, state.doors.recalling, asked, text, scope["headers"])
        return await answer_health(state.keys, state.doors.remembering, name, query, scope["headers"])

    return HotRoute(METHODS, PREFIX, SUFFIX, NAME, answer, one_part=True)


async def answer_health(keys: KeyRing, remembering: Remembering, name: bytes, query: bytes, headers: Headers) -> Answer:
    """Return the document of a raw, URL-encoded name, or 304 if the caller has it. Raises Problem for the rest."""
    principal = await keys.authenticate(header_text(headers, b"authorization"))
    principal.require("read")
    if query and (faults := query_faults(query.decode("ascii", "replace"), set())):
        raise Problem(422, "bad_parameter", f"{len(faults)} query parameter(s) cannot be used.", errors=faults)
    found = remembering.at_hand(name)
    if found is None:
        try:
            found = await remembering.answers(name)
        except Exception as error:
            problem = as_problem(error)
            if problem is None:
                raise
            raise problem from None
    condition = conditions(headers)
    return found.unchanged if condition and holds(condition, found.etag) else found.whole
