"""Connections, for administrators; a secret is shown once at most."""

from dataclasses import asdict
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import SecretStr

from ingest_webhooks.dependencies import MayAdminister, TheService
from ingest_webhooks.entrance import connecting
from ingest_webhooks.entrance.connecting import ConnectionView
from ingest_webhooks.service import Service
from ingest_webhooks.sources import SOURCES
from ingest_webhooks.views.connections import ConnectionAnswer, ConnectionChange, Connections, NewConnection, Rotation
from milepost_runtime.idempotency import NamedRequests

router = APIRouter(prefix="/connections", tags=["connections"], route_class=NamedRequests)


@router.post("", status_code=201, summary="Make a connection")
async def create_connection(
    wanted: NewConnection, request: Request, _key: MayAdminister, service: TheService
) -> ConnectionAnswer:
    """Make a connection for a provider's account; its `webhook_url` goes into the provider's settings."""
    made = await service.connecting.create(
        connecting.NewConnection(
            wanted.source, wanted.name, _plain(wanted.secret), wanted.settings, wanted.rate_per_second
        )
    )
    return _answer(made, request, service)


@router.get("", summary="List connections")
async def list_connections(request: Request, _key: MayAdminister, service: TheService) -> Connections:
    """Return all connections, without their secrets."""
    return Connections(data=[_answer(one, request, service) for one in await service.connecting.every()])


@router.patch("/{connection_id}", summary="Change a connection")
async def change_connection(
    connection_id: UUID, wanted: ConnectionChange, request: Request, _key: MayAdminister, service: TheService
) -> ConnectionAnswer:
    """Change the name, the settings, how fast deliveries may come, or whether they are taken."""
    changed = await service.connecting.change(connection_id, wanted.values)
    return _answer(changed, request, service)


@router.post("/{connection_id}/rotate", summary="Rotate a connection's secret")
async def rotate_connection(
    connection_id: UUID, wanted: Rotation, request: Request, _key: MayAdminister, service: TheService
) -> ConnectionAnswer:
    """Make a new secret live; the present one stays live for the overlap."""
    rotated = await service.connecting.rotate(connection_id, _plain(wanted.secret), wanted.overlap_seconds)
    return _answer(rotated, request, service)


@router.delete("/{connection_id}", status_code=204, summary="Delete a connection")
async def delete_connection(connection_id: UUID, _key: MayAdminister, service: TheService) -> None:
    """Forget a connection and its secrets; what it delivered stays."""
    await service.connecting.delete(connection_id)


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _answer(view: ConnectionView, request: Request, service: Service) -> ConnectionAnswer:
    base = service.settings.public_url_ingest or str(request.base_url)
    address = f"{base.rstrip('/')}/webhooks/{view.source}/{view.id}"
    secret_address = None if view.token is None else f"{address}/{view.token}"
    shown = {name: value for name, value in asdict(view).items() if name != "token"}
    return ConnectionAnswer(
        **shown,
        webhook_url=secret_address or address if SOURCES[view.source].secret_address else address,
        secret_webhook_url=secret_address,
    )
