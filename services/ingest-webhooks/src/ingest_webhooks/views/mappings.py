"""What the API takes and answers about mappings and replays; it holds no rule."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints, model_validator

from ingest_webhooks.views.wire import Asked, State, Wire
from milepost_contracts.events import Moment

_RULES = "By topic: what each fact becomes. Topics that are not named are understood by the source's defaults."
# In JSON both are text.
_Id = Annotated[UUID, Field(strict=False)]
_Moment = Annotated[Moment, Field(strict=False)]
_Header = Annotated[str, StringConstraints(max_length=2_000)]


class NewMapping(Asked):
    """A connection's own rules, all of them, and why they are as they are."""

    rules: Any = Field(description=_RULES, examples=[{"company.seats": {"attribute": "seats", "reads": "number"}}])
    note: str = Field(default="", max_length=500)


class LintMapping(Asked):
    """Rules to check; nothing is kept."""

    rules: Any = Field(description=_RULES)


class Activation(Asked):
    """The version whose rules shall count again; 0 has none of its own."""

    version: int = Field(ge=0, le=2**31 - 1)
    note: str = Field(default="", max_length=500)


class MappingAnswer(Wire):
    """A version of a connection's own rules; version 0, before anybody wrote any, has none."""

    version: int
    rules: dict[str, Any]
    author: str
    note: str
    created_at: datetime | None


class MappingDetail(MappingAnswer):
    """The rules that count, beside the defaults of the source that fill what they leave open."""

    defaults: dict[str, Any]


class MappingLine(Wire):
    """A version in a list, with the number of its rules."""

    version: int
    rules: int
    author: str
    note: str
    created_at: datetime


class MappingVersions(Wire):
    """All versions, newest first."""

    data: list[MappingLine]
    next_cursor: None = None


class RemarkAnswer(Wire):
    """What is wrong (`error`: refused) or hardly meant, where (a JSON pointer), and what may have been meant."""

    pointer: str
    severity: Literal["error", "warning"]
    code: str
    message: str
    nearest: str | None


class Lint(Wire):
    """All remarks on a mapping; `valid` says that it would be kept."""

    valid: bool
    remarks: list[RemarkAnswer]


class TriedPayload(Asked):
    """What a provider would deliver: a JSON document, or a text (XML, say); `rules` try out a mapping instead."""

    payload: JsonValue
    headers: dict[str, _Header] = Field(default_factory=dict, max_length=100)
    rules: Any = Field(default=None, description=_RULES)


class RuleFound(Wire):
    """Which rule understood a fact: one of the connection's own, a default of the source, or none."""

    of: Literal["own", "default", "none"]
    pattern: str | None


class Placed(Wire):
    """Where an event goes: an account that is known, a new one, or nowhere until its reference leads to one."""

    reference: str
    fallbacks: list[str]
    does: Literal["joins", "opens", "waits"]
    account_id: UUID | None


class EventPreview(Wire):
    """An event as it would be told."""

    event_id: str
    type: str
    occurred_at: datetime
    account: Placed
    actor: str | None
    role: str | None
    item: str | None
    value: float | str | None
    properties: dict[str, Any]


class FactPreview(Wire):
    """A fact that the payload tells, the rule that understood it, and the events that it becomes."""

    topic: str
    rule: RuleFound
    events: list[EventPreview]
    fault: str | None


class LinkPreview(Wire):
    """A reference that would lead to the account behind another one, or no longer."""

    reference: str
    account: str
    at: datetime
    primary: bool
    removed: bool


class MergePreview(Wire):
    """Accounts that would live on behind one reference."""

    survivor: str
    merged: list[str]
    at: datetime


class FaultPreview(Wire):
    """What could not be understood: an element by its position, null: the whole body."""

    position: int | None
    reason: str
    code: str | None


class Preview(Wire):
    """What a payload would become; `events` are those that no rule made. Nothing was kept."""

    elements: int
    facts: list[FactPreview]
    events: list[EventPreview]
    links: list[LinkPreview]
    merges: list[MergePreview]
    faults: list[FaultPreview]
    ignored: int


class NewReplay(Asked):
    """Which deliveries to relay once more: all that fit everything given. A dry run changes nothing."""

    connection_id: _Id | None = None
    source: str | None = Field(default=None, max_length=50)
    state: State | None = None
    received_from: _Moment | None = Field(default=None, alias="from")
    received_to: _Moment | None = Field(default=None, alias="to")
    dry_run: bool = False

    @model_validator(mode="after")
    def _forward(self) -> "NewReplay":
        if self.received_from and self.received_to and self.received_from >= self.received_to:
            raise ValueError("`from` must be before `to`")
        return self


class Progress(Wire):
    """How many deliveries there are (null: not counted yet) and how many are done."""

    total: int | None
    done: int


class Changes(Wire):
    """What became of the facts: told for the first time, corrected, taken back, left as they were."""

    new: int
    corrected: int
    retracted: int
    unchanged: int


class ReplayAnswer(Wire):
    """A replay and how far it has come; `faults` could not be understood. A dry run says what would be."""

    id: UUID
    connection_id: UUID | None
    source: str | None
    state: State | None
    received_from: datetime | None = Field(serialization_alias="from")
    received_to: datetime | None = Field(serialization_alias="to")
    dry_run: bool
    status: Literal["running", "done", "cancelled", "failed"]
    reason: str
    author: str
    created_at: datetime
    finished_at: datetime | None
    deliveries: Progress
    events: Changes
    faults: int


class ReplayDetail(ReplayAnswer):
    """A replay with the first changes that it made, or would make; texts of people are not shown."""

    examples: list[dict[str, Any]]


class Replays(Wire):
    """A page of replays, newest first; `next_cursor` is null on the last one."""

    data: list[ReplayAnswer]
    next_cursor: str | None
