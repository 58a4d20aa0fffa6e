"""Worked examples of the score model, answered by the slow reading and the law alone: no store, no SQL.

The words of the answers are the shipped ones; it compares nothing.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from support.reading import age_of, read
from support.records import required

from milepost_core.cohorts import Cohort, CohortColumn, Peers
from milepost_core.model import parse_model
from milepost_core.scoring import Population, score
from scoring_api.verifying.answering import Scored, dimensions, signals, standing
from scoring_api.verifying.plainly import answer_plain, is_plain
from scoring_api.verifying.reasoning import drivers, levers

Example = Mapping[str, Any]


def load(path: Path) -> list[Example]:
    examples: list[Example] = json.loads(path.read_text(encoding="utf-8"))["examples"]
    return examples


def scored(example: Example, as_of: object = None) -> Scored:
    """Read and score the account of an example at its moment."""
    moment = required(as_of or example["as_of"])
    account = example["account"]
    model = parse_model(example["model"]).for_segment({**account, **(account.get("attributes") or {})})
    readings = read(account, model, moment)
    population = Population(np.array([age_of(account, moment)]))
    cohort = cohort_of(example)
    return Scored(model, moment, population, readings, score(model, population, readings, cohort), cohort)


def cohort_of(example: Example) -> Cohort:
    """The peers' raw values by signal that an example names."""
    values = example.get("cohort") or example["account"].get("cohort") or {}
    return {name: CohortColumn((Peers.exactly(raw),), np.zeros(1, np.int64)) for name, raw in values.items()}


def answer(example: Example) -> dict[str, Any]:
    """Everything this code says about an example, in the examples' own words."""
    if is_plain(example):
        return answer_plain(example)
    one, expected = scored(example), example["expected"]
    found = standing(one) | {"signals": signals(one), "dimensions": dimensions(one)}
    found |= drivers(one, expected.get("baseline_signals") or {})
    if "single_lever" in expected:
        found["single_lever"] = levers(one, expected["target"], expected.get("units") or {})
    return found


__all__ = ["Example", "Scored", "answer", "load", "scored"]
