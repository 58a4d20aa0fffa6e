"""Parses a whole model document and refuses it with every reason at once.

It never reads a file: YAML and JSON are somebody else's; here the document is already a mapping.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

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
from milepost_core.model.problems import ModelInvalid, ModelProblem, listed, nearest_word
from milepost_core.model.refusals import (
    refuse_apart,
    refuse_circles,
    refuse_many_actions,
    refuse_repeated_ids,
    refuse_unknown_dimensions,
    refuse_weightless,
    refuse_wide,
    refuse_wrong_stages,
)
from milepost_core.model.section import DAYS, NOT_NEGATIVE, POINTS, SHARE, SPAN, WEIGHT, Section, is_number
from milepost_core.model.texts import Broad, Summary
from milepost_core.model.zones import parse_zone

__all__ = [
    "DOCUMENT_FORMAT", "MOST_DIMENSIONS", "MOST_GATES", "MOST_MILESTONES", "MOST_SIGNALS", "MOST_STAGES",
    "SUMMARY_PLACEHOLDERS", "TAKEN_IDS", "parse_model",
]  # fmt: skip

DOCUMENT_FORMAT: Final = "health-score-model/1"
SUMMARY_PLACEHOLDERS: Final = ("score", "band", "reasons", "gates")
"""`reasons` is what most points are lost to, `gates` what holds the score down, both in words."""
MOST_DIMENSIONS: Final = 50
MOST_SIGNALS: Final = 200
MOST_GATES: Final = 100
MOST_STAGES: Final = 50
MOST_MILESTONES: Final = 200
TAKEN_IDS: Final = ("activations",)
"""What stands in the place of a model's id in addresses already."""
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
    dimensions = tuple(_dimension(one) for one in section.sections("dimensions", MOST_DIMENSIONS))
    signals = tuple(parse_signal(one) for one in section.sections("signals", MOST_SIGNALS))
    stages = tuple(_stage(one, dimensions) for one in section.sections("stages", MOST_STAGES))
    model = ScoreModel(
        id=_model_id(section),
        version=section.whole("version", 1, least=1),
        title=section.text("title", section.text("id", "score model")),
        description=section.text("description", ""),
        timezone=parse_zone(section),
        horizon_days=section.optional_number("horizon_days", SPAN),
        min_coverage=section.number("min_coverage", _OVERALL_COVERAGE, SHARE),
        dimensions=dimensions,
        stages=stages,
        segments=(),
        signals=signals,
        gates=tuple(parse_gate(one) for one in section.sections("gates", MOST_GATES)),
        bands=_bands(section.section("bands", {})),
        baseline=_baseline(section, signals),
        milestones=tuple(parse_milestone(one) for one in section.sections("milestones", MOST_MILESTONES)),
        calibration=_calibration(section),
        applies_to=parse_when(section, "applies_to") if section.has("applies_to") else (),
        precedence=section.whole("precedence", 0, least=0),
        journey=parse_journey(section.section("journey", {})),
        calendar=parse_calendar(section.section("calendar", {})),
        summary=_summary(section.section("summary", {})),
        broad=_broad(section.section("broad"), dimensions) if section.has("broad") else None,
    )
    return _finished(section, model)


def _finished(section: Section, model: ScoreModel) -> ScoreModel:
    """Report what nobody asked for; what is read only if it is there, or later, counts as asked for."""
    for key in ("segments", "broad", "applies_to"):
        section.take(key)
    section.finish()
    _refuse_misfits(model, section.problems)
    return model


def _refuse_misfits(model: ScoreModel, problems: list[ModelProblem]) -> None:
    refuse_weightless(model.signals, model.dimensions, problems)
    refuse_unknown_dimensions(model.signals, model.dimensions, problems)
    refuse_wrong_stages(model.stages, problems)
    refuse_apart(model, problems)
    refuse_circles(model.milestones, problems)
    refuse_wide(model, problems)
    refuse_many_actions(model.signals, problems)
    lists: dict[str, Sequence[Any]] = {
        "dimensions": model.dimensions,
        "stages": model.stages,
        "signals": model.signals,
        "gates": model.gates,
        "milestones": model.milestones,
    }
    for name, things in lists.items():
        refuse_repeated_ids([thing.id for thing in things], f"/{name}", problems)


def _model_id(section: Section) -> str:
    name = section.id("score-model")
    if name in TAKEN_IDS:
        section.note("id", f"{name!r} stands in addresses already", "an id of its own")
    return name


def _dimension(section: Section) -> Dimension:
    name = section.id()
    dimension = Dimension(
        id=name,
        weight=section.number("weight", limits=WEIGHT),
        min_coverage=section.number("min_coverage", _DIMENSION_COVERAGE, SHARE),
        label=section.text("label", words_of(name) or "?"),
        next_step=section.optional_text("next_step"),
    )
    section.finish()
    return dimension


def _stage(section: Section, dimensions: Sequence[Dimension]) -> Stage:
    weights = section.section("weights")
    known = [dimension.id for dimension in dimensions]
    given = {name: weights.number(name, limits=WEIGHT) for name in weights.keys()}  # noqa: SIM118
    for name in given:
        if name not in known:
            near = nearest_word(name, known, weights.problems)
            weights.note(name, f"no dimension {name!r}", f"one of {listed(known)}", near)
    unnamed = [name for name in known if name not in given]
    if unnamed:
        weights.note("", f"no weight for {listed(unnamed)}", "a weight for every dimension")
    start, end = _ages(section)
    transition = section.number("transition_days", 0.0, DAYS)
    name = section.id()
    weighed = tuple(given.get(one, 1.0) for one in known)
    stage = Stage(name, start, end, weighed, transition, section.text("label", words_of(name)))
    section.finish()
    return stage


def _ages(section: Section) -> tuple[float, float | None]:
    raw = section.take("age_days")
    if isinstance(raw, list | tuple) and len(raw) == 2 and is_number(raw[0]) and (raw[1] is None or is_number(raw[1])):
        start = section.checked_number("age_days", raw[0], DAYS)
        end = None if raw[1] is None else section.checked_number("age_days", raw[1], DAYS)
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
        dwell_down_days=section.number("dwell_down_days", 0.0, DAYS),
        dwell_up_days=section.number("dwell_up_days", 0.0, DAYS),
    )
    if bands.yellow >= bands.green:
        section.note("yellow", "yellow does not lie below green", "a threshold below green")
    if bands.green + bands.margin_up > POINTS.high:
        message = f"nobody reaches green: {bands.green:g} and a margin of {bands.margin_up:g} are more than 100"
        section.note("margin_up", message, "green and margin_up of at most 100 together")
    if bands.margin_down and bands.margin_down >= bands.yellow:
        message = f"nobody falls to red: {bands.yellow:g} less a margin of {bands.margin_down:g} leaves no points"
        section.note("margin_down", message, "less than yellow")
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
            near = nearest_word(name, known, fixed.problems)
            fixed.note(name, f"no signal {name!r}", "the id of a signal", near)
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
