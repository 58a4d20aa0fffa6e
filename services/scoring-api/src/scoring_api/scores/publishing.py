"""Turns a verdict into the rows that tell of it; a document is only made anew when it says something else or grows old.

It never writes: the rows go to the store in the transaction that also settles the account.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from milepost_contracts.health import HealthDocument
from milepost_core.transitions import Change
from scoring_api.queries.lists import CALM
from scoring_api.queries.verdicts import ChangeTuple, Rows
from scoring_api.scores.crossing import Crossing, crossing_of
from scoring_api.scores.detailing import detail
from scoring_api.scores.documenting import WORTH_DOING, Subject, build_document
from scoring_api.scores.fading import Fading, fading_of
from scoring_api.scores.judging import Verdict, cause_of, digest
from scoring_api.scores.replaying import inputs_hash, inputs_of, state_of

# Of a past that arrives nothing is heard for so long: it is there.
QUIET = timedelta(seconds=60)
RANKS = ("red", "yellow", "unknown", "green")


@dataclass(frozen=True)
class Frame:
    """What a whole batch shares: the number of the line-up, and where pages and API are."""

    lineup: int
    base_url: str


def rows_of(verdict: Verdict, fact: Mapping[str, Any], subject: Subject, turns_at: datetime, frame: Frame) -> Rows:
    """Return what to write of one account; `fact` is what the store said of it before."""
    document = build_document(verdict, subject, turns_at, frame.base_url)
    crossing, fading = crossing_of(verdict, subject.plan, fact), fading_of(verdict, fact)
    body = document.model_dump_json().encode()
    content = digest(without_moments(body))
    fresh_until = fact["fresh_until"]
    told = content == fact["content_digest"] and fresh_until is not None and fresh_until > verdict.as_of
    return Rows(
        account_id=subject.account_id,
        marked=fact["marked"],
        next_at=_next(verdict.as_of, crossing, (turns_at, fresh_until) if told else (turns_at,)),
        standing=(*_standing(verdict, fact, content, wrote=not told), frame.lineup, *crossing.remembered, fading.stale),
        snapshot=None if told else (*_snapshot(verdict, fact, subject), frame.lineup),
        document=None if told else _document(document, body),
        changes=(*changes_of(verdict, fact), *crossings(verdict, fact, crossing), *fadings(verdict, fact, fading)),
        words=crossing.completed,
    )


def without_moments(body: bytes) -> bytes:
    """Return a document as it is written, without its moments: as_of, computed_at and fresh_until, side by side.

    They move with every look; a document that differs in nothing else says nothing new.
    """
    before, _, rest = body.partition(b'"as_of":')
    # A quotation mark inside a text is escaped, so that these can be nothing but keys.
    return before + rest[rest.index(b'"model":') :]


def _next(as_of: datetime, crossing: Crossing, turns: Iterable[datetime]) -> datetime:
    """When to look again: a document that stays, before it grows old; a past that still arrives, when it is quiet."""
    return min((*turns, as_of + QUIET) if crossing.unripe else turns)


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


def _snapshot(verdict: Verdict, fact: Mapping[str, Any], subject: Subject) -> tuple[Any, ...]:
    judged, row = verdict.judged, verdict.row
    scores, model = judged.scores, judged.model
    exact = float(scores.score[row])
    inputs, peers = inputs_of(verdict, subject), judged.among.kept_id
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
        inputs_hash(inputs, verdict.as_of, (model.id, model.version), peers),
        inputs,
        detail(judged, row) | {"band_state": state_of(verdict)},
        fact["correlation_id"],
        peers,
        None if verdict.override is None else verdict.override.id,
        fact["feed_behind"],
    )


def _document(document: HealthDocument, body: bytes) -> tuple[Any, ...]:
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
        document.model.id,
        document.milestones.journey,
        urgency(document),
    )


def top_reason(document: HealthDocument) -> str:
    """Return the one line that a list shows: a gate if one fired, else the dearest driver, else the summary."""
    if document.gates:
        return document.gates[0].sentence
    dearest = next((one.sentence for one in document.drivers if one.points_lost >= WORTH_DOING), None)
    return dearest or document.summary


def urgency(document: HealthDocument) -> float:
    """Return where an account stands in the order of lists, the smallest first: who asks for a person, then the rest.

    Within each: by band, red before yellow before unknown before green; within a band by score, without one last.
    """
    calm = 0.0 if asks_for_a_person(document) else CALM
    within = 999.0 if document.score is None else document.score
    return calm + RANKS.index(document.effective_band.band) * 1000.0 + within


def asks_for_a_person(document: HealthDocument) -> bool:
    """At risk, or a fall of ten points and more in four weeks."""
    change = document.trend.change_28d
    return document.effective_band.band == "red" or (change is not None and change <= -10.0)


def changes_of(verdict: Verdict, fact: Mapping[str, Any]) -> tuple[ChangeTuple, ...]:
    """Return all news of one account, in the order in which they are published."""
    return () if verdict.change is None else (moved(verdict, fact, verdict.change),)


def crossings(verdict: Verdict, fact: Mapping[str, Any], crossing: Crossing) -> tuple[ChangeTuple, ...]:
    """Return the rows that tell of milestones and of the journey."""
    return tuple(news_of(verdict, fact, one.kind, subject=one.subject, detail=one.detail) for one in crossing.news)


def fadings(verdict: Verdict, fact: Mapping[str, Any], fading: Fading) -> tuple[ChangeTuple, ...]:
    """Return the row that tells that a score has come to stand on old data, or does no more."""
    if fading.kind is None:
        return ()
    return (news_of(verdict, fact, fading.kind, subject=fading.subject, detail=fading.detail),)


def moved(verdict: Verdict, fact: Mapping[str, Any], change: Change) -> ChangeTuple:
    """Return the row that tells of a first score, another band, or a score that moved."""
    before = change.before
    came_from = (before.band.value, before.score) if before else (None, None)
    return news_of(verdict, fact, change.kind, came_from=came_from)


def news_of(
    verdict: Verdict,
    fact: Mapping[str, Any],
    kind: str,
    *,
    came_from: tuple[str | None, float | None] | None = None,
    subject: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> ChangeTuple:
    """Return one row of the feed; without `came_from`, band and score are told as they stand on both sides."""
    model, stands = verdict.judged.model, (verdict.effective.band.value, verdict.display)
    band, score = stands if came_from is None else came_from
    return (
        fact["account_id"],
        kind,
        band,
        stands[0],
        score,
        stands[1],
        cause_of(verdict, fact, kind),
        model.id,
        model.version,
        verdict.as_of,
        fact["correlation_id"],
        subject,
        dict(detail or {}),
    )
