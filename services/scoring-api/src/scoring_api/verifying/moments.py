"""Moments as worked examples write them: instants, bare days, days since the start; it reads no clock."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any


class NoMoment(ValueError):
    """This is no moment that an example can mean."""


def instant(said: Any, start: datetime | None = None) -> datetime | None:
    """Return an aware UTC instant; a bare day is its midnight, a number counts days from `start`. Raises NoMoment."""
    if said is None or said == "":
        return None
    if isinstance(said, datetime):
        return said if said.tzinfo else said.replace(tzinfo=UTC)
    if isinstance(said, date):
        return datetime.combine(said, time(0), UTC)
    if isinstance(said, bool):
        raise NoMoment(f"{said!r} is no moment")
    if isinstance(said, int | float):
        if start is None:
            raise NoMoment(f"{said!r} counts days, and nothing says from when")
        return start + timedelta(days=said)
    return _written(str(said))


def _written(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        raise NoMoment(f"{text[:60]!r} is no moment") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def required(said: Any, start: datetime | None = None) -> datetime:
    """Return the instant that must be there. Raises NoMoment."""
    moment = instant(said, start)
    if moment is None:
        raise NoMoment("a moment is missing")
    return moment
