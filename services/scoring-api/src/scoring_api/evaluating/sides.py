"""Who is trained on and who is tested on, from what a description says; it keeps training out of the test's time."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from milepost_core.model.normalisers import category_text
from scoring_api.evaluating.describing import ByCohort, ByTime, split_of
from scoring_api.evaluating.sheets import DataUnreadable
from scoring_api.evaluating.studies import Side, Subject

Sides = Callable[[Subject, datetime], Side]


def sides(split: Mapping[str, Any] | ByCohort | ByTime, horizon: timedelta) -> Sides:
    """Return the side of an account at a moment.

    A cohort is what the attribute said at the account's start: what is changed later moves nobody to the other side.
    Raises DataUnreadable, also where labels of training rows reach into the time of the test.
    """
    said = split if isinstance(split, ByCohort | ByTime) else split_of(split)
    return _by_cohort(said) if isinstance(said, ByCohort) else _by_time(said, horizon)


def _by_cohort(split: ByCohort) -> Sides:
    train, test = frozenset(split.train), frozenset(split.test)

    def side(subject: Subject, _moment: datetime) -> Side:
        said = subject.attributes.get(split.attribute)
        cohort = "" if said is None else category_text(said)
        return "test" if cohort in test else "train" if cohort in train else ""

    return side


def _by_time(split: ByTime, horizon: timedelta) -> Sides:
    until, since = split.train_before, split.test_from
    if until + horizon > since:
        raise DataUnreadable(
            f"split: who leaves after training rows is known up to {until + horizon:%Y-%m-%d}, horizon included, which"
            f" reaches into the test from {since:%Y-%m-%d}: leave the horizon between train_before and test_from"
        )

    def side(_subject: Subject, moment: datetime) -> Side:
        return "train" if moment < until else "test" if moment >= since else ""

    return side
