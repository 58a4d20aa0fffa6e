"""Says in plain sentences what the numbers of an explanation mean, in the model's own words.

It never ranks or computes; it only words.
"""

import re
from collections.abc import Mapping
from typing import Final

from milepost_core.explanation.drivers import Driver, Explanation, MissingInput
from milepost_core.explanation.rounding import tenths
from milepost_core.model import Band, Counted, ScoreModel, Signal

__all__ = ["in_sentence", "missing_sentence", "sentence", "show_number", "show_value", "summary"]

_DECIMALS: Final = {"number": 1, "integer": 0, "percent": 0, "days": 0, "hours": 1, "money": 2}
_UNITS: Final = {"days": Counted("days", "day"), "hours": Counted("hours", "hour")}
_NO_UNIT: Final = Counted("")
_PLACE: Final = re.compile(r"\{(\w+)\}")
_WORTH_SAYING: Final = 0.05
_SCORED: Final = "{score} of 100, {band}"
_PROVISIONAL: Final = "{score} of 100, provisional: too little has been observed for a band"
_HELD: Final = "; held down by {gates}"
_LOST: Final = "; most points are lost to {reasons}"


def show_value(signal: Signal, raw: float | str | None) -> str:
    """A raw value as people read it, with its unit: ``3 tickets``, ``42 %``, ``promoter``."""
    text = show_number(signal, raw)
    form = signal.texts.format
    unit = signal.texts.unit.beside(text) or _UNITS.get(form, _NO_UNIT).beside(text)
    return f"{text} {unit}" if unit and isinstance(raw, float | int) else text


def show_number(signal: Signal, raw: float | str | None) -> str:
    """A raw value without its unit (a share keeps its percent sign), as templates take it."""
    if raw is None or isinstance(raw, str):
        return raw or "unknown"
    form = signal.texts.format
    decimals = _DECIMALS.get(form, 1)
    text = f"{raw * 100.0 if form == 'percent' else raw:.{decimals}f}"
    if decimals and form != "money":
        text = text.rstrip("0").rstrip(".")
    text = text.removeprefix("-") if float(text) == 0 else text
    return f"{text} %" if form == "percent" else text


def sentence(model: ScoreModel, driver: Driver) -> str:
    """What a driver means: the model's template, or "x of y points lost: label value (target t)".

    The template for what is bad is for a value that misses its target. One that meets it and loses points all the same
    is told as what is good; where only its age costs them, that is said beside it.
    """
    signal = model.signal(driver.signal)
    losing = driver.points_lost >= _WORTH_SAYING
    faded = losing and driver.faded(signal.stale)
    template = signal.texts.bad if losing and not driver.meets_target else signal.texts.good
    old = f"; that is {_days_old(driver.age_days)} and counts less by now" if faded else ""
    value = "assumed" if driver.imputed else show_number(signal, driver.raw)
    words = {
        "label": signal.label,
        "value": value,
        "unit": signal.texts.unit.beside(value),
        "target": signal.texts.target,
        "points": f"{tenths(driver.weight * 100.0) / 10}",
        "points_lost": f"{tenths(driver.points_lost) / 10}",
    }
    if template is not None:
        return f"{_fill(template.beside(value), words)}{old}"
    shown = "assumed" if driver.imputed else show_value(signal, driver.raw)
    aim = f" (target {signal.texts.target})" if signal.texts.target else ""
    share = "{points_lost} of {points} points lost" if losing else "all {points} points kept"
    return f"{_fill(share, words)}: {in_sentence(signal.label)} {shown}{aim}{old}"


def _days_old(age: float) -> str:
    whole = max(1, round(age))
    return "1 day old" if whole == 1 else f"{whole} days old"


def _fill(template: str, words: Mapping[str, str]) -> str:
    # not str.format: a value may hold braces, and a document must not reach into objects
    return _PLACE.sub(lambda found: words.get(found[1], found[0]), template).strip()


def missing_sentence(model: ScoreModel, missing: MissingInput) -> str:
    """Why an input is missing and what was done about it."""
    text = f"{model.signal(missing.signal).label}: {missing.status.sentence}"
    return f"{text}; a stand-in value is used" if missing.imputed else text


def summary(explanation: Explanation | None, model: ScoreModel, band: Band) -> str:
    """One sentence about the whole account, in the model's words or the plain ones.

    A template may hold {score}, {band}, {reasons} (what costs most, by label) and {gates}.
    """
    if explanation is None:
        return "There is no score yet: nothing that counts has been observed."
    dearest = [driver for driver in explanation.to_fix[:2] if driver.points_lost >= _WORTH_SAYING]
    words = {
        "score": f"{explanation.displayed.score}",
        "band": band.value,
        "reasons": _listed([in_sentence(model.signal(one.signal).label) for one in dearest]) or "nothing",
        "gates": _listed([in_sentence(gate.label) for gate in explanation.gates]) or "nothing",
    }
    template = model.summary.of(band)
    if template is None:
        template = _PROVISIONAL if band is Band.UNKNOWN else _SCORED
        template += _HELD if explanation.gates else ""
        template += f"{_LOST}." if dearest else "."
    return _fill(template, words)


def in_sentence(label: str) -> str:
    """A label as it stands inside a sentence: ``Urgent tickets`` becomes ``urgent tickets``.

    Only an ordinary capitalised first word changes: ``API errors`` and ``GitHub issues`` stay, and so does a label
    with another capitalised word, because it is written as a name (``Time to Value``).
    """
    first, *others = label.split() or [""]
    if not _is_capitalised(first) or any(map(_is_capitalised, others)):
        return label
    return label.replace(first, first[0].lower() + first[1:], 1)


def _is_capitalised(word: str) -> bool:
    return word[:1].isupper() and word[1:].islower()


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
