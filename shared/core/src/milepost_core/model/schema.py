"""The form of a score model document as JSON Schema (2020-12), for editors that help while one writes.

It says what a schema can say: keys, kinds of values, ranges, words. What hangs together across the document (ids that
name something, curves that do not turn, stages without holes, label leaks) only `parse_model` refuses.
"""

from collections.abc import Mapping
from typing import Final

from milepost_core.events import EVENT_TYPES, ITEM_KINDS
from milepost_core.model.document import Band
from milepost_core.model.journey import WEEKDAYS
from milepost_core.model.parsing import (
    DOCUMENT_FORMAT,
    MOST_DIMENSIONS,
    MOST_GATES,
    MOST_MILESTONES,
    MOST_SIGNALS,
    MOST_STAGES,
    TAKEN_IDS,
)
from milepost_core.model.parsing_plan import OPERATORS, SIDES
from milepost_core.model.parsing_segments import MOST_SEGMENTS
from milepost_core.model.parsing_signals import FORMATS, MISSING
from milepost_core.model.parsing_sources import AGGREGATIONS, MOST_BUCKETS, MOST_CLAUSES
from milepost_core.model.schema_forms import (
    DAYS,
    FLAG,
    HEAVY,
    ID,
    NOT_NEGATIVE,
    NUMBER,
    POINTS,
    POSITIVE,
    SCALAR,
    SCALARS,
    SHARE,
    SPAN,
    TEXT,
    TEXTS,
    Schema,
    by_name,
    chosen,
    described,
    either,
    given,
    half_life,
    list_of,
    mapping,
    matching,
    one_of,
    one_or_many,
    or_null,
    refer,
    whole,
)
from milepost_core.model.zones import ZONE_FORM

__all__ = ["SCHEMA_ID", "document_schema"]

SCHEMA_ID: Final = "https://milepost.dev/schemas/health-score-model-1.json"
# What each aggregation may say beside `agg`, and what it has to; `where` is said of those that read records.
_WINDOWED: Final = ("where", "window_days", "min_age_days")
_KEYS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "count": (_WINDOWED, ()),
    "distinct": ((*_WINDOWED, "field"), ("field",)),
    "active_days": (_WINDOWED, ()),
    "sum": ((*_WINDOWED, "field", "value"), ()),
    "mean": ((*_WINDOWED, "min_n", "field", "value"), ()),
    "decayed_sum": ((*_WINDOWED, "half_life", "half_life_days", "field", "value"), ()),
    "last": (("where", "window_days", "field", "value"), ()),
    "days_since_last": (("where", "window_days", "never"), ()),
    "time_to_first": (("where",), ()),
    "ratio": (("num", "den", "max", "zero_den"), ("num", "den")),
    "slope": (("where", "bucket_days", "buckets"), ("bucket_days", "buckets")),
    "momentum": (("where", "bucket_days", "buckets"), ("bucket_days", "buckets")),
    "open_items": (("where",), ()),
    "overdue_items": (("where",), ()),
    "oldest_open_age": (("where",), ()),
    "milestone_progress": (("late_penalty_per_day", "late_floor"), ()),
    "breadth": ((*_WINDOWED, "expected"), ("expected",)),
    "rate": (_WINDOWED, ()),
}

_ABOUT_ITEMS: Final = ("open_items", "overdue_items", "oldest_open_age")
_KINDS: Final = {"anyOf": [one_of(ITEM_KINDS), {"type": "array", "items": one_of(ITEM_KINDS), "minItems": 1}]}


