"""The providers' front door, served without the framework and documented in it; it never reads what was delivered."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from ingest_webhooks.dependencies import CorrelationId, TheService
from ingest_webhooks.problems import problem_of
from ingest_webhooks.service import Service
from ingest_webhooks.shapes import Received
from milepost_runtime.hot import Answer, Receive, Scope, read_body
from milepost_runtime.problems import Problem

router = APIRouter(tags=["webhooks"])
PREFIX = b"/webhooks/"
BODY_LIMIT = 2**20
_ACCEPTED = Answer(200)
_JSON = (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8")


@router.post(
    "/webhooks/{source}/{connection}",
    summary="Deliver a provider's webhook",
    description=(
        "No key: the provider's own signature lets a delivery in, checked over the bytes as they came. The answer comes"
        " once the delivery is stored for good; a known one is answered alike and kept once. Up to 1 MiB of JSON."
    ),
    status_code=200,
    response_class=Response,
    response_description="Stored; the body is empty.",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}},
)
async def deliver(
    source: Annotated[str, Path(description="The provider, such as `hubspot`")],
    connection: Annotated[str, Path(description="The connection's id")],
    request: Request,
    service: TheService,
    correlation: CorrelationId,
) -> Response:
    """Accept a delivery, the framework's way."""
    del source, connection  # both are read from the raw path, as the signature covers that
    answer = await Webhooks(service).accept(request.scope, request.receive, correlation)
    return Response(answer.body, answer.status)


class Webhooks:
    """The same door, the short way."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._public_url = service.settings.public_url_ingest.rstrip("/")

    async def accept(self, scope: Scope, receive: Receive, request_id: str) -> Answer:
        """Let a delivery in or say why not; raises Problem."""
        try:
            source, _, connection = scope["raw_path"][len(PREFIX) :].decode("ascii", "replace").partition("/")
            door = await self._service.accepting.door(source, connection)
            named: Mapping[bytes, bytes] = dict(scope["headers"])
            check_media(named)
            body = await read_body(scope, receive, limit=BODY_LIMIT)
            received = Received(scope["method"], self._uri(scope, named), scope["headers"], named, body)
            await self._service.accepting.webhook(door, received, request_id)
        except Problem:
            raise
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                raise
            raise problem from error
        return _ACCEPTED

    def _uri(self, scope: Scope, named: Mapping[bytes, bytes]) -> str:
        """Return the address as the provider was told to call it: the configured one, else the request's own."""
        base = self._public_url
        if not base:
            base = f"{scope['scheme']}://{named.get(b'host', b'').decode('latin-1')}"
        uri = base + str(scope["raw_path"].decode("latin-1"))
        query = scope["query_string"]
        return f"{uri}?{query.decode('latin-1')}" if query else uri


def check_media(named: Mapping[bytes, bytes]) -> None:
    """Raise 415 unless the body is plain JSON in UTF-8."""
    media = named.get(b"content-type", b"")
    if media not in _JSON and not _is_json(media):
        raise Problem(415, "media_type_unsupported", "Send application/json in UTF-8.")
    encoding = named.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() != b"identity":
        raise Problem(415, "encoding_unsupported", "Send the body as it is, without a content encoding.")


def _is_json(media: bytes) -> bool:
    kind, *parameters = (part.strip().lower() for part in media.split(b";"))
    charsets = [part.removeprefix(b"charset=").strip(b'"') for part in parameters if part.startswith(b"charset=")]
    return kind == b"application/json" and all(charset == b"utf-8" for charset in charsets)
