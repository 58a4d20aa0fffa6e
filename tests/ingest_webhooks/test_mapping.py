"""Claims about mappings: a rule says what a fact becomes, no payload breaks it, mistakes and slips are remarked."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest_webhooks.mapping import find_rule, lint, locate, take
from ingest_webhooks.relay.translating import as_document
from ingest_webhooks.sources import SOURCES
from ingest_webhooks.words.rules import MappingDocument, Rule
from ingest_webhooks.words.shapes import Broken, Context, Fact, NormalEvent, Normalised, Note, fact_key

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ACCOUNT = "hubspot:1:2"


def told(fact: dict[str, Any], rules: dict[str, Any], **context: Any) -> list[NormalEvent]:
    """What a fact becomes by a connection's own rules."""
    own = MappingDocument.model_validate({"rules": rules}).rules
    said = Normalised()
    made: dict[str, Any] = {
        "key": fact_key("t"),
        "topic": "deal.stage",
        "at": NOW,
        "accounts": (ACCOUNT,),
        "subject": f"{ACCOUNT}:d",
    }
    take(Fact(**(made | fact)), Context(NOW, mapping=own, **context), {}, said)
    return said.events


def one(fact: dict[str, Any], rule: dict[str, Any]) -> NormalEvent:
    (event,) = told(fact, {"deal.stage": rule})
    return event


def test_the_most_exact_rule_is_found_and_the_own_one_before_the_default() -> None:
    own = {name: Rule(attribute=f"own {name}") for name in ("a.b", "a.*", "*")}
    defaults = {name: Rule(attribute=f"default {name}") for name in ("a.b", "a.c", "a.b.*")}
    topics = ("a.b", "a.c", "a.d", "a.b.c", "x")
    found = {topic: found.attribute for topic in topics if (found := find_rule(topic, own, defaults))}

    assert found == {"a.b": "own a.b", "a.c": "default a.c", "a.d": "own a.*", "a.b.c": "default a.b.*", "x": "own *"}
    by_default = locate("a.b.c", own, defaults)
    assert by_default is not None
    assert (by_default.pattern, by_default.own) == ("a.b.*", False)
    assert locate("x", {}, {}) is None


def test_templates_fill_every_part_of_an_event() -> None:
    fields = {"a": {"b": [{"c": 7}]}, "who": "Ann", "when": "2026-04-01T10:00:00Z", "id": "acme"}
    rule = {
        "type": "survey.answered",
        "account": "external:{id}",
        "item": "{object}",
        "role": "{value}",
        "actor": "{who}",
        "value": "{a.b.0.c}",
        "at": "{when}",
        "properties": {"said": "{property}: {value}", "gone": "{nowhere}", "n": "{a.b.0.c}"},
        "translate": {"boss": "sponsor"},
    }
    event = one({"value": "Boss", "fields": fields}, rule)

    assert (event.type, event.reference, event.item, event.role) == (
        "survey.answered", "external:acme", f"{ACCOUNT}:d", "sponsor",
    )  # fmt: skip
    assert (event.actor, event.value, event.occurred_at) == ("Ann", 7.0, datetime(2026, 4, 1, 10, tzinfo=UTC))
    assert event.properties == {"said": "stage: sponsor", "n": 7}


@pytest.mark.parametrize(
    ("value", "kind"), [("won", "renewed"), ("LOST", "churned"), ("", "account.started"), ("x", None)]
)
def test_a_value_picks_a_rule_in_lower_case_and_an_empty_one_by_nothing(value: str, kind: str | None) -> None:
    when = {"won": {"type": "renewed"}, "lost": {"type": "churned"}, "": {"type": "account.started", "at": "{now}"}}
    fact = {"value": None if value == "" else value, "fields": {"now": "2026-01-01"}}
    assert [event.type for event in told(fact, {"deal.stage": {"when": when}})] == ([kind] if kind else [])


def test_further_events_of_one_fact_have_ids_of_their_own_that_stay() -> None:
    rule = {"type": "ticket.opened", "also": [{"type": "scope.concern_raised"}, {"attribute": "stage"}]}
    twice = [told({"value": "x"}, {"deal.stage": rule}) for _ in range(2)]
    ids = [[event.event_id for event in events] for events in twice]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3
    assert ids[0][0] == fact_key("t")[:16].hex()


