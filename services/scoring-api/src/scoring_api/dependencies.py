"""What routes ask for: the use cases of the process, and strict query strings; it holds no rule of the domain."""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from milepost_runtime.hot import Application, Receive, Scope, Send
from milepost_runtime.ids import clean_correlation_id
from milepost_runtime.problems import Problem
from scoring_api.ahead.charting import Charting
from scoring_api.ahead.steering import Steering
from scoring_api.ahead.supposing import Supposing
from scoring_api.ahead.surveying import Surveying
from scoring_api.answers.listing import Listing
from scoring_api.answers.matching import Matching
from scoring_api.answers.reading import Reading
from scoring_api.answers.remembering import Remembering
from scoring_api.documents.activating import Activating
from scoring_api.documents.cataloguing import Catalogue
from scoring_api.documents.previewing import Previewing
from scoring_api.entering import Entering
from scoring_api.evidencing import Evidencing
from scoring_api.past.comparing import Comparing
from scoring_api.past.recalling import Recalling
from scoring_api.past.recounting import Recounting
from scoring_api.past.restating import Restating
from scoring_api.people.words import People

_KEY_IN_ADDRESS = re.compile(rb"(?:\A|&)(?:api_?key|access_token|authorization)=", re.IGNORECASE)


@dataclass(frozen=True)
class Doors:
    """The use cases behind the routes; built once when the process starts."""

    reading: Reading
    remembering: Remembering
    listing: Listing
    matching: Matching
    evidencing: Evidencing
    catalogue: Catalogue
    activating: Activating
    previewing: Previewing
    entering: Entering
    people: People
    recalling: Recalling
    comparing: Comparing
    supposing: Supposing
    recounting: Recounting
    charting: Charting
    steering: Steering
    surveying: Surveying
    restating: Restating


def doors(request: Request) -> Doors:
    """Return the use cases of this process."""
    found: Doors = request.app.state.doors
    return found


Use = Annotated[Doors, Depends(doors)]


def strict_query(request: Request) -> None:
    """Refuse query parameters that a route does not know, and those given twice; both hide mistakes."""
    route = request.scope.get("route")
    known = _known_names(route.dependant) if isinstance(route, APIRoute) else set()
    errors = query_faults(request.url.query, known)
    if errors:
        raise Problem(422, "bad_parameter", f"{len(errors)} query parameter(s) cannot be used.", errors=errors)


def query_faults(query: str, known: set[str]) -> list[dict[str, str]]:
    """Return one fault for each parameter that is not known or comes more than once."""
    counts = Counter(name for name, _ in parse_qsl(query, keep_blank_values=True))
    faults: list[dict[str, str]] = []
    for name, times in counts.items():
        if name not in known:
            detail = f"Known here: {', '.join(sorted(known)) or 'none'}."
            faults.append({"pointer": f"query:{name[:100]}", "code": "unknown_parameter", "detail": detail})
        elif times > 1:
            faults.append({"pointer": f"query:{name}", "code": "given_twice", "detail": "Give it once."})
    return faults


def chosen(text: str | None, words: Collection[str], name: str) -> tuple[str, ...] | None:
    """Return the words of a comma-separated parameter, None if it was not given.

    Raises Problem 422 at `query:name` for a word that is none of these.
    """
    if not text:
        return None
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if any(one not in words for one in found):
        fault = {"pointer": f"query:{name}", "code": f"unknown_{name}", "detail": f"Known are {', '.join(words)}."}
        raise Problem(422, "bad_parameter", "1 query parameter(s) cannot be used.", errors=[fault])
    return found


def _known_names(dependant: Dependant) -> set[str]:
    """Return the names that a route declares, one by one or as the fields of a model."""
    names: set[str] = set()
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names |= {one.alias or name for name, one in kind.model_fields.items()}
        else:
            names.add(field.alias)
    return names.union(*(_known_names(inner) for inner in dependant.dependencies))


class NoKeysInAddresses:
    """Refuses any request with a key in its address: addresses end up in logs, histories and referrers."""

    def __init__(self, behind: Application) -> None:
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _KEY_IN_ADDRESS.search(scope["query_string"]):
            await self._behind(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        status, headers, body = _REFUSED.raw(clean_correlation_id(given.decode("latin-1")))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


_REFUSED: Any = Problem(
    401,
    "key_in_address",
    "Never put a key into an address. Revoke it and send a new one as: Authorization: Bearer mp_…",
    headers={"WWW-Authenticate": 'Bearer realm="milepost"', "Cache-Control": "no-store"},
)
