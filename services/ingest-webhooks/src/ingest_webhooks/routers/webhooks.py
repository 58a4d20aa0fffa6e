"""The providers' front door, served without the framework and documented in it; it never reads what was delivered."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from ingest_webhooks.dependencies import CorrelationId, TheService
from ingest_webhooks.entrance.doors import ConnectionUnknown, Door
from ingest_webhooks.entrance.pacing import TooFast
from ingest_webhooks.problems import problem_of
from ingest_webhooks.service import Service
from ingest_webhooks.sources import SOURCES
from ingest_webhooks.sources.source import ACCEPTED, Reply
from ingest_webhooks.words.shapes import Received
from milepost_runtime.hot import Answer, Receive, Scope, read_body
from milepost_runtime.media import check_media
from milepost_runtime.problems import Problem

router = APIRouter(tags=["webhooks"])
PREFIX = b"/webhooks/"
# A minute's worth is what the handshake of CloudEvents speaks of.
_MINUTE = 60
_ACCEPTED = Answer(200)
_OPEN_REQUEST: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {}}, "*/*": {"schema": {}}}}
}
_DELIVER = (
    "No key: the provider's own signature lets a delivery in, checked over the bytes as they came. The answer comes"
    " once the delivery is stored for good; a known one is answered alike and kept once. Up to 1 MiB of what the"
    " provider sends (5 MiB where its batches are larger)."
)
_UNSIGNED = " The last segment is a secret of the connection: it lets in what the provider does not sign."
SourceName = Annotated[str, Path(description="The provider, such as `hubspot`")]
ConnectionId = Annotated[str, Path(description="The connection's id")]
Token = Annotated[str, Path(description="The secret segment of the connection's address")]


@router.post(
    "/webhooks/{source}/{connection}",
    summary="Deliver a provider's webhook",
    description=_DELIVER,
    response_class=Response,
    response_description="Stored; the body is empty, or what the provider waits for.",
    openapi_extra=_OPEN_REQUEST,
)
async def deliver(
    source: SourceName, connection: ConnectionId, request: Request, service: TheService, correlation: CorrelationId
) -> Response:
    """Accept a delivery, the framework's way."""
    del source, connection  # both are read from the raw path, as the signature covers that
    return _response(await Webhooks(service).accept(request.scope, request.receive, correlation))


@router.post(
    "/webhooks/{source}/{connection}/{token}",
    summary="Deliver to a connection's secret address",
    description=_DELIVER + _UNSIGNED,
    response_class=Response,
    response_description="Stored; the body is empty, or what the provider waits for.",
    openapi_extra=_OPEN_REQUEST,
)
async def deliver_to_secret_address(
    source: SourceName,
    connection: ConnectionId,
    token: Token,
    request: Request,
    service: TheService,
    correlation: CorrelationId,
) -> Response:
    """Accept a delivery that its address vouches for."""
    del source, connection, token
    return _response(await Webhooks(service).accept(request.scope, request.receive, correlation))


@router.options(
    "/webhooks/{source}/{connection}",
    summary="Ask whether to deliver",
    description="What senders of CloudEvents ask before they deliver; other sources answer 405.",
    response_class=Response,
    response_description="`WebHook-Allowed-Origin` and `WebHook-Allowed-Rate` (requests a minute) say how.",
)
async def ask_before_delivering(
    source: SourceName, connection: ConnectionId, request: Request, service: TheService
) -> Response:
    """Answer a sender that asks first."""
    del source, connection
    return _response(await Webhooks(service).ask(request.scope))


@router.options(
    "/webhooks/{source}/{connection}/{token}",
    summary="Ask whether to deliver to a secret address",
    description="What senders of CloudEvents ask before they deliver; other sources answer 405.",
    response_class=Response,
    response_description="`WebHook-Allowed-Origin` and `WebHook-Allowed-Rate` (requests a minute) say how.",
)
async def ask_at_secret_address(
    source: SourceName, connection: ConnectionId, token: Token, request: Request, service: TheService
) -> Response:
    """Answer a sender that asks first, at its secret address."""
    del source, connection, token
    return _response(await Webhooks(service).ask(request.scope))


@router.head(
    "/webhooks/{source}/{connection}",
    summary="Look whether the address is there",
    description="What Intercom does before it takes an address; other sources answer 405.",
    response_class=Response,
    response_description="It is there.",
)
async def look(source: SourceName, connection: ConnectionId, request: Request, service: TheService) -> Response:
    """Answer a sender that looks first."""
    del source, connection
    return _response(await Webhooks(service).look(request.scope))


