"""What to do next: one step for one stuck signal, another where a whole theme or the whole account is in trouble.

It never invents a step: every one is a text of the model, and where the model has none, nothing is advised.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from milepost_core.explanation.drivers import Driver, Explanation
from milepost_core.model import ScoreModel
from milepost_core.scoring import Scores

__all__ = ["Advice", "advise"]

_SEVERAL = 2


@dataclass(frozen=True, slots=True)
class Advice:
    """One step, and what it answers to: a gate, the account as a whole, a dimension or a signal."""

    about: Literal["gate", "account", "dimension", "signal"]
    id: str
    """Of the gate, dimension or signal; empty for the account."""
    step: str
    points: float
    """What is at stake, in points of the score."""
    signals: tuple[str, ...]
    """The signals that lose these points, the dearest first."""
    guide: str | None = None
    playbook: str | None = None


def advise(model: ScoreModel, scores: Scores, row: int, explanation: Explanation, most: int = 3) -> tuple[Advice, ...]:
    """The steps for an account, the widest first: gates, the account, whole dimensions, single signals.

    Trouble is broad when the model's own rule says so (so many dimensions below so many points). A dimension is in
    trouble as a whole when it scores below the same points (without a rule: below yellow) and several of its signals
    do, too; its step then stands in the place of theirs.
    """
    found = list(_of_gates(model, explanation))
    low = _low_dimensions(model, scores, row)
    broad = model.broad
    if broad is not None and len(low) >= broad.dimensions:
        losing = [one for one in explanation.to_fix if one.dimension in low]
        found.append(_taken("account", "", broad.next_step, losing))
    whole = {name: _losing(model, explanation, name) for name in low}
    for dimension in model.dimensions:
        drivers = whole.get(dimension.id, ())
        if dimension.next_step is not None and len(drivers) >= _SEVERAL:
            found.append(_taken("dimension", dimension.id, dimension.next_step, drivers))
    told = {one.id for one in found if one.about == "dimension"}
    single = [_of_signal(model, one) for one in explanation.to_fix if one.dimension not in told]
    return _ranked([*found, *(one for one in single if one is not None)])[:most]


def _ranked(found: Sequence[Advice]) -> tuple[Advice, ...]:
    width = {"gate": 0, "account": 1, "dimension": 2, "signal": 2}
    return tuple(sorted(found, key=lambda one: (width[one.about], -round(one.points, 9), one.id)))


def _of_gates(model: ScoreModel, explanation: Explanation) -> Iterator[Advice]:
    steps = {gate.id: gate.next_step for gate in model.gates}
    for line in explanation.gates:
        step = steps.get(line.id)
        if step is not None:
            yield Advice("gate", line.id, step, -line.points, ())


def _low_dimensions(model: ScoreModel, scores: Scores, row: int) -> list[str]:
    limit = _limit(model)
    # NaN, the points of an unavailable dimension, are below nothing.
    points = scores.dimension_score[row].tolist()
    return [one.id for one, own in zip(model.dimensions, points, strict=True) if own < limit]


def _limit(model: ScoreModel) -> float:
    return model.bands.yellow if model.broad is None else model.broad.below


def _losing(model: ScoreModel, explanation: Explanation, dimension: str) -> tuple[Driver, ...]:
    return tuple(one for one in explanation.to_fix if one.dimension == dimension and one.y < _limit(model))


def _of_signal(model: ScoreModel, driver: Driver) -> Advice | None:
    texts = model.signal(driver.signal).texts
    points, signals = driver.points_lost, (driver.signal,)
    if driver.meets_target:
        # What is as it should be asks for nothing, unless it is only old.
        again = texts.ask_again if driver.faded(model.signal(driver.signal).stale) else None
        return None if again is None else Advice("signal", driver.signal, again, points, signals)
    if texts.next_step is None:
        return None
    return Advice("signal", driver.signal, texts.next_step, points, signals, texts.guide, texts.playbook)


def _taken(about: Literal["account", "dimension"], name: str, step: str, drivers: Sequence[Driver]) -> Advice:
    points = sum(one.points_lost for one in drivers)
    return Advice(about, name, step, points, tuple(one.signal for one in drivers))
