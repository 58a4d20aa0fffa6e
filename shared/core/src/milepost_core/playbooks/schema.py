"""The form of a playbook document as JSON Schema (2020-12), for editors that help while one writes.

It says what a schema can say: keys, kinds of values, ranges, words. What hangs together across the document (steps
that lead nowhere, circles, who is bounded) only `parse_playbook` refuses.
"""

from typing import Final, TypeAlias

from milepost_core.events import EVENT_TYPES
from milepost_core.model.schema_forms import (
    DAYS,
    FLAG,
    POSITIVE,
    SCALAR,
    SPAN,
    TEXT,
    Schema,
    chosen,
    described,
    list_of,
    mapping,
    matching,
    one_of,
    refer,
    whole,
)
from milepost_core.playbooks.conditions import ASKING, LISTING, MOST_PARTS, MOST_VALUES, SUBJECT, SUBJECT_OF_RUN
from milepost_core.playbooks.document import END
from milepost_core.playbooks.parsing import FORMAT, MOST_PURPOSE, MOST_STEPS, MOST_TEXT, MOST_TITLE
from milepost_core.playbooks.parsing_conditions import OPERATORS
from milepost_core.playbooks.parsing_rules import EXITS, MOST_HOLDOUT, MOST_OF_EACH
from milepost_core.playbooks.parsing_steps import (
    MOST_BUSINESS_DAYS,
    MOST_CASES,
    MOST_HOURS,
    MOST_LINE,
    MOST_SUBJECT,
    WAITS,
)
from milepost_core.playbooks.parsing_triggers import MILESTONE_STATES, MOST_OFFSET
from milepost_core.playbooks.parsing_words import (
    BANDS,
    CHANNEL_FORM,
    FIELD_FORM,
    NAME_FORM,
    READER_FORM,
    TIME_FORM,
    WHO_FORM,
    WORD_FORM,
)

__all__ = ["SCHEMA_ID", "document_schema"]

SCHEMA_ID: Final = "https://milepost.dev/schemas/playbook-1.json"
_Forms: TypeAlias = dict[str, tuple[Schema, tuple[str, ...]]]
"""By kind: what a step may say, and what it has to."""
_NAME: Final = matching(NAME_FORM)
_ATTRIBUTE: Final = matching(FIELD_FORM)
_TEMPLATE: Final = {"type": "string", "minLength": 1, "maxLength": MOST_TEXT}
_TIME: Final = described("A local time, HH:MM, in quotes", matching(TIME_FORM))
_WHO: Final = described("owner, role:<word> or an address", matching(WHO_FORM))
_READER: Final = described("owner, role:<word>, attribute:<name> or an address", matching(READER_FORM))
_CHANNEL: Final = described("The id of a Slack channel, as its details show it", matching(CHANNEL_FORM))
_EVENTS: Final[Schema] = {
    "anyOf": [
        matching(WORD_FORM) | {"examples": sorted(EVENT_TYPES)},
        {"type": "array", "items": matching(WORD_FORM) | {"examples": sorted(EVENT_TYPES)}, "minItems": 1},
    ]
}
_OFFSET: Final[Schema] = {"type": "integer", "minimum": -MOST_OFFSET, "maximum": MOST_OFFSET}


