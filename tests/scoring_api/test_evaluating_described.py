"""Claims about data sets that describe themselves: attributes and starts at their time, and what is refused where."""

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from milepost_runtime.database import Pool
from scoring_api.documents.founding import read_shipped
from scoring_api.evaluating.__main__ import candidate_of, unforeseen
from scoring_api.evaluating.recognising import open_study
from scoring_api.evaluating.sheets import DataUnreadable
from scoring_api.evaluating.trying import Trial

START = datetime(2026, 1, 1, tzinfo=UTC)
DESCRIPTION = """
horizon_days: 28
panel: {from_day: 14, to_day: 28, every_days: 7}
split: {attribute: cohort, train: [2024], test: [2025]}
model:
  format: health-score-model/1
  id: made-up
  dimensions: [{id: all, weight: 1}]
  signals:
    - {id: per_seat, dimension: all,
       source: {agg: ratio, num: {agg: count, where: {type: feature.used}, window_days: 400}, den: seats, max: 1.0},
       normalise: {kind: piecewise, points: [[0, 0], [1, 100]]}}
  bands: {green: 70, yellow: 40}
"""


def day(number: float) -> str:
    return (START + timedelta(days=number)).isoformat()


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def made_up(folder: Path, description: str = DESCRIPTION, more: Sequence[Mapping[str, Any]] = ()) -> Path:
    """Forty accounts of two cohorts that are alike, of which every fourth leaves."""
    # A data set's name is its folder's: of one name there is but one in the database of all tests.
    folder = folder.with_name(f"{folder.parent.name}-{folder.name}")
    folder.mkdir()
    events: list[Mapping[str, Any]] = []
    outcomes = []
    for number in range(40):
        name, cohort = f"a{number}", 2025 if number % 2 else 2024
        events.append({"id": "started", "type": "account.started", "account": name, "occurred_at": day(0),
                       "cohort": cohort, "seats": 10})  # fmt: skip
        events += [{"id": f"u{one}", "type": "feature.used", "account": name, "occurred_at": day(one + 1)}
                   for one in range(number % 5 + 1)]  # fmt: skip
        left = day(30 + number % 9) if number % 8 in (2, 3) else ""
        outcomes.append({"account": name, "left_at": left, "followed_until": day(90)})
    write(folder / "events.csv", [*events, *more])
    write(folder / "outcomes.csv", outcomes)
    (folder / "evaluation.yaml").write_text(description)
    return folder


async def tried(folder: Path, owner: asyncpg.Connection, pool: Pool) -> Any:
    reference = next(one.parsed for one in read_shipped() if one.parsed.id == "b2b-onboarding")
    study = open_study(folder)
    return await Trial(study, owner, pool, lambda *_: None).run(candidate_of(study, ""), reference)


@pytest.mark.parametrize("told", [{"occurred_at": day(60)}, {"occurred_at": day(1), "recorded_at": day(60)}])
async def test_an_attribute_that_is_set_after_leaving_foretells_nothing(
    tmp_path: Path, owner: asyncpg.Connection, scoring_pool: Pool, told: Mapping[str, str]
) -> None:
    betrayal = [{"id": "cleaned", "type": "account.updated", "account": f"a{number}", "seats": 1000, **told}
                for number in range(40) if number % 8 in (2, 3)]  # fmt: skip
    clean = await tried(made_up(tmp_path / "clean"), owner, scoring_pool)
    betrayed = await tried(made_up(tmp_path / "betrayed", more=betrayal), owner, scoring_pool)
    for name in ("test", "train", "looks"):
        assert betrayed["model"][name] == clean["model"][name], name


async def test_an_attribute_counts_from_its_own_time_on(
    tmp_path: Path, owner: asyncpg.Connection, scoring_pool: Pool
) -> None:
    marked = [{"id": "grew", "type": "account.updated", "account": f"a{number}", "seats": 1000, "occurred_at": day(20)}
              for number in range(40) if number % 8 in (2, 3)]  # fmt: skip
    report = await tried(made_up(tmp_path / "marked", more=marked), owner, scoring_pool)
    areas = {one["look"]: one["auc"]["value"] for one in report["model"]["looks"]}
    assert areas["day 14"] < 1.0
    assert areas["day 21"] == areas["day 28"] == 1.0


