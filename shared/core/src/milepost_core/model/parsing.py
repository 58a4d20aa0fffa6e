"""Parses a whole model document and refuses it with every reason at once.

It never reads a file: YAML and JSON are somebody else's; here the document is already a mapping.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from milepost_core.model.document import (
    Band,
    Bands,
    Baseline,
    Calibration,
    Dimension,
    ScoreModel,
    Signal,
    Stage,
)
from milepost_core.model.journey import parse_calendar, parse_journey
from milepost_core.model.parsing_plan import parse_gate, parse_milestone
from milepost_core.model.parsing_segments import parse_segments, parse_when
from milepost_core.model.parsing_signals import parse_signal, refuse_unknown_names, words_of
from milepost_core.model.problems import ModelInvalid, ModelProblem, nearest_word
from milepost_core.model.refusals import (
    refuse_circles,
    refuse_repeated_ids,
    refuse_unknown_dimensions,
    refuse_weightless,
    refuse_wrong_stages,
)
from milepost_core.model.section import NOT_NEGATIVE, POINTS, POSITIVE, SHARE, Section, is_number
from milepost_core.model.texts import Broad, Summary

__all__ = ["DOCUMENT_FORMAT", "SUMMARY_PLACEHOLDERS", "parse_model"]

DOCUMENT_FORMAT: Final = "health-score-model/1"
SUMMARY_PLACEHOLDERS: Final = ("score", "band", "reasons", "gates")
"""`reasons` is what most points are lost to, `gates` what holds the score down, both in words."""
_DIMENSION_COVERAGE: Final = 0.4
_OVERALL_COVERAGE: Final = 0.5


def parse_model(doc: Mapping[str, Any]) -> ScoreModel:
    """Turn a document into a score model, or refuse it.

    Args:
        doc: the document as plain mappings, lists, texts and numbers (what a YAML or JSON reader gives).

    Raises:
        ModelInvalid: with every problem of the document, its segments' overrides included.
    """
    problems: list[ModelProblem] = []
    model = _document(doc, problems)
    segments = parse_segments(doc, problems, _document)
    refuse_repeated_ids([segment.id for segment in segments], "/segments", problems)
    if problems:
        raise ModelInvalid(tuple(problems))
    return replace(model, segments=segments)


def _document(doc: object, problems: list[ModelProblem]) -> ScoreModel:
    section = Section(doc, "", problems)
    section.choice("format", [DOCUMENT_FORMAT], DOCUMENT_FORMAT)
    dimensions = tuple(_dimension(one) for one in section.sections("dimensions"))
    signals = tuple(parse_signal(one) for one in section.sections("signals"))
    stages = tuple(_stage(one, dimensions) for one in section.sections("stages"))
    model = ScoreModel(
        id=section.text("id", "score-model"),
        version=section.whole("version", 1, least=1),
        title=section.text("title", section.text("id", "score model")),
        description=section.text("description", ""),
        timezone=_timezone(section),
        horizon_days=section.optional_number("horizon_days", POSITIVE),
        min_coverage=section.number("min_coverage", _OVERALL_COVERAGE, SHARE),
        dimensions=dimensions,
        stages=stages,
        segments=(),
        signals=signals,
        gates=tuple(parse_gate(one) for one in section.sections("gates")),
        bands=_bands(section.section("bands", {})),
        baseline=_baseline(section, signals),
        milestones=tuple(parse_milestone(one) for one in section.sections("milestones")),
        calibration=_calibration(section),
        applies_to=parse_when(section, "applies_to") if section.has("applies_to") else (),
        precedence=section.whole("precedence", 0, least=0),
        journey=parse_journey(section.section("journey", {})),
        calendar=parse_calendar(section.section("calendar", {})),
        summary=_summary(section.section("summary", {})),
        broad=_broad(section.section("broad"), dimensions) if section.has("broad") else None,
    )
    section.take("segments")
    section.take("broad")
    section.take("applies_to")
    section.finish()
    _refuse_misfits(model, problems)
    return model


def _refuse_misfits(model: ScoreModel, problems: list[ModelProblem]) -> None:
    refuse_weightless(model.signals, model.dimensions, problems)
    refuse_unknown_dimensions(model.signals, model.dimensions, problems)
    refuse_wrong_stages(model.stages, problems)
    refuse_circles(model.milestones, problems)
    lists: dict[str, Sequence[Any]] = {
        "dimensions": model.dimensions,
        "stages": model.stages,
        "signals": model.signals,
        "gates": model.gates,
        "milestones": model.milestones,
    }
    for name, things in lists.items():
        refuse_repeated_ids([thing.id for thing in things], f"/{name}", problems)


def _dimension(section: Section) -> Dimension:
    name = section.text("id")
    dimension = Dimension(
        id=name,
        weight=section.number("weight", limits=NOT_NEGATIVE),
        min_coverage=section.number("min_coverage", _DIMENSION_COVERAGE, SHARE),
        label=section.text("label", words_of(name) or "?"),
        next_step=section.optional_text("next_step"),
    )
    section.finish()
    return dimension


def _stage(section: Section, dimensions: Sequence[Dimension]) -> Stage:
    weights = section.section("weights")
    known = [dimension.id for dimension in dimensions]
    listed = {name: weights.number(name, limits=NOT_NEGATIVE) for name in weights.keys()}  # noqa: SIM118
    for name in listed:
        if name not in known:
            weights.note(name, f"no dimension {name!r}", f"one of {', '.join(known)}", nearest_word(name, known))
    unnamed = [name for name in known if name not in listed]
    if unnamed:
        weights.note("", f"no weight for {', '.join(unnamed)}", "a weight for every dimension")
    start, end = _ages(section)
    transition = section.number("transition_days", 0.0, NOT_NEGATIVE)
    name = section.text("id")
    weighed = tuple(listed.get(one, 1.0) for one in known)
    stage = Stage(name, start, end, weighed, transition, section.text("label", words_of(name)))
    section.finish()
    return stage


def _ages(section: Section) -> tuple[float, float | None]:
    raw = section.take("age_days")
    if isinstance(raw, list | tuple) and len(raw) == 2 and is_number(raw[0]) and (raw[1] is None or is_number(raw[1])):
        start = section.checked_number("age_days", raw[0], NOT_NEGATIVE)
        end = None if raw[1] is None else section.checked_number("age_days", raw[1], NOT_NEGATIVE)
        if end is not None and end <= start:
            section.note("age_days", "the stage ends before it begins", "[from, to] with from < to")
        return start, end
    section.note("age_days", "is not a span of days", "[from, to], to may be null")
    return 0.0, None


def _bands(section: Section) -> Bands:
    bands = Bands(
        green=section.number("green", 70.0, POINTS),
        yellow=section.number("yellow", 40.0, POINTS),
        margin_down=section.number("margin_down", 0.0, NOT_NEGATIVE),
        margin_up=section.number("margin_up", 0.0, NOT_NEGATIVE),
        dwell_down_days=section.number("dwell_down_days", 0.0, NOT_NEGATIVE),
        dwell_up_days=section.number("dwell_up_days", 0.0, NOT_NEGATIVE),
    )
    if bands.yellow >= bands.green:
        section.note("yellow", "yellow does not lie below green", "a threshold below green")
    section.finish()
    return bands


def _baseline(section: Section, signals: Sequence[Signal]) -> Baseline:
    if not isinstance(section.take("baseline"), Mapping):
        return Baseline(section.choice("baseline", ["cohort_median", "previous"], "cohort_median"))
    inner = section.section("baseline")
    fixed = inner.section("fixed")
    inner.finish()
    known = [signal.id for signal in signals]
    points = []
    for name in fixed.keys():  # noqa: SIM118 - a Section is no mapping
        points.append((name, fixed.number(name, limits=POINTS)))
        if name not in known:
            fixed.note(name, f"no signal {name!r}", "the id of a signal", nearest_word(name, known))
    return Baseline("fixed", tuple(points))


def _calibration(section: Section) -> Calibration | None:
    if not section.has("calibration"):
        section.take("calibration")
        return None
    inner = section.section("calibration")
    kind = inner.choice("kind", ["platt"], "platt")
    intercept, slope = inner.optional_number("intercept"), inner.optional_number("slope")
    calibration = Calibration(kind, intercept, slope, inner.optional_text("fitted"))
    inner.finish()
    return calibration


def _summary(section: Section) -> Summary:
    templates = {band: section.optional_text(band) for band in Band}
    for band, template in templates.items():
        refuse_unknown_names(section, band, template or "", SUMMARY_PLACEHOLDERS)
    section.finish()
    return Summary(*(templates[band] for band in (Band.GREEN, Band.YELLOW, Band.RED, Band.UNKNOWN)))


def _broad(section: Section, dimensions: Sequence[Dimension]) -> Broad:
    broad = Broad(section.whole("dimensions", 2, least=2), section.number("below", 50.0, POINTS), "")
    if broad.dimensions > len(dimensions):
        section.note("dimensions", f"the model has only {len(dimensions)} dimensions", "no more than there are")
    broad = replace(broad, next_step=section.text("next_step"))
    section.finish()
    return broad


def _timezone(section: Section) -> str:
    name = section.text("timezone", "UTC")
    try:
        ZoneInfo(name or "UTC")
    except (ValueError, OSError, KeyError):
        section.note("timezone", f"{name!r} is no time zone", "a name such as UTC or Europe/Berlin")
        return "UTC"
    return name
