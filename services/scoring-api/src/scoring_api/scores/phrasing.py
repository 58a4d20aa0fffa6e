"""Sentences about bands, gates, waiting and paths; the score model's own words are filled in, no figure is computed."""

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from milepost_core.explanation import (
    Advice,
    Driver,
    GateLine,
    UncountedInput,
    in_sentence,
    sentence,
    show_number,
    show_value,
)
from milepost_core.model import Band, ScoreModel, Signal
from milepost_core.overrides import EffectiveBand
from milepost_core.scoring import SignalState
from milepost_core.what_if import Path, PathStep
from scoring_api.scores.judging import Verdict, is_gated
from scoring_api.scores.peering import percentile_signals


def driver_sentence(verdict: Verdict, driver: Driver) -> str:
    """What a driver means, in the model's words; of a first time that has not come yet, how long it is awaited."""
    model = verdict.judged.model
    signal = model.signal(driver.signal)
    if not verdict.judged.readings.censored[verdict.row, model.signal_index[driver.signal]]:
        return sentence(model, driver)
    target = f" (target {signal.texts.target})" if signal.texts.target else ""
    return f"{in_sentence(signal.label)}: still waiting after {show_value(signal, driver.raw)}{target}"


def uncounted_sentence(one: UncountedInput) -> str:
    """Why something that was observed takes no part."""
    # Downwards: what falls short must not read as if it sufficed.
    covered = math.floor(one.covered * 100.0 + 1e-6)
    return f"its dimension has too little data: {covered} % of the {one.least * 100.0:g} % needed"


def peer_notes(verdict: Verdict) -> tuple[str, ...]:
    """What a model that compares with peers had to do without them, in words; empty where they were there."""
    model, notes = verdict.judged.model, []
    alone = [in_sentence(signal.label) for signal in _without_peers(verdict)]
    if alone:
        notes.append(f"Too few peers to compare with: the fallback curve judges {', '.join(alone)}.")
    if model.baseline.kind == "cohort_median" and verdict.reference.against == "neutral":
        notes.append("Too few peers for a median: every driver is measured against 50 points.")
    return tuple(notes)


def _without_peers(verdict: Verdict) -> Iterator[Signal]:
    judged, row = verdict.judged, verdict.row
    for place, signal, curve in percentile_signals(judged.model):
        column = judged.among.cohort.get(signal.id)
        group = -1 if column is None else int(column.group[row])
        size = 0 if column is None or group < 0 else column.peers[group].size
        if size < max(1, curve.min_cohort) and judged.scores.state[row, place] == SignalState.OBSERVED:
            yield signal


def because_sentence(verdict: Verdict, advice: Advice, drivers: Mapping[str, Driver]) -> str:
    """What a step answers to: a signal's own sentence, or what a theme or the whole account loses points to."""
    model = verdict.judged.model
    if advice.about == "signal":
        return driver_sentence(verdict, drivers[advice.id])
    if advice.about == "gate":
        return next(one.label for one in model.gates if one.id == advice.id)
    labels = [in_sentence(model.signal(one).label) for one in advice.signals[:3]]
    more = len(advice.signals) - len(labels)
    listed = ", ".join(labels) + (f" and {more} more" if more > 0 else "")
    if advice.about == "account":
        return f"trouble on several sides: {listed}"
    label = next(one.label for one in model.dimensions if one.id == advice.id)
    return f"{in_sentence(label)} as a whole: {listed}"


def effective_sentence(verdict: Verdict) -> str:
    """Why this band acts."""
    if verdict.effective.because == "override":
        return _override_sentence(verdict)
    return _own_sentence(verdict, verdict.effective)


def _own_sentence(verdict: Verdict, effective: EffectiveBand) -> str:
    """Why the model comes to a band, with its margins, its dwell and its gates."""
    band, plain = effective.band, verdict.judged.scores.band_word(verdict.row)
    if band is Band.UNKNOWN:
        return "Too little has been observed for a band."
    if effective.because == "gate":
        return f"{band.value.capitalize()}: a gate holds the score down."
    if band is plain:
        return f"{band.value.capitalize()} by the score."
    left = _days_left(verdict)
    if left is None:
        return f"Still {band.value}: the score is within the margin of the boundary."
    return f"Still {band.value}: the score has to hold for another {_days(left)}."


