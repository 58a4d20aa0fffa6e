"""Routes about playbook documents; it decides nothing."""

from typing import Annotated

from fastapi import APIRouter, Path

from milepost_runtime.keys import Principal, require_scope
from playbook_runner.dependencies import Use
from playbook_runner.reading import playbook_view
from playbook_runner.views import PlaybookList, PlaybookView

router = APIRouter(tags=["playbooks"])
PlaybookId = Annotated[str, Path(max_length=64)]
Number = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("/playbooks", dependencies=[require_scope("read")], summary="Every playbook in force")
async def list_playbooks(use: Use) -> PlaybookList:
    """The version in force of each, active or paused."""
    return await use.reading.playbooks()


@router.get("/playbooks/{playbook_id}", dependencies=[require_scope("read")], summary="One playbook")
async def get_playbook(use: Use, playbook_id: PlaybookId) -> PlaybookView:
    """The version in force, with its document."""
    return await use.reading.playbook(playbook_id)


@router.get("/playbooks/{playbook_id}/versions/{version}", dependencies=[require_scope("read")], summary="One version")
async def get_version(use: Use, playbook_id: PlaybookId, version: Number) -> PlaybookView:
    """A version never changes; runs keep the one that they began with."""
    return await use.reading.playbook(playbook_id, version)


@router.post("/playbooks/{playbook_id}:pause", summary="Pause one playbook")
async def pause_playbook(
    use: Use, playbook_id: PlaybookId, who: Annotated[Principal, require_scope("playbooks")]
) -> PlaybookView:
    """Changes that come meanwhile are skipped; runs that are open wait."""
    return playbook_view(await use.keeping.set_state(playbook_id, "paused", who.name))


@router.post("/playbooks/{playbook_id}:activate", summary="Let a paused playbook go on")
async def activate_playbook(
    use: Use, playbook_id: PlaybookId, who: Annotated[Principal, require_scope("playbooks")]
) -> PlaybookView:
    """Open runs go on; each step asks for today's health before it does anything."""
    return playbook_view(await use.keeping.set_state(playbook_id, "active", who.name))
