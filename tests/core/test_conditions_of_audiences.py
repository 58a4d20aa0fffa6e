"""Claims about conditions: Kleene's three values with a reason for every leaf, and one English sentence for a tree."""

from itertools import product

import pytest

from milepost_contracts.audiences import Question, as_condition, as_wire
from milepost_core.playbooks.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Fact,
    Not,
    Scalar,
    answer,
    depth_of,
    sentence,
    subjects_of,
)

FACTS = {"yes": Fact(True), "no": Fact(False), "score": Fact(38.2), "stage": Fact("activation")}
LEAF = {
    True: Compare("yes", "eq", (True,)),
    False: Compare("no", "eq", (True,)),
    None: Compare("nowhere", "eq", (True,)),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other"), list(product(LEAF, LEAF)))
def test_and_or_and_not_are_kleenes(one: bool | None, other: bool | None) -> None:
    parts = (LEAF[one], LEAF[other])
    # The order of Kleene: false, not known, true.
    rank = {False: 0, None: 1, True: 2}
    assert answer(AllOf(parts), FACTS).holds is min((one, other), key=lambda value: rank[value])
    assert answer(AnyOf(parts), FACTS).holds is max((one, other), key=lambda value: rank[value])
    assert answer(Not(LEAF[one]), FACTS).holds is (None if one is None else not one)


def test_all_of_nothing_holds_and_any_of_nothing_does_not() -> None:
    assert answer(AllOf(()), FACTS).holds is True
    assert answer(AnyOf(()), FACTS).holds is False


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        (Compare("score", "lt", (40.0,)), True),
        (Compare("score", "gte", (38.2,)), True),
        (Compare("score", "gt", (38.2,)), False),
        (Compare("score", "lte", (38.2,)), True),
        (Compare("score", "lt", ("40",)), None),
        (Compare("score", "eq", ("38.2",)), False),
        (Compare("score", "ne", ("38.2",)), True),
        (Compare("stage", "in", ("activation", "rollout")), True),
        (Compare("stage", "not_in", ("activation",)), False),
        (Compare("stage", "lt", ("b",)), True),
        (Compare("yes", "eq", (1.0,)), False),
        (Compare("yes", "lt", (True,)), None),
        (Compare("nowhere", "known"), False),
        (Compare("nowhere", "unknown"), True),
        (Compare("nowhere", "ne", ("x",)), None),
        (Compare("gate.sponsor_left", "eq", (False,)), True),
    ],
)
def test_a_test_compares_what_is_of_one_kind(test: Compare, holds: bool | None) -> None:
    assert answer(test, FACTS).holds is holds


def test_conditions_that_are_equal_to_python_are_still_said_each_in_its_own_words() -> None:
    one, yes = Compare("gate.sponsor", "eq", (1.0,)), Compare("gate.sponsor", "eq", (True,))

    assert one == yes
    assert [sentence(one), sentence(yes)] == ["the gate sponsor is 1", "the gate sponsor is yes"]


def test_every_leaf_says_why_also_where_it_did_not_matter() -> None:
    tree = AllOf((Compare("score", "gte", (40.0,)), Compare("signal.seats", "lt", (3.0,)), LEAF[True]))
    found = answer(tree, FACTS | {"signal.seats": Fact(None, "no product data has come in")})

    assert found.holds is False
    assert [leaf.because for leaf in found.leaves] == [
        "the score is 38.2, which is not at least 40",
        "seats is not known: no product data has come in",
        "yes is yes, which is yes",
    ]
    assert found.because == "the score is 38.2, which is not at least 40"


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (Compare("score", "lt", (40.0,)), "the score is below 40"),
        (Not(Compare("score", "lt", (40.0,))), "the score is not below 40"),
        (Not(Compare("stage", "ne", ("x",))), "the stage is x"),
        (Compare("attribute.arr", "in", (1.5, "much")), "the account's arr is one of 1.5, much"),
        (Compare("gate.sponsor_left", "eq", (True,)), "the gate sponsor_left is yes"),
        (Compare("days_since.feature.used", "gte", (14.0,)), "the days since the last feature.used is at least 14"),
        (
            AllOf((LEAF[True], AnyOf((LEAF[False], Compare("owner", "unknown"))))),
            "yes is yes and (no is yes or the owner is not known)",
        ),
        (Not(AnyOf((LEAF[True], LEAF[False]))), "not (yes is yes or no is yes)"),
        (AllOf((AnyOf((LEAF[True],)),)), "yes is yes"),
        (AllOf(()), "always"),
        (AnyOf(()), "never"),
    ],
)
def test_a_tree_is_one_sentence(tree: Condition, said: str) -> None:
    assert sentence(tree) == said


def test_a_tree_travels_and_comes_back_as_it_was() -> None:
    values: tuple[Scalar, ...] = ("a", 1.5, True)
    some = AnyOf((Compare("score", "known"), Compare("owner", "eq", ("x",))))
    tree = AllOf((Not(Compare("stage", "in", values)), some))
    sent = Question.model_validate({"condition": as_wire(tree)}).model_dump_json(by_alias=True)
    question = Question.model_validate_json(sent)

    assert as_condition(question.condition) == tree
    assert subjects_of(tree, None, tree) == ("stage", "score", "owner")
    assert depth_of(tree) == 3
