"""What people add to a score and who they are at the door: overrides, notes, feedback, keys; it reads no row."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import SQLModel

from milepost_runtime.columns import NOW, STAMP, ApiKeyColumns, IdempotencyColumns, may, must, primary
from scoring_api.tables.schema import METADATA


class Override(SQLModel, table=True):
    """A person's word above the score: until `expires_at`, or until it is ended; never changed otherwise.

    Here and below `author` is who signs, `told_by` the name of the key or session that brought it.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    id: UUID = primary(sa.Uuid)
    band: str | None = may(sa.Text)
    score: float | None = may(sa.Double)
    reason: str = must(sa.Text)
    author: str = must(sa.Text)
    told_by: str = must(sa.Text)
    created_at: datetime = must(STAMP, NOW)
    expires_at: datetime = must(STAMP)
    ended_at: datetime | None = may(STAMP)
    ended_by: str | None = may(sa.Text)
    ended_because: str | None = may(sa.Text)


class Note(SQLModel, table=True):
    """What somebody wrote about an account, with the score as it stood then; `visibility` says who may read it.

    Of a note that was deleted the row stays, without its text.
    """

    metadata: ClassVar[sa.MetaData] = METADATA
    account_id: UUID = primary(sa.Uuid)
    id: UUID = primary(sa.Uuid)
    visibility: str = must(sa.Text)
    text: str = must(sa.Text)
    author: str = must(sa.Text)
    told_by: str = must(sa.Text)
    created_at: datetime = must(STAMP, NOW)
    snapshot_as_of: datetime | None = may(STAMP)
    score: float | None = may(sa.Double)
    band: str | None = may(sa.Text)
    deleted_at: datetime | None = may(STAMP)
    deleted_by: str | None = may(sa.Text)


class Feedback(SQLModel, table=True):
    """Somebody's word that a score looks wrong, who has to answer it, and the answer."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __table_args__ = (sa.Index(None, "state", "created_at"), sa.Index(None, "id"))
    account_id: UUID = primary(sa.Uuid)
    id: UUID = primary(sa.Uuid)
    because: str = must(sa.Text)
    signal: str | None = may(sa.Text)
    expected_band: str | None = may(sa.Text)
    author: str = must(sa.Text)
    told_by: str = must(sa.Text)
    owner: str = must(sa.Text)
    state: str = must(sa.Text, "'open'")
    created_at: datetime = must(STAMP, NOW)
    snapshot_as_of: datetime | None = may(STAMP)
    score: float | None = may(sa.Double)
    band: str | None = may(sa.Text)
    model_id: str | None = may(sa.Text)
    model_version: int | None = may(sa.Integer)
    answer: str | None = may(sa.Text)
    verdict: str | None = may(sa.Text)
    answered_by: str | None = may(sa.Text)
    answered_at: datetime | None = may(STAMP)


class Idempotency(IdempotencyColumns, table=True):
    """Requests that their callers have named."""

    metadata: ClassVar[sa.MetaData] = METADATA


class ApiKey(ApiKeyColumns, table=True):
    """Keys that open this service's doors."""

    metadata: ClassVar[sa.MetaData] = METADATA
    __tablename__ = "api_key"
