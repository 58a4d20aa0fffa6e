"""What the API shows of a step that is tried out; it holds no rule and no statement."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class SampleRequest(BaseModel):
    """With whose health the step is told, and who gets it; without `to` nothing is sent."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"account_id": None, "to": "kim@milepost.example"}]},
    )

    account_id: UUID | None = Field(None, description="An account whose health is asked now; null: made-up values")
    to: str | None = Field(None, max_length=254, description="A colleague's address; mails only")


class SampleView(BaseModel):
    """The step's words by field (a mail's `html` as it would be sent), and what became of the mail to oneself."""

    model_config = ConfigDict(frozen=True)

    kind: str
    words: dict[str, str]
    outcome: Literal["not_asked", "sent", "refused", "in_doubt"]
    reason: str
