"""The way to a better band: gates first, then the cheapest steps that people can take.

It never proposes what nobody can do (only signals with an action), nor more of it than the action
allows. It is arithmetic on the score, not a promise that the customer stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from milepost_core.curves import improving_direction
from milepost_core.inverse import points_along
from milepost_core.model import Action, Band, Bands
from milepost_core.what_if.combination import Option, cheapest
from milepost_core.what_if.domain import domain_of
from milepost_core.what_if.situation import Situation, rescored_together

__all__ = ["Path", "PathStep", "next_band", "path_to", "paths_to", "target_score"]

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class PathStep:
    """One action taken some steps far."""

    signal: str
    label: str
    steps: int
    start: float
    to: float
    gain: float
    cost: float


@dataclass(frozen=True, slots=True)
class Path:
    """How to get to a band, or how far one could get."""

    to: Band
    target: float
    """The raw score to reach: threshold + margin_up."""
    gap: float
    """Points missing before gates; 0 or below if only gates stand in the way."""
    gates: tuple[str, ...]
    """Ids of fired gates to lift first."""
    reachable: bool
    """The steps below, with the gates lifted, reach the target."""
    steps: tuple[PathStep, ...]
    cost: float
    score_after: float
    """Raw score with the steps taken, by scoring the account again."""
    most_gain: float
    """What all actions together could add at their limits."""
    holds_for_days: float
    """How long the score must stay there for the band to change."""


def next_band(band: Band) -> Band | None:
    """The band above, None above green and from unknown."""
    return {Band.RED: Band.YELLOW, Band.YELLOW: Band.GREEN}.get(band)


def target_score(bands: Bands, band: Band) -> float:
    """The score that counts as the band for somebody below it."""
    return (bands.green if band is Band.GREEN else bands.yellow) + bands.margin_up


def path_to(situation: Situation, band: Band, target: float | None = None) -> Path | None:
    """The cheapest way to a band; None if the account has no score.

    Args:
        band: yellow or green.
        target: raw score to reach instead of the band's threshold + margin_up.
    """
    found = _search(situation, band, target)
    return None if found is None else verified([found])[0]


@dataclass(frozen=True, slots=True)
class Found:
    """The cheapest way by the sum of its gains, not yet verified by scoring the account again."""

    situation: Situation
    path: Path
    suffices: bool


def paths_to(asked: Sequence[tuple[Situation, Band]]) -> list[Path | None]:
    """The cheapest way of each account to its band, as `path_to`; those of one batch are verified together."""
    found = [_search(situation, band, None) for situation, band in asked]
    batches: dict[int, list[Found]] = {}
    for one in found:
        if one is not None:
            batches.setdefault(id(one.situation.scores), []).append(one)
    paths = {id(one): path for batch in batches.values() for one, path in zip(batch, verified(batch), strict=True)}
    return [None if one is None else paths[id(one)] for one in found]


def verified(found: Sequence[Found]) -> list[Path]:
    """The ways of accounts of one batch, with the score that each leads to by scoring again."""
    steps = [{step.signal: step.to for step in one.path.steps} for one in found]
    after = rescored_together([one.situation for one in found], steps).raw_score
    return [
        replace(one.path, score_after=reached, reachable=one.suffices and reached >= one.path.target - 1e-6)
        for one, reached in zip(found, after.tolist(), strict=True)
    ]


def _search(situation: Situation, band: Band, target: float | None) -> Found | None:
    now = situation.raw_score
    if now != now:  # noqa: PLR0124 - NaN is no score
        return None
    goal = target_score(situation.model.bands, band) if target is None else target
    gap = goal - now
    places = [index for index, signal in enumerate(situation.model.signals) if signal.action is not None]
    options = [_options(situation, index) for index in places]
    choice = cheapest(options, gap)
    steps = tuple(
        _step(situation, index, next(option for option in each if option.steps == taken))
        for index, each, taken in zip(places, options, choice.steps if choice else (), strict=choice is not None)
        if taken
    )
    path = Path(
        to=band,
        target=goal,
        gap=gap,
        gates=_gates_in_the_way(situation, goal),
        reachable=choice is not None,
        steps=steps,
        cost=choice.cost if choice else 0.0,
        score_after=now,
        most_gain=sum(max((option.gain for option in each), default=0.0) for each in options),
        holds_for_days=situation.model.bands.dwell_up_days,
    )
    return Found(situation, path, choice is not None)


def _gates_in_the_way(situation: Situation, goal: float) -> tuple[str, ...]:
    fired = situation.scores.gates_fired[situation.row]
    return tuple(
        gate.id
        for gate, on in zip(situation.model.gates, fired, strict=True)
        if on and (gate.cap_score is None or gate.cap_score < goal)
    )


def _options(situation: Situation, index: int) -> list[Option]:
    """Every number of steps that gains more than fewer steps do."""
    action = _action(situation, index)
    if not situation.can_move(index):
        return []
    options: list[Option] = []
    for steps, gain in enumerate(_gains(situation, index, action.steps), start=1):
        if gain > (options[-1].gain if options else 0.0) + _ROUNDING:
            options.append(Option(steps, gain, steps * action.cost))
    return options


def _gains(situation: Situation, index: int, most: int) -> list[float]:
    """What 1 to ``most`` steps gain."""
    signal, weight, now = situation.model.signals[index], situation.weight(index), situation.points(index)
    values = [_value_after(situation, index, steps) for steps in range(1, most + 1)]
    points = points_along(signal.normalise, values, situation.peers(signal)) if values else []
    return [weight * (one - now) for one in points]


def _value_after(situation: Situation, index: int, steps: int) -> float:
    start, signal = situation.value(index), situation.model.signals[index]
    after = start + improving_direction(signal.normalise, start) * steps * _action(situation, index).step
    return domain_of(signal.source).nearest(after)


def _step(situation: Situation, index: int, option: Option) -> PathStep:
    return PathStep(
        signal=situation.model.signals[index].id,
        label=_action(situation, index).label,
        steps=option.steps,
        start=situation.value(index),
        to=_value_after(situation, index, option.steps),
        gain=option.gain,
        cost=option.cost,
    )


def _action(situation: Situation, index: int) -> Action:
    action = situation.model.signals[index].action
    assert action is not None
    return action
