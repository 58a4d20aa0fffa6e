"""What of a verdict is kept beside its figures, so that the whole of it can be told again; it computes no score.

A snapshot holds every input: what was measured, by whose view of which model, among which peers, against which
reference, after which band, under whose override. The hash of it all tells whether two computations were the same.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from hashlib import sha256
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from milepost_core.milestones import Plan, PlannedMilestone
from milepost_core.model import Band, ScoreModel
from milepost_core.overrides import Override
from milepost_core.transitions import BandState
from scoring_api.scores.documenting import Subject
from scoring_api.scores.judging import Before, Judged, Reference, Verdict, numbers, readings_of, verdict


def inputs_of(one: Verdict, subject: Subject) -> dict[str, Any]:
    """Return all that went into a verdict and its document beside model and peers: a snapshot's `readings`."""
    before = one.before
    return readings_of(one.judged, one.row) | {
        "baseline": {"against": one.reference.against, "points": numbers(one.reference.points)},
        "before": {
            "state": _state(before.state),
            "effective_band": None if before.effective_band is None else before.effective_band.value,
            "published_score": before.published_score,
        },
        "override": _override(before.override),
        "account": {
            "name": subject.name,
            "segment": subject.segment,
            "owner": subject.owner,
            "start_at": subject.start_at.isoformat(),
            "references": list(subject.references),
        },
        "plan": _plan(subject.plan),
        "course": {str(weeks): value for weeks, value in subject.course.items()},
    }


def state_of(one: Verdict) -> dict[str, Any]:
    """Return the band's state after a verdict, as a snapshot's `detail` keeps it."""
    state = _state(one.state)
    assert state is not None
    return state


def inputs_hash(inputs: Mapping[str, Any], as_of: datetime, model: tuple[str, int], cohort_id: int | None) -> str:
    """Return the SHA-256 of everything a verdict was computed from: the same for the same inputs, only then.

    Numbers count as numbers, however they are written: a row read back from the store gives the same hash.
    """
    parts = {"inputs": inputs, "as_of": as_of.timestamp(), "model": model, "cohort": cohort_id}
    return sha256(json.dumps(_plain(parts), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def verdict_again(snapshot: Mapping[str, Any], judged: Judged) -> Verdict:
    """Return the verdict that a snapshot was written of; `judged` is `judged_again` of the same row."""
    kept = snapshot["readings"]
    points = np.array([np.nan if one is None else one for one in kept["baseline"]["points"]], dtype=np.float64)
    effective = kept["before"]["effective_band"]
    before = Before(
        state=_state_again(kept["before"]["state"]),
        effective_band=None if effective is None else Band(effective),
        published_score=kept["before"]["published_score"],
        override=_override_again(kept["override"]),
    )
    return verdict(judged, 0, snapshot["as_of"], before, Reference(kept["baseline"]["against"], points))


def subject_again(snapshot: Mapping[str, Any], model: ScoreModel) -> Subject:
    """Return who a snapshot speaks of, as they were known when it was written; `model` is the view that judged."""
    kept = snapshot["readings"]
    who = kept["account"]
    return Subject(
        account_id=snapshot["account_id"],
        name=who["name"],
        segment=who["segment"],
        owner=who["owner"],
        start_at=datetime.fromisoformat(who["start_at"]),
        references=tuple(who["references"]),
        plan=_plan_again(kept["plan"], model),
        course={int(weeks): value for weeks, value in kept["course"].items()},
    )


_OF_A_MILESTONE = tuple(one.name for one in fields(PlannedMilestone))
_MOMENTS_OF_A_MILESTONE = tuple(name for name in _OF_A_MILESTONE if name.endswith("_at"))
_values_of = attrgetter(*_OF_A_MILESTONE)
_NUMBERS = frozenset({float, int})
_AS_THEY_ARE = frozenset({str, bool, type(None)})


def _plain(value: Any) -> Any:
    """Numbers as floats (and no negative zero), all the way down."""
    # Types are compared, as inputs are plain data: asking for abstract ones took a tenth of a rescoring.
    kind = type(value)
    if kind in _NUMBERS:
        return value + 0.0
    if kind is dict:
        return {key: one if type(one) in _AS_THEY_ARE else _plain(one) for key, one in value.items()}
    if kind is list or kind is tuple:
        return [one + 0.0 if type(one) in _NUMBERS else _plain(one) for one in value]
    return value


def _plan(plan: Plan | None) -> dict[str, Any] | None:
    if plan is None:
        return None
    return {"start_at": plan.start_at.isoformat(), "milestones": [_step(one) for one in plan.milestones]}


def _step(one: PlannedMilestone) -> dict[str, Any]:
    kept = dict(zip(_OF_A_MILESTONE, _values_of(one), strict=True))
    for name in _MOMENTS_OF_A_MILESTONE:
        if kept[name] is not None:
            kept[name] = kept[name].isoformat()
    return kept


def _plan_again(kept: Mapping[str, Any] | None, model: ScoreModel) -> Plan | None:
    if kept is None:
        return None
    steps = tuple(
        PlannedMilestone(**{name: _moment(name, value) for name, value in one.items()}) for one in kept["milestones"]
    )
    return Plan(datetime.fromisoformat(kept["start_at"]), steps, model.journey, ZoneInfo(model.timezone))


def _moment(name: str, value: Any) -> Any:
    """Moments of a milestone stand in fields that end in `_at`; what has to be done before it is a list in JSON."""
    if name.endswith("_at") and value is not None:
        return datetime.fromisoformat(value)
    return tuple(value) if isinstance(value, list) else value


def _state(state: BandState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    since = None if state.since is None else state.since.isoformat()
    return {"band": state.band.value, "direction": state.direction, "since": since}


def _state_again(kept: Mapping[str, Any] | None) -> BandState | None:
    if kept is None:
        return None
    since = None if kept["since"] is None else datetime.fromisoformat(kept["since"])
    return BandState(Band(kept["band"]), kept["direction"], since)


def _override(said: Override | None) -> dict[str, Any] | None:
    if said is None:
        return None
    return {
        "id": said.id,
        "band": None if said.band is None else said.band.value,
        "score": said.score,
        "reason": said.reason,
        "author": said.author,
        "created_at": said.created_at.isoformat(),
        "expires_at": said.expires_at.isoformat(),
    }


def _override_again(kept: Mapping[str, Any] | None) -> Override | None:
    if kept is None:
        return None
    return Override(
        band=None if kept["band"] is None else Band(kept["band"]),
        score=kept["score"],
        reason=kept["reason"],
        author=kept["author"],
        created_at=datetime.fromisoformat(kept["created_at"]),
        expires_at=datetime.fromisoformat(kept["expires_at"]),
        id=kept["id"],
    )
