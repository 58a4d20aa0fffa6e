"""Routes about score models as documents: reading, checking, keeping, trying them, and putting them in charge."""

import asyncio
import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from milepost_core.model.schema import document_schema
from milepost_runtime.hot import read_body
from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import Principal, require_scope
from milepost_runtime.lawful_documents import LARGEST_DOCUMENT
from milepost_runtime.media import check_media
from scoring_api.dependencies import Use, strict_query
from scoring_api.documents.cataloguing import checked
from scoring_api.documents.model_views import (
    ActivateRequest,
    ActivationPage,
    DiffAnswer,
    KeptAnswer,
    LineUpView,
    LintAnswer,
    ModelList,
    ModelVersions,
    PreviewAnswer,
    PreviewRequest,
    Reasoned,
)
from scoring_api.routers import model_examples as examples
from scoring_api.routers.examples import answering

READS = require_scope("read")
WRITES = require_scope("models")
YAML = "application/yaml"
MEDIA = frozenset({b"application/json", b"application/yaml", b"application/x-yaml", b"text/yaml", b"text/x-yaml"})

router = APIRouter(tags=["models"], dependencies=[READS, Depends(strict_query)])
deciding = APIRouter(tags=["models"], dependencies=[Depends(strict_query)], route_class=NamedRequests)
public = APIRouter(tags=["models"], dependencies=[Depends(strict_query)])
# Apart from the others: a document is read here, by its own limit and in its own two forms.
documents = APIRouter(tags=["models"], dependencies=[Depends(strict_query)])

_SCHEMA = json.dumps(document_schema(), indent=1).encode()
# The head of it: whole it would be as long as the rest of the contract.
_SHORT_SCHEMA = {"schema": {"type": "object"}, "example": {key: document_schema()[key] for key in ("$schema", "title")}}
ModelId = Annotated[str, Path(max_length=100, description="Id of a model", examples=["b2b-onboarding"])]
Version = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of a version", examples=[1])]
_SAME = answering(examples.KEPT.model_copy(update={"new": False}))[200] | {
    "model": KeptAnswer,
    "description": "It was kept before, as it is: nothing changed.",
}
_DOCUMENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            # Anything may be said: what a document has to be is the answer's word, with line and column.
            YAML: {"schema": {}, "example": examples.DOCUMENT},
            "application/json": {"schema": {}, "example": examples.PLAIN},
        },
    }
}


@router.get("/models", summary="The score models that this deployment keeps", responses=answering(examples.LIST))
async def list_models(use: Use) -> ModelList:
    """Those with a version in `in_charge` judge; of an account, the one that takes it with the highest precedence."""
    return await use.catalogue.listed()


@public.get(
    "/models/schema.json",
    summary="The form of a score model, for editors",
    responses={200: {"description": "JSON Schema 2020-12", "content": {"application/schema+json": _SHORT_SCHEMA}}},
    response_class=Response,
)
async def read_schema() -> Response:
    """JSON Schema. It needs no key: editors fetch it, and it says nothing of this deployment."""
    return Response(_SCHEMA, media_type="application/schema+json", headers={"Cache-Control": "public, max-age=300"})


@router.get("/models/activations", summary="Who was put in charge, when and why", responses=answering(examples.LOG))
async def list_activations(
    use: Use,
    model: Annotated[str | None, Query(max_length=100, description="Only of this model")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> ActivationPage:
    """The change log, newest first; it is only ever added to."""
    return await use.catalogue.activations(cursor, model, limit)


@router.get("/models/{model_id}", summary="A score model with its versions", responses=answering(examples.VERSIONS))
async def show_model(model_id: ModelId, use: Use) -> ModelVersions:
    """Every version that was ever kept, oldest first."""
    return await use.catalogue.one(model_id)


@router.get("/models/{model_id}/diff", summary="What a version says otherwise", responses=answering(examples.DIFF))
async def diff_models(
    model_id: ModelId,
    use: Use,
    before: Annotated[int, Query(alias="from", ge=1, le=2**31 - 1, examples=[1])],
    after: Annotated[int, Query(alias="to", ge=1, le=2**31 - 1, examples=[1])],
) -> DiffAnswer:
    """Difference by difference, each with a sentence; pointers lead through lists by id."""
    return await use.catalogue.compare(model_id, before, after)


_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The document.",
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": examples.PLAIN},
            YAML: {"schema": {"type": "object"}, "example": examples.DOCUMENT},
        },
    }
}


