"""Parses the sections of signals, gates and milestones.

It never checks how they fit together (`refusals` does) and never looks at an account.
"""

import re
from collections.abc import Mapping
from typing import Final

from milepost_core.model.document import Action, Counted, Gate, Milestone, MissingPolicy, Signal, Texts
from milepost_core.model.normalisers import Stale
from milepost_core.model.parsing_curves import parse_curve, parse_stale
from milepost_core.model.parsing_sources import parse_source
from milepost_core.model.problems import nearest_word
from milepost_core.model.section import NOT_NEGATIVE, POINTS, POSITIVE, Section, is_number, scalars
from milepost_core.model.sources import Scalar

__all__ = ["DEFAULT_HALF_LIFE_DAYS", "FORMATS", "OPERATORS", "PLACEHOLDERS", "parse_gate", "parse_milestone",
           "parse_signal"]  # fmt: skip

DEFAULT_HALF_LIFE_DAYS: Final = 30.0
FORMATS: Final = ("number", "integer", "percent", "days", "hours", "money", "text")
OPERATORS: Final = ("==", "!=", ">", ">=", "<", "<=", "in", "not_in")
PLACEHOLDERS: Final = ("label", "value", "unit", "target", "points", "points_lost")
_MISSING: Final = {"exclude": None, "worst": 0.0, "neutral": 50.0}


def parse_signal(section: Section) -> Signal:
    """One signal; problems are noted in the section."""
    name = section.text("id")
    stale = parse_stale(section.section("stale")) if section.has("stale") else None
    section.take("stale")
    action = _action(section.section("action"), name) if section.has("action") else None
    section.take("action")
    signal = Signal(
        id=name,
        dimension=section.text("dimension"),
        weight=section.number("weight", 1.0, NOT_NEGATIVE),
        source=parse_source(section.section("source")),
        normalise=parse_curve(section.section("normalise")),
        missing=_missing(section),
        stale=stale,
        half_life_days=section.number("half_life_days", _default_half_life(stale), POSITIVE),
        action=action,
        texts=_texts(section, name),
    )
    section.finish()
    return signal


def _default_half_life(stale: Stale | None) -> float:
    # the pace at which a value grows stale is also the pace at which trust in it fades
    return stale.half_life_days if stale and stale.half_life_days > 0 else DEFAULT_HALF_LIFE_DAYS


def _missing(section: Section) -> MissingPolicy:
    raw = section.take("missing")
    if raw is None:
        return MissingPolicy()
    if isinstance(raw, str) and raw in _MISSING:
        return MissingPolicy(_MISSING[raw])
    if is_number(raw):
        return MissingPolicy(section.checked_number("missing", raw, POINTS))
    section.note("missing", f"{raw!r} is no policy", "exclude, worst, neutral or a number between 0 and 100",
                 nearest_word(raw, _MISSING))  # fmt: skip
    return MissingPolicy()


def _action(section: Section, signal_id: str) -> Action:
    action = Action(
        label=section.text("label", _words(signal_id)),
        step=section.number("step", limits=POSITIVE),
        max_change=section.number("max_change", limits=POSITIVE),
        cost=section.number("cost", 1.0, NOT_NEGATIVE),
    )
    section.finish()
    return action


def _texts(section: Section, signal_id: str) -> Texts:
    sentence = section.section("sentence", {})
    good, bad = _template(sentence, "good"), _template(sentence, "bad")
    sentence.finish()
    return Texts(
        label=section.text("label", _words(signal_id)),
        unit=_counted(section, "unit") if section.take("unit") is not None else Counted(""),
        target=_target(section),
        good=good,
        bad=bad,
        next_step=section.optional_text("next_step"),
        format=section.choice("format", FORMATS, "number"),
    )


def _target(section: Section) -> str:
    raw = section.take("target")
    if raw is None or isinstance(raw, str):
        return raw or ""
    return f"{section.checked_number('target', raw):g}"


def _template(section: Section, key: str) -> Counted | None:
    if section.take(key) is None:
        return None
    counted = _counted(section, key)
    if counted.one is None:
        _refuse_unknown_names(section, key, counted.other)
    else:
        forms = section.section(key)
        _refuse_unknown_names(forms, "one", counted.one)
        _refuse_unknown_names(forms, "other", counted.other)
    return counted


def _counted(section: Section, key: str) -> Counted:
    """A text, or a mapping with the text for the figure 1 and the text for all others."""
    if not isinstance(section.take(key), Mapping):
        return Counted(section.text(key))
    forms = section.section(key)
    counted = Counted(one=forms.text("one"), other=forms.text("other"))
    forms.finish()
    return counted


def _refuse_unknown_names(section: Section, key: str, text: str) -> None:
    for name in re.findall(r"\{([^{}]*)\}", text):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
            section.note(key, f"{{{name}}} stands for nothing", known, nearest_word(name, PLACEHOLDERS))


def parse_gate(section: Section) -> Gate:
    """One gate: when it fires and what it does to the score."""
    name = section.text("id")
    when = section.section("when")
    source = parse_source(when.section("source"))
    op = when.choice("op", OPERATORS, "==")
    value = _compared(when, op)
    when.finish()
    cap, subtract = section.optional_number("cap_score", POINTS), section.optional_number("subtract", NOT_NEGATIVE)
    if (cap is None) == (subtract is None):
        section.note("", "a gate does exactly one thing", "either cap_score or subtract")
    gate = Gate(name, source, op, value, cap, subtract, section.flag("hard"), section.text("label", _words(name)))
    section.finish()
    return gate


def _compared(when: Section, op: str) -> Scalar | tuple[Scalar, ...]:
    raw = when.take("value")
    several = op in ("in", "not_in")
    values = scalars(raw)
    if not values or several != isinstance(raw, list | tuple):
        when.note("value", "cannot be compared", "a list of values" if several else "a text, a number or true/false")
        return ""
    if op in (">", ">=", "<", "<=") and not is_number(raw):
        when.note("value", f"{raw!r} has no order", "a number")
    return values if several else values[0]


def parse_milestone(section: Section) -> Milestone:
    """One planned step of the onboarding."""
    name = section.text("id")
    milestone = Milestone(
        id=name,
        label=section.text("label", _words(name)),
        target_day=section.optional_number("target_day", NOT_NEGATIVE),
        weight=section.number("weight", 1.0, NOT_NEGATIVE),
        required=section.flag("required", True),
    )
    section.finish()
    return milestone


def _words(name: str) -> str:
    return name.replace("_", " ")