def document_schema() -> Schema:
    """The schema of a whole document, made of the same words that the parser knows."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Milepost playbook",
        "description": "What starts outreach, whom it is for, what happens step by step, and what ends it.",
        **mapping(_document(), ("id", "name", "trigger", "steps")),
        "$defs": {
            "condition": _condition("condition", SUBJECT.pattern),
            "condition_of_run": _condition("condition_of_run", SUBJECT_OF_RUN.pattern),
            "chain": _several(_WHO),
        },
    }


def _document() -> Schema:
    return {
        "format": {"const": FORMAT},
        "id": described("What the playbook is called, for ever", _NAME),
        "version": described("Every change is a new version; left out: the next number", whole(1)),
        "name": TEXT | {"maxLength": MOST_TITLE},
        "purpose": {"type": "string", "maxLength": MOST_PURPOSE},
        "priority": described("Who goes first when few may go", whole(0, 100)),
        "owner": refer("chain"),
        "trigger": _triggers(),
        "audience": described("Whom it is for; left out: everybody whom the trigger finds", refer("condition")),
        "tiers": _tiers(),
        "steps": list_of(_steps(), MOST_STEPS, least=1),
        "exits": list_of(_exits(), MOST_OF_EACH),
        "re_entry": mapping({"days": DAYS, "most": whole(1, 1000), "per_days": SPAN, "never": FLAG}),
        "measures": list_of(
            mapping({"id": _NAME, "when": refer("condition"), "within_days": SPAN}, ("id", "when", "within_days")),
            MOST_OF_EACH,
        ),
        "holdout": mapping({"share": _share(MOST_HOLDOUT), "never": refer("condition")}, ("share",)),
        "arms": list_of(mapping({"id": _NAME, "share": _share(1), "start": _NAME}, ("id", "share")), MOST_OF_EACH),
    }


def _condition(name: str, form: str) -> Schema:
    listed = {"type": "array", "items": SCALAR, "minItems": 1, "maxItems": MOST_VALUES}
    parts = {"type": "array", "items": refer(name), "minItems": 1, "maxItems": MOST_PARTS}
    subject = described("What is asked about: score, band, signal.<id>, attribute.<name>, …", matching(form))
    plain = [one for one in OPERATORS if one not in (*LISTING, *ASKING)]
    return {
        "description": "all, any, not, or one test {subject, operator, value}",
        "anyOf": [
            mapping({"all": parts}, ("all",)),
            mapping({"any": parts}, ("any",)),
            mapping({"not": refer(name)}, ("not",)),
            mapping({"subject": subject, "operator": one_of(plain), "value": SCALAR}, ("subject", "value")),
            mapping(
                {"subject": subject, "operator": one_of(LISTING), "value": listed}, ("subject", "operator", "value")
            ),
            mapping({"subject": subject, "operator": one_of(ASKING)}, ("subject", "operator")),
        ],
    }


def _triggers() -> Schema:
    when = refer("condition")
    return chosen(
        "kind",
        {
            "band_changed": mapping(
                {
                    "to": _several(one_of(BANDS)),
                    "direction": one_of(("down", "up", "any")),
                    "first_score": FLAG,
                    "hold_days": DAYS,
                },
                ("to",),
            ),
            "threshold": mapping({"when": when, "rearm": when, "hold_days": DAYS}, ("when",)),
            "silence": mapping({"events": _EVENTS, "days": SPAN}, ("events", "days")),
            "segment": mapping({"when": when, "on": one_of(("entering", "leaving")), "hold_days": DAYS}, ("when",)),
            "milestone": mapping(
                {"states": _several(one_of(MILESTONE_STATES)), "milestones": _several(matching(WORD_FORM))}, ("states",)
            ),
            "event": mapping({"events": _EVENTS}, ("events",)),
            "date": mapping({"attribute": _ATTRIBUTE, "offset_days": _OFFSET, "at": _TIME}, ("attribute",)),
            "by_hand": mapping({}),
        },
    )


def _steps() -> Schema:
    node = {"id": _NAME | {"not": {"const": END}}, "next": _NAME, "only_if": refer("condition_of_run")}
    forms = {
        kind: mapping(node | keys, ("id", *required)) for kind, (keys, required) in (_telling() | _asking()).items()
    }
    forms["wait"] |= {"oneOf": [{"required": [key], "properties": {key: {"not": {"type": "null"}}}} for key in WAITS]}
    forms["branch"]["properties"].pop("next")
    return chosen("kind", forms)


def _telling() -> _Forms:
    """Steps that tell somebody something."""
    line = TEXT | {"maxLength": MOST_LINE}
    fields: Schema = {"type": "object", "additionalProperties": _TEMPLATE, "minProperties": 1}
    return {
        "email": (
            {"to": _READER, "subject": TEXT | {"maxLength": MOST_SUBJECT}, "text": _TEMPLATE,
             "html": _TEMPLATE | {"minLength": 0}, "transactional": FLAG},
            ("subject", "text"),
        ),
        "slack": ({"connection": _NAME, "channel": _CHANNEL, "text": _TEMPLATE}, ("connection", "channel", "text")),
        "webhook": ({"connection": _NAME, "fields": fields}, ("connection", "fields")),
        "crm": (
            {"connection": _NAME, "writes": one_of(("task", "note", "properties")), "fields": fields},
            ("connection", "fields"),
        ),
        "in_app": ({"title": line, "text": _TEMPLATE, "link": TEXT, "role": TEXT, "days": SPAN}, ("title", "text")),
    }  # fmt: skip


def _asking() -> _Forms:
    """Steps that wait for a person, for time, or for a decision."""
    line = TEXT | {"maxLength": MOST_LINE}
    hours = POSITIVE | {"maximum": MOST_HOURS}
    case = mapping({"when": refer("condition_of_run"), "next": _NAME}, ("when", "next"))
    return {
        "task": (
            {"owner": refer("chain"), "title": line, "script": _TEMPLATE, "finish_hours": hours, "accept_hours": hours,
             "escalate_to": _WHO, "effort_minutes": SPAN, "waits": FLAG, "reason": line},
            ("title", "script"),
        ),
        "approval": (
            {"by": refer("chain"), "about": _NAME, "expires_hours": hours, "otherwise": one_of(("approve", "reject")),
             "rejected": _NAME},
            ("about",),
        ),
        "wait": (
            {"days": SPAN, "business_days": whole(1, MOST_BUSINESS_DAYS), "until": _TIME, "attribute": _ATTRIBUTE,
             "offset_days": _OFFSET, "events": _EVENTS, "when": refer("condition"), "timeout_days": SPAN,
             "on_timeout": _NAME},
            (),
        ),
        "branch": ({"cases": list_of(case, MOST_CASES, least=1), "otherwise": _NAME, "timeout_days": DAYS}, ("cases",)),
    }  # fmt: skip


def _tiers() -> Schema:
    row = {
        "id": _NAME, "start": _NAME, "bands": _several(one_of(BANDS)), "values": _several(matching(WORD_FORM)),
        "stages": _several(matching(WORD_FORM)), "owner": refer("chain"), "success": _NAME,
    }  # fmt: skip
    value = described("Below so much; the last class says none", POSITIVE)
    return mapping(
        {
            "value_of": described("The attribute that says what a customer is worth", TEXT),
            "classes": list_of(mapping({"id": _NAME, "below": value}, ("id",)), MOST_OF_EACH),
            "rows": list_of(mapping(row, ("id", "start")), MOST_OF_EACH, least=1),
            "otherwise": _NAME,
        },
        ("rows",),
    )


def _exits() -> Schema:
    tasks = one_of(("close", "keep"))
    forms = {kind: mapping({"tasks": tasks}) for kind in EXITS}
    forms["recovered"] = mapping({"tasks": tasks, "bands": _several(one_of(BANDS))}, ("bands",))
    forms["goal_met"] = mapping({"tasks": tasks, "when": refer("condition")}, ("when",))
    return chosen("kind", forms)


def _several(value: Schema) -> Schema:
    return {"anyOf": [value, {"type": "array", "items": value, "minItems": 1}]}


def _share(most: float) -> Schema:
    return {"type": "number", "exclusiveMinimum": 0, "maximum": most}
