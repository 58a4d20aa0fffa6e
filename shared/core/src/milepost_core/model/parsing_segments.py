"""Parses segments: the same model with some parts replaced for the accounts that match.

It never adds or removes a signal, so that every segment's columns stand in the same order.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from milepost_core.model.document import ScoreModel, Segment
from milepost_core.model.leaks import leaks_outcome
from milepost_core.model.parsing_sources import refuse_leak
from milepost_core.model.problems import ModelProblem, nearest_word, step_into
from milepost_core.model.section import Section, scalars
from milepost_core.model.sources import Scalar

__all__ = ["MOST_SEGMENTS", "parse_segments", "parse_when"]

MOST_SEGMENTS: Final = 50

_LISTS: Final = ("dimensions", "stages", "signals", "gates", "milestones")
_PLAIN: Final = ("bands", "baseline", "calendar", "journey", "min_coverage")
_KIND_KEYS: Final = ("kind", "agg")

ParseDocument = Callable[[object, list[ModelProblem]], ScoreModel]


def parse_segments(doc: object, problems: list[ModelProblem], parse: ParseDocument) -> tuple[Segment, ...]:
    """The segments of a document; ``problems`` already holds those of the document itself."""
    if not isinstance(doc, Mapping):
        return ()
    inherited = {(problem.pointer, problem.message) for problem in problems}
    section = Section({"segments": doc.get("segments")}, "", problems)
    found = []
    for one in section.sections("segments", MOST_SEGMENTS):
        when = parse_when(one, "when")
        whole = _merged(doc, one)
        fresh: list[ModelProblem] = []
        model = parse(whole, fresh)
        problems.extend(
            replace(problem, pointer=_origin(problem.pointer, whole, one.pointer))
            for problem in fresh
            if (problem.pointer, problem.message) not in inherited
        )
        found.append(Segment(one.id(), when, model))
        one.finish()
    return tuple(found)


def parse_when(section: Section, key: str) -> tuple[tuple[str, tuple[Scalar, ...]], ...]:
    """Which values which attributes of an account must hold; at least one attribute is named."""
    when = section.section(key)
    clauses = tuple((name, _values(when, name)) for name in when.keys())  # noqa: SIM118 - a Section is no mapping
    if not clauses:
        when.note("", "names no attribute", "at least one attribute and its values")
    return clauses


def _values(when: Section, name: str) -> tuple[Scalar, ...]:
    values = scalars(when.take(name))
    if not values:
        when.note(name, "no account attribute can be that", "a text, a number, true/false or a list of them")
    leaks = [one for one in (name, *values) if leaks_outcome(one)]
    if leaks:
        refuse_leak(when, name, leaks[0], "another attribute")
    return values


def _merged(doc: Mapping[str, Any], segment: Section) -> dict[str, Any]:
    """The whole document as the segment sees it, without segments of its own."""
    whole = {key: value for key, value in doc.items() if key != "segments"}
    for key in _PLAIN:
        if segment.has(key):
            whole[key] = _deep(whole.get(key), segment.take(key))
        segment.take(key)
    for key in _LISTS:
        whole[key] = _merged_list(whole.get(key), segment, key)
    return whole


def _merged_list(things: object, segment: Section, key: str) -> object:
    overrides = segment.section(key, {})
    if not isinstance(things, list | tuple):
        things = ()
    ids = [thing.get("id") if isinstance(thing, Mapping) else None for thing in things]
    known = [name for name in ids if isinstance(name, str)]
    for name in overrides.keys():  # noqa: SIM118 - a Section is no mapping
        if name not in known:
            message = f"the model has no {key[:-1]} {name[:100]!r}"
            overrides.note(name, message, "an id of the model", nearest_word(name, known, overrides.problems))
        elif overrides.section(name, {}).has("id"):
            overrides.section(name, {}).note("id", "a segment cannot rename what it changes", "no id")
    return [
        _deep(thing, overrides.take(name)) if isinstance(name, str) and overrides.has(name) else thing
        for thing, name in zip(things, ids, strict=True)
    ]


def _deep(below: object, above: object) -> object:
    """Mappings merge key by key, everything else is replaced.

    A mapping of another kind (another curve, another aggregation) replaces the whole: the keys of
    the old kind mean nothing to the new one.
    """
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    if any(key in above and key in below and above[key] != below[key] for key in _KIND_KEYS):
        return above
    merged = dict(below)
    for key, value in above.items():
        merged[key] = _deep(below.get(key), value)
    return merged


def _origin(pointer: str, whole: Mapping[str, Any], segment: str) -> str:
    """Where in the segment a problem of the merged document was written."""
    steps = pointer.split("/")[1:]
    if len(steps) >= 2 and steps[0] in _LISTS and steps[1].isdigit():
        thing = whole[steps[0]][int(steps[1])]
        steps[1] = str(thing.get("id")) if isinstance(thing, Mapping) else steps[1]
    place = segment
    for step in steps:
        place = step_into(place, step.replace("~1", "/").replace("~0", "~"))
    return place
