"""Routes about rehearsals: what a playbook would have done, or would do; it decides nothing."""

from typing import Annotated

from fastapi import APIRouter, Path

from milepost_runtime.keys import require_scope
from playbook_runner.dependencies import Use
from playbook_runner.rehearsal.rehearsal_views import DryRunBody, DryRunView, PreviewBody, PreviewView

router = APIRouter(tags=["rehearsals"])
PlaybookId = Annotated[str, Path(max_length=64)]
READS = require_scope("read")


@router.post("/playbooks/{playbook_id}:preview", dependencies=[READS], summary="Who would have matched")
async def preview_playbook(use: Use, playbook_id: PlaybookId, body: PreviewBody | None = None) -> PreviewView:
    """In the last days, and the work that it would have meant. Nothing comes of it."""
    return await use.rehearsing.preview(playbook_id, body or PreviewBody())


@router.post("/playbooks/{playbook_id}:dry-run", dependencies=[READS], summary="What would happen")
async def dry_run_playbook(use: Use, playbook_id: PlaybookId, body: DryRunBody) -> DryRunView:
    """For some accounts or the whole book, over past or future time; the same every time. Nothing comes of it."""
    return await use.rehearsing.dry_run(playbook_id, body)
