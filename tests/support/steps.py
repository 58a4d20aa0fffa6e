"""Plans written in days from their start, for tests of what is said about them; they are of no account."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from milepost_core.milestones import Plan, PlannedMilestone
from milepost_core.model.journey import Journey

START = datetime(2026, 3, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def step(name: str, due: float | None = None, done: float | None = None, **more: object) -> PlannedMilestone:
    at = (None if moment is None else day(moment) for moment in (due, done))
    return replace(PlannedMilestone(name, name.title(), *at), **more)  # type: ignore[arg-type]


def plan(*steps: PlannedMilestone, **limits: float) -> Plan:
    return Plan(START, steps, Journey(**limits))
