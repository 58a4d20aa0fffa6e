"""The cheapest set of steps that adds up to a gain: a multiple-choice knapsack, solved exactly in all but odd cases.

It never rounds gains, and never takes the greedy way (exact for concave curves only) where it knows a better one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Choice", "Option", "cheapest"]

_ROUNDING: Final = 1e-9
MOST_PLANS: Final = 2000
"""So many partial plans are carried from action to action; only figures that never repeat leave more to carry."""


@dataclass(frozen=True, slots=True)
class Option:
    """Take ``steps`` steps of one action: what it gains and what it costs."""

    steps: int
    gain: float
    cost: float


_NOTHING: Final = Option(0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Choice:
    """A partial plan: how many steps of each action considered so far."""

    cost: float
    actions: int
    """How many actions take at least one step."""
    gain: float
    steps: tuple[int, ...]


def cheapest(options: Sequence[Sequence[Option]], gap: float) -> Choice | None:
    """One option per action with total gain of at least ``gap`` at the least cost.

    Args:
        options: per action its options with at least one step; doing nothing is always possible.
        gap: points to gain.

    Returns:
        The cheapest choice; of equally cheap ones that with fewer actions, then the larger gain.
        None if all actions together do not suffice.

    The plans are built action by action, keeping only those that gain more than any cheaper one
    and that can still reach the gap at no more than a cost known to suffice. If more than
    `MOST_PLANS` are left, those of nearly one cost are told apart no longer: what is found then
    suffices all the same, and costs at most one part in `MOST_PLANS` of that known cost too much,
    for every action.
    """
    best_gains = [max((option.gain for option in each), default=0.0) for each in options]
    still_possible = sum(max(gain, 0.0) for gain in best_gains)
    if still_possible < gap - _ROUNDING:
        return None
    enough = _sufficient(options, gap)
    plans = [Choice(0.0, 0, 0.0, ())]
    for each, best in zip(options, best_gains, strict=True):
        still_possible -= max(best, 0.0)
        grown = _undominated(
            _grow(plan, option)
            for plan in plans
            for option in (_NOTHING, *each)
            if plan.gain + option.gain + still_possible >= gap - 2 * _ROUNDING
            and plan.cost + option.cost <= enough.cost + 2 * _ROUNDING
        )
        plans = grown if len(grown) <= MOST_PLANS else _thinned(grown, enough.cost)
    found = [plan for plan in plans if plan.gain >= gap - _ROUNDING]
    return min(found, key=_preference, default=enough)


def _grow(plan: Choice, option: Option) -> Choice:
    # costs are compared for equality, so they must not depend on the order of additions
    cost = round(plan.cost + option.cost, 9)
    steps = (*plan.steps, option.steps)
    return Choice(cost, plan.actions + (option.steps > 0), plan.gain + option.gain, steps)


def _preference(plan: Choice) -> tuple[float, int, float]:
    return plan.cost, plan.actions, -round(plan.gain, 9)


def _undominated(plans: Iterable[Choice]) -> list[Choice]:
    """Plans that gain more than every plan preferred to them.

    Whatever is added to a plan can be added to a preferred one that gains as much, and the sum is
    preferred again: cheaper, or as cheap with fewer actions.
    """
    kept: list[Choice] = []
    for plan in sorted(plans, key=_preference):
        if not kept or plan.gain > kept[-1].gain + _ROUNDING:
            kept.append(plan)
    return kept


def _thinned(plans: Sequence[Choice], most: float) -> list[Choice]:
    """Of the plans, which gain the more the dearer they are, the last of each small span of costs."""
    cells = {int(plan.cost / most * MOST_PLANS): plan for plan in plans}
    return list(cells.values())


def _sufficient(options: Sequence[Sequence[Option]], gap: float) -> Choice:
    """Some plan that suffices, greedily by gain per cost: its cost bounds the search."""
    offers = [(index, option) for index, each in enumerate(options) for option in each]
    offers.sort(key=lambda offer: -offer[1].gain / max(offer[1].cost, 1e-12))
    taken: dict[int, Option] = {}
    for index, option in offers:
        if sum(one.gain for one in taken.values()) >= gap:
            break
        if index not in taken or option.gain > taken[index].gain:
            taken[index] = option
    plan = Choice(0.0, 0, 0.0, ())
    for index in range(len(options)):
        plan = _grow(plan, taken.get(index, _NOTHING))
    return plan
