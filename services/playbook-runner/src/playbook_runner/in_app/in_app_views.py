"""What the API shows of messages in the product; it holds no rule and no statement."""

from datetime import datetime
from typing import Self
from uuid import UUID

import asyncpg
from pydantic import BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class InAppMessageView(_Frozen):
    """One message to show: plain text, and a link that may be empty. `key` is how it is spoken of."""

    key: str
    title: str
    text: str
    link: str
    role: str
    created_at: datetime
    expires_at: datetime
    seen_at: datetime | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """Return the view of a row."""
        names = ("title", "text", "link", "role", "created_at", "expires_at", "seen_at")
        return cls(key=row["effect_key"].hex(), **{name: row[name] for name in names})


class InAppMessages(_Frozen):
    """What is up for an account now, newest first."""

    data: list[InAppMessageView]


class InAppTokenRequest(BaseModel):
    """Whose messages a page may ask for, and for how long."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"account_id": "0190f3d2-0000-7000-8000-000000000000", "role": "admin", "hours": 24}]})  # fmt: skip  # noqa: E501

    account_id: UUID
    role: str | None = Field(None, max_length=60, description="Only what is for this role and for everybody")
    hours: float = Field(24.0, gt=0, le=720)


class InAppToken(_Frozen):
    """A token for a page of the product; whoever has it may read and put away these messages, and nothing else."""

    token: str
    expires_at: datetime
