"""History, brought in line by line; what it does with a line is not decided here."""

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BeforeValidator

from ingest_webhooks.dependencies import MayIngest, MayRead, MayWrite, TheService
from ingest_webhooks.queries.imports import NewImport as Wanted
from ingest_webhooks.views.imports import ImportAnswer, Imports, NewImport, RejectedLine, RejectedLines
from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.ids import new_id
from milepost_runtime.paging import ONCE, Cursor, Limit
from milepost_runtime.problems import Problem

resources = APIRouter(tags=["imports"], dependencies=[ONCE], route_class=NamedRequests)
# Apart from the others: a request that is named is read as a whole before it is answered, and lines have no end.
lines = APIRouter(tags=["imports"], dependencies=[ONCE])


def _plain_count(value: Any) -> Any:
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) < 16):
        raise ValueError("a whole number in plain digits")
    return value


First = Annotated[
    int, BeforeValidator(_plain_count), Query(alias="from", ge=0, description="How many lines are in front")
]
MEDIA = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines")
# Over so much waiting for a sender, at least so many bytes a second. Who falls silent is given up by the server.
PATIENCE_S = 60.0
BYTES_A_SECOND = 200
_EXAMPLE = (
    '{"id":"crm-4711","type":"training.completed","account":"domain:acme.com","occurred_at":"2026-03-02T09:30:00Z"}\n'
)
_LINES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {MEDIA[0]: {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}


@resources.post("/imports", status_code=201, summary="Begin an import, or go on with it")
async def post_import(
    body: NewImport, response: Response, key: MayIngest, _writer: MayWrite, service: TheService
) -> ImportAnswer:
    """Make an import; one of the same fingerprint, sender and kind is answered with 200 and where it stands.

    Then send its lines. The key needs the scopes `ingest` and `write`, and `read` to look at it.
    """
    sender = body.sender or key.name or key.id
    wanted = Wanted(new_id(), body.name, sender, body.fingerprint, body.total_lines, body.dry_run)
    row, new = await service.importing.make(wanted)
    response.status_code = 201 if new else 200
    return _answer(row)


@resources.get("/imports", summary="List imports")
async def list_imports(_key: MayRead, service: TheService, cursor: Cursor = None, limit: Limit = 50) -> Imports:
    """Return imports, newest first."""
    rows, more = await service.importing.page(cursor, limit)
    return Imports(data=[_answer(row) for row in rows], next_cursor=more)


@resources.get("/imports/{import_id}", summary="Look at an import")
async def get_import(import_id: UUID, _key: MayRead, service: TheService) -> ImportAnswer:
    """Return how far an import has come; after a broken stream, go on with the line after `position`."""
    return _answer(await service.importing.one(import_id))


async def _ndjson(request: Request) -> None:
    """Raise 415 unless the body is lines of JSON in UTF-8, as they are."""
    kind, *parameters = request.headers.get("content-type", "").lower().split(";")
    charsets = [part.strip().removeprefix("charset=") for part in parameters if part.strip().startswith("charset=")]
    if kind.strip() not in MEDIA or any(charset.strip('"') != "utf-8" for charset in charsets):
        raise Problem(415, "media_type_unsupported", f"Send {MEDIA[0]} in UTF-8: one event a line.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Problem(415, "encoding_unsupported", "Send the lines as they are, without a content encoding.")


@lines.post(
    "/imports/{import_id}/lines",
    summary="Send lines of an import",
    openapi_extra=_LINES,
    dependencies=[Depends(_ndjson)],
)
async def post_lines(
    import_id: UUID,
    request: Request,
    _key: MayIngest,
    _writer: MayWrite,
    service: TheService,
    first: First = 0,
) -> ImportAnswer:
    """Settle lines, one plain event each, in a stream of any length; the answer comes when the last one is settled.

    Lines are settled in chunks, each with the position in one transaction: when the stream breaks, ask for the position
    and send what follows it. Lines that are settled already are passed over, a line that cannot be taken is refused
    alone. A line has at most 256 KiB; a sender that is silent for half a minute is given up.
    """
    return _answer(await service.importing.take(import_id, first, _blocks(request)))


@resources.get("/imports/{import_id}/rejects", summary="List the refused and contradicting lines of an import")
async def list_rejects(
    import_id: UUID, _key: MayRead, service: TheService, cursor: Cursor = None, limit: Limit = 50
) -> RejectedLines:
    """Return the first 10,000 refused or contradicting lines with their reasons.

    `rejected` and `conflicts` of the import count all.
    """
    rows, more = await service.importing.rejects(import_id, cursor, limit)
    return RejectedLines(data=[RejectedLine(**dict(row)) for row in rows], next_cursor=more)


@resources.post("/imports/{import_id}:finish", summary="Finish an import")
async def finish_import(import_id: UUID, _key: MayIngest, _writer: MayWrite, service: TheService) -> ImportAnswer:
    """Say that all lines are there; refused while fewer are settled than were promised as `total_lines`."""
    return _answer(await service.importing.close(import_id, "finished"))


@resources.post("/imports/{import_id}:cancel", summary="Cancel an import")
async def cancel_import(import_id: UUID, _key: MayIngest, _writer: MayWrite, service: TheService) -> ImportAnswer:
    """Take no more lines; what is settled stays. The same import can be gone on with later."""
    return _answer(await service.importing.close(import_id, "cancelled"))


async def _blocks(request: Request) -> AsyncIterator[bytes]:
    """Hand on the body as it comes; raises Problem 408 for a very slow sender, 400 for a body cut short."""
    waited, received, more = 0.0, 0, True
    while more:
        since = time.monotonic()
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "bad_framing", "The connection ended before the body did.")
        block = message.get("body", b"")
        more = message.get("more_body", False)
        waited += time.monotonic() - since
        received += len(block)
        if waited > PATIENCE_S and received < waited * BYTES_A_SECOND:
            detail = "The lines came too slowly; what was settled stays."
            raise Problem(408, "request_timeout", detail, headers={"Connection": "close"})
        if block:
            yield block


def _answer(row: Record) -> ImportAnswer:
    fields = dict(row)
    since, position = fields.pop("stream_since"), fields.pop("stream_position")
    seconds = (row["updated_at"] - since).total_seconds() if since else 0.0
    rate = (row["position"] - position) / seconds if seconds > 0 else None
    total = row["total_lines"]
    left = max(0, total - row["position"]) / rate if rate and total is not None and row["state"] == "open" else None
    return ImportAnswer(**fields, rate=rate, seconds_left=left)


router = APIRouter()
router.include_router(resources)
router.include_router(lines)
