"""Routes about playbooks as documents: reading, checking, keeping, comparing, putting in force; it decides nothing."""

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from milepost_core.playbooks.schema import document_schema
from milepost_runtime.hot import read_body
from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import Principal, require_scope
from milepost_runtime.lawful_documents import LARGEST_DOCUMENT
from milepost_runtime.media import check_media
from playbook_runner.dependencies import Use
from playbook_runner.documents.cataloguing import findings
from playbook_runner.documents.playbook_views import (
    DiffAnswer,
    KeptAnswer,
    LintAnswer,
    PlaybookList,
    PlaybookView,
    Release,
    ReleasedView,
    VersionList,
)
from playbook_runner.runs.releasing import Released

YAML = "application/yaml"
MEDIA = frozenset({b"application/json", b"application/yaml", b"application/x-yaml", b"text/yaml", b"text/x-yaml"})
READS = require_scope("read")

router = APIRouter(tags=["playbooks"])
deciding = APIRouter(tags=["playbooks"], route_class=NamedRequests)
PlaybookId = Annotated[str, Path(max_length=64)]
Number = Annotated[int, Path(ge=1, lt=2**31)]
Writer = Annotated[Principal, require_scope("playbooks")]
_SCHEMA = json.dumps(document_schema(), indent=1).encode()
_DOCUMENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        # Anything may be said: what a document has to be is the answer's word, with line and column.
        "content": {YAML: {"schema": {}}, "application/json": {"schema": {}}},
    }
}


@router.get("/playbooks", dependencies=[READS], summary="Every playbook")
async def list_playbooks(use: Use) -> PlaybookList:
    """Of each the version in force, active or paused; of one that never was, the newest draft."""
    return await use.catalogue.listed()


@router.get("/playbooks/schema.json", summary="The form of a playbook, for editors", response_class=Response)
async def read_schema() -> Response:
    """JSON Schema. It needs no key: editors fetch it, and it says nothing of this deployment."""
    return Response(_SCHEMA, media_type="application/schema+json", headers={"Cache-Control": "public, max-age=300"})


@router.get("/playbooks/{playbook_id}", dependencies=[READS], summary="One playbook")
async def get_playbook(use: Use, playbook_id: PlaybookId) -> PlaybookView:
    """The version in force (else the newest), with its document."""
    return await use.catalogue.one(playbook_id)


@router.get("/playbooks/{playbook_id}/versions", dependencies=[READS], summary="Every version of a playbook")
async def list_versions(use: Use, playbook_id: PlaybookId) -> VersionList:
    """Every version that was ever kept, oldest first, without its document."""
    return await use.catalogue.versions(playbook_id)


@router.get(
    "/playbooks/{playbook_id}/versions/{version:int}",
    dependencies=[READS],
    summary="One version",
    response_model=PlaybookView,
    responses={200: {"content": {YAML: {"schema": {"type": "string"}}}}},
)
async def get_version(
    use: Use,
    playbook_id: PlaybookId,
    version: Number,
    request: Request,
    form: Annotated[Literal["json", "yaml"] | None, Query(alias="format", description="Instead of `Accept`")] = None,
) -> Response:
    """A version never changes; runs keep the one that they began with. As YAML (`?format=yaml` or
    `Accept: application/yaml`): the text as its author wrote it."""
    headers = {"Vary": "Authorization, Accept", "Cache-Control": "private, no-cache"}
    if form == "yaml" or (form is None and YAML in request.headers.get("accept", "")):
        kept = await use.catalogue.document(playbook_id, version)
        return PlainTextResponse(kept.text, media_type=f"{YAML}; charset=utf-8", headers=headers)
    found = await use.catalogue.one(playbook_id, version)
    return JSONResponse(found.model_dump(mode="json"), headers=headers)


@router.get("/playbooks/{playbook_id}/diff", dependencies=[READS], summary="What a version says otherwise")
async def diff_playbooks(
    use: Use,
    playbook_id: PlaybookId,
    before: Annotated[int, Query(alias="from", ge=1, lt=2**31)],
    after: Annotated[int, Query(alias="to", ge=1, lt=2**31)],
) -> DiffAnswer:
    """Difference by difference, each with a sentence; pointers lead through lists by id."""
    return await use.catalogue.compare(playbook_id, before, after)