def _override_sentence(verdict: Verdict) -> str:
    """Whose word sets the band, until when, and why; which band would act without it is not hidden by it."""
    said, band = verdict.override, verdict.effective.band.value.capitalize()
    assert said is not None
    reason = said.reason.strip().rstrip(".")
    until = said.expires_at.astimezone(ZoneInfo(verdict.judged.model.timezone))
    own = _own_sentence(verdict, _unsaid(verdict)).replace(": ", ", ")
    own = f"Without that word: {own[:1].lower()}{own[1:]}"
    return f"{band} by {said.author} until {until:%Y-%m-%d %H:%M}: {reason}. {own}"


def _unsaid(verdict: Verdict) -> EffectiveBand:
    """The band that would act if nobody had said another; a word in force has no hard gate above it."""
    unknown = verdict.display is None or verdict.judged.scores.band_word(verdict.row) is Band.UNKNOWN
    band = Band.UNKNOWN if unknown else verdict.state.band
    return EffectiveBand(band, "gate" if is_gated(verdict.judged, verdict.row) else "model")


def _days_left(verdict: Verdict) -> float | None:
    """How long a pending move still has to hold; None while nothing is pending."""
    state, bands = verdict.state, verdict.judged.model.bands
    if state.since is None or state.direction is None:
        return None
    dwell = bands.dwell_up_days if state.direction == "up" else bands.dwell_down_days
    left: timedelta = state.since + timedelta(days=dwell) - verdict.as_of
    return max(0.0, left.total_seconds() / 86400.0)


def move_sentence(to: Band, days: float) -> str:
    """Where a band would go, and when."""
    when = f"once the score has held for another {_days(days)}" if days else "at once"
    return f"The band would become {to.value} {when}."


def _days(days: float) -> str:
    whole = max(1, round(days))
    return "1 day" if whole == 1 else f"{whole} days"


def gate_sentence(model: ScoreModel, line: GateLine) -> str:
    """What a fired gate does, in the model's words."""
    gate = next(one for one in model.gates if one.id == line.id)
    if gate.cap_score is not None:
        return f"{gate.label}: the score is capped at {gate.cap_score:g}."
    return f"{gate.label}: {gate.subtract or 0:g} points are taken off."


def pending_sentence(signal: Signal) -> str:
    """Why a signal does not count yet."""
    target = f" (target {signal.texts.target})" if signal.texts.target else ""
    return f"it has not happened yet, and there is still time{target}"


def step_sentence(model: ScoreModel, step: PathStep) -> str:
    """One step of a path: what to do, from where to where, and what it gains."""
    signal = model.signal(step.signal)
    change = f"from {show_number(signal, step.start)} to {show_value(signal, step.to)}"
    return f"{step.label[:1].upper()}{step.label[1:]}: {change}, worth {step.gain:.1f} points"


def path_sentence(verdict: Verdict, path: Path) -> str:
    """The path in one sentence, with what it does not promise; whose word sets the band meanwhile, if one does."""
    plain = _path_sentence(verdict, path)
    return plain if verdict.word is None else f"{plain} {word_holds(verdict)}"


def word_holds(verdict: Verdict) -> str:
    """That a person's word sets the band, and until when."""
    said, band = verdict.word, verdict.effective.band.value
    assert said is not None
    until = said.expires_at.astimezone(ZoneInfo(verdict.judged.model.timezone))
    return f"Meanwhile the word of {said.author} makes the band {band}; that ends on {until:%Y-%m-%d %H:%M}."


def band_moved(before: Verdict, after: Verdict) -> str:
    """Why another band acts than before, or by another word; empty if it acts as it did."""
    was, now = before.effective, after.effective
    said, says = before.word, after.word
    ended = said is not None and (says is None or says.id != said.id)
    if was == now and not ended:
        return ""
    moved = f"went from {was.band.value} to {now.band.value}" if was.band is not now.band else f"stays {now.band.value}"
    over = f" The word of {said.author} holds no longer." if said is not None and ended else ""
    return f"The band in effect {moved}.{over} {effective_sentence(after)}"


def _path_sentence(verdict: Verdict, path: Path) -> str:
    held = f" and hold it for {_days(path.holds_for_days)}" if path.holds_for_days else ""
    if not path.reachable:
        most = f"{max(0.0, path.most_gain):.1f} of {max(0.0, path.gap):.1f} points"
        return f"The known actions alone win {most} on the way to {path.to.value}: other signals have to recover."
    if path.gap <= 0 and not path.gates:
        left = _days_left(verdict)
        return f"The score is high enough for {path.to.value}: it has to hold for another {_days(left or 0.0)}."
    return f"To reach {path.to.value}, bring the score to {path.target:g}{held}. Arithmetic on the score, no promise."
