"""Geometry of the charts: figures become positions, templates draw them; it knows no colour and no markup.

Positions are percentages of the drawing, so that lettering keeps its size at any width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from milepost_contracts.health import HealthDocument
from scoring_api.pages import wording


@dataclass(frozen=True)
class Point:
    """One day's score: `restated` means recomputed later for that day, not known at the time."""

    at: datetime
    score: float
    band: str
    restated: bool


@dataclass(frozen=True)
class Window:
    """The stretch of time that a chart shows."""

    start: datetime
    end: datetime

    def x(self, at: datetime) -> float:
        """Return the horizontal position of a moment, 0 to 100."""
        share = (at - self.start) / (self.end - self.start)
        return round(min(1.0, max(0.0, share)) * 100, 2)


@dataclass(frozen=True)
class Thresholds:
    """The displayed scores from which the model calls an account yellow and green."""

    yellow: float
    green: float


@dataclass(frozen=True)
class Line:
    """Two paths in a 100 x 100 box (known and restated days), and where the line ends."""

    known: str
    restated: str
    end_x: float
    end_y: float
    end_band: str


@dataclass(frozen=True)
class Zone:
    """A band behind the trend, top to bottom in percent."""

    band: str
    top: float
    height: float


@dataclass(frozen=True)
class Tick:
    """A label on an axis; `minor` ones give way on narrow screens."""

    position: float
    label: str
    minor: bool = False


@dataclass(frozen=True)
class Move:
    """A day on which the band changed."""

    at: datetime
    x: float
    y: float
    before: str
    after: str


@dataclass(frozen=True)
class Mark:
    """Something that happened on the way, where it stands in the chart; `kind` names the line that is drawn."""

    x: float
    label: str
    kind: str


@dataclass(frozen=True)
class Trend:
    """Everything that the trend chart shows, with its finding in words."""

    line: Line | None
    zones: tuple[Zone, ...]
    days: tuple[Tick, ...]
    levels: tuple[Tick, ...]
    moves: tuple[Move, ...]
    finding: str
    points: tuple[Point, ...]
    label_below: bool
    marks: tuple[Mark, ...] = ()

    @property
    def latest(self) -> float | None:
        """The score at the end of the line."""
        return None if self.line is None else round(100 - self.line.end_y, 1)


@dataclass(frozen=True)
class Bar:
    """From where to where a bar goes, in percent of its axis."""

    left: float
    width: float
    start: float
    end: float


@dataclass(frozen=True)
class Step:
    """One row of the waterfall: from where to where the running score goes, in points and in percent of the axis."""

    key: str
    sentence: str
    points: float
    total: float
    left: float
    width: float
    start: float
    end: float
    kind: str


@dataclass(frozen=True)
class Waterfall:
    """The way from the baseline to the score; `quiet` counts the rows that add nothing."""

    baseline: float
    baseline_at: float
    score: float
    score_at: float
    low: float
    high: float
    steps: tuple[Step, ...]
    quiet: int


def line(points: Sequence[Point], window: Window) -> Line | None:
    """Return the paths of the points in the window, oldest first; None with nothing to draw.

    A stretch counts as restated when either of its ends is. A provisional score (band unknown) is no point of a line.
    """
    inside = [p for p in points if window.start <= p.at <= window.end and p.band != "unknown"]
    if not inside:
        return None
    paths, ends = {True: "", False: ""}, {True: "", False: ""}
    for before, after in pairwise(inside):
        restated = before.restated or after.restated
        start, end = _at(before, window), _at(after, window)
        paths[restated] += ("" if ends[restated] == start else f"M{start}") + f"L{end}"
        ends[restated] = end
    last = inside[-1]
    return Line(paths[False], paths[True], window.x(last.at), round(100 - last.score, 2), last.band)


def trend(points: Sequence[Point], window: Window, limits: Thresholds) -> Trend:
    """Return the trend chart of an account over a window."""
    inside = tuple(p for p in points if window.start <= p.at <= window.end)
    return Trend(
        line=line(inside, window),
        zones=_zones(limits),
        days=_days(window),
        levels=tuple(Tick(100 - v, wording.number(v, 0)) for v in (100, limits.green, limits.yellow, 0)),
        moves=tuple(_moves(inside, window)),
        finding=finding(inside),
        points=inside,
        label_below=_falls_at_the_end(inside),
    )