@router.post(
    "/playbooks",
    status_code=201,
    summary="Keep a document as a new version",
    responses={200: {"model": KeptAnswer, "description": "It was kept before, as it is: nothing changed."}},
    openapi_extra=_DOCUMENT,
)
async def add_playbook(request: Request, response: Response, use: Use, who: Writer) -> KeptAnswer:
    """YAML or JSON. A version never changes: a number that is kept with another content is refused with the next free
    one, a document without a number gets it. The same document once more changes nothing and is answered with 200.
    Every mistake is told with line and column. It is a draft until it is activated.
    """
    kept = await use.catalogue.add(await _document(request), who.name or who.id)
    response.status_code = 201 if kept.new else 200
    response.headers["Location"] = f"/playbooks/{kept.id}/versions/{kept.version}"
    return kept


@router.post("/playbooks:lint", dependencies=[READS], summary="Look through a document", openapi_extra=_DOCUMENT)
async def lint_document(request: Request, use: Use) -> LintAnswer:
    """Mistakes, for which it could not be kept, and warnings, with their places. Nothing is kept."""
    return await use.catalogue.checked(await _document(request))


@router.post("/playbooks/{playbook_id}/versions/{version}:lint", dependencies=[READS], summary="Look through a version")
async def lint_version(use: Use, playbook_id: PlaybookId, version: Number) -> LintAnswer:
    """What a kept version may not mean as it says it, and names that no score model has any more."""
    kept = await use.catalogue.document(playbook_id, version)
    return await use.catalogue.checked(kept.text.encode())


@deciding.post("/playbooks/{playbook_id}/versions/{version}:activate", summary="Put a version in force")
async def activate_version(
    use: Use, playbook_id: PlaybookId, version: Number, body: Release, who: Writer
) -> ReleasedView:
    """Names that the score models in charge do not have are refused with their places. `in_flight` says what becomes of
    open runs of other versions; one that is at a step that this version has not stays on its own.
    """
    released = await use.releasing.activate(playbook_id, version, body.in_flight, who.name or who.id)
    shown = await use.catalogue.one(playbook_id)
    return _released(shown, released)


@deciding.post("/playbooks/{playbook_id}:rollback", summary="Put the version before in force again")
async def roll_back(use: Use, playbook_id: PlaybookId, body: Release, who: Writer) -> ReleasedView:
    """One step: the version that was in force before the one that is. Once more takes the rollback back."""
    released = await use.releasing.rollback(playbook_id, body.in_flight, who.name or who.id)
    shown = await use.catalogue.one(playbook_id)
    return _released(shown, released)


@router.post("/playbooks/{playbook_id}:pause", summary="Pause one playbook")
async def pause_playbook(use: Use, playbook_id: PlaybookId, who: Writer) -> PlaybookView:
    """Changes that come meanwhile are skipped; runs that are open wait."""
    await use.keeping.set_state(playbook_id, "paused", who.name)
    return await use.catalogue.one(playbook_id)


@router.post("/playbooks/{playbook_id}:activate", summary="Let a paused playbook go on")
async def activate_playbook(use: Use, playbook_id: PlaybookId, who: Writer) -> PlaybookView:
    """Open runs go on; each step asks for today's health before it does anything."""
    await use.keeping.set_state(playbook_id, "active", who.name)
    return await use.catalogue.one(playbook_id)


def _released(shown: PlaybookView, released: Released) -> ReleasedView:
    return ReleasedView(
        playbook=shown,
        stayed=released.stayed,
        moved=released.moved,
        stopped=released.stopped,
        warnings=findings(released.warnings),
    )


async def _document(request: Request) -> bytes:
    """Return a document as it was sent. Raises Problem 413, 415."""
    check_media(dict(request.headers.raw), MEDIA)
    return await read_body(request.scope, request.receive, limit=LARGEST_DOCUMENT)
