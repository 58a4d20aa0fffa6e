"""Geometry of a signal's curve: what a value is worth, drawn as a line; it knows no colour and no markup.

Positions are percentages of the drawing, left to right and top to bottom.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from milepost_core.explanation import show_number
from milepost_core.model import BandCurve, CategoryMap, Curve, Percentile, Piecewise, Saturating, Signal
from scoring_api.pages.charts import Tick

_STEPS = 24
_MOST_HALVES = 4.0


@dataclass(frozen=True)
class Word:
    """What one word is worth, for signals that are words."""

    word: str
    points: float


@dataclass(frozen=True)
class Drawing:
    """A curve ready to draw: its path in a 100 x 100 box, marks on its axis, or words with their points.

    `said` tells the same as a sentence, for whoever does not see it.
    """

    path: str
    marks: tuple[tuple[float, float], ...]
    ticks: tuple[Tick, ...]
    words: tuple[Word, ...]
    said: str
    note: str = ""


def drawing(signal: Signal) -> Drawing:
    """Return the drawing of a signal's curve."""
    curve = signal.normalise
    if isinstance(curve, CategoryMap):
        return _of_words(curve)
    if isinstance(curve, Percentile):
        return _of_ranks(signal, curve)
    points = _points(curve)
    low, high = _ends(points)
    places = [(_place(x, low, high), 100 - y) for x, y in points]
    marked = [] if isinstance(curve, Saturating) else [one for one, point in zip(places, points, strict=True)
                                                       if low < point[0] < high or len(points) <= 2]  # fmt: skip
    shown = _shown(curve, points)
    ticks = [Tick(_place(x, low, high), show_number(signal, x), minor=0 < n < len(shown) - 1)
             for n, x in enumerate(shown)]  # fmt: skip
    return Drawing(_path(places), tuple(marked), tuple(ticks), (), _said(signal, curve, points))


def _points(curve: Piecewise | BandCurve | Saturating) -> list[tuple[float, float]]:
    """Return enough points of a curve to draw it, a stretch of its flat ends among them."""
    match curve:
        case Piecewise():
            inner = list(zip(curve.xs, curve.ys, strict=True))
        case BandCurve():
            marks = (curve.low, curve.ok_from, curve.ok_to, curve.high)
            inner = list(zip(marks, (curve.floor_low, 100.0, 100.0, curve.floor_high), strict=True))
        case Saturating():
            most = _MOST_HALVES * curve.half_at
            xs = [most * step / _STEPS for step in range(_STEPS + 1)]
            return [(x, 100 * (1 - 2 ** (-x / curve.half_at))) for x in xs]
    spare = (inner[-1][0] - inner[0][0]) * 0.12 or 1.0
    return [(inner[0][0] - spare, inner[0][1]), *inner, (inner[-1][0] + spare, inner[-1][1])]


def _shown(curve: Curve, points: Sequence[tuple[float, float]]) -> list[float]:
    """Return the values to write on the axis: the curve's own turns, at most five."""
    if isinstance(curve, Saturating):
        return [0.0, curve.half_at, _MOST_HALVES * curve.half_at]
    xs = list(dict.fromkeys(x for x, _ in points[1:-1]))
    return xs if len(xs) <= 5 else [xs[0], xs[len(xs) // 2], xs[-1]]


def _of_words(curve: CategoryMap) -> Drawing:
    words = tuple(Word(word, points) for word, points in curve.points)
    rest = "" if curve.default is None else f"Any other word is worth {curve.default:g}."
    said = ", ".join(f"{one.word} is worth {one.points:g}" for one in words)
    return Drawing("", (), (), words, f"{said}. {rest}".strip(), rest)


def _of_ranks(signal: Signal, curve: Percentile) -> Drawing:
    best, worst = ("lowest", "highest") if curve.lower_is_better else ("highest", "lowest")
    path = "M0 0L100 100" if curve.lower_is_better else "M0 100L100 0"
    among = " and ".join(name.replace("_", " ") for name in curve.cohort)
    peers = f"accounts of the same {among}" if among else "all accounts"
    said = f"The rank among {peers}: the {best} value is worth 100, the {worst} 0."
    if curve.fallback is not None:
        said += f" With fewer than {curve.min_cohort} of them: {_said(signal, curve.fallback, _points(curve.fallback))}"
    return Drawing(path, (), (Tick(0, "lowest"), Tick(100, "highest")), (), said, said)


def _said(signal: Signal, curve: Piecewise | BandCurve | Saturating, points: Sequence[tuple[float, float]]) -> str:
    if isinstance(curve, Saturating):
        return f"{show_number(signal, curve.half_at)} is worth 50 points, twice that 75, never quite 100."
    turns = points[1:-1]
    words = ", ".join(f"{show_number(signal, x)} is worth {y:g}" for x, y in turns)
    return f"{words}; in between along straight lines." if len(turns) > 1 else f"{words}."


def _ends(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return points[0][0], points[-1][0]


def _place(x: float, low: float, high: float) -> float:
    return round((x - low) / (high - low) * 100, 2)


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {round(y, 2):g}" for x, y in places)
