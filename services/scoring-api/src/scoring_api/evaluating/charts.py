"""Geometry of an evaluation's charts: figures become positions in a drawing; it knows no colour and no markup."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor
from typing import Any

Json = Mapping[str, Any]
# The drawing inside its margins; lettering stands outside.
LEFT, RIGHT, TOP, BOTTOM = 56.0, 620.0, 16.0, 220.0
_WEEK = 7


@dataclass(frozen=True)
class Tick:
    """A label on an axis, at its position."""

    at: float
    label: str


@dataclass(frozen=True)
class Bar:
    """A bar with its label below and its value above; `band` names its colour, if it is that of a band."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: str
    band: str = ""


@dataclass(frozen=True)
class Lines:
    """A line with the area of its interval, and a horizontal line of reference."""

    line: str
    area: str
    reference: float
    xs: tuple[Tick, ...]
    ys: tuple[Tick, ...]


@dataclass(frozen=True)
class Bars:
    """Bars over one axis."""

    bars: tuple[Bar, ...]
    ys: tuple[Tick, ...]


@dataclass(frozen=True)
class Dots:
    """Points beside the diagonal on which they should lie."""

    dots: tuple[tuple[float, float], ...]
    diagonal: tuple[float, float, float, float]
    xs: tuple[Tick, ...]
    ys: tuple[Tick, ...]


def ranking_by_look(looks: Sequence[Json]) -> Lines | None:
    """The AUC look by look with its interval; None with fewer than two."""
    known = [one for one in looks if one.get("auc")]
    if len(known) < 2:
        return None
    days = [float(one["day"]) for one in known]
    low = min(0.45, *(float(one["auc"]["low"]) for one in known))
    high = max(0.75, *(float(one["auc"]["high"]) for one in known))
    x, y = _scale(days[0], days[-1], LEFT, RIGHT), _scale(low, high, BOTTOM, TOP)
    upper = [(x(day), y(one["auc"]["high"])) for day, one in zip(days, known, strict=True)]
    lower = [(x(day), y(one["auc"]["low"])) for day, one in zip(days, known, strict=True)]
    middle = [(x(day), y(one["auc"]["value"])) for day, one in zip(days, known, strict=True)]
    every = max(1, len(known) // 8)
    xs = tuple(Tick(x(day), f"{day:.0f}") for day in days[::every])
    tenths = range(ceil(low * 10), floor(high * 10) + 1)
    ys = tuple(Tick(y(tenth / 10), f"{tenth / 10:.1f}") for tenth in tenths)
    return Lines(_path(middle), _path(upper + lower[::-1]) + "Z", y(0.5), xs, ys)


def leaving_by_band(bands: Mapping[str, Json]) -> Bars | None:
    """The share of rows that leave, by band; None without any."""
    known = [(name, one) for name, one in bands.items() if one["leaving"] is not None]
    return _bars([(name, one["leaving"], f"{one['leaving']:.1%}", name) for name, one in known])


def lead_times(days: Sequence[float]) -> Bars | None:
    """How many leavers were warned of so many weeks before they left; None without any."""
    if not days:
        return None
    weeks = [int(one // _WEEK) for one in days]
    step = max(1, ceil((max(weeks) + 1) / 15))
    counts = [0] * (max(weeks) // step + 1)
    for week in weeks:
        counts[week // step] += 1
    return _bars([(f"{at * step}", count, f"{count}", "") for at, count in enumerate(counts)])


def calibration(bins: Sequence[Json]) -> Dots | None:
    """Predicted against observed shares in bins of equal count; None without any."""
    if not bins:
        return None
    most = max(max(one["predicted"], one["observed"]) for one in bins) * 1.05 or 1.0
    x, y = _scale(0.0, most, LEFT, RIGHT), _scale(0.0, most, BOTTOM, TOP)
    dots = tuple((x(one["predicted"]), y(one["observed"])) for one in bins)
    marks = [most * part / 4 for part in range(5)]
    xs = tuple(Tick(x(mark), f"{mark:.1%}") for mark in marks)
    return Dots(dots, (x(0), y(0), x(most), y(most)), xs, tuple(Tick(y(mark), f"{mark:.1%}") for mark in marks))


def _bars(rows: Sequence[tuple[str, float, str, str]]) -> Bars | None:
    if not rows:
        return None
    most = max(value for _, value, _, _ in rows) * 1.12 or 1.0
    y, slot = _scale(0.0, most, BOTTOM, TOP), (RIGHT - LEFT) / len(rows)
    bars = tuple(
        Bar(LEFT + slot * (at + 0.15), y(value), slot * 0.7, BOTTOM - y(value), label, shown, band)
        for at, (label, value, shown, band) in enumerate(rows)
    )
    return Bars(bars, ())


def _scale(low: float, high: float, start: float, end: float) -> Any:
    span = high - low or 1.0

    def place(value: float) -> float:
        return round(start + (end - start) * (value - low) / span, 2)

    return place


def _path(points: Sequence[tuple[float, float]]) -> str:
    first, *_ = points
    steps = " ".join(f"L{x} {y}" for _, (x, y) in pairwise(points))
    return f"M{first[0]} {first[1]} {steps}"
