"""The words of `evaluation.yaml` and what each may say; it reads no table."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from milepost_core.model.normalisers import category_text
from scoring_api.evaluating.sheets import DataUnreadable, moment_of

FILE = "evaluation.yaml"
_TAGS = frozenset({"by day", "by date", "by cohort", "by time"})


def _moment(said: object) -> object:
    if not isinstance(said, str | date):
        raise ValueError("should be a day or an instant, like 2025-01-31")
    try:
        return moment_of(str(said))
    except DataUnreadable as error:
        raise ValueError(str(error)) from None


def _cohort(said: object) -> object:
    return category_text(said) if isinstance(said, int | float) and not isinstance(said, bool) else said


def _from_to(stretch: list[float]) -> list[float]:
    if stretch[0] > stretch[1]:
        raise ValueError("should be two days, the earlier one first")
    return stretch


Moment = Annotated[datetime, BeforeValidator(_moment)]
Cohort = Annotated[str, BeforeValidator(_cohort)]
Every = Annotated[int, Field(ge=1, le=3650)]
Day = Annotated[int, Field(ge=0, le=36500)]
Stretch = Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(_from_to)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Words(BaseModel):
    """A mapping in which every key has a meaning."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class ByDay(Words):
    """Looks at so many days after each account's start."""

    from_day: Day
    to_day: Day
    every_days: Every = 7


class ByDate(Words):
    """Looks on the calendar, the same for all."""

    since: Moment = Field(alias="from")
    until: Moment | None = Field(None, alias="to")
    every_days: Every = 7


class ByCohort(Words):
    """Sides by what an attribute said at an account's start."""

    attribute: Annotated[str, Field(min_length=1)]
    train: Annotated[list[Cohort], Field(min_length=1)]
    test: Annotated[list[Cohort], Field(min_length=1)]

    @model_validator(mode="after")
    def _apart(self) -> "ByCohort":
        if both := sorted(set(self.train) & set(self.test)):
            raise ValueError(f"{both[0]} is trained on and tested on")
        return self


class ByTime(Words):
    """Sides by the moment of a look."""

    train_before: Moment
    test_from: Moment

    @model_validator(mode="after")
    def _in_order(self) -> "ByTime":
        if self.test_from < self.train_before:
            raise ValueError("test_from lies before train_before")
        return self


def _has(*keys: str) -> Any:
    first, second, *marks = keys
    return Discriminator(lambda said: first if isinstance(said, Mapping) and set(marks) & set(said) else second)


Panel = Annotated[
    Annotated[ByDay, Tag("by day")] | Annotated[ByDate, Tag("by date")], _has("by date", "by day", "from", "to")
]
Split = Annotated[
    Annotated[ByCohort, Tag("by cohort")] | Annotated[ByTime, Tag("by time")],
    _has("by time", "by cohort", "train_before", "test_from"),
]


class Quantiles(Words):
    """Shares of training rows that lie below the thresholds of bands."""

    red: Share = 0.1
    yellow: Share = 0.3

    @model_validator(mode="after")
    def _rising(self) -> "Quantiles":
        if self.red >= self.yellow:
            raise ValueError("red must lie below yellow")
        return self


class Description(Words):
    """A whole `evaluation.yaml`."""

    horizon_days: Annotated[float, Field(ge=1, le=3650)]
    panel: Panel
    split: Split
    title: str = ""
    citation: str = ""
    outcome: str = "leaves"
    analogy: str = ""
    journey: list[Stretch] = []
    fit: dict[str, Literal["rising", "falling"]] = {}
    bands: Quantiles = Quantiles()
    default: list[str] = []
    adapted: list[str] = []
    model: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _fits_its_model(self) -> "Description":
        signals = (self.model or {}).get("signals")
        known = {one.get("id") for one in signals if isinstance(one, dict)} if isinstance(signals, list) else set()
        # What a model may say is the model's own matter: without any signal it is refused as a model.
        if strange := [name for name in self.fit if (known or self.model is None) and name not in known]:
            raise ValueError(f"fit: {strange[0]} is no signal of the model below 'model'")
        return self


def understood(settings: Mapping[str, Any]) -> Description:
    """Return what a description says. Raises DataUnreadable with everything in it that cannot be."""
    try:
        return Description.model_validate(dict(settings))
    except ValidationError as error:
        raise DataUnreadable("\n".join(_told(one) for one in error.errors(include_url=False))) from None


def split_of(split: Mapping[str, Any]) -> ByCohort | ByTime:
    """Return what the split of a known data set says. Raises DataUnreadable."""
    kind = ByTime if {"train_before", "test_from"} & set(split) else ByCohort
    try:
        return kind.model_validate(dict(split))
    except ValidationError as error:
        raise DataUnreadable("\n".join(_told(one, "split") for one in error.errors(include_url=False))) from None


def _told(error: Any, *above: str) -> str:
    place = ".".join(str(part) for part in (*above, *error["loc"]) if part not in _TAGS)
    if error["type"] == "extra_forbidden":
        return f"{FILE}: {place} has no meaning"
    if error["type"] == "missing":
        return f"{FILE}: says no {place}"
    words = error["msg"].removeprefix("Value error, ").removeprefix("Input ").split(" or instance of ")[0]
    return f"{FILE}: {f'{place}: ' if place else ''}{words}"
