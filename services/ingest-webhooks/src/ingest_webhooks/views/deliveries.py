"""What the API answers about deliveries; it holds no rule."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ingest_webhooks.views.wire import State, Wire


class DeliveryLine(Wire):
    """A delivery in a list: its elements are relayed, linked, duplicates, ignored or quarantined."""

    id: UUID
    source: str
    connection_id: UUID | None
    received_at: datetime
    state: State
    size: int
    correlation_id: str
    elements: int
    relayed: int
    linked: int
    duplicates: int
    ignored: int
    quarantined: int
    faults: list[dict[str, Any]]


class Deliveries(Wire):
    """A page of deliveries, newest first; `next_cursor` is null on the last one."""

    data: list[DeliveryLine]
    next_cursor: str | None


class DeliveryDetail(DeliveryLine):
    """A delivery with the headers that were kept and the shape of its body; texts are hidden."""

    headers: dict[str, str]
    body: Any


class Replaying(Wire):
    """A delivery that is due again."""

    id: UUID
    state: State


class Success(Wire):
    """What analytics libraries want to hear."""

    success: Literal[True] = True
