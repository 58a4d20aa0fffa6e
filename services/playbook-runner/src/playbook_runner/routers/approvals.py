"""Routes about gates before steps; it decides nothing."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import Principal, require_scope
from milepost_runtime.paging import ONCE
from playbook_runner.dependencies import Use
from playbook_runner.people.task_views import ApprovalList, ApprovalState, ApprovalView, ApproveBody, RejectBody

router = APIRouter(tags=["approvals"], route_class=NamedRequests, dependencies=[ONCE])
Approver = Annotated[Principal, require_scope("write")]


@router.get("/approvals", dependencies=[require_scope("read")], summary="Approvals, newest first")
async def list_approvals(
    use: Use,
    owner: Annotated[str | None, Query(max_length=255, description="Only for this person to decide")] = None,
    state: Annotated[ApprovalState | None, Query(description="Only in this state")] = None,
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ApprovalList:
    """Each shows the draft as it would go."""
    return await use.queueing.approvals(owner, state, cursor, limit)


@router.get("/approvals/{approval_id}", dependencies=[require_scope("read")], summary="One approval")
async def get_approval(use: Use, approval_id: UUID) -> ApprovalView:
    """The draft, what was put in its place, and what was said."""
    return await use.queueing.approval(approval_id)


@router.post("/approvals/{approval_id}/approve", summary="Let it go")
async def approve(use: Use, approval_id: UUID, who: Approver, body: ApproveBody | None = None) -> ApprovalView:
    """As it is, or with other words for parts of the draft."""
    await use.approving.approve(approval_id, body.edited if body else None, who.name)
    return await use.queueing.approval(approval_id)


@router.post("/approvals/{approval_id}/reject", summary="Do not let it go")
async def reject(use: Use, approval_id: UUID, body: RejectBody, who: Approver) -> ApprovalView:
    """With the reason; the run goes where the playbook says."""
    await use.approving.reject(approval_id, body.reason, who.name)
    return await use.queueing.approval(approval_id)
