"""What is asked and answered about milestones, delays and journeys on the wire; it decides nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from milepost_contracts.events import Moment, Name
from milepost_contracts.health import JourneyForecast, JourneyState, MilestoneView, ModelRef
from scoring_api.people.people_views import Asked, Author, Reason, Text, Wire

Side = Literal["customer", "us", "third_party"]
Cohort = Literal["quarter", "month"]
# The days from and before which a plan may speak: what the store reads as an instant when an event tells a day.
FIRST, BEYOND = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _plannable(moment: datetime) -> datetime:
    """Nobody plans before there were clocks in computers, and no day is counted from the calendar's edges."""
    if not FIRST <= moment < BEYOND:
        raise PydanticCustomError("out_of_range", "expected a moment from the year 1970 to the year 2199")
    return moment


# JSON has neither moments nor tuples: these two are read from texts and lists.
When = Annotated[Moment, Field(strict=False), AfterValidator(_plannable)]
Names = Annotated[tuple[Name, ...], Field(strict=False, max_length=50)]


class MilestoneTerms(Asked):
    """What a plan says of a milestone; what is left out is as the model says it, or as it was said before."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"due_at": "2026-04-15T09:00:00Z"}]})

    label: Reason | None = None
    due_at: When | None = Field(None, description="RFC 3339; null: it has no day")
    weight: float | None = Field(None, ge=0, le=1e9)
    required: bool | None = None
    owner: Reason | None = None
    side: Side | None = Field(None, description="Whom a delay is charged to while nobody says otherwise")
    after: Names | None = Field(None, description="What has to be done before, by id")
    work_days: float | None = Field(None, ge=0, le=3650)
    author: Author = None

    def said(self) -> dict[str, Any]:
        """Only what was said, as the properties of a record."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"author", "id"})


class NewMilestone(MilestoneTerms):
    """A milestone for this account alone."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"id": "security_review", "label": "Security review passed", "due_at": "2026-04-01T09:00:00Z"}]
        }
    )

    id: Name


class Completion(Asked):
    """That a milestone is reached, and what shows it: a link or a few words."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"evidence": "signed protocol of the review"}]})

    evidence: Text
    done_at: When | None = Field(None, description="When it was reached; now, if left out")
    author: Author = None


class Because(Asked):
    """Why something is taken back or taken out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "the protocol was of another customer"}]})

    reason: Reason
    author: Author = None


class NewDelay(Asked):
    """Whom we wait for from now on (or since `started_at`), for which milestone; without one, for all of them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"side": "customer", "because": "their network team is away", "milestone": "sso"}]
        }
    )

    side: Side
    because: Reason
    milestone: Name | None = None
    started_at: When | None = None
    author: Author = None


class DelayEnd(Asked):
    """That the waiting is over, now or since `ended_at`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"author": "Dana Reyes"}]})

    ended_at: When | None = None
    author: Author = None


class DelayView(Wire):
    """A stretch of time in which one side was waited for; open while `ended_at` is null."""

    id: str
    side: Side
    because: str
    milestone: str | None
    started_at: datetime
    ended_at: datetime | None


class DelayDays(Wire):
    """Business days late by whom they were lost to; over several milestones a day counts once for each."""

    customer: int = 0
    us: int = 0
    third_party: int = 0
    total: int = 0

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> "DelayDays":
        """The days by side with their sum."""
        return cls(**counts, total=sum(counts.values()))


class Word(Wire):
    """What was said of a milestone, oldest first: planned, dropped, completed or reopened, when, by whom, and what."""

    what: str
    at: datetime
    recorded_at: datetime
    by: str
    source: str
    event_id: str
    said: dict[str, Any]


class MilestoneDetail(MilestoneView):
    """A milestone with its history. `completed_by` is the record that completed it; `evidence` what shows it."""

    weight: float
    after: tuple[str, ...] = ()
    work_days: float | None = None
    planned_here: bool = False
    completed_by: Word | None = None
    evidence: Any = None
    delay_days: DelayDays = DelayDays()
    history: tuple[Word, ...] = ()


class JourneyView(Wire):
    """How the journey stands and since when; `state` is null without a plan."""

    state: JourneyState | None
    since: datetime | None
    sentence: str
    start_at: datetime | None
    target_at: datetime | None
    finished_at: datetime | None
    forecast: JourneyForecast | None
    delay_days: DelayDays


class AccountMilestones(Wire):
    """The whole plan of an account at a moment: journey, milestones with their histories, and whom we waited for.

    `dropped` names milestones that were taken out of the plan.
    """

    account_id: UUID
    as_of: datetime
    model: ModelRef
    journey: JourneyView
    milestones: tuple[MilestoneDetail, ...]
    delays: tuple[DelayView, ...]
    dropped: tuple[str, ...]


class TimesView(Wire):
    """How long it takes in days, by Kaplan and Meier: who is still on the way counts as not there yet.

    A figure is null while too few have come for it to be known. `spread` is from the first to the third quarter,
    `on_time` the share in time of those whose day has come.
    """

    n: int
    reached: int
    median: float | None
    p90: float | None
    spread: float | None
    on_time: float | None


class MilestoneTimes(TimesView):
    """The times of one milestone."""

    id: str
    label: str


class FunnelStep(Wire):
    """Of the accounts that could have got to a milestone by now (its day has come, or they are there), who did.

    `dropped` is the share that did not, of those among them who had reached all that it waits for (`after`).
    """

    id: str
    label: str
    could: int
    reached: int
    share: float | None
    dropped: float | None


class Group(Wire):
    """The figures of some accounts: all of them, a cohort by the start, or a segment."""

    name: str
    accounts: int
    first_value: TimesView | None
    milestones: tuple[MilestoneTimes, ...]
    funnel: tuple[FunnelStep, ...]
    delay_days: DelayDays


class MilestoneStatistics(Wire):
    """Journeys of the accounts that started from `start` to before `end`, by one model's plan, as known at `as_of`."""

    model: ModelRef
    segment: str | None
    start: datetime
    end: datetime
    as_of: datetime
    first_value_label: str | None
    all: Group
    cohorts: tuple[Group, ...]
    segments: tuple[Group, ...]