def test_a_segment_is_what_was_known_at_a_look_and_a_side_what_held_at_the_start(tmp_path: Path) -> None:
    more = [
        {"id": "m", "type": "account.updated", "account": "a0", "cohort": 2025, "plan": "pro", "occurred_at": day(20)},
        {"id": "n", "type": "account.updated", "account": "a0", "cohort": 2025, "plan": "trial", "occurred_at": day(10),
         "recorded_at": day(30)},
    ]  # fmt: skip
    study = open_study(made_up(tmp_path / "moved", more=more))
    subject = study.subjects[0]
    known = [subject.attributes_at(START + timedelta(days=at)).get("plan") for at in (5, 15, 25, 35)]
    assert known == [None, None, "pro", "pro"]
    assert [study.side(subject, START + timedelta(days=at)) for at in (14, 28)] == ["train", "train"]


@pytest.mark.parametrize("turn", [1, -1])
def test_a_start_follows_from_what_is_told_in_whatever_order(tmp_path: Path, turn: int) -> None:
    more = [
        {"id": "1", "type": "account.started", "account": "b", "occurred_at": day(50)},
        {"id": "2", "type": "feature.used", "account": "b", "occurred_at": day(3)},
        {"id": "3", "type": "account.started", "account": "b", "occurred_at": day(70)},
        {"id": "4", "type": "feature.used", "account": "c", "occurred_at": day(5)},
        {"id": "5", "type": "feature.used", "account": "c", "occurred_at": day(4)},
    ][::turn]
    folder = made_up(tmp_path / "turned", more=more)
    with (folder / "outcomes.csv").open("a") as file:
        file.write("b,,\nc,,\n")
    study = open_study(folder)
    *_, told, seen = study.subjects
    assert told.start == START + timedelta(days=50)
    assert seen.start == START + timedelta(days=4)
    assert told.start_at(START + timedelta(days=60)) == START + timedelta(days=50)
    assert told.start_at(START + timedelta(days=80)) == START + timedelta(days=70)
    findings = {one.what: one.found for one in study.findings}
    assert findings["accounts that are said to start at several moments"] == 1


async def test_a_start_that_is_told_later_changes_no_earlier_look(
    tmp_path: Path, owner: asyncpg.Connection, scoring_pool: Pool
) -> None:
    anew = [{"id": "anew", "type": "account.started", "account": f"a{number}", "occurred_at": day(40)}
            for number in range(40)]  # fmt: skip
    clean = await tried(made_up(tmp_path / "clean"), owner, scoring_pool)
    begun = await tried(made_up(tmp_path / "begun", more=anew), owner, scoring_pool)
    for name in ("test", "train", "looks"):
        assert begun["model"][name] == clean["model"][name], name


@pytest.mark.parametrize(
    ("was", "becomes", "why"),
    [
        ("every_days: 7", "every_days: 0", r"panel\.every_days: should be greater"),
        ("{from_day: 14, to_day: 28, every_days: 7}", "{from: 2026-01-01, every_days: -7}", r"panel\.every_days"),
        ("{from_day: 14, to_day: 28, every_days: 7}", "{from: 1926-01-01, every_days: 1}", "say an earlier end"),
        ("{from_day: 14, to_day: 28, every_days: 7}", "[1, 2]", "panel: should be a valid dictionary"),
        ("horizon_days: 28", "horizon_days: soon", "horizon_days"),
        ("horizon_days: 28", "horizon_days: .nan", "horizon_days"),
        ("horizon_days: 28", "horizon_days: -5", "horizon_days"),
        ("horizon_days: 28", "horizon_days: 28\njourney: [[1]]", r"journey\.0"),
        ("horizon_days: 28", "horizon_days: 28\nbands: {red: 0.5}", "red must lie below yellow"),
        ("horizon_days: 28", "horizon_days: 28\nfit: [per_seat]", "fit: should be"),
        ("horizon_days: 28", "horizon_days: 28\nfit: {nobody: rising}", "nobody is no signal"),
        ("horizon_days: 28", "horizon_days: 28\nfit: {per_seat: upwards}", "'rising' or 'falling'"),
        ("train: [2024]", "train: '2024'", r"split\.train: should be a valid list"),
        ("train: [2024]", "train: [2024, 2025]", "2025 is trained on and tested on"),
        ("{attribute: cohort, train: [2024], test: [2025]}", "[a, b]", "split: should be a valid dictionary"),
        ("{attribute: cohort, train: [2024], test: [2025]}", "{train_before: 2026-03-01, test_from: 2026-02-01}",
         "test_from lies before train_before"),
        ("{attribute: cohort, train: [2024], test: [2025]}", "{train_before: 2026-02-01, test_from: 2026-02-10}",
         "reaches into the test"),
    ],
)  # fmt: skip
def test_a_description_that_cannot_be_meant_is_refused_with_the_place(
    tmp_path: Path, was: str, becomes: str, why: str
) -> None:
    folder = made_up(tmp_path / "odd", DESCRIPTION.replace(was, becomes))
    with pytest.raises(DataUnreadable, match=why):
        open_study(folder)


