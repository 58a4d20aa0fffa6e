"""Claims about `milepost verify-answers`: worked examples come out along the real path, and nothing passes unread."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from milepost_runtime.database import Pool
from scoring_api.verifying.cases import Case, FileNotUnderstood, read_cases, read_file
from scoring_api.verifying.measuring import Store
from scoring_api.verifying.running import Verdict, verify

PUBLISHED = Path(__file__).resolve().parents[1] / "core" / "known_answers" / "scores.json"
OURS = sorted((Path(__file__).parent / "answers").glob("*.json"))


@pytest.fixture(scope="module")
def store(owner: asyncpg.Connection, scoring_pool: Pool) -> Store:
    return Store(owner, scoring_pool)


@pytest.mark.parametrize("file", [PUBLISHED, *OURS], ids=lambda file: file.stem)
async def test_every_example_of_a_file_comes_out(store: Store, file: Path) -> None:
    verdicts = await verify(store, read_file(file))
    assert [(one.case.id, one.verdict, one.remarks) for one in verdicts if one.verdict != "ok"] == []


def examples() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for file in (PUBLISHED, *OURS):
        found += json.loads(file.read_text())["examples"]
    return found


async def judged(store: Store, example: dict[str, Any]) -> Verdict:
    (one,) = await verify(store, [Case(str(example["id"]), example, 1e-6)])
    return one


def leaves(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every number and word that an example expects."""
    for key, value in part.items() if isinstance(part, dict) else enumerate(part):
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def spoiled(example: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    """The example with one of its expectations wrong by a little."""
    other = copy.deepcopy(example)
    place: Any = other["expected"]
    for key in path[:-1]:
        place = place[key]
    value = place[path[-1]]
    if isinstance(value, bool):
        place[path[-1]] = not value
    elif isinstance(value, int | float):
        place[path[-1]] = value + 1e-4
    else:
        place[path[-1]] = "another" if isinstance(value, str) else 12.5
    return other


async def test_whatever_is_expected_wrongly_is_noticed(store: Store) -> None:
    """Every single expectation of every example, spoiled by itself."""
    given = {"target", "units", "baseline_signals"}
    wrong = [(one["id"], path, spoiled(one, path)) for one in examples() for path in leaves(one["expected"])
             if path[0] not in given]  # fmt: skip
    verdicts = await verify(store, [Case(name, example, 1e-6) for name, _, example in wrong])
    assert len(wrong) > 400
    passed = [(name, path) for (name, path, _), one in zip(wrong, verdicts, strict=True) if one.verdict == "ok"]
    assert passed == []


SIMPLE = next(one for one in examples() if one["id"] == "S1-weighted-sum")


async def test_a_difference_names_its_place_what_was_expected_and_what_was_found(store: Store) -> None:
    one = await judged(store, spoiled(SIMPLE, ("signals", "s_usage", "score")))
    assert (one.verdict, one.remarks) == ("differs", ("/signals/s_usage/score: expected 80.0001, found 80.0",))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"expected": {"zest": 3}}, "/zest: nothing here answers to that"),
        ({"expected": {"signals": {"s_usage": {"colour": "blue"}}}}, "/signals/s_usage/colour"),
        ({"expected": {"signals": {"no_such": {"raw": 1}}}}, "/signals/no_such"),
        ({"expected": {}}, "/expected"),
        ({"weather": "fine"}, "/weather: has no meaning here"),
        ({"as_of": "yesterday"}, "no moment"),
        ({"account": {"events": []}}, "/account/start_at: is missing"),
        ({"account": {**SIMPLE["account"], "items": [{"kind": "letter", "opened_at": "2026-01-02"}]}}, "letter"),
        ({"account": {**SIMPLE["account"], "events": [{"type": "login"}]}}, "a moment is missing"),
        ({"account": {**SIMPLE["account"], "gadgets": [1]}}, "/account/gadgets: has no meaning here"),
        ({"model": {**SIMPLE["model"], "signals": []}}, "/model"),
        ({"override": {"band": "green", "mood": "sure"}}, "/override/mood"),
    ],
)
async def test_what_has_no_meaning_is_told_and_never_passed_over(
    store: Store, change: dict[str, Any], why: str
) -> None:
    one = await judged(store, {**SIMPLE, **change})
    assert one.verdict == "not_understood"
    assert why in one.remarks[0]


async def test_one_example_that_breaks_off_leaves_the_others_alone(store: Store) -> None:
    broken = {**SIMPLE, "id": "broken", "account": {"start_at": "2026-01-01", "events": [7]}}
    verdicts = await verify(store, [Case("broken", broken, 1e-6), Case("fine", SIMPLE, 1e-6)])
    assert [one.verdict for one in verdicts] == ["not_understood", "ok"]


async def test_the_tolerance_is_the_files(store: Store) -> None:
    near = spoiled(SIMPLE, ("score",))
    (loose,) = await verify(store, read_cases({"examples": [near], "tolerance": 1e-3}, "here"))
    (strict,) = await verify(store, read_cases({"examples": [near]}, "here"))
    assert (loose.verdict, strict.verdict) == ("ok", "differs")


async def test_progress_is_told_for_many_examples(store: Store) -> None:
    heard: list[tuple[int, int]] = []
    await verify(store, [Case(f"n{n}", SIMPLE, 1e-6) for n in range(230)], lambda *far: heard.append(far))
    assert heard == [(100, 230), (200, 230), (230, 230)]


@pytest.mark.parametrize(
    ("document", "why"),
    [({"format": "stats-known-answers/1", "examples": [{}]}, "stats-known"), ([], "no list"),
     ({"examples": [3]}, "no list")],
)  # fmt: skip
def test_a_file_of_something_else_is_refused(document: Any, why: str) -> None:
    with pytest.raises(FileNotUnderstood, match=why):
        read_cases(document, "here.json")


def test_a_file_that_is_not_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(FileNotUnderstood, match="is not JSON"):
        read_file(tmp_path / "a.json")


async def test_an_account_is_what_was_known_of_it_at_the_moment(store: Store) -> None:
    """A later word on an account chooses neither its segment nor its peers."""
    rising = {"kind": "piecewise", "points": [[0, 0], [10, 100]]}
    signal = {"id": "s", "dimension": "d", "source": {"agg": "count", "where": {"type": "login"}}, "normalise": rising}
    halved = {"signals": {"s": {"normalise": {"points": [[0, 0], [20, 100]]}}}}
    model = {
        "dimensions": [{"id": "d", "weight": 1}], "signals": [signal],
        "segments": [{"id": "large", "when": {"tier": ["large"]}, **halved}],
    }  # fmt: skip
    words = [
        {"name": "tier", "t": "2026-01-01", "value": "small"},
        {"name": "tier", "t": "2026-02-01", "value": "large"},
    ]
    account = {"start_at": "2026-01-01", "attributes": words, "events": [{"t": "2026-01-03", "type": "login"}] * 5}
    for as_of, expected in (("2026-01-10", 50), ("2026-02-10", 25)):
        one = {"id": as_of, "model": model, "account": account, "as_of": as_of, "expected": {"raw_score": expected}}
        assert (await judged(store, one)).verdict == "ok", as_of
