"""Our own plain events, one or many; it never looks at an account."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field, TypeAdapter, ValidationError

from ingest_webhooks.dependencies import CorrelationId, MayIngest, TheService
from ingest_webhooks.sources.plain import PostedEvent
from milepost_contracts.events import EventsAccepted, PlainEvent
from milepost_runtime.hot import read_body
from milepost_runtime.media import check_media
from milepost_runtime.problems import Problem, from_validation
from milepost_runtime.strict_json import read_json

router = APIRouter(tags=["events"])
BODY_LIMIT = 5 * 2**20
MANY = 1_000
_MAX_VALUES = 500_000
_LIST: TypeAdapter[list[PostedEvent]] = TypeAdapter(Annotated[list[PostedEvent], Field(max_length=MANY)])
_EXAMPLE = {
    "id": "crm-4711",
    "type": "training.completed",
    "account": "domain:acme.com",
    "occurred_at": "2026-03-02T09:30:00Z",
    "actor": "dana@acme.com",
}


def _body_schema() -> dict[str, Any]:
    """Return one event or a list; without definitions of its own, which nothing in the whole document would find."""
    one = PlainEvent.model_json_schema()
    del one["$defs"]
    one["properties"]["properties"]["additionalProperties"] = True
    return {"oneOf": [one, {"type": "array", "maxItems": MANY, "items": one}]}


@router.post(
    "/events",
    status_code=202,
    summary="Tell what happened",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _body_schema(), "example": _EXAMPLE}},
        }
    },
)
async def post_events(
    request: Request, key: MayIngest, service: TheService, correlation_id: CorrelationId
) -> EventsAccepted:
    """Keep one plain event or a list of up to 1,000; the answer comes after the commit, repetition is harmless.

    An event is known by its `id` and its sender. Keys of one name are one sender and share one space of ids, so
    events that are sent again under a rotated key of the same name are known; keys of two names may use the same ids.

    A request is kept as a whole or not at all: with one bad event the answer is 422 with a pointer to every fault, and
    nothing was kept. Whoever calls this can mend the event; for history with lines that nobody will mend there are
    imports, which take each line for itself.
    """
    check_media(dict(request.scope["headers"]))
    document = read_json(await read_body(request.scope, request.receive, limit=BODY_LIMIT), _MAX_VALUES)
    return await service.accepting.plain(key.name or key.id, _events_of(document), correlation_id)


def _events_of(document: Any) -> list[PostedEvent]:
    many = isinstance(document, list)
    if many and len(document) > MANY:
        raise Problem(413, "body_too_large", f"Send at most {MANY} events at once.", errors=[_too_many(len(document))])
    try:
        return _LIST.validate_python(document if many else [document])
    except ValidationError as error:
        items = error.errors(include_url=False, include_input=False, include_context=False)
        placed = [{**item, "loc": ("body", *(item["loc"] if many else item["loc"][1:]))} for item in items[:100]]
        raise from_validation(placed, document) from None


def _too_many(number: int) -> dict[str, str]:
    return {"pointer": "", "detail": f"{number} events", "code": "too_many"}
