"""What the API takes and answers about people to forget; it holds no rule."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from ingest_webhooks.views.wire import Asked, Wire
from milepost_contracts.events import Name


class NewErasure(Asked):
    """Somebody to forget: a mail address, or what a provider calls the person (`hubspot:<portal>:contact:<id>`)."""

    person: Name
    reason: str = Field(default="", max_length=500, description="Why; do not name the person here, it is kept")


class ErasureAnswer(Wire):
    """How an erasure stands; it names nobody.

    `events` were blanked, and `deliveries` whose kept bodies were; `left_alone` are kept bodies that named the person
    and could not be read, so that they still may: they go with their time.
    """

    id: UUID
    state: Literal["asked", "done"]
    author: str
    reason: str
    asked_at: datetime
    done_at: datetime | None
    events: int
    deliveries: int
    left_alone: int
