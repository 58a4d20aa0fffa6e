"""The drivers of a whole batch at once, as columns: what each signal adds against a baseline, and what costs most.

It never words anything and holds no account's story; `drivers` tells one account's, from the same formulas.
"""

import numpy as np
from numpy.typing import NDArray

from milepost_core.scoring import Scores

__all__ = ["contributions", "dearest"]

Floats = NDArray[np.float64]


def contributions(scores: Scores, baseline: Floats) -> Floats:
    """φ = e · (y − y⁰) of every signal [n, m]; 0 for a signal without weight.

    Args:
        baseline: reference points per signal [m]; NaN: the signal's own, so that it adds nothing.
    """
    points = np.zeros(scores.y.shape, order="F")
    for index, reference in enumerate(baseline):
        if not np.isnan(reference):
            weight = scores.effective_weight[:, index]
            np.multiply(weight, scores.y[:, index] - reference, out=points[:, index], where=weight > 0)
    return points


def dearest(scores: Scores, most: int = 3) -> tuple[NDArray[np.int64], Floats]:
    """The signals that lose most points, e · (100 − y), the dearest first; ties by their place in the model.

    Returns:
        Places [n, most] (-1 where nothing is lost) and points lost [n, most].
    """
    accounts = len(scores)
    places = np.full((accounts, most), -1, dtype=np.int64, order="F")
    losses = np.zeros((accounts, most), order="F")
    for index in range(scores.y.shape[1]):
        weight = scores.effective_weight[:, index]
        lost = np.multiply(weight, 100.0 - scores.y[:, index], out=np.zeros(accounts), where=weight > 0)
        _insert(places, losses, index, lost)
    return places, losses


def _insert(places: NDArray[np.int64], losses: Floats, index: int, lost: Floats) -> None:
    """Put one signal where it belongs among the dearest so far; what it pushes out is forgotten."""
    rows = np.flatnonzero(lost > losses[:, -1])
    new = lost[rows]
    own = np.full(rows.size, index, dtype=np.int64)
    for rank in range(places.shape[1]):
        here, who = losses[rows, rank], places[rows, rank]
        ahead = new > here
        losses[rows, rank], places[rows, rank] = np.where(ahead, new, here), np.where(ahead, own, who)
        new, own = np.where(ahead, here, new), np.where(ahead, who, own)
