"""The calls of Segment's HTTP API, so that its libraries only change their host; it never looks at a message."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from ingest_webhooks.dependencies import CorrelationId, TheService
from ingest_webhooks.entrance.collecting import BODY_LIMIT, CALLS, unpack
from ingest_webhooks.problems import problem_of
from ingest_webhooks.views.deliveries import Success
from ingest_webhooks.words.shapes import AmbiguousHeader
from milepost_runtime.hot import header, read_body
from milepost_runtime.problems import Problem

router = APIRouter(prefix="/v1", tags=["analytics"])
# Any page may tell what happens on it: the write key decides, and no answer holds anything.
ANYWHERE = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT = {
    **ANYWHERE,
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Encoding, X-Retry-Count",
    "Access-Control-Max-Age": "86400",
}
# The library for browsers calls its JSON text, so that a browser need not ask first.
_MEDIA = (b"application/json", b"text/plain")

Call = Annotated[str, Path(description="identify, track, page, screen, group, alias or batch, or its first letter")]


@router.post(
    "/{call}",
    summary="Tell what happened, as Segment's libraries do",
    response_model=Success,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {"userId": "u-1", "event": "Report Opened", "context": {"groupId": "acme"}},
                }
            },
        }
    },
)
async def collect(
    call: Call, request: Request, response: Response, service: TheService, correlation: CorrelationId
) -> Success:
    """Keep a call or a batch of up to 500 KB; the answer comes after the commit.

    The write key is the secret of a `segment` connection, as the user of Basic authentication or as `writeKey`.
    Messages are known by their `messageId`; what cannot be understood is kept and shown among the deliveries.
    """
    response.headers.update(ANYWHERE)
    try:
        body = await _body(request)
        await service.collecting.collect(_called(call), body, _credentials(request), correlation)
    except Exception as error:
        problem = error if isinstance(error, Problem) else problem_of(error)
        if problem is None:
            raise
        raise replace(problem, headers={**problem.headers, **ANYWHERE}) from None
    return Success()


@router.options("/{call}", status_code=204, summary="May a page send this?", response_class=Response)
async def preflight(call: Call) -> Response:
    """Tell a browser that every page may call."""
    _called(call)
    return Response(status_code=204, headers=_PREFLIGHT)


def _called(name: str) -> str:
    try:
        return CALLS[name]
    except KeyError:
        raise Problem(404, "not_found", "There is no such call.") from None


def _credentials(request: Request) -> bytes | None:
    shown = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if len(shown) > 1:
        raise AmbiguousHeader("authorization")
    return shown[0] if shown else None


async def _body(request: Request) -> bytes:
    """Return the plain body. Raises Problem, BadBody."""
    headers = request.scope["headers"]
    media, _, parameters = (header(headers, b"content-type") or b"").lower().partition(b";")
    if media.strip() not in _MEDIA or (b"charset" in parameters and b"utf-8" not in parameters):
        raise Problem(415, "media_type_unsupported", "Send application/json or text/plain in UTF-8.")
    encoding = (header(headers, b"content-encoding") or b"identity").strip().lower()
    if encoding not in (b"identity", b"gzip"):
        raise Problem(415, "encoding_unsupported", "Send the body as it is, or packed with gzip.")
    try:
        body = await read_body(request.scope, request.receive, limit=BODY_LIMIT)
    except Problem as problem:
        if problem.status != 413:
            raise
        # The API whose place this takes says 400 for size as well.
        raise replace(problem, status=400) from None
    return unpack(body) if encoding == b"gzip" else body
