"""What the API takes and answers about accounts and references; it holds no rule."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from ingest_webhooks.views.wire import Asked, Wire
from milepost_contracts.events import AccountReference


class Candidate(Wire):
    """An account that an unknown reference may mean: the known reference that suggests it, and why."""

    account_id: UUID
    reference: str
    because: str


class UnmappedReference(Wire):
    """A reference that events wait for; `names` came along with it."""

    reference: str
    events: int
    since: datetime
    newest: datetime
    types: list[str]
    names: list[str]
    candidates: list[Candidate]


class Unmapped(Wire):
    """A page of references in the order of their names."""

    data: list[UnmappedReference]
    next_cursor: str | None


Reason = Annotated[str, Field(max_length=500)]


class NewAccount(Asked):
    """An account to make by hand, and the references that shall lead to it."""

    references: list[AccountReference] = Field(min_length=1, max_length=50)
    reason: Reason = ""


class AccountAnswer(Wire):
    """An account, and the references that lead to it."""

    account_id: UUID
    references: list[str]


class NewReference(Asked):
    """A reference that shall lead to an account; `move` takes it from another one."""

    reference: AccountReference
    move: bool = False
    reason: Reason = ""


class ReferenceAnswer(Wire):
    """Where a reference leads now."""

    reference: str
    account_id: UUID


class Span(Wire):
    """The account that a reference led to, since when (null: from the beginning) and until when (null: it does)."""

    account_id: UUID
    since: datetime | None
    until: datetime | None


class SaidWord(Wire):
    """What was told once of a reference: by a delivery, or by a person, who is named with the reason."""

    reference: str
    target: str
    kind: Literal["link", "primary", "removed", "same", "hint", "hand", "unhand"]
    at: datetime
    told_at: datetime
    delivery_id: UUID | None
    author: str
    reason: str


class KnownReference(Wire):
    """A reference of an account, where it leads by now, and how that came about."""

    reference: str
    account_id: UUID | None
    since: datetime | None
    history: list[Span]
    words: list[SaidWord]


class References(Wire):
    """A page of the references that lead to an account or did, in the order of their names."""

    data: list[KnownReference]
    next_cursor: str | None


class MergeRequest(Asked):
    """The account that another one shall live on in, and why."""

    into: Annotated[UUID, Field(strict=False)]  # in JSON it is text
    reason: Reason = ""


class MergeAnswer(Wire):
    """An account, and the one that it lives on in."""

    account_id: UUID
    merged_into: UUID
