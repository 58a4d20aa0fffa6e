"""The worked examples of the score model, every value of them."""

from pathlib import Path
from typing import Any

import pytest
from support.known_answers import Example, answer, load

EXAMPLES = load(Path(__file__).parent / "known_answers" / "scores.json")
GIVEN = {"target", "units"}
"""Keys that stand among the expected values but are inputs."""


def differences(expected: Any, found: Any, place: str = "") -> list[str]:
    """Where an answer differs from what is expected by more than a millionth."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = [key for key in expected if key not in GIVEN]
        return [line for key in keys for line in differences(expected[key], found.get(key), f"{place}/{key}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [line for i, one in enumerate(expected) for line in differences(one, found[i], f"{place}/{i}")]
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (expected, found))
    if abs(expected - found) <= 1e-6 if numbers else expected == found:
        return []
    return [f"{place}: expected {expected!r}, found {found!r}"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["id"])
def test_a_worked_example_comes_out_to_a_millionth(example: Example) -> None:
    assert differences(example["expected"], answer(example)) == []


def test_every_worked_example_is_there() -> None:
    assert [example["id"].split("-")[0] for example in EXAMPLES] == ["S1", "S2", "S3", "S4", "S5", "S6"]


def test_a_difference_is_noticed() -> None:
    found = answer(EXAMPLES[0])
    found["signals"]["s_usage"]["score"] += 1e-5

    assert differences(EXAMPLES[0]["expected"], found) == ["/signals/s_usage/score: expected 80.0, found 80.00001"]
