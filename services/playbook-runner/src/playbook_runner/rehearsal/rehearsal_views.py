"""What the API takes and shows of rehearsals; it holds no rule and no statement."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


Version = Annotated[int, Field(ge=1, lt=2**31)]
People = Literal["act", "silent"]


class PreviewBody(_Asked):
    """Over how many days back to look, and at which version (without: the one in force)."""

    days: Annotated[int, Field(ge=1, le=90)] = 30
    version: Version | None = None
    people: People = "act"


class DryRunBody(_Asked):
    """Which accounts (without: the book), over which time, and what people are taken to do.

    `begin`: at what the trigger waits for, or every account at `since`, whatever the trigger says.
    """

    accounts: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None
    since: AwareDatetime
    until: AwareDatetime
    begin: Literal["trigger", "since"] = "trigger"
    version: Version | None = None
    people: People = "act"


class LineView(_Frozen):
    """One thing that would happen: when, at which step, what and why; `minutes` of somebody's work, `owner` whose."""

    at: datetime
    code: str
    sentence: str
    path: str | None
    kind: str | None
    minutes: float
    owner: str


class AccountStory(_Frozen):
    """What would happen for one account, in its order."""

    account_id: UUID
    lines: list[LineView]


class WeekView(_Frozen):
    """The work of one owner in one week (in UTC), named by its Monday."""

    week: str
    owner: str
    tasks: int
    minutes: float


class WorkView(_Frozen):
    """What it would take: messages by channel, tasks and their minutes, questions for approval; minutes by day.

    `weeks`: the tasks by week and owner, as owners would be found today.
    """

    messages: dict[str, int]
    tasks: int
    minutes: float
    approvals: int
    minutes_by_day: dict[str, float]
    weeks: list[WeekView]


class DryRunView(_Frozen):
    """The play; `digest` is SHA-256 over its lines, the same for the same play; `provisos`: what it cannot know.

    `unknown`: accounts that were asked for and have no health, so that nothing would start for them.
    """

    playbook_id: str
    version: int
    since: datetime
    until: datetime
    accounts: int
    unknown: list[UUID]
    work: WorkView
    data: list[AccountStory]
    more: int
    digest: str
    provisos: list[str]


class MatchView(_Frozen):
    """An account that would have started, and when first; `ended` is the last thing that is told of it."""

    account_id: UUID
    at: datetime
    starts: int
    ended: str


class PreviewView(_Frozen):
    """Who would have matched, what that would have taken, and why others were not begun, by code."""

    playbook_id: str
    version: int
    since: datetime
    until: datetime
    considered: int
    matched: int
    declined: dict[str, int]
    work: WorkView
    data: list[MatchView]
    more: int
    provisos: list[str]