def test_a_model_is_a_document_and_no_name(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "named", DESCRIPTION.partition("model:")[0] + "model: b2b-onboarding\n")
    with pytest.raises(DataUnreadable, match=r"evaluation\.yaml: model: should be"):
        open_study(folder)


@pytest.mark.parametrize(
    ("file", "row", "why"),
    [
        ("events", "z,feature.used,a1,2026-01-20,,,more,more", "more cells"),
        ("events", "z\0,feature.used,a1,2026-01-20", r"U\+0000"),
        ("events", "z,feature.used,a1,yesterday", "occurred_at: 'yesterday' is no moment"),
        ("events", "z,feature.used,a1,0001-01-01T00:00:00+14:00", "occurred_at"),
        ("events", "z,feature.used,a1,9999-12-31T23:00:00-14:00", "occurred_at"),
        ("events", "z,feature.used,a1,0001-01-01", "the year 1 cannot be meant"),
        ("events", "z,,a1,2026-01-20", "type is missing"),
        ("outcomes", "a1,,", r"account a1 stands in outcomes\.csv:3 already"),
        ("outcomes", "ghost,,", "nothing is told of account ghost"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_file_and_line(tmp_path: Path, file: str, row: str, why: str) -> None:
    folder = made_up(tmp_path / "odd")
    path = folder / f"{file}.csv"
    last = path.read_text().count("\n") + 1
    with path.open("a", newline="") as rows:
        rows.write(f"{row}\n")
    with pytest.raises(DataUnreadable, match=rf"^{file}\.csv:{last}: .*{why}"):
        open_study(folder)


@pytest.mark.parametrize(("file", "column"), [("outcomes", "left_at"), ("events", "type")])
def test_a_column_that_is_not_there_is_named(tmp_path: Path, file: str, column: str) -> None:
    folder = made_up(tmp_path / "narrow")
    path = folder / f"{file}.csv"
    path.write_text(path.read_text().replace(column, "other", 1))
    with pytest.raises(DataUnreadable, match=rf"{file}\.csv:1: there is no column {column}"):
        open_study(folder)


async def test_a_property_that_is_no_number_stays_a_word(
    tmp_path: Path, owner: asyncpg.Connection, scoring_pool: Pool
) -> None:
    odd = [{"id": "odd", "type": "feature.used", "account": "a1", "occurred_at": day(2), "value": "inf", "w": "nan"}]
    report = await tried(made_up(tmp_path / "odd", more=odd), owner, scoring_pool)
    findings = {one["what"]: one["found"] for one in report["findings"]}
    assert findings["values that look like numbers and are none (nan, inf)"] == 1


def test_what_nobody_foresaw_is_still_one_line_that_names_the_data_set(tmp_path: Path) -> None:
    try:
        float("x")
    except ValueError as error:
        told = unforeseen(tmp_path, ExceptionGroup("at once", [error]))
    assert told.startswith(f"{tmp_path} cannot be evaluated: ValueError (test_evaluating_described.py:")
    assert "\n" not in told
