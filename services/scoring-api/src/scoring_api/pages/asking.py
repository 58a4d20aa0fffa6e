"""What an account's page offers to ask: days to compare, bands to find the way to, what happened; it asks no store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from milepost_contracts.health import HealthDocument
from scoring_api.pages import charts
from scoring_api.past.history_views import Marker

# What is worth a line across the chart; the rest stands in the list below it.
DRAWN = frozenset({"model", "override_began", "override_ended"})
AHEAD = {"red": ("yellow", "green"), "yellow": ("green",)}


@dataclass(frozen=True)
class AskingPart:
    """The days that the form begins with, the bands ahead, and what happened on the way."""

    days: tuple[str, str]
    paths: tuple[str, ...]
    markers: tuple[Marker, ...]


def asking_part(document: HealthDocument, own: str, markers: Sequence[Marker], days: tuple[str, str]) -> AskingPart:
    """Return the part of an account's page; `own` is the band by the score, from where the ways to others begin."""
    told = document.score is not None and "unknown" not in (document.band, document.effective_band.band)
    return AskingPart(days, AHEAD.get(own, ()) if told else (), tuple(markers))


def days_to_compare(known: Sequence[datetime], now: datetime, span: timedelta) -> tuple[str, str]:
    """Return what stands in the form at first; of an account scored for less than the span the first field is empty."""
    begins = now - span
    return begins.date().isoformat() if known and known[0] <= begins else "", now.date().isoformat()


def marks_of(markers: Sequence[Marker], window: charts.Window) -> tuple[charts.Mark, ...]:
    """Return where what happened stands in the chart of a stretch of time."""
    return tuple(
        charts.Mark(window.x(one.at), one.label, one.kind)
        for one in markers
        if one.kind in DRAWN and window.start <= one.at <= window.end
    )
