"""Claims about the cheapest combination where exactness would take for ever: it suffices, and is hardly dearer."""

import random
import time

import pytest

from milepost_core.what_if import Option, cheapest


def test_figures_that_never_repeat_are_searched_in_a_moment_and_what_is_found_suffices() -> None:
    chance = random.Random(1)
    costs = [1 + chance.random() for _ in range(12)]
    # Whatever gains more costs more in proportion: no way is better than another until it is whole.
    options = [[Option(steps, steps * cost / 3, steps * cost) for steps in range(1, 11)] for cost in costs]
    most = sum(each[-1].gain for each in options)
    began = time.perf_counter()
    for share in (0.2, 0.5, 0.8, 1.0):
        found = cheapest(options, most * share)
        assert found is not None
        taken = [each[steps - 1] for each, steps in zip(options, found.steps, strict=True) if steps]
        assert sum(one.gain for one in taken) == pytest.approx(found.gain)
        assert found.gain >= most * share - 1e-8
        assert 3 * most * share - 1e-6 <= found.cost <= 3 * most * share * 1.006 + 1e-6
    assert time.perf_counter() - began < 10
