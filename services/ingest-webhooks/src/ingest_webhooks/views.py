"""What the API of this service takes and answers beside events; it holds no rule."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from milepost_contracts.events import AccountReference, Name

State = Literal["new", "done", "ignored", "quarantined"]


class Wire(BaseModel):
    """Frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NewConnection(Wire):
    """A connection to make; without a secret one is made up."""

    source: str = Field(max_length=50)
    name: Name
    secret: SecretStr | None = Field(default=None, min_length=8, max_length=500)
    settings: dict[str, Any] = Field(default_factory=dict)


class ConnectionChange(Wire):
    """What to change; what is left out stays."""

    name: Name | None = None
    settings: dict[str, Any] | None = None
    enabled: bool | None = None


class Rotation(Wire):
    """The next secret (made up when left out) and how long the present one stays live."""

    secret: SecretStr | None = Field(default=None, min_length=8, max_length=500)
    overlap_seconds: float = Field(default=86_400, ge=0, le=30 * 86_400)


class ConnectionAnswer(Wire):
    """A connection; `secret` is there only in the answer that made it up."""

    id: UUID
    source: str
    name: str
    settings: dict[str, Any]
    enabled: bool
    created_at: datetime
    older_secret_until: datetime | None
    webhook_url: str
    secret: str | None = None


class Connections(Wire):
    """All connections."""

    data: list[ConnectionAnswer]
    next_cursor: None = None


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


class EventBooks(Wire):
    """Where the accepted events are: accepted = done + ignored + quarantined + waiting.

    `missing` are events that the deliveries count as done but no row holds any more; with any, nothing is balanced.
    """

    accepted: int
    done: int
    duplicates: int
    ignored: int
    quarantined: int
    waiting: int
    missing: int
    balanced: bool


class SourceBooks(Wire):
    """Where the accepted deliveries of a source are: accepted = done + ignored + quarantined + waiting."""

    source: str
    accepted: int
    done: int
    ignored: int
    quarantined: int
    waiting: int
    balanced: bool
    events: EventBooks


class Books(Wire):
    """The books of every source."""

    sources: list[SourceBooks]
    balanced: bool


class UnmappedReference(Wire):
    """A reference that events wait for."""

    reference: str
    events: int
    since: datetime
    newest: datetime
    types: list[str]


class Unmapped(Wire):
    """A page of references in the order of their names."""

    data: list[UnmappedReference]
    next_cursor: str | None


class NewReference(Wire):
    """A reference that shall lead to an account; `move` takes it from another one."""

    reference: AccountReference
    move: bool = False


class ReferenceAnswer(Wire):
    """Where a reference leads now."""

    reference: str
    account_id: UUID
