"""What the API shows and takes of the arbiter: words to leave somebody alone, the policy, people, days off."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from playbook_runner.arbiter.policies import DayOff
from playbook_runner.people.rostering import Known

_CLOCK: Final[dict[str, Any]] = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["09:00"]}


def _clock(told: Any) -> Any:
    """Return a time as HH:MM says it; a row's is one already."""
    if isinstance(told, time):
        return told
    if not isinstance(told, str) or re.fullmatch(_CLOCK["pattern"], told) is None:
        raise ValueError("a time as HH:MM")
    return time.fromisoformat(told)


def _shown(told: time) -> str:
    return f"{told:%H:%M}"


Kind = Literal["opt_out", "legal_hold", "hands_off", "bounced", "complained"]
Text = Annotated[str, StringConstraints(max_length=1_000, strip_whitespace=True)]
Short = Annotated[str, StringConstraints(max_length=255, strip_whitespace=True)]
Clock = Annotated[time, BeforeValidator(_clock), PlainSerializer(_shown, when_used="json"), WithJsonSchema(_CLOCK)]
Role = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SuppressionRequest(_Asked):
    """Whom to leave alone: a mailbox, an account, or one's mailbox in an account; `until` null: for good."""

    kind: Kind
    address: Short | None = None
    account_id: UUID | None = None
    reason: Text = ""
    author: Short = ""
    until: AwareDatetime | None = None


class SuppressionView(_Frozen):
    """A word to leave somebody alone. The mailbox itself is not kept; `of_person` says that it is about one.

    `evidence` is empty for what a person said, else the message that came back (`effect:<key>`), or the event that told
    of it (`event:<id>`).
    """

    id: UUID
    account_id: UUID | None
    of_person: bool
    kind: Kind
    reason: str
    author: str
    evidence: str
    since: datetime
    until: datetime | None
    ended_at: datetime | None
    active: bool


class SuppressionList(_Frozen):
    """A page of words, newest first; `next_cursor` is null on the last one."""

    data: list[SuppressionView]
    next_cursor: str | None


class PolicyRequest(_Asked):
    """A whole policy; what the document leaves out is as by default."""

    document: dict[str, Any] = Field(max_length=100)
    author: Short = ""


class PolicyView(_Frozen):
    """One version of the policy, with everything written out; version 0 is the default that nobody has said."""

    version: int
    document: dict[str, Any]
    author: str
    created_at: datetime | None


class PolicyList(_Frozen):
    """Versions, newest first; `next_cursor` is null on the last page."""

    data: list[PolicyView]
    next_cursor: str | None


class DayOffRequest(_Asked):
    """What the day is called."""

    name: Short = ""


class DayOffView(_Frozen):
    """A day on which nobody works in a region (empty: everywhere); `own`: by the company's word."""

    region: str
    day: date
    name: str
    own: bool


class DaysOff(_Frozen):
    """Every day off of a region in a year."""

    data: list[DayOffView]
    next_cursor: None = None

    @classmethod
    def of(cls, days: list[DayOff]) -> "DaysOff":
        """Return days as a list."""
        return cls(data=[DayOffView.model_validate(one) for one in days])


class PersonRequest(_Asked):
    """All that is known of somebody who works here.

    They work from `opens` until `closes` by the clocks of their zone (00:00: the end of the day); without, in the hours
    of the policy.
    """

    name: Short = ""
    email: Short = ""
    zone: Short = "UTC"
    region: Short = ""
    roles: list[Role] = Field(default_factory=list, max_length=50)
    opens: Clock | None = None
    closes: Clock | None = None
    minutes_a_day: int = Field(default=240, ge=0, le=1_440)
    active: bool = True

    @model_validator(mode="after")
    def _hours(self) -> Self:
        if (self.opens is None) != (self.closes is None):
            raise ValueError("opens and closes are said together")
        if self.opens is not None and self.closes not in (None, time(0)) and self.opens >= self.closes:
            raise ValueError("closes comes after opens, on the same day")
        return self


class AbsenceRequest(_Asked):
    """Days on which somebody is away, both included, and who stands in."""

    since: date
    until: date
    delegate: Short | None = None


class AbsenceView(_Frozen):
    """An absence."""

    id: UUID
    person: str
    since: date
    until: date
    delegate: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "AbsenceView":
        """Return a row as the API shows it."""
        return cls(
            id=row["id"],
            person=row["person_id"],
            since=row["since"],
            until=row["until"],
            delegate=row["delegate_id"],
        )


class PersonView(_Frozen):
    """Somebody who works here, with the absences that are not over."""

    id: str
    name: str
    email: str
    zone: str
    region: str
    roles: list[str]
    opens: Clock | None
    closes: Clock | None
    minutes_a_day: int
    active: bool
    absences: list[AbsenceView]

    @classmethod
    def of(cls, known: Known) -> "PersonView":
        """Return a person as the API shows them."""
        return cls(**dict(known.person), absences=[AbsenceView.of(row) for row in known.absences])


class PersonList(_Frozen):
    """People by id; `next_cursor` is null on the last page."""

    data: list[PersonView]
    next_cursor: str | None
