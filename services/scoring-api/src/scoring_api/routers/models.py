"""Routes that show score models as documents; they change none."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from milepost_runtime.keys import require_scope
from scoring_api.dependencies import Use, strict_query
from scoring_api.routers.examples import answering
from scoring_api.views import ModelList, ModelSummary

router = APIRouter(tags=["models"], dependencies=[require_scope("read"), Depends(strict_query)])


_EXAMPLE = ModelList(data=(ModelSummary(id="b2b-onboarding", version=1, title="B2B onboarding", active=True),))


@router.get("/models", summary="The score models that this deployment knows", responses=answering(_EXAMPLE))
async def list_models(use: Use) -> ModelList:
    """Exactly one of them is active: it makes today's scores."""
    return use.catalogue.listed()


@router.get("/models/{model_id}/versions/{version}", summary="A score model as a document")
async def read_model(
    model_id: Annotated[str, Path(max_length=100)], version: Annotated[int, Path(ge=1)], use: Use
) -> dict[str, Any]:
    """The policy itself: dimensions, weights, signals, curves, gates and bands."""
    return use.catalogue.document(model_id, version)
