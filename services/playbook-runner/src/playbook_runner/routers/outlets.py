"""Connections to where effects go, for administrators; no secret is shown but one that was just made up."""

from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Query

from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import require_scope
from playbook_runner.connections.connecting import NewOutlet
from playbook_runner.connections.outlet_views import (
    NewOutletBody,
    OutletChange,
    OutletList,
    OutletView,
    SetUp,
    Shared,
    Told,
    ToldList,
)
from playbook_runner.dependencies import Use

MAY = [require_scope("admin")]
router = APIRouter(prefix="/outlets", tags=["outlets"], route_class=NamedRequests)


@router.post("", status_code=201, dependencies=MAY, summary="Connect a CRM, a Slack workspace or a webhook")
async def create_outlet(wanted: NewOutletBody, use: Use) -> OutletView:
    """Playbooks name a connection by its `name`. A CRM is told of health once it is set up."""
    new = NewOutlet(wanted.name, wanted.kind, wanted.settings, wanted.secrets, wanted.rate_per_s)
    row, made = await use.outlets.create(new)
    return _view(row, made)


@router.get("", dependencies=MAY, summary="List connections")
async def list_outlets(use: Use) -> OutletList:
    """All connections, without their secrets."""
    return OutletList(data=[_view(row) for row in await use.outlets.every()])


@router.get("/{outlet_id}", dependencies=MAY, summary="One connection")
async def get_outlet(outlet_id: UUID, use: Use) -> OutletView:
    """A connection, and why it refused the last write as a whole, if it did."""
    return _view(await use.outlets.one(outlet_id))


@router.patch("/{outlet_id}", dependencies=MAY, summary="Change a connection")
async def change_outlet(outlet_id: UUID, wanted: OutletChange, use: Use) -> OutletView:
    """Change the name, the settings, the secrets, how fast calls may go out, or whether any do."""
    return _view(await use.outlets.change(outlet_id, wanted.values))


@router.delete("/{outlet_id}", status_code=204, dependencies=MAY, summary="Delete a connection")
async def delete_outlet(outlet_id: UUID, use: Use) -> None:
    """Forget a connection, its secrets, and what it was told."""
    await use.outlets.delete(outlet_id)


@router.post("/{outlet_id}/setup", dependencies=MAY, summary="Set up a CRM")
async def set_up_outlet(outlet_id: UUID, use: Use) -> SetUp:
    """Make the properties and permissions that are missing, then tell the CRM of every account. May be repeated."""
    row, made, accounts = await use.setting_up.set_up(outlet_id)
    return SetUp(outlet=_view(row), properties=made, accounts=accounts)


@router.get("/{outlet_id}/told", dependencies=MAY, summary="What a CRM was not told")
async def list_told(outlet_id: UUID, use: Use, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> ToldList:
    """How many accounts wait to be told, those whose last write was refused or is tried again, and those that share
    a record, of which one is told."""
    found = await use.setting_up.told(outlet_id, limit)
    shared = [Shared(told_of=row["account_ids"][0], **dict(row)) for row in found.shared]
    data = [Told.model_validate(dict(row)) for row in found.troubled]
    return ToldList(waiting=found.waiting, refused=found.refused, data=data, shared=shared)


def _view(row: asyncpg.Record, secret: str | None = None) -> OutletView:
    shown = {name: value for name, value in row.items() if name != "sealed"}
    return OutletView(**shown, secret=secret)
