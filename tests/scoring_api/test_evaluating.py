"""Claims about `milepost evaluate`: it says what was visible then, and it says nothing where there is nothing."""

import csv
import gzip
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from milepost_runtime.database import Pool
from scoring_api.documents.founding import read_shipped
from scoring_api.evaluating.__main__ import candidate_of
from scoring_api.evaluating.pages import write_report
from scoring_api.evaluating.recognising import open_study
from scoring_api.evaluating.sheets import DataUnreadable
from scoring_api.evaluating.trying import NothingToEvaluate, Trial

SAMPLES = Path(__file__).parent / "evaluations"
START = datetime(2026, 1, 1, tzinfo=UTC)
LOOK_DAYS = (14, 21, 28)
Try = Callable[[Path], Any]

DESCRIPTION = """
title: A made-up cohort <b>
horizon_days: 28
panel: {from_day: 14, to_day: 28, every_days: 7}
split: {attribute: cohort, train: [old], test: [new]}
journey: [[0, 20], [21, 60]]
fit: {mood: rising}
model:
  format: health-score-model/1
  id: made-up
  dimensions: [{id: all, weight: 1}]
  signals:
    - {id: mood, dimension: all, source: {agg: last, where: {type: mood.told}},
       normalise: {kind: piecewise, points: [[0, 0], [100, 100]]}}
  bands: {green: 70, yellow: 40, margin_up: 3, dwell_up_days: 14}
"""


@pytest.fixture
def attempt(owner: asyncpg.Connection, scoring_pool: Pool) -> Try:
    """Evaluates a folder in the module's database."""
    reference = next(one.parsed for one in read_shipped() if one.parsed.id == "b2b-onboarding")

    async def run(folder: Path) -> Any:
        study = open_study(folder)
        trial = Trial(study, owner, scoring_pool, lambda *_: None)
        return await trial.run(candidate_of(study, ""), reference)

    return run


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def made_up(
    folder: Path, *, signal: float, later: Sequence[Mapping[str, Any]] = (), seed: int = 11
) -> list[dict[str, Any]]:
    """A cohort in which mood foretells leaving as much as `signal` says; return what became of whom."""
    chance = random.Random(seed)
    folder.mkdir()
    events, outcomes, people = [], [], []
    for number in range(240):
        name, cohort = f"a{number}", "new" if number % 2 else "old"
        leaves = chance.random() < 0.35
        mood = round(chance.gauss(60 - signal * leaves, 15), 3)
        left = START + timedelta(days=chance.randint(29, 41)) if leaves else None
        events.append({"id": "s", "type": "account.started", "account": name, "occurred_at": START, "cohort": cohort})
        events.append(
            {"id": "m", "type": "mood.told", "account": name, "occurred_at": START + timedelta(days=3), "value": mood}
        )
        outcomes.append({"account": name, "left_at": left or "", "followed_until": START + timedelta(days=90)})
        people.append({"cohort": cohort, "leaves": leaves, "left": left, "mood": mood})
    events += [
        {**one, "account": f"a{n}", "id": f"later{place}"} for place, one in enumerate(later) for n in range(240)
    ]
    write(folder / "events.csv", events)
    write(folder / "outcomes.csv", outcomes)
    (folder / "evaluation.yaml").write_text(DESCRIPTION)
    return people


def by_pairs(people: Sequence[Mapping[str, Any]]) -> float:
    """P(a row that leaves has the lower mood), pair by pair over all looks of the test cohort."""
    rows = [(one["mood"], one["left"] is not None and one["left"] <= START + timedelta(days=day + 28))
            for one in people if one["cohort"] == "new" for day in LOOK_DAYS]  # fmt: skip
    leaving, staying = [m for m, y in rows if y], [m for m, y in rows if not y]
    wins = sum((a < b) + 0.5 * (a == b) for a in leaving for b in staying)
    return float(wins / (len(leaving) * len(staying)))


async def test_a_signal_that_was_put_in_is_found_as_strong_as_it_is(tmp_path: Path, attempt: Try) -> None:
    people = made_up(tmp_path / "planted", signal=25)
    report = await attempt(tmp_path / "planted")
    test = report["model"]["test"]
    # Beyond the outermost quantiles the fitted curve is flat: a few pairs there are ties, which count half.
    assert test["auc"]["value"] == pytest.approx(by_pairs(people), abs=0.01)
    assert (test["rows"], test["accounts"]) == (360, 120)
    assert report["verdict"]["code"] == "ranks"
    assert report["model"]["warnings"]["yellow_or_red"]["caught"] > 0.5


async def test_without_any_signal_nothing_is_claimed(tmp_path: Path, attempt: Try) -> None:
    # An interval of 95 % misses the truth once in twenty: this is one of the nineteen.
    made_up(tmp_path / "silent", signal=0, seed=12)
    report = await attempt(tmp_path / "silent")
    area = report["model"]["test"]["auc"]
    assert area["low"] < 0.5 < area["high"]
    assert report["verdict"]["text"].startswith("No evidence that this score ranks churn here")


async def test_what_happens_or_is_told_after_a_look_changes_nothing(tmp_path: Path, attempt: Try) -> None:
    made_up(tmp_path / "clean", signal=20)
    betrayals = [
        {"type": "mood.told", "occurred_at": START + timedelta(days=29), "value": 1},
        {"type": "mood.told", "occurred_at": START + timedelta(days=4), "value": 99,
         "recorded_at": START + timedelta(days=60)},
    ]  # fmt: skip
    made_up(tmp_path / "betrayed", signal=20, later=betrayals)
    clean, betrayed = await attempt(tmp_path / "clean"), await attempt(tmp_path / "betrayed")
    for name in ("test", "train", "curves", "thresholds", "probability", "warnings", "looks"):
        assert betrayed["model"][name] == clean["model"][name], name


