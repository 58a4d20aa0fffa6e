"""Turns a verdict into the rows that tell of it; a document is only made anew when it says something else or grows old.

It never writes: the rows go to the store in the transaction that also settles the account.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from milepost_contracts.health import HealthDocument
from scoring_api.documenting import Subject, build_document, top_reason
from scoring_api.judging import Verdict, detail, digest, readings_of
from scoring_api.queries.verdicts import Rows

# The moments move with every look; a document that differs in nothing else says nothing new.
MOMENTS = {"as_of", "computed_at", "fresh_until"}


@dataclass(frozen=True)
class Frame:
    """What a whole batch shares: the number of the line-up, and where pages and API are."""

    lineup: int
    base_url: str


def rows_of(verdict: Verdict, fact: Mapping[str, Any], subject: Subject, turns_at: datetime, frame: Frame) -> Rows:
    """Return what to write of one account; `fact` is what the store said of it before."""
    document = build_document(verdict, subject, turns_at, frame.base_url)
    content = digest(document.model_dump_json(exclude=MOMENTS).encode())
    fresh_until = fact["fresh_until"]
    told = content == fact["inputs_hash"] and fresh_until is not None and fresh_until > verdict.as_of
    return Rows(
        account_id=subject.account_id,
        marked=fact["marked"],
        # A document that stays must be looked at again before it grows old.
        next_at=min(turns_at, fresh_until) if told else turns_at,
        standing=(*_standing(verdict, fact, content, wrote=not told), frame.lineup),
        snapshot=None if told else (*_snapshot(verdict, fact, content), frame.lineup),
        document=None if told else _document(document, verdict),
        change=_change(verdict, fact),
    )


def _standing(verdict: Verdict, fact: Mapping[str, Any], content: str, *, wrote: bool) -> tuple[Any, ...]:
    state = verdict.state
    published = verdict.display if verdict.change else fact["published_score"]
    return (
        fact["account_id"],
        state.band.value,
        state.direction,
        state.since,
        verdict.effective.band.value,
        published,
        verdict.display,
        content,
        verdict.as_of,
        wrote,
    )


def _snapshot(verdict: Verdict, fact: Mapping[str, Any], content: str) -> tuple[Any, ...]:
    judged, row = verdict.judged, verdict.row
    scores, model = judged.scores, judged.model
    exact = float(scores.score[row])
    return (
        fact["account_id"],
        verdict.as_of,
        model.id,
        model.version,
        None if verdict.display is None else exact,
        verdict.display,
        scores.band_word(row).value,
        verdict.effective.band.value,
        float(scores.coverage[row]),
        float(scores.confidence[row]),
        content,
        readings_of(judged, row),
        detail(judged, row),
        fact["correlation_id"],
    )


def _document(document: HealthDocument, verdict: Verdict) -> tuple[Any, ...]:
    body = document.model_dump_json().encode()
    return (
        document.account.id,
        body,
        f'"{digest(body)}"',
        document.score,
        document.band,
        document.effective_band.band,
        document.account.stage,
        document.account.segment,
        document.account.owner,
        document.account.name,
        document.computed_at,
        document.as_of,
        document.fresh_until,
        document.trend.change_28d,
        top_reason(document),
        document.confidence.word,
    )


def _change(verdict: Verdict, fact: Mapping[str, Any]) -> tuple[Any, ...] | None:
    change, model = verdict.change, verdict.judged.model
    if change is None:
        return None
    before = change.before
    return (
        fact["account_id"],
        change.kind,
        before.band.value if before else None,
        change.after.band.value,
        before.score if before else None,
        change.after.score,
        fact["cause"],
        model.id,
        model.version,
        verdict.as_of,
        fact["correlation_id"],
    )
