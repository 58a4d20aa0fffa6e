"""Routes for trying a step out before anybody gets it; it decides nothing."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import require_scope
from playbook_runner.dependencies import Use
from playbook_runner.documents.sample_views import SampleRequest, SampleView
from playbook_runner.documents.sampling import Asked, told

router = APIRouter(tags=["playbooks"], route_class=NamedRequests)


@router.post(
    "/playbooks/{playbook_id}/versions/{version}/steps/{step}:test",
    dependencies=[require_scope("playbooks")],
    summary="Read a step as it would go out, or mail it to oneself",
)
async def test_step(
    use: Use,
    playbook_id: Annotated[str, Path(max_length=64)],
    version: Annotated[int, Path(ge=1, lt=2**31)],
    step: Annotated[str, Path(max_length=64)],
    body: SampleRequest,
    request: Request,
) -> SampleView:
    """Nothing is counted or written down for a sample, and it goes to colleagues alone.

    With `account_id` it speaks of that account's health of this moment; a refusal says why nothing could be written.
    """
    correlation_id = request.scope.get("state", {}).get("request_id", "")
    asked = Asked(playbook_id, version, step, body.account_id, body.to)
    sample = await use.sampling.sample(asked, correlation_id)
    outcome, reason = told(sample.outcome)
    return SampleView.model_validate(
        {"kind": sample.kind, "words": dict(sample.words), "outcome": outcome, "reason": reason}
    )