def finding(points: Sequence[Point]) -> str:
    """Return what a chart shows, as a sentence: from, to, and the last change of band."""
    if not points:
        return "No score is known for these days yet."
    points = [p for p in points if p.band != "unknown"]
    if not points:
        return "Only provisional scores so far: too little is known for a band."
    first, last = points[0], points[-1]
    if len(points) == 1:
        return f"One score so far: {wording.number(last.score)} on {wording.day(last.at)}."
    delta = round(last.score - first.score, 1)
    verb = "Held at" if abs(delta) < 1 else ("Rose" if delta > 0 else "Fell")
    ends = f"from {wording.number(first.score)} to {wording.number(last.score)}"
    text = f"{verb} {wording.number(last.score)}" if verb == "Held at" else f"{verb} {ends}"
    text += f" since {wording.day(first.at)}"
    change = next((b for a, b in reversed(list(pairwise(points))) if a.band != b.band), None)
    if change is None:
        return f"{text}; {wording.BANDS[last.band].word.lower()} all along."
    return f"{text}; {wording.BANDS[change.band].word.lower()} since {wording.day(change.at)}."


def waterfall(document: HealthDocument) -> Waterfall | None:
    """Return how the score builds up from the baseline: losses first, then gains, then gates; None without a score."""
    if document.score is None or document.baseline is None:
        return None
    moving = [d for d in document.drivers if abs(d.points) >= 0.05]
    losses = sorted((d for d in moving if d.points < 0), key=lambda d: (d.points, d.signal))
    gains = sorted((d for d in moving if d.points > 0), key=lambda d: (-d.points, d.signal))
    rows = [(d.signal, d.sentence, d.points, "driver") for d in (*losses, *gains)]
    rows += [(g.id, g.sentence, g.points, "gate") for g in document.gates]
    totals = [document.baseline]
    for _, _, points, _ in rows:
        totals.append(round(totals[-1] + points, 1))
    low, high = axis_around(totals)
    moves = zip(rows, pairwise(totals), strict=True)
    steps = [_step(row, before, after, (low, high)) for row, (before, after) in moves]
    place = (document.baseline - low) / (high - low) * 100, (document.score - low) / (high - low) * 100
    return Waterfall(
        document.baseline,
        round(place[0], 2),
        document.score,
        round(place[1], 2),
        low,
        high,
        tuple(steps),
        len(document.drivers) - len(moving),
    )


def window_ending(end: datetime, days: int) -> Window:
    """Return the window of so many days up to a moment."""
    return Window(end - timedelta(days=days), end)


def axis_around(totals: Sequence[float]) -> tuple[float, float]:
    """Return round ends around the running totals; at least 20 points wide, so that small things look small."""
    low, high = min(totals), max(totals)
    spare = max(0.0, 20 - (high - low)) / 2
    bottom, top = 5 * ((low - spare) // 5), 5 * -((-high - spare) // 5)
    return min(low, max(0.0, bottom)), max(high, min(100.0, top))


def bar(before: float, after: float, axis: tuple[float, float]) -> Bar:
    """Return where a bar from one running total to the next lies on an axis."""
    low, high = axis
    start, end = (round((v - low) / (high - low) * 100, 2) for v in (before, after))
    return Bar(min(start, end), round(abs(end - start), 2), start, end)


def _step(row: tuple[str, str, float, str], before: float, after: float, axis: tuple[float, float]) -> Step:
    key, sentence, points, kind = row
    place = bar(before, after, axis)
    return Step(key, sentence, points, after, place.left, place.width, place.start, place.end, kind)


def _falls_at_the_end(points: Sequence[Point]) -> bool:
    """Tell whether the line comes down to its end, so that a figure above it would stand in the line."""
    if not points or points[-1].score < 12:
        return False
    before = points[max(0, len(points) - 8) : -1]
    return points[-1].score > 88 or (bool(before) and before[0].score > points[-1].score)


def _zones(limits: Thresholds) -> tuple[Zone, ...]:
    return (
        Zone("green", 0, 100 - limits.green),
        Zone("yellow", 100 - limits.green, limits.green - limits.yellow),
        Zone("red", 100 - limits.yellow, limits.yellow),
    )


def _days(window: Window) -> tuple[Tick, ...]:
    moments = wording.spaced_days(window.start, window.end, 6)
    return tuple(Tick(window.x(at), wording.short_day(at), minor=n % 2 == 1) for n, at in enumerate(moments))


def _moves(points: Sequence[Point], window: Window) -> list[Move]:
    return [
        Move(b.at, window.x(b.at), round(100 - b.score, 2), a.band, b.band)
        for a, b in pairwise(points)
        if a.band != b.band
    ]


def _at(point: Point, window: Window) -> str:
    return f"{window.x(point.at):g} {round(100 - point.score, 2):g}"
