"""Bands over time, and what about a new score is news.

It never scores and never notifies: it takes the last known state and a new score, and answers with
the next state or with the changes. Warn at once and forgive slowly is a matter of the model's
margins and dwell times, not of this code.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from milepost_core.model import Band, Bands

__all__ = ["BandState", "Change", "ChangeKind", "Standing", "advance_band", "band_series", "compare", "plain_band"]

Direction = Literal["up", "down"]

_RANKS: Final = {Band.RED: 0, Band.YELLOW: 1, Band.GREEN: 2}
_BY_RANK: Final = (Band.RED, Band.YELLOW, Band.GREEN)


@dataclass(frozen=True, slots=True)
class BandState:
    """The band an account is in, and the move that is waiting for its dwell time.

    ``band`` is `Band.UNKNOWN` only while no evaluation has ever known enough.
    """

    band: Band
    direction: Direction | None = None
    since: datetime | None = None


def plain_band(bands: Bands, displayed: float) -> Band:
    """The band by thresholds alone."""
    return _BY_RANK[(displayed >= bands.yellow) + (displayed >= bands.green)]


def advance_band(
    state: BandState | None,
    bands: Bands,
    displayed: float | None,
    unknown: bool,
    at: datetime,
    gated: bool = False,
) -> BandState:
    """The band state after one evaluation.

    Args:
        state: after the evaluation before; None at the first.
        displayed: the score as shown (one decimal), None if there is none.
        unknown: too little is known for a band; the kept band stays, the countdown is cleared.
        at: the moment of this evaluation.
        gated: a gate holds the score down; its band acts at once, without margin or dwell.
    """
    if displayed is None or unknown:
        return BandState(Band.UNKNOWN) if state is None else BandState(state.band)
    if state is None or state.band is Band.UNKNOWN:
        return BandState(plain_band(bands, displayed))
    plain = plain_band(bands, displayed)
    if gated and _RANKS[plain] < _RANKS[state.band]:
        return BandState(plain)
    return _towards(state, bands, displayed, at)


def _towards(state: BandState, bands: Bands, displayed: float, at: datetime) -> BandState:
    present = _RANKS[state.band]
    wanted = sum(displayed >= boundary for boundary in _boundaries(bands, present))
    if wanted == present:
        return BandState(state.band)
    direction: Direction = "up" if wanted > present else "down"
    since = at if state.direction != direction or state.since is None else state.since
    dwell = timedelta(days=bands.dwell_up_days if direction == "up" else bands.dwell_down_days)
    if at - since >= dwell or present - wanted >= 2:
        return BandState(_BY_RANK[wanted])
    return BandState(state.band, direction, since)


def _boundaries(bands: Bands, present: int) -> tuple[float, float]:
    """Both thresholds as they count for an account in its present band.

    One above the band asks for the margin on top; one at or below it gives the margin away.
    """
    thresholds = (bands.yellow, bands.green)
    yellow, green = (
        threshold + bands.margin_up if rank > present else threshold - bands.margin_down
        for rank, threshold in enumerate(thresholds, start=1)
    )
    return yellow, green


def band_series(bands: Bands, series: Iterable[tuple[datetime, float | None]]) -> list[Band]:
    """The band reported at each evaluation; a score of None is an evaluation that knows too little."""
    state: BandState | None = None
    reported: list[Band] = []
    for at, displayed in series:
        state = advance_band(state, bands, displayed, displayed is None, at)
        reported.append(Band.UNKNOWN if displayed is None else state.band)
    return reported


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands after an evaluation, as far as news goes."""

    score: float | None
    """As displayed."""
    band: Band
    """As reported, `Band.UNKNOWN` included."""
    stage: str | None = None
    gates: frozenset[str] = frozenset()


ChangeKind = Literal["first_score", "band_changed", "score_moved", "stage_entered", "gate_fired", "gate_lifted"]


@dataclass(frozen=True, slots=True)
class Change:
    """One piece of news. ``subject`` names the stage or gate it is about, if any."""

    kind: ChangeKind
    before: Standing | None
    after: Standing
    subject: str | None = None


def compare(before: Standing | None, after: Standing, least_move: float = 5.0) -> tuple[Change, ...]:
    """What is news about an account.

    Args:
        before: None if the account was never evaluated.
        least_move: how many displayed points a score must move to be news by itself.

    Returns:
        At most one of first_score, band_changed and score_moved, then stage and gates.
    """
    news: list[Change] = []
    if before is None:
        if after.score is not None or after.gates:
            news.append(Change("first_score", None, after))
        before = replace(after, gates=frozenset())
    elif before.band is not after.band:
        news.append(Change("band_changed", before, after))
    elif _moved(before, after, least_move):
        news.append(Change("score_moved", before, after))
    if before.stage != after.stage and after.stage is not None:
        news.append(Change("stage_entered", before, after, after.stage))
    news.extend(Change("gate_fired", before, after, gate) for gate in sorted(after.gates - before.gates))
    news.extend(Change("gate_lifted", before, after, gate) for gate in sorted(before.gates - after.gates))
    return tuple(news)


def _moved(before: Standing, after: Standing, least_move: float) -> bool:
    if before.score is None or after.score is None:
        return (before.score is None) != (after.score is None)
    return abs(round(after.score - before.score, 9)) >= least_move
