"""Parses ``normalise`` and ``stale`` sections, and refuses curves that turn or leave 0 to 100.

It never evaluates a curve.
"""

from itertools import pairwise
from typing import Final

from milepost_core.model.leaks import leaks_outcome
from milepost_core.model.normalisers import (
    BandCurve,
    CategoryMap,
    Curve,
    Percentile,
    Piecewise,
    Saturating,
    Stale,
)
from milepost_core.model.section import ANY, POINTS, POSITIVE, SPAN, Section, is_number

__all__ = ["parse_curve", "parse_stale"]

_FLAT: Final = Piecewise((0.0,), (0.0,))
_KINDS: Final = ("piecewise", "band", "saturating", "map", "percentile")
_MAP_KEYS: Final = ("values", "map", "mapping", "categories")


def parse_curve(section: Section) -> Curve:
    """The curve of a section; problems are noted there, a flat curve stands in."""
    match section.choice("kind", _KINDS):
        case "piecewise":
            curve: Curve = _piecewise(section)
        case "band":
            curve = _band(section)
        case "saturating":
            curve = Saturating(section.number("half_at", limits=POSITIVE))
        case "map":
            curve = _map(section)
        case "percentile":
            curve = _percentile(section)
        case _:
            return _FLAT
    section.finish()
    return curve


def parse_stale(section: Section) -> Stale:
    """How an old value fades: half-life in days and the points it fades to."""
    key = "half_life" if section.has("half_life") else "half_life_days"
    stale = Stale(section.number(key, limits=SPAN), section.number("neutral", 50.0, POINTS))
    section.finish()
    return stale


def _piecewise(section: Section) -> Piecewise:
    raw = section.take("points")
    points = raw if isinstance(raw, list | tuple) else ()
    pairs = [_point(section, point) for point in points]
    if not pairs or not all(pairs):
        section.note("points", "is not a list of points", "[[x, y], ...] with at least one point")
        return _FLAT
    xs, ys = zip(*(pair for pair in pairs if pair), strict=True)
    if not all(left < right for left, right in pairwise(xs)):
        section.note("points", "x does not grow from point to point", "x strictly increasing")
    if not all(POINTS.hold(y) for y in ys):
        section.note("points", "y leaves the range of points", "every y between 0 and 100")
    steps = [right - left for left, right in pairwise(ys)]
    if any(step > 0 for step in steps) and any(step < 0 for step in steps):
        section.note("points", "the curve turns", "y never rising or never falling; only a band may turn")
    return Piecewise(xs, ys)


def _point(section: Section, point: object) -> tuple[float, float] | None:
    if isinstance(point, list | tuple) and len(point) == 2 and all(is_number(one) for one in point):
        return section.checked_number("points", point[0], ANY), section.checked_number("points", point[1], ANY)
    return None


def _band(section: Section) -> BandCurve:
    low, ok_from, ok_to, high = (section.number(key) for key in ("low", "ok_from", "ok_to", "high"))
    if not low <= ok_from <= ok_to <= high:
        section.note("", "the marks of the band are out of order", "low <= ok_from <= ok_to <= high")
    floor_low = section.number("floor_low", 0.0, POINTS)
    return BandCurve(low, ok_from, ok_to, high, floor_low, section.number("floor_high", 0.0, POINTS))


def _map(section: Section) -> CategoryMap:
    key = next((key for key in _MAP_KEYS if section.has(key)), "values")
    values = section.section(key)
    points = []
    for word in values.keys():  # noqa: SIM118 - a Section is no mapping
        points.append((word, values.number(word, limits=POINTS)))
    if not points:
        section.note(key, "names no word", "points for at least one word")
    return CategoryMap(tuple(points), section.optional_number("default", POINTS))


def _percentile(section: Section) -> Percentile:
    cohort = section.texts("cohort") if section.has("cohort") else ()
    section.take("cohort")
    for name in cohort:
        if leaks_outcome(name):
            section.note("cohort", f"label leak: {name[:60]!r} is the outcome the score must foresee", "other peers")
    fallback = parse_curve(section.section("fallback")) if section.has("fallback") else None
    section.take("fallback")
    if isinstance(fallback, Percentile | CategoryMap):
        section.note("fallback", "needs peers or words itself", "a piecewise, band or saturating curve")
        fallback = None
    least = section.whole("min_cohort", 1, least=1)
    return Percentile(cohort, least, fallback, section.flag("lower_is_better"))