@pytest.mark.parametrize(
    ("fact", "rule", "reason"),
    [
        ({"accounts": ()}, {"type": "renewed"}, "names no account"),
        ({}, {"type": "renewed", "account": "external:{gone}"}, "names no account"),
        ({"value": "many"}, {"type": "renewed", "value": "{value}", "reads": "number"}, "no number"),
        ({"value": "1e999"}, {"type": "renewed", "value": "{value}", "reads": "number"}, "between -1e300 and 1e300"),
        ({"fields": {"n": float("inf")}}, {"type": "renewed", "properties": {"n": "{n}"}}, "no finite number"),
        ({"value": "soon"}, {"type": "renewed", "at": "{value}"}, "no date"),
        ({"fields": {"id": "x" * 300}}, {"type": "renewed", "account": "external:{id}"}, "no reference"),
        ({"fields": {"id": "x" * 300}}, {"type": "renewed", "item": "{id}"}, "longer than"),
        ({"fields": {"id": "gmail.com"}}, {"type": "renewed", "account": "domain:{id}"}, "no one company's own"),
        ({"fields": {"id": "7"}}, {"type": "renewed", "account": "salesforce:00D000000000062:{id}"}, "15 or 18"),
    ],
)
def test_what_cannot_be_told_is_a_fault_of_this_element(
    fact: dict[str, Any], rule: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Broken, match=reason):
        one(fact, rule)


@pytest.mark.parametrize(
    ("account", "reference"),
    [
        ("domain:{id}", "domain:acme.com"),
        ("domain:{mail}", "domain:acme.com"),
        ("salesforce:{org}:{acc}", "salesforce:00D000000000062EAA:001D000000IRFmaIAH"),
    ],
)
def test_a_filled_reference_is_written_as_it_is_compared(account: str, reference: str) -> None:
    fields = {"id": "WWW.Acme.com", "mail": "anna@acme.com", "org": "00D000000000062", "acc": "001D000000IRFma"}
    assert one({"fields": fields}, {"type": "renewed", "account": account}).reference == reference
    assert remarked({"a": {"type": "renewed", "account": account}}) == {}


def test_notes_say_by_which_rule_a_fact_was_understood() -> None:
    notes: list[Note] = []
    told({"value": "x"}, {"deal.*": {"attribute": "stage"}}, notes=notes)
    told({"topic": "other"}, {"deal.*": {"attribute": "stage"}}, notes=notes)
    with pytest.raises(Broken):
        told({"accounts": ()}, {"*": {"type": "renewed"}}, notes=notes)
    assert [(note.topic, note.pattern, note.own, len(note.events)) for note in notes] == [
        ("deal.stage", "deal.*", True, 1),
        ("other", "", False, 0),
        ("deal.stage", "*", True, 0),
    ]
    assert "names no account" in notes[2].fault


ODD = (
    *("{value}", "{a.0}", "{a", "}{", "{object}x", "{property}", "2026-01-01", "1e999", "-1", "9" * 25, "\ud800", "\0"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "external:{a}", "domain:{value}", "nan", "{a.b.c}"),
)
texts = st.text(max_size=12) | st.sampled_from(ODD)
scalars = st.none() | st.booleans() | st.integers(-(10**39), 10**39) | st.floats() | texts
documents = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
templates = texts.filter(lambda text: text != "" and "\ud800" not in text)
names = templates.filter(lambda text: not any(c in "{} " for c in text))


def rules_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    parts = {
        "account": templates, "item": templates, "role": templates, "actor": templates, "value": templates,
        "at": templates, "reads": st.sampled_from(["text", "number", "date"]),
        "translate": st.dictionaries(texts, templates, max_size=2), "also": st.lists(inner, max_size=2),
        "properties": st.dictionaries(templates, templates, max_size=2),
    }  # fmt: skip
    kinds = st.sampled_from(["ticket.opened", "renewed", "something.else"])
    return (
        st.fixed_dictionaries({"type": kinds}, optional=parts)
        | st.fixed_dictionaries({"attribute": templates}, optional=parts)
        | st.fixed_dictionaries({"attributes": st.dictionaries(templates, templates, min_size=1, max_size=2)})
        | st.fixed_dictionaries({"when": st.dictionaries(texts, inner, min_size=1, max_size=2)}, optional={"by": names})
    )


rules = st.recursive(st.just({"ignore": True}) | rules_of(st.just({"ignore": True})), rules_of, max_leaves=4)


