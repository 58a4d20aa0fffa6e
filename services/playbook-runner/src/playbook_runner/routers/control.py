"""The one switch; it decides nothing."""

from typing import Annotated

from fastapi import APIRouter

from milepost_runtime.keys import Principal, require_scope
from playbook_runner.dependencies import Use
from playbook_runner.views import Switch

router = APIRouter(tags=["control"])


@router.get("/control", dependencies=[require_scope("read")], summary="Is outreach paused?")
async def get_control(use: Use) -> Switch:
    """The switch, and who turned it last."""
    return await use.reading.switch()


@router.post("/pause", summary="Pause all outreach")
async def pause(use: Use, who: Annotated[Principal, require_scope("playbooks")]) -> Switch:
    """Nothing is started from the next transaction on; runs still open and wait."""
    return Switch.model_validate(dict(await use.keeping.switch(paused=True, by=who.name)))


@router.post("/resume", summary="Resume all outreach")
async def resume(use: Use, who: Annotated[Principal, require_scope("playbooks")]) -> Switch:
    """What waited goes on at once; each step asks for today's health before it does anything."""
    return Switch.model_validate(dict(await use.keeping.switch(paused=False, by=who.name)))
