"""What the routers ask FastAPI for; it builds nothing."""

from typing import Annotated

from fastapi import Depends, Request

from ingest_webhooks.service import Service
from milepost_runtime.keys import Principal, require_scope


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _correlation_id(request: Request) -> str:
    request_id: str = request.scope["state"]["request_id"]
    return request_id


TheService = Annotated[Service, Depends(_service)]
CorrelationId = Annotated[str, Depends(_correlation_id)]
MayIngest = Annotated[Principal, require_scope("ingest")]
MayRead = Annotated[Principal, require_scope("read")]
MayWrite = Annotated[Principal, require_scope("write")]
MayAdminister = Annotated[Principal, require_scope("admin")]
