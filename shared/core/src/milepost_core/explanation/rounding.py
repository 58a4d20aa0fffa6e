"""Rounds the lines of an explanation so that what people see adds up to what people see.

It never changes the exact numbers; it only decides how tenths are shown.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Displayed", "apportion", "shared_out", "tenths"]


@dataclass(frozen=True, slots=True)
class Displayed:
    """Baseline + lines = score, each with one decimal, exactly."""

    baseline: float
    lines: Mapping[str, float]
    score: float


def tenths(value: float) -> int:
    """A number in tenths: rounded to nine decimals, then half up."""
    return math.floor(round(value * 10.0, 8) + 0.5)


def apportion(baseline: float, lines: Mapping[str, float], score: float) -> Displayed:
    """Show every line in tenths by largest remainder.

    Args:
        baseline, score: the exact ends; both are simply rounded.
        lines: exact points by id, with baseline + Σ lines = score.

    Returns:
        Numbers of one decimal that add up: each line gets its floor, and the tenths left over go to
        the largest remainders, ties by id.
    """
    start, end = tenths(baseline), tenths(score)
    return Displayed(start / 10, shared_out(lines, end - start), end / 10)


def shared_out(lines: Mapping[str, float], total: int) -> dict[str, float]:
    """Show lines so that they add up to a total in tenths, by largest remainder; ties by id.

    Args:
        lines: exact points by id.
        total: what the shown lines must add up to, in tenths.
    """
    exact = {name: round(points * 10.0, 8) for name, points in lines.items()}
    shown = {name: math.floor(amount) for name, amount in exact.items()}
    order = sorted(shown, key=lambda name: (-round(exact[name] - shown[name], 8), name))
    left = total - sum(shown.values())
    for place in range(abs(left) if order else 0):
        # noise in the last digit can leave one tenth too many; the smallest remainder gives it back
        name = order[place % len(order)] if left > 0 else order[-1 - place % len(order)]
        shown[name] += 1 if left > 0 else -1
    return {name: amount / 10 for name, amount in shown.items()}
