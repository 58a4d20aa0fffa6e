"""A snapshot's row is enough to make the same judgement once more, to the bit: with peers and overrides."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.peers import crowd, model_of

from milepost_core.cohorts import gather_peers
from milepost_core.milestones import Plan, PlannedMilestone
from milepost_core.model import Band, ScoreModel
from milepost_core.model.journey import Journey
from milepost_core.overrides import Override
from milepost_core.scoring import Scores
from milepost_core.transitions import BandState
from scoring_api.scores.documenting import Subject, build_document
from scoring_api.scores.judging import Before, Judged, Reference, Verdict, judge_batch, judged_again, verdict
from scoring_api.scores.peering import KeptPeers, among_kept, group_keys
from scoring_api.scores.replaying import inputs_hash, inputs_of, subject_again, verdict_again

NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
SIZE = 40
ACCOUNT = UUID(int=7)
PLAN = Plan(
    NOW - timedelta(days=50),
    (
        PlannedMilestone("kickoff", "Kick-off", NOW - timedelta(days=45), NOW - timedelta(days=44)),
        PlannedMilestone("sso", "Single sign-on", NOW - timedelta(days=3), after=("kickoff",), work_days=5.0),
    ),
    Journey(),
    ZoneInfo("UTC"),
)
SUBJECT = Subject(ACCOUNT, "Acme", "smb", "Dana", NOW - timedelta(days=50), ("domain:acme.example",), PLAN, {1: 61.5})


def same_row(again: Scores, then: Scores, row: int) -> None:
    for field in fields(Scores):
        np.testing.assert_array_equal(getattr(again, field.name)[0], getattr(then, field.name)[row], err_msg=field.name)


def judged_among_peers(model: ScoreModel, seed: int = 7) -> tuple[Judged, KeptPeers]:
    readings = crowd(model, SIZE, seed)
    attributes = [{"segment": "smb" if place % 3 else "enterprise"} for place in range(SIZE)]
    keys = group_keys(model, attributes, [NOW - timedelta(days=place * 9) for place in range(SIZE)])
    column = gather_peers(readings.raw[:, 0], keys["use"])
    tables = {key: column.peers[column.group[keys["use"].index(key)]].table() for key in dict.fromkeys(keys["use"])}
    kept = KeptPeers(3, NOW, SIZE, {"use": tables}, {"use": 50.0})
    ages = np.arange(SIZE, dtype=np.float64) * 2.7 + 1 / 3
    return judge_batch(model, readings, ages, among_kept(kept, keys)), kept


def row_of(one: Verdict) -> dict[str, Any]:
    """What the store gives back: the inputs, once through JSON."""
    return {
        "account_id": ACCOUNT,
        "as_of": one.as_of,
        "readings": json.loads(json.dumps(inputs_of(one, SUBJECT))),
    }


def told(judged: Judged, row: int, said: Override | None = None, state: BandState | None = None) -> Verdict:
    before = Before(state, Band.YELLOW, 55.0, said)
    return verdict(judged, row, NOW, before, Reference("cohort_median", np.array([50.0, np.nan])))


SAID = Override(
    Band.RED, None, "their champion told me", "mara", NOW - timedelta(days=2), NOW + timedelta(days=3), "o1"
)


def test_every_figure_of_a_score_among_peers_comes_out_again_to_the_bit() -> None:
    judged, kept = judged_among_peers(model_of())
    for row in range(SIZE):
        same_row(judged_again(row_of(told(judged, row)), judged.model, kept).scores, judged.scores, row)


def test_ranks_among_peers_differ_from_the_fallback_curve_so_the_claim_above_is_about_peers() -> None:
    judged, kept = judged_among_peers(model_of())
    sizes = {key: one.size for key, one in kept.groups["use"].items()}
    keys = judged.among.keys["use"]
    row = next(row for row in range(SIZE) if sizes[keys[row]] >= 3 and not np.isnan(judged.scores.y[row, 0]))
    alone = judged_again(row_of(told(judged, row)), judged.model, None)
    assert alone.scores.y[0, 0] != judged.scores.y[row, 0]
    assert kept.id == judged.among.kept_id


@pytest.mark.parametrize("said", [None, SAID, replace(SAID, band=None, score=69.96)])
def test_a_document_comes_out_again_to_the_byte(said: Override | None) -> None:
    judged, kept = judged_among_peers(model_of())
    for row in range(0, SIZE, 5):
        one = told(judged, row, said, BandState(Band.YELLOW, "up", NOW - timedelta(days=3)))
        kept_row = row_of(one)
        again = verdict_again(kept_row, judged_again(kept_row, judged.model, kept))
        documents = [
            build_document(each, subject, NOW, "http://x").model_dump_json()
            for each, subject in ((one, SUBJECT), (again, subject_again(kept_row, judged.model)))
        ]
        assert documents[0] == documents[1]
        assert again.effective.because == ("model" if said is None else "override")


def hash_of(row: dict[str, Any]) -> str:
    return inputs_hash(row["readings"], row["as_of"], ("comparing", 1), 3)


def test_the_same_inputs_give_the_same_hash_before_and_after_the_store() -> None:
    judged, _ = judged_among_peers(model_of())
    one = told(judged, 3, SAID)
    assert hash_of(row_of(one)) == inputs_hash(inputs_of(one, SUBJECT), NOW, ("comparing", 1), 3)
    assert len(hash_of(row_of(one))) == 64


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [place for key, one in value.items() for place in _places(one, (*path, key))]
    if isinstance(value, list):
        return [place for key, one in enumerate(value) for place in _places(one, (*path, key))]
    return [path]


@settings(deadline=None)
@given(st.data(), st.integers(0, SIZE - 1))
def test_any_other_input_gives_another_hash(data: st.DataObject, row: int) -> None:
    judged, _ = judged_among_peers(model_of())
    kept = row_of(told(judged, row, SAID, BandState(Band.YELLOW, "up", NOW)))
    before = hash_of(kept)
    *way, last = data.draw(st.sampled_from(_places(kept["readings"])))
    inner: Any = kept["readings"]
    for key in way:
        inner = inner[key]
    inner[last] = (
        "another"
        if not isinstance(inner[last], int | float)
        else inner[last] + data.draw(st.sampled_from([1e-9, 1.0, -3.5]))
    )
    assert hash_of(kept) != before


def test_another_moment_model_or_crowd_gives_another_hash() -> None:
    judged, _ = judged_among_peers(model_of())
    inputs = inputs_of(told(judged, 3), SUBJECT)
    variants: list[tuple[datetime, tuple[str, int], int | None]]
    variants = [(NOW, ("a", 1), 3), (NOW + timedelta(microseconds=1), ("a", 1), 3), (NOW, ("a", 2), 3)]
    variants += [(NOW, ("b", 1), 3), (NOW, ("a", 1), 4), (NOW, ("a", 1), None)]

    assert len({inputs_hash(inputs, *one) for one in variants}) == len(variants)


def test_a_segment_s_view_of_the_model_is_found_again() -> None:
    steeper = {"normalise": {"kind": "piecewise", "points": [[0, 0], [5, 100]]}}
    model = model_of(segments=[{"id": "small", "when": {"segment": ["smb"]}, "signals": {"mood": steeper}}])
    view = model.segments[0].model
    readings = crowd(model, SIZE)
    judged = judge_batch(view, readings, np.full(SIZE, 50.0), segment="small")
    plain = judge_batch(model, readings, np.full(SIZE, 50.0))
    for row in range(SIZE):
        same_row(judged_again(row_of(told(judged, row)), model, None).scores, judged.scores, row)
        same_row(judged_again(row_of(told(plain, row)), model, None).scores, plain.scores, row)
    assert not np.array_equal(judged.scores.score, plain.scores.score, equal_nan=True)


def test_words_gates_and_waiting_survive_the_store() -> None:
    left = {"source": {"agg": "last", "where": {"type": "m_left"}}, "op": "==", "value": "gone"}
    model = model_of(gates=[{"id": "left", "when": left, "cap_score": 12.5}])
    readings = crowd(model, 3)
    assert readings.category is not None
    readings.raw[:, 2] = np.nan
    readings.category[:, 2] = ["gone", "there", None]
    readings.status[:, 2] = [0, 0, 1]
    readings.raw[:, 0], readings.status[:, 0] = 30.0, 0
    readings.censored[:, 0] = True
    judged = judge_batch(model, readings, np.array([3.0, np.nan, 40.0]))
    assert judged.scores.gates_fired[:, 0].tolist() == [True, False, False]
    for row in range(3):
        same_row(judged_again(row_of(told(judged, row)), model, None).scores, judged.scores, row)
