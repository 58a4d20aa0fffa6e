"""Routes about runs; it decides nothing."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import Principal, require_scope
from milepost_runtime.paging import ONCE
from playbook_runner.dependencies import Use
from playbook_runner.views import RunList, RunState, RunView, StartRun

router = APIRouter(tags=["runs"], dependencies=[ONCE])
making = APIRouter(tags=["runs"], route_class=NamedRequests)


@router.get("/runs", dependencies=[require_scope("read")], summary="Runs, newest first")
async def list_runs(
    use: Use,
    account: Annotated[UUID | None, Query(description="Only this account")] = None,
    state: Annotated[RunState | None, Query(description="Only in this state")] = None,
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> RunList:
    """Of every playbook and account, unless one is named; each says which change started it."""
    return await use.reading.runs(account, state, cursor, limit)


@router.get("/runs/{run_id}", dependencies=[require_scope("read")], summary="One run")
async def get_run(use: Use, run_id: UUID) -> RunView:
    """A run with its steps and effects, what each waits for, and why it ended."""
    return await use.reading.run(run_id)


@router.post("/runs/{run_id}/cancel", summary="Stop a run")
async def cancel_run(use: Use, run_id: UUID, who: Annotated[Principal, require_scope("playbooks")]) -> RunView:
    """What has not been started will not be; what is under way ends as it ends."""
    await use.resolving.cancel(run_id, who.name)
    return await use.reading.run(run_id)


@making.post("/accounts/{account_id}/runs", status_code=201, summary="Start a playbook by hand")
async def start_run(
    use: Use, account_id: UUID, body: StartRun, who: Annotated[Principal, require_scope("playbooks")]
) -> RunView:
    """Whether the account is meant and how long ago the last run was does not matter; tier, arm and holdout do.

    Refused (409) while another run of the playbook is open for the account, and for a playbook that is paused.
    """
    run_id = await use.by_hand.start(account_id, body.playbook, body.because, who.name)
    return await use.reading.run(run_id)