@settings(max_examples=400, deadline=None)
@given(rule=rules, value=documents, fields=st.dictionaries(texts, documents, max_size=4), topic=names)
def test_no_payload_makes_a_mapping_raise_anything_but_broken(
    rule: dict[str, Any], value: Any, fields: dict[str, Any], topic: str
) -> None:
    try:
        own = MappingDocument.model_validate({"rules": {"*": rule}}).rules
    except ValueError:
        return
    said = Normalised()
    fact = Fact(fact_key("t"), topic, NOW, (ACCOUNT,), f"{ACCOUNT}:x", value, fields)
    try:
        take(fact, Context(NOW, mapping=own), {}, said)
    except Broken:
        assert not said.events
    else:
        assert len(said.events) + said.ignored >= 1
        assert all(event.occurred_at.tzinfo and len(event.type) <= 100 for event in said.events)


@settings(max_examples=300, deadline=None)
@given(document=documents | st.dictionaries(texts, rules, max_size=3))
def test_what_lint_calls_valid_is_a_mapping_and_nothing_makes_it_raise(document: Any) -> None:
    errors = [remark for remark in lint(document, {}) if remark.severity == "error"]
    if not errors:
        MappingDocument.model_validate({"rules": document})


def remarked(rules: Any, defaults: dict[str, Rule] | None = None) -> dict[str, tuple[str, str, str | None]]:
    return {one.pointer: (one.severity, one.code, one.nearest) for one in lint(rules, defaults or {})}


def test_all_mistakes_are_named_at_once_with_what_may_have_been_meant() -> None:
    found = remarked(
        {
            "a": {"atribute": "seats"},
            "b/c": {"type": "ticket.opened", "attribute": "x"},
            "d": {"when": {"x": {"type": "renewed", "account": "acme {id}"}, "*": {"type": "renewed", "at": "value"}}},
            "e": {"type": "Ticket Opened", "reads": "words"},
            "f": "ticket.opened",
            "g": {"type": "account.linked"},
        }
    )
    errors = {pointer: (code, near) for pointer, (severity, code, near) in found.items() if severity == "error"}
    assert errors["/rules/a/atribute"] == ("extra_forbidden", "attribute")
    assert errors["/rules/b~1c"] == ("value_error", None)
    assert errors["/rules/d/when/x/account"] == ("no_reference", "external:acme {id}")
    assert errors["/rules/d/when/*/at"] == ("no_moment", "{value}")
    assert {"/rules/e/type", "/rules/e/reads", "/rules/f", "/rules/g/type"} <= errors.keys()


def test_what_is_hardly_meant_is_a_warning() -> None:
    defaults = {"company.seats": Rule(attribute="seats"), "company.*": Rule(attribute="{property}")}
    found = remarked(
        {
            "company.seat": {"attribute": "seats"},
            "company.*": {"attribute": "{property}"},
            "com*": {"attribute": "x"},
            "x": {"type": "ticket.escalate", "item": "{valeu}", "role": "{open"},
            "y": {"when": {"Won": {"type": "renewed"}}, "item": "{value}"},
            "z": {"type": "renewed", "by": "stage", "translate": {"A ": "b"}},
        },
        defaults,
    )
    assert {severity for severity, *_ in found.values()} == {"warning"}
    assert {pointer: (code, near) for pointer, (_, code, near) in found.items()} == {
        "/rules/company.seat": ("unknown_topic", "company.seats"),
        "/rules/company.*": ("shadowed", None),
        "/rules/com*": ("never_found", "com.*"),
        "/rules/x/type": ("unknown_type", "ticket.escalated"),
        "/rules/x/item": ("unknown_placeholder", "{value}"),
        "/rules/x/role": ("loose_brace", None),
        "/rules/y/when": ("no_other", "*"),
        "/rules/y/when/Won": ("never_matches", "won"),
        "/rules/y/item": ("no_effect", None),
        "/rules/z/by": ("no_effect", "when"),
        "/rules/z/translate/A ": ("never_matches", "a"),
    }


def test_one_fact_cannot_become_thousands_of_events() -> None:
    wide = {"type": "renewed", "also": [{"type": "renewed", "also": [{"type": "renewed"}] * 19}] * 3}
    deep: dict[str, Any] = {"type": "renewed"}
    for _ in range(400):
        deep = {"when": {"*": deep}}
    assert remarked({"a": wide})["/rules/a"][1] == "too_many"
    assert remarked({"a": deep})["/rules/a"][1] == "too_deep"


def test_the_defaults_of_every_source_have_no_mistakes() -> None:
    for source in SOURCES.values():
        written = {topic: as_document(rule) for topic, rule in source.rules.items()}
        assert [remark for remark in lint(written, {}) if remark.severity == "error"] == [], source.name
        assert MappingDocument.model_validate({"rules": written}).rules == dict(source.rules), source.name
