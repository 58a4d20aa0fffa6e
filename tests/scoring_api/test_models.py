"""Claims about score models as files: every mistake is told at once, with its line and column."""

import re
from importlib.resources import files

import pytest

from milepost_core.model import Counted, ScoreModel, lint
from milepost_runtime.placed_documents import Mistake
from scoring_api.documents.checking import ModelDocumentInvalid, read_model

SHIPPED = files("scoring_api.library").joinpath("b2b-onboarding.yaml").read_text(encoding="utf-8")


def mistakes(text: str) -> tuple[Mistake, ...]:
    with pytest.raises(ModelDocumentInvalid) as caught:
        read_model(text, "a file")
    return caught.value.mistakes


def test_the_shipped_model_weighs_five_dimensions_30_25_20_15_10(shipped: ScoreModel) -> None:
    assert [(one.id, one.weight) for one in shipped.dimensions] == [
        ("usage", 30),
        ("onboarding", 25),
        ("support", 20),
        ("engagement", 15),
        ("commercial", 10),
    ]


def test_the_shipped_model_has_nothing_to_warn_of(shipped: ScoreModel) -> None:
    assert lint(shipped) == ()


def test_the_shipped_model_names_a_baseline_and_words_for_every_signal(shipped: ScoreModel) -> None:
    assert {name for name, _ in shipped.baseline.fixed} == {signal.id for signal in shipped.signals}
    assert all(signal.texts.good and signal.texts.bad and signal.texts.next_step for signal in shipped.signals)


def test_the_shipped_model_says_one_day_and_never_one_days(shipped: ScoreModel) -> None:
    said = []
    for signal in shipped.signals:
        templates = [signal.texts.unit, signal.texts.good or Counted(""), signal.texts.bad or Counted("")]
        unit, good, bad = (one.beside("1") for one in templates)
        said += [f"1 {unit}", *(text.replace("{value}", "1").replace("{unit}", unit) for text in (good, bad))]
    wrong = re.compile(r"\b1 (?:different |more )?(?:days|hours|tickets|tasks|features|times|meetings)\b")

    assert [text for text in said if wrong.search(text)] == []


def test_every_mistake_is_told_at_once_with_its_place() -> None:
    lines = SHIPPED.splitlines()
    weight = next(n for n, line in enumerate(lines) if line == "    weight: 3")
    bands = next(n for n, line in enumerate(lines) if line.startswith("bands:"))
    lines[weight] = "    weigth: 3"
    lines[bands] = "bands: {green: 30, yellow: 40}"
    found = mistakes("\n".join(lines))
    assert [(one.line, one.pointer, one.nearest) for one in found] == [
        (weight + 1, "/signals/0/weigth", "weight"),
        (bands + 1, "/bands/yellow", None),
    ]
    assert found[0].column == 5
    assert found[1].column == lines[bands].index("yellow") + 1


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: [1\nb: 2", 2, "expected ',' or ']'"),
        ("a: 1\na: 2\n", 2, "duplicate key"),
        ("- a\n", 1, "is not a mapping"),
        ("", 1, "is not a mapping"),
        ("a: &x [*x]\nb: " + "[" * 5000, 1, ""),
        ("!!python/object/apply:os.system [ls]", 1, "carries a YAML tag"),
        ("x" * 300_000, 1, "is longer than"),
    ],
)
def test_text_that_is_no_document_is_refused_with_a_place(text: str, line: int, message: str) -> None:
    found = mistakes(text)[0]
    assert message in found.message
    assert found.line >= line
