"""Parses the sections of signals, with the words that people read about them.

It never checks how they fit together (`refusals` does) and never looks at an account.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from milepost_core.model.document import Action, MissingPolicy, Signal
from milepost_core.model.leaks import leaks_state
from milepost_core.model.normalisers import CategoryMap, Curve, Stale
from milepost_core.model.parsing_curves import parse_curve, parse_stale
from milepost_core.model.parsing_sources import parse_source, refuse_leak
from milepost_core.model.problems import nearest_word
from milepost_core.model.section import NOT_NEGATIVE, POINTS, POSITIVE, SPAN, WEIGHT, Section, is_number
from milepost_core.model.sources import Last, Source
from milepost_core.model.texts import Counted, Texts

__all__ = ["DEFAULT_HALF_LIFE_DAYS", "FORMATS", "MISSING", "MOST_STEPS", "PLACEHOLDERS", "parse_signal",
           "refuse_unknown_names", "words_of"]  # fmt: skip

DEFAULT_HALF_LIFE_DAYS: Final = 30.0
FORMATS: Final = ("number", "integer", "percent", "days", "hours", "money", "text")
PLACEHOLDERS: Final = ("label", "value", "unit", "target", "points", "points_lost")
MOST_STEPS: Final = 10
"""The search for the cheapest way tries every number of steps of every action."""
MISSING: Final = {"exclude": None, "worst": 0.0, "neutral": 50.0}


def parse_signal(section: Section) -> Signal:
    """One signal; problems are noted in the section."""
    name = section.id()
    stale = parse_stale(section.section("stale")) if section.has("stale") else None
    section.take("stale")
    action = _action(section.section("action"), name) if section.has("action") else None
    section.take("action")
    source, curve = parse_source(section.section("source")), parse_curve(section.section("normalise"))
    _refuse_outcomes(section, source, curve)
    signal = Signal(
        id=name,
        dimension=section.text("dimension"),
        weight=section.number("weight", 1.0, WEIGHT),
        source=source,
        normalise=curve,
        missing=_missing(section),
        stale=stale,
        half_life_days=section.number("half_life_days", _default_half_life(stale), SPAN),
        action=action,
        texts=_texts(section, name),
    )
    section.finish()
    return signal


def _refuse_outcomes(section: Section, source: Source, curve: Curve) -> None:
    words = [word for word, _ in curve.points] if isinstance(curve, CategoryMap) else []
    types = source.where.types if isinstance(source, Last) else ()
    leaks = [word for word in words if leaks_state(word, types)]
    if leaks:
        refuse_leak(section, "normalise", leaks[0], "points for other words")


def _default_half_life(stale: Stale | None) -> float:
    # the pace at which a value grows stale is also the pace at which trust in it fades
    return stale.half_life_days if stale and stale.half_life_days > 0 else DEFAULT_HALF_LIFE_DAYS


def _missing(section: Section) -> MissingPolicy:
    raw = section.take("missing")
    if raw is None:
        return MissingPolicy()
    if isinstance(raw, str) and raw in MISSING:
        return MissingPolicy(MISSING[raw])
    if is_number(raw):
        return MissingPolicy(section.checked_number("missing", raw, POINTS))
    section.note("missing", f"{raw!r} is no policy", "exclude, worst, neutral or a number between 0 and 100",
                 nearest_word(raw, MISSING))  # fmt: skip
    return MissingPolicy()


def _action(section: Section, signal_id: str) -> Action:
    action = Action(
        label=section.text("label", words_of(signal_id)),
        step=section.number("step", limits=POSITIVE),
        max_change=section.number("max_change", limits=POSITIVE),
        cost=section.number("cost", 1.0, NOT_NEGATIVE),
    )
    if action.step > 0 and action.steps > MOST_STEPS:
        message = f"{action.max_change:g} is {action.steps} steps of {action.step:g}"
        section.note("max_change", message, f"at most {MOST_STEPS} steps: a larger step, or a smaller max_change")
    section.finish()
    return action


def _texts(section: Section, signal_id: str) -> Texts:
    sentence = section.section("sentence", {})
    good, bad = _template(sentence, "good"), _template(sentence, "bad")
    sentence.finish()
    return Texts(
        label=section.text("label", words_of(signal_id)),
        unit=_counted(section, "unit") if section.take("unit") is not None else Counted(""),
        target=_target(section),
        good=good,
        bad=bad,
        next_step=section.optional_text("next_step"),
        format=section.choice("format", FORMATS, "number"),
        guide=section.optional_text("guide"),
        playbook=section.optional_text("playbook"),
        target_points=section.number("target_points", 100.0, POINTS),
        ask_again=section.optional_text("ask_again"),
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
        refuse_unknown_names(section, key, counted.other)
    else:
        forms = section.section(key)
        refuse_unknown_names(forms, "one", counted.one)
        refuse_unknown_names(forms, "other", counted.other)
    return counted


def _counted(section: Section, key: str) -> Counted:
    """A text, or a mapping with the text for the figure 1 and the text for all others."""
    if not isinstance(section.take(key), Mapping):
        return Counted(section.text(key))
    forms = section.section(key)
    counted = Counted(one=forms.text("one"), other=forms.text("other"))
    forms.finish()
    return counted


def refuse_unknown_names(section: Section, key: str, text: str, names: Sequence[str] = PLACEHOLDERS) -> None:
    """Note every placeholder of a template that stands for nothing."""
    for name in re.findall(r"\{([^{}]*)\}", text):
        if name not in names:
            known = ", ".join(f"{{{one}}}" for one in names)
            section.note(key, f"{{{name}}} stands for nothing", known, nearest_word(name, names))


def words_of(name: str) -> str:
    """What people read when nobody wrote a label: the id in words."""
    return name.replace("_", " ")