class Webhooks:
    """The same door, the short way."""

    def __init__(self, service: Service) -> None:
        self._accepting = service.accepting
        self._public_url = service.settings.public_url_ingest.rstrip("/")

    async def accept(self, scope: Scope, receive: Receive, request_id: str) -> Answer:
        """Let a delivery in or say why not, in the provider's own words if it has any; raises Problem."""
        door: Door | None = None
        received: Received | None = None
        try:
            address, token = _address_of(scope["raw_path"])
            door = await self._accepting.door(address, token)
            received = await self._receive(door, scope, receive, token)
            await self._accepting.webhook(door, received, request_id)
            reply = door.source.reply(received)
        except Exception as error:
            return _refusal(_patient(error, door, received), door, scope)
        return _ACCEPTED if reply is ACCEPTED else _answer(reply)

    async def ask(self, scope: Scope) -> Answer:
        """Tell a sender that asks first how fast it may deliver.

        Raises Problem, ConnectionUnknown, Refused and NotHere.
        """
        address, token = _address_of(scope["raw_path"])
        source = SOURCES.get(address.partition(b"/")[0].decode("ascii", "replace"))
        if source is None or not source.asks_first:
            raise Problem(405, "method_not_allowed", "Deliver by POST.", headers={"Allow": "POST"})
        door = await self._accepting.door(address, token)
        received = self._received(scope, dict(scope["headers"]), b"", token)
        rate = await self._accepting.handshake(door, received)
        origin = received.header(b"webhook-request-origin")
        if not origin:
            raise Problem(400, "origin_missing", "Send WebHook-Request-Origin to ask for permission.")
        allowed = b"*" if rate is None else b"%d" % max(1, int(rate * _MINUTE))
        return Answer(
            200,
            [(b"allow", b"POST"), (b"webhook-allowed-origin", origin), (b"webhook-allowed-rate", allowed)],
        )

    async def look(self, scope: Scope) -> Answer:
        """Tell a sender that looks first that the address is there; raises Problem, ConnectionUnknown."""
        address, token = _address_of(scope["raw_path"])
        source = SOURCES.get(address.partition(b"/")[0].decode("ascii", "replace"))
        if source is None or not source.looks_first:
            raise Problem(405, "method_not_allowed", "Deliver by POST.", headers={"Allow": "POST"})
        await self._accepting.door(address, token)
        return _ACCEPTED

    async def _receive(self, door: Door, scope: Scope, receive: Receive, token: bytes) -> Received:
        named: Mapping[bytes, bytes] = dict(scope["headers"])
        try:
            check_media(named, door.source.media)
            body = await read_body(scope, receive, limit=door.source.limit)
        except Problem:
            # Who lacks the secret segment learns nothing, not even by what the door would not read.
            if door.source.secret_address:
                self._accepting.require_address(door, self._received(scope, named, b"", token))
            raise
        return self._received(scope, named, body, token)

    def _received(self, scope: Scope, named: Mapping[bytes, bytes], body: bytes, token: bytes) -> Received:
        return Received(scope["method"], self._uri(scope, named), scope["headers"], named, body, token)

    def _uri(self, scope: Scope, named: Mapping[bytes, bytes]) -> str:
        """Return the address as the provider was told to call it: the configured one, else the request's own."""
        base = self._public_url
        if not base:
            base = f"{scope['scheme']}://{named.get(b'host', b'').decode('latin-1')}"
        uri = base + str(scope["raw_path"].decode("latin-1"))
        query = scope["query_string"]
        return f"{uri}?{query.decode('latin-1')}" if query else uri


def _address_of(raw_path: bytes) -> tuple[bytes, bytes]:
    """Return `source/connection` and the secret segment, empty without one; raises ConnectionUnknown."""
    address = raw_path[len(PREFIX) :]
    if address.count(b"/") == 1:
        return address, b""
    source, _, rest = address.partition(b"/")
    connection, _, token = rest.partition(b"/")
    if not token or b"/" in token:
        raise ConnectionUnknown
    return source + b"/" + connection, token


def _patient(error: Exception, door: Door | None, received: Received | None) -> Exception:
    """Return the error; of a delivery that came too fast, the answer with the time to wait in the provider's unit."""
    problem = problem_of(error) if isinstance(error, TooFast) else None
    if problem is None or door is None or received is None:
        return error
    wait = door.source.retry_after(received, int(problem.headers["Retry-After"]))
    return replace(problem, headers={**problem.headers, "Retry-After": wait})


def _refusal(error: Exception, door: Door | None, scope: Scope) -> Answer:
    """Return a refusal in the provider's own words; raises Problem, or the error itself when it is no refusal."""
    problem = error if isinstance(error, Problem) else problem_of(error)
    if problem is None:
        raise error
    said = None
    # A refusal of nobody in particular looks alike whether there is a connection or not.
    if door is not None and problem.status != 404:
        media = dict(scope["headers"]).get(b"content-type", b"").partition(b";")[0].strip().lower()
        said = door.source.refusal(media, problem.status, problem.detail)
    if said is None:
        raise problem from error
    return _answer(said, [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()])


def _answer(reply: Reply, headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
    media = [(b"content-type", reply.media)] if reply.media else []
    return Answer(reply.status, [*media, *headers], reply.body)


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers.extend(answer.headers)
    return response
