"""The worked examples of the score model, every value of them."""

from pathlib import Path

import pytest
from support.known_answers import Example, answer, load

from scoring_api.verifying.comparing import differences

EXAMPLES = load(Path(__file__).parent / "known_answers" / "scores.json")
GIVEN = {"target", "units"}
"""Keys that stand among the expected values but are inputs."""


def expected(example: Example) -> Example:
    return {key: value for key, value in example["expected"].items() if key not in GIVEN}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["id"])
def test_a_worked_example_comes_out_to_a_millionth(example: Example) -> None:
    assert [str(one) for one in differences(expected(example), answer(example), 1e-6)] == []


def test_every_worked_example_is_there() -> None:
    assert [example["id"].split("-")[0] for example in EXAMPLES] == ["S1", "S2", "S3", "S4", "S5", "S6"]


def test_a_difference_is_noticed() -> None:
    found = answer(EXAMPLES[0])
    found["raw_score"] += 1e-5

    (one,) = differences(expected(EXAMPLES[0]), found, 1e-6)
    assert str(one) == "/raw_score: expected 72.5, found 72.50001"
