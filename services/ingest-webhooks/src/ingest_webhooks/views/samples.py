"""What is asked and answered about sample deliveries, and what a delivery became; it holds no rule."""

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class SampleLine(BaseModel):
    """A sample delivery, and in a line what it tells."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str


class Samples(BaseModel):
    """The samples of a source; `settings` are those of a connection by which every one of them means something."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    title: str
    settings: dict[str, Any]
    data: list[SampleLine]
    next_cursor: None = None


class SampleWish(BaseModel):
    """The company that a sample shall speak of.

    A reference in the source's words (`hubspot:<portal>:<company>`), an id at the provider, or any word; left out, a
    company that is nobody's. The same word is always the same company, with the same tickets.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    company: str | None = Field(default=None, min_length=1, max_length=255)


class SampleRequest(BaseModel):
    """A request as the provider would send it now; `body` is sent in UTF-8, every byte of it as it stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    sample: str
    connection_id: UUID
    method: Literal["POST"]
    url: str
    headers: dict[str, str]
    body: str


class BecameLine(BaseModel):
    """So many events of a type on an account that a delivery became; null: they wait until `reference` leads to one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    account_id: UUID | None
    reference: str | None
    events: int


class Became(BaseModel):
    """What a delivery became, by type and account: at most a hundred lines, those with the most events first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: list[BecameLine]
    next_cursor: None = None