async def test_curves_and_thresholds_come_from_the_training_cohort_alone(tmp_path: Path, attempt: Try) -> None:
    made_up(tmp_path / "whole", signal=20)
    made_up(tmp_path / "shifted", signal=20)
    rows = list(csv.DictReader((tmp_path / "shifted" / "events.csv").open()))
    new = {row["account"] for row in rows if row["cohort"] == "new"}
    for row in rows:
        if row["type"] == "mood.told" and row["account"] in new:
            row["value"] = str(float(row["value"]) + 40)
    write(tmp_path / "shifted" / "events.csv", rows)
    whole, shifted = await attempt(tmp_path / "whole"), await attempt(tmp_path / "shifted")
    for name in ("curves", "thresholds", "train"):
        assert shifted["model"][name] == whole["model"][name], name
    assert shifted["model"]["probability"]["slope"] == whole["model"]["probability"]["slope"]
    assert shifted["model"]["probability"]["predicted"] < whole["model"]["probability"]["predicted"]


async def test_the_panel_of_enrolments_holds_exactly_whom_its_rule_names(attempt: Try) -> None:
    with gzip.open(SAMPLES / "oulad" / "accounts.csv.gz", "rt") as file:
        accounts = [row for row in csv.DictReader(file) if row["single_enrolment"] == "1"]
    counted = {"train": 0, "test": 0}
    leaving = 0
    for row in accounts:
        left = int(row["withdrew_day"]) if row["withdrew_day"] else 10_000
        for day in range(14, 204, 7):
            if int(row["registered_day"] or -9999) <= day < left and int(row["length_days"]) >= day + 28:
                counted["test" if row["presentation"] == "2014J" else "train"] += 1
                leaving += row["presentation"] == "2014J" and left <= day + 28
    report = await attempt(SAMPLES / "oulad")
    model = report["model"]
    assert report["rows"] == counted
    assert model["test"]["leaving"] == leaving > 50
    ended = sum(row["final_result"] == "Withdrawn" and not row["withdrew_day"] for row in accounts)
    findings = {one["what"]: one["found"] for one in report["findings"]}
    assert findings.get("enrolments that ended as withdrawn, without a day", 0) == ended
    assert set(model["curves"]) == {"marks", "days_late", "last_heard", "registered_early", "credits"}
    assert model["test"]["auc"]["value"] > 0.6
    assert report["reference"]["id"] == "b2b-onboarding"


async def test_impossible_dates_are_told_and_noise_is_called_noise(attempt: Try) -> None:
    report = await attempt(SAMPLES / "ravenstack")
    findings = {one["what"]: one["share"] for one in report["findings"]}
    assert findings["usage before its subscription begins"] > 0.7
    assert findings["tickets before the account signed up"] > 0.4
    assert findings["accounts whose churn flag contradicts the churn events"] > 0.5
    assert report["verdict"]["code"] == "no_evidence"


async def test_the_report_is_a_page_for_both_themes_and_the_same_as_data(tmp_path: Path, attempt: Try) -> None:
    made_up(tmp_path / "reported", signal=25)
    report = await attempt(tmp_path / "reported")
    page, data = write_report(tmp_path / "report", report)
    text = page.read_text()
    assert text.count("<svg") == 4
    # Drawings keep their width on a narrow screen, so that their lettering stays as large as it is.
    assert text.count('<div class="chart" tabindex="0"><svg') == 4
    assert "prefers-color-scheme: dark" in text
    assert "A made-up cohort &lt;b&gt;" in text
    assert report["verdict"]["text"] in text
    assert '"format": "score-evaluation/1"' in data.read_text()
    assert "http" not in text.replace("http-equiv", ""), "it stands alone"


def test_a_folder_of_nothing_known_is_refused_with_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(DataUnreadable, match=r"evaluation\.yaml, events\.csv and outcomes\.csv"):
        open_study(tmp_path)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("panel: {from_day: 14, to_day: 28, every_days: 7}", "no panel"),
        ("journey: [[0, 20], [21, 60]]", "journeys has no"),
    ],
)
def test_a_description_that_lacks_or_misspells_something_is_refused(tmp_path: Path, line: str, why: str) -> None:
    made_up(tmp_path / "odd", signal=1)
    text = DESCRIPTION.replace(line, "" if why == "no panel" else line.replace("journey", "journeys"))
    (tmp_path / "odd" / "evaluation.yaml").write_text(text)
    with pytest.raises(DataUnreadable, match=why):
        open_study(tmp_path / "odd")


async def test_a_side_without_rows_is_refused(tmp_path: Path, attempt: Try) -> None:
    made_up(tmp_path / "lopsided", signal=1)
    (tmp_path / "lopsided" / "evaluation.yaml").write_text(DESCRIPTION.replace("test: [new]", "test: [nobody]"))
    with pytest.raises(NothingToEvaluate, match="test"):
        await attempt(tmp_path / "lopsided")


def test_other_cohorts_may_be_asked_for(tmp_path: Path) -> None:
    made_up(tmp_path / "other", signal=1)
    study = open_study(tmp_path / "other", {"train": ["new"], "test": ["old"]})
    old = next(one for one in study.subjects if one.attributes["cohort"] == "old")
    assert study.side(old, START) == "test"