@router.get(
    "/models/{model_id}/versions/{version:int}",
    summary="A score model as a document",
    responses=_FORMS,
    response_class=Response,
)
async def read_model(
    model_id: ModelId,
    version: Version,
    request: Request,
    use: Use,
    form: Annotated[Literal["json", "yaml"] | None, Query(alias="format", description="Instead of `Accept`")] = None,
) -> Response:
    """The policy itself. As YAML (`?format=yaml` or `Accept: application/yaml`): the text as its author wrote it."""
    kept = await use.catalogue.document(model_id, version)
    wants_text = form == "yaml" or (form is None and YAML in request.headers.get("accept", ""))
    # The same document in two forms is not the same bytes.
    etag = f'"{kept.digest}.yaml"' if wants_text else f'"{kept.digest}"'
    headers = {"ETag": etag, "Vary": "Authorization, Accept", "Cache-Control": "private, no-cache"}
    if wants_text:
        return PlainTextResponse(kept.text, media_type=f"{YAML}; charset=utf-8", headers=headers)
    return JSONResponse(kept.document, headers=headers)


@documents.post(
    "/models",
    status_code=201,
    summary="Keep a document as a new version",
    responses={201: answering(examples.KEPT)[200], 200: _SAME},
    openapi_extra=_DOCUMENT,
)
async def add_model(
    request: Request,
    response: Response,
    use: Use,
    key: Annotated[Principal, WRITES],
    note: Annotated[str, Query(max_length=500, description="What the version is for")] = "",
) -> KeptAnswer:
    """YAML or JSON. A version never changes: a number that is kept with another content is refused with the next free
    one, a document without a number gets it. The same document once more changes nothing and is answered with 200.
    Every mistake is told with line and column. It judges nobody until it is activated.
    """
    kept = await use.catalogue.add(await _document(request), key.name or key.id, note)
    response.status_code = 201 if kept.new else 200
    response.headers["Location"] = f"/models/{kept.id}/versions/{kept.version}"
    return kept


@documents.post(
    "/models:lint",
    summary="Look through a document",
    responses=answering(examples.LINT),
    openapi_extra=_DOCUMENT,
    dependencies=[READS],
)
async def lint_document(request: Request) -> LintAnswer:
    """Mistakes, for which it could not be kept, and warnings, with their places. Nothing is kept."""
    return await asyncio.to_thread(checked, await _document(request))


@router.post(
    "/models/{model_id}/versions/{version}:lint", summary="Look through a version", responses=answering(examples.LINT)
)
async def lint_version(model_id: ModelId, version: Version, use: Use) -> LintAnswer:
    """What a kept version may not mean as it says it."""
    kept = await use.catalogue.document(model_id, version)
    return await asyncio.to_thread(checked, kept.text.encode())


@router.post(
    "/models/{model_id}/versions/{version}:preview",
    summary="Try a version on accounts",
    responses=answering(examples.PREVIEW),
)
async def preview_version(model_id: ModelId, version: Version, body: PreviewRequest, use: Use) -> PreviewAnswer:
    """Judges accounts as of now by this version beside what is in charge, the largest change first. Nothing is kept.
    Refused where activating it would be: name in `retire` which models would give way.
    """
    return await use.previewing.preview(model_id, version, body)


@deciding.post(
    "/models/{model_id}/versions/{version}:activate",
    summary="Put a version in charge",
    responses=answering(examples.LINE_UP),
)
async def activate_version(
    model_id: ModelId, version: Version, body: ActivateRequest, use: Use, key: Annotated[Principal, WRITES]
) -> LineUpView:
    """All accounts that it concerns are due at once. Refused when two models of equal precedence could take one
    account, or none would take all that are left: name in `retire` which models give way at the same moment.
    """
    author = key.name or key.id
    return await use.activating.activate(model_id, version, retire=body.retire, author=author, reason=body.reason)


@deciding.post("/models/{model_id}:retire", summary="Put a model out of charge", responses=answering(examples.LINE_UP))
async def retire_model(model_id: ModelId, body: Reasoned, use: Use, key: Annotated[Principal, WRITES]) -> LineUpView:
    """Its accounts go to the models that are left; refused when none of them takes all."""
    return await use.activating.retire(model_id, author=key.name or key.id, reason=body.reason)


async def _document(request: Request) -> bytes:
    """Return a document as it was sent. Raises Problem 413, 415."""
    check_media(dict(request.headers.raw), MEDIA)
    return await read_body(request.scope, request.receive, limit=LARGEST_DOCUMENT)