def document_schema() -> Schema:
    """The schema of a whole document, made of the same words that the parser knows."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Milepost score model",
        "description": "How the health of customer accounts is scored: signals, weights, curves, gates, bands, plan.",
        **mapping(_document(), ("dimensions", "signals")),
        "$defs": {
            "source": _sources(),
            "curve": _curves(),
            "where": _where({"type": _said(sorted(EVENT_TYPES)), "kind": _said(sorted(ITEM_KINDS))}),
            "condition": mapping(
                {"source": refer("source"), "op": one_of(OPERATORS), "value": {"anyOf": [SCALAR, SCALARS]}},
                ("source", "value"),
            ),
            "attributes": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"anyOf": [SCALAR, SCALARS]},
                "description": "Attributes of an account, each with the values that it may have",
            },
            "counted": {"anyOf": [TEXT, mapping({"one": TEXT, "other": TEXT}, ("one", "other"))]},
        },
    }


def _document() -> Schema:
    return {
        "format": {"const": DOCUMENT_FORMAT},
        "id": described("What the model is called, for ever", ID | {"not": one_of(TAKEN_IDS)}),
        "version": described("Every change is a new version", whole(1)),
        "title": TEXT,
        "description": TEXT,
        "timezone": described("Calendar days are counted in this zone", matching(ZONE_FORM)),
        "horizon_days": SPAN,
        "min_coverage": described("Below this share of observed weight there is no band", SHARE),
        "applies_to": described("Which accounts it judges; left out: all that no other takes", refer("attributes")),
        "precedence": described("Of several models that take an account, the highest judges it", whole(0)),
        "baseline": {
            "anyOf": [one_of(("cohort_median", "previous")), mapping({"fixed": by_name(POINTS)}, ("fixed",))],
        },
        "summary": mapping(dict.fromkeys((str(band) for band in Band), TEXT)),
        "broad": mapping({"dimensions": whole(2), "below": POINTS, "next_step": TEXT}, ("next_step",)),
        "dimensions": list_of(_dimension(), MOST_DIMENSIONS, least=1),
        "stages": list_of(_stage(), MOST_STAGES),
        "segments": list_of(_segment(), MOST_SEGMENTS),
        "signals": list_of(_signal(), MOST_SIGNALS, least=1),
        "gates": list_of(_gate(), MOST_GATES),
        "milestones": list_of(_milestone(), MOST_MILESTONES),
        "journey": mapping({"behind_after_days": DAYS, "stuck_after_days": SPAN, "slip_days": DAYS}),
        "calendar": mapping({"weekend": one_or_many(one_of(WEEKDAYS)), "holidays": one_or_many({"type": "string"})}),
        "bands": _bands(),
        "calibration": mapping({"kind": one_of(("platt",)), "intercept": NUMBER, "slope": NUMBER, "fitted": TEXT}),
    }  # fmt: skip


def _dimension() -> Schema:
    keys = {"id": ID, "label": TEXT, "weight": HEAVY, "min_coverage": SHARE, "next_step": TEXT}
    return mapping(keys, ("id", "weight"))


def _stage() -> Schema:
    days = {
        "type": "array",
        "prefixItems": [DAYS, DAYS | {"type": ["number", "null"]}],
        "minItems": 2,
        "maxItems": 2,
    }
    keys = {
        "id": ID, "label": TEXT, "age_days": described("[from, to) in days since the start", days),
        "weights": by_name(HEAVY), "transition_days": DAYS,
    }  # fmt: skip
    return mapping(keys, ("id", "age_days", "weights"))


def _segment() -> Schema:
    # What is merged into a part has to be looked at together with that part.
    changes = by_name(or_null({"type": "object", "not": {"required": ["id"], "properties": {"id": given()}}}))
    keys: Schema = {"id": ID, "when": refer("attributes"), "baseline": {}, "min_coverage": SHARE}
    keys |= {key: {"type": "object"} for key in ("bands", "journey", "calendar")}
    keys |= dict.fromkeys(("dimensions", "stages", "signals", "gates", "milestones"), changes)
    return mapping(keys, ("id", "when"))


def _signal() -> Schema:
    action = {"label": TEXT, "step": POSITIVE, "max_change": POSITIVE, "cost": NOT_NEGATIVE}
    keys = {
        "id": ID,
        "dimension": TEXT,
        "weight": HEAVY,
        "label": TEXT,
        "unit": refer("counted"),
        "format": one_of(FORMATS),
        "target": {"type": ["string", "number"]},
        "target_points": described("From so many points on a value meets the target; 100 if left out", POINTS),
        "ask_again": described("Next step for a value that meets the target, and is old", TEXT),
        "source": refer("source"),
        "normalise": refer("curve"),
        "missing": {"anyOf": [one_of(MISSING), POINTS]},
        "stale": half_life({"neutral": POINTS}),
        "half_life_days": SPAN,
        "action": mapping(action, ("step", "max_change")),
        "sentence": mapping({"good": refer("counted"), "bad": refer("counted")}),
        "next_step": TEXT,
        "guide": TEXT,
        "playbook": TEXT,
    }
    return mapping(keys, ("id", "dimension", "source", "normalise"))


def _gate() -> Schema:
    keys = {
        "id": ID, "label": TEXT, "when": refer("condition"), "cap_score": POINTS, "subtract": NOT_NEGATIVE,
        "hard": FLAG, "next_step": TEXT,
    }  # fmt: skip
    does = [{"required": [key], "properties": {key: given()}} for key in ("cap_score", "subtract")]
    return mapping(keys, ("id", "when")) | {"oneOf": does}


def _milestone() -> Schema:
    keys = {
        "id": ID,
        "label": TEXT,
        "target_day": described("Due so many days after the start", DAYS),
        "weight": HEAVY,
        "required": FLAG,
        "side": described("Whom a delay is charged to", one_of(SIDES)),
        "owner": TEXT,
        "after": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
        "work_days": DAYS,
        "done_by": described("The first record that matches completes it", refer("where") | {"minProperties": 1}),
        "done_when": described("It completes itself when this first holds", refer("condition")),
    }
    return mapping(keys, ("id",))


def _bands() -> Schema:
    points = dict.fromkeys(("green", "yellow"), POINTS)
    margins = dict.fromkeys(("margin_down", "margin_up"), NOT_NEGATIVE)
    days = dict.fromkeys(("dwell_down_days", "dwell_up_days"), DAYS)
    return mapping(points | margins | days)


def _sources() -> Schema:
    """One form for each aggregation, chosen by `agg`."""
    keys: Schema = {
        "where": refer("where"),
        "window_days": SPAN,
        "min_age_days": DAYS,
        "field": TEXT,
        "value": TEXT,
        "min_n": whole(1),
        "half_life": SPAN,
        "half_life_days": SPAN,
        "never": one_of(("age",)),
        "num": refer("source"),
        "den": {"anyOf": [refer("source"), TEXT, NUMBER]},
        "max": NUMBER,
        "zero_den": NUMBER,
        "bucket_days": SPAN,
        "buckets": whole(2, MOST_BUCKETS),
        "late_penalty_per_day": HEAVY,
        "late_floor": SHARE,
        "expected": TEXTS,
    }
    forms = {name: mapping({key: keys[key] for key in _KEYS[name][0]}, _KEYS[name][1]) for name in AGGREGATIONS}
    forms["decayed_sum"] |= {"anyOf": either("half_life", "half_life_days")}
    forms["momentum"]["properties"]["buckets"] = whole(2, MOST_BUCKETS) | {"multipleOf": 2}
    for name in _ABOUT_ITEMS:
        forms[name]["properties"]["where"] = or_null(_where({"kind": _KINDS}, forbidden="type"))
    return chosen("agg", forms)


def _curves() -> Schema:
    point = {"type": "array", "prefixItems": [NUMBER, POINTS], "minItems": 2, "maxItems": 2}
    words = {"type": "object", "minProperties": 1, "additionalProperties": POINTS}
    marks, maps = ("low", "ok_from", "ok_to", "high"), ("values", "map", "mapping", "categories")
    forms = {
        "piecewise": mapping({"points": {"type": "array", "items": point, "minItems": 1}}, ("points",)),
        "band": mapping(dict.fromkeys(marks, NUMBER) | {"floor_low": POINTS, "floor_high": POINTS}, marks),
        "saturating": mapping({"half_at": POSITIVE}, ("half_at",)),
        "map": mapping(dict.fromkeys(maps, words) | {"default": POINTS}) | {"anyOf": either(*maps)},
        "percentile": mapping(
            {"cohort": TEXTS, "min_cohort": whole(1), "fallback": refer("curve"), "lower_is_better": FLAG}
        ),
    }
    return chosen("kind", forms)


def _said(words: list[str]) -> Schema:
    """Any value, and those that an editor offers."""
    return {"anyOf": [SCALAR | {"examples": words}, SCALARS]}


def _where(known: Schema, forbidden: str = "") -> Schema:
    form: Schema = {
        "type": "object",
        "description": "Which match: every clause, each by any one of its values",
        "properties": known | ({forbidden: {"not": {}}} if forbidden else {}),
        "additionalProperties": {"anyOf": [SCALAR, SCALARS]},
        "maxProperties": MOST_CLAUSES,
    }
    return form
