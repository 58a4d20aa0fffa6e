"""The curves that turn a reading into points, as data: one dataclass per kind.

It never evaluates a curve (`milepost_core.curves` does) and never holds a cohort's values.
"""

from dataclasses import dataclass

__all__ = ["BandCurve", "CategoryMap", "Curve", "Percentile", "Piecewise", "Saturating", "Stale", "category_text"]


@dataclass(frozen=True, slots=True)
class Piecewise:
    """Straight lines between points, flat outside; x strictly increasing, y never turning."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]

    @property
    def rising(self) -> bool:
        """More is better (a flat curve counts as rising)."""
        return self.ys[-1] >= self.ys[0]


@dataclass(frozen=True, slots=True)
class BandCurve:
    """Best inside ``[ok_from, ok_to]``, falling to a floor on either side."""

    low: float
    ok_from: float
    ok_to: float
    high: float
    floor_low: float
    floor_high: float


@dataclass(frozen=True, slots=True)
class Saturating:
    """50 points at ``half_at``, 75 at twice that, never quite 100."""

    half_at: float


@dataclass(frozen=True, slots=True)
class CategoryMap:
    """Points per word; a word not listed takes ``default``, or is missing without one."""

    points: tuple[tuple[str, float], ...]
    default: float | None = None


@dataclass(frozen=True, slots=True)
class Percentile:
    """Rank among peers at the same moment; ``fallback`` judges when they are too few."""

    cohort: tuple[str, ...]
    min_cohort: int
    fallback: Piecewise | BandCurve | Saturating | None
    lower_is_better: bool = False


Curve = Piecewise | BandCurve | Saturating | CategoryMap | Percentile


@dataclass(frozen=True, slots=True)
class Stale:
    """How an old value fades towards ``neutral`` points."""

    half_life_days: float
    neutral: float = 50.0


def category_text(value: object) -> str:
    """The word a map curve looks up: texts as they are, whole numbers without a point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.12g}"
    return str(value)
