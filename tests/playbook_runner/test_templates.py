"""Claims about templates and shipped playbooks: a small language, nothing hidden in it, copy that always renders."""

import copy
from typing import Any
from uuid import uuid4

import pytest
from support.outreach import PLAYBOOK, health_of

from milepost_core.playbooks.document import EmailStep
from milepost_core.playbooks.parsing import PlaybookInvalid
from playbook_runner.documents.checking import PlaybookDocumentInvalid, check_document, read_playbook, shipped
from playbook_runner.wording.briefing import SPARSE, SPECIMEN, brief, page_link
from playbook_runner.wording.drafting import NoReasons, words
from playbook_runner.wording.templates import (
    MOST_BRANCHES,
    MOST_COMPARED,
    MOST_PARTS,
    TemplateFailed,
    check,
    render,
)

SPECIMENS = (SPECIMEN, SPARSE)
NUDGE = next(one for one in shipped() if one.parsed.id == PLAYBOOK)


def codes(source: str, *, html: bool = False) -> set[str]:
    return {problem.code for problem in check(source, "/steps/0/text", SPECIMENS, html=html)}


@pytest.mark.parametrize(
    "source",
    [
        "{{ account.__class__ }}",
        "{{ account['__class__'] }}",
        "{{ account.name.upper() }}",
        "{{ range(10) }}",
        "{{ account.name * 1000000 }}",
        "{{ 'a' ~ 'b' }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ reasons | map(attribute='label') | list }}",
        "{{ account.name | attr('upper') }}",
        "{{ reasons[0:1] }}",
        "{% for a in reasons %}{% for b in reasons %}x{% endfor %}{% endfor %}",
        "{% for a in 'abc' %}{{ a }}{% endfor %}",
        "{% include 'x' %}",
        "{{ self }}",
        "{{ " + "9" * 5000 + " }}",
        "{{ 'a\\x00b' }}",
        "{{ '\\ud800' }}",
        "{{ summary | default('a\\r\\nBcc: b@c.example') }}",
        "{% import 'x' as y %}",
        "{% extends 'x' %}",
        "{% macro m() %}{% endmacro %}",
        "{% set x = 1 %}",
        "{% call m() %}{% endcall %}",
        "{{ [1, 2] }}",
        "{{ account.name | join(account.name) | join(account.name) }}",
        "{{ reasons | join(account.name) }}",
        "{{ 1 | round(999999999, 'ceil') }}",
        "{{ 1 | round(precision=999999999) }}",
        "{{ account.name | upper(1) }}",
        "{{ " + "(" * 90 + "account.name" + ")" * 90 + " }}{% if not " + "not " * 60 + "band %}{% endif %}",
        "{{ unfinished",
        "{% if %}",
    ],
)
def test_what_is_not_in_the_language_is_refused_when_saved(source: str) -> None:
    assert codes(source) == {"template_syntax"}


@pytest.mark.parametrize("source", ["{{ nobody }}", "{{ account.salary }}", "{{ reasons[7].label }}"])
def test_a_name_that_no_account_has_is_refused_when_saved(source: str) -> None:
    assert codes(source) == {"template_variable"}


@pytest.mark.parametrize(
    "source",
    ["{{ account.items }}", "{{ summary.format }}", "{{ account.name.encode }}", "{{ account }}", "{{ reasons }}",
     "{% for one in reasons %}{{ loop }}{% endfor %}", "{% for one in reasons %}{{ loop.cycle }}{% endfor %}",
     "{{ 'x'.format }}", "{{ reasons.append | upper }}", "{{ reasons | upper }}", "{{ account | e }}",
     "{{ reasons | join(', ') }}", "{% for one in reasons %}{{ loop | lower }}{% endfor %}"],
)  # fmt: skip
def test_neither_methods_nor_what_is_no_text_is_written_out(source: str) -> None:
    assert codes(source) == codes(source, html=True) == {"template_variable"}
    with pytest.raises(TemplateFailed):
        render(source, SPECIMEN, html=False)


def test_a_line_ends_inside_a_text_but_not_inside_a_subject() -> None:
    source = "{{ 'Hi\\nBcc: evil@x.example' }}"
    assert [one.code for one in check(source, "/steps/0/subject", SPECIMENS, html=False, one_line=True)] == [
        "template_syntax"
    ]
    assert codes(source) == set()


def test_a_template_has_to_work_for_the_sparsest_account() -> None:
    assert codes("{{ reasons[1].label }}") == {"template_variable"}
    assert codes("{% if reasons | length > 1 %}{{ reasons[1].label }}{% endif %}") == set()


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc"])
def test_links_of_other_kinds_are_refused(link: str) -> None:
    assert codes(f'<a href="{link}">x</a>', html=True) == {"template_link"}
    assert codes('<a href="{{ link }}">x</a><a href="https://x.example">y</a>', html=True) == set()


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>",
        "<p onclick='x'>x</p>",
        "<form action='https://x.example'></form>",
        "<link rel=stylesheet href='https://x.example/a.css'>",
        "<style>@import 'https://x.example/a.css'</style>",
        "<p style='background:url(https://x.example/a.png)'>x</p>",
        "<meta http-equiv=refresh content=0>",
        "<div>" * 3_000,
        "<style>" + "p{color:red}" * 3_000 + "</style>",
    ],
)
def test_markup_that_has_no_place_in_a_mail_is_refused_when_saved(html: str) -> None:
    assert codes(html, html=True) == {"template_markup"}


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize(
    "source",
    [
        "{% if band %}x" + "{% elif band %}" * (MOST_BRANCHES + 1) + "{% endif %}y",
        "{%if band%}x" + "{%elif band%}" * 4_900 + "{%endif%}y",
        "{{ band }}" * (MOST_PARTS + 1),
        "{% if 1" + "<2" * (MOST_COMPARED + 1) + " %}x{% endif %}y",
        "{% if 1" + "<2" * 32_000 + " %}x{% endif %}y",
    ],
)
def test_what_is_too_long_to_compile_is_refused_before_it_is_tried(source: str, html: bool) -> None:
    assert codes(source, html=html) == {"template_syntax"}


def test_as_many_branches_as_may_be_are_fine() -> None:
    source = "{% if band == 'x' %}x" + "{% elif score == 'y' %}z" * MOST_BRANCHES + "{% else %}w{% endif %}"
    assert codes(source) == codes(source, html=True) == set()
    assert render(source, SPECIMEN, html=False) == "w"


def test_a_text_too_deep_to_compile_is_one_that_cannot_be_rendered() -> None:
    with pytest.raises(TemplateFailed, match="cannot be compiled"):
        render("{%if band%}x" + "{%elif band%}" * 4_900 + "{%endif%}", SPECIMEN, html=False)


SILENT = "{% if not score %}x{% endif %}"


@pytest.mark.parametrize(
    ("step", "place"),
    [
        ({"kind": "email", "subject": SILENT, "text": "x"}, "subject"),
        ({"kind": "email", "subject": "x", "text": SILENT}, "text"),
        ({"kind": "email", "subject": "{{ change_7d }}", "text": "x"}, "subject"),
        ({"kind": "email", "subject": "{% if band == 'red' %}x{% endif %}", "text": "x"}, "subject"),
        ({"kind": "email", "subject": "{% if band != 'unknown' %}x{% endif %}", "text": "x"}, "subject"),
        ({"kind": "task", "title": "{% if change_7d or band == 'red' %}x{% endif %}", "script": "x"}, "title"),
        ({"kind": "email", "subject": "{% if band %} \u200b {% endif %}", "text": "x"}, "subject"),
        ({"kind": "slack", "connection": "team", "channel": "C0123456789", "text": SILENT}, "text"),
        ({"kind": "in_app", "title": SILENT, "text": "x"}, "title"),
        ({"kind": "task", "title": SILENT, "script": "x"}, "title"),
    ],
)
def test_what_has_to_say_something_is_refused_where_it_says_nothing(step: dict[str, Any], place: str) -> None:
    with pytest.raises(PlaybookInvalid) as caught:
        check_document({"id": "t", "name": "T", "trigger": {"kind": "by_hand"}, "steps": [{"id": "a", **step}]})
    assert [(one.pointer, one.code) for one in caught.value.problems] == [(f"/steps/0/{place}", "template_empty")]


@pytest.mark.parametrize("word", ["summary", "account.name", "score", "link"])
def test_what_is_known_of_every_account_is_text_enough(word: str) -> None:
    step = {"id": "a", "kind": "email", "subject": "x", "text": f"{{{{ {word} }}}}"}
    check_document({"id": "t", "name": "T", "trigger": {"kind": "by_hand"}, "steps": [step]})


def test_a_template_of_a_megabyte_is_refused() -> None:
    assert codes("x" * 1_000_000) == {"template_too_large"}


def test_values_are_escaped_in_html_and_never_read_as_templates() -> None:
    view = {"name": "<script>\"'{{ secret }}"}

    assert render('<p title="{{ name }}">', view, html=True) == '<p title="&lt;script&gt;&#34;&#39;{{ secret }}">'
    assert render("{{ name }}", view, html=False) == view["name"]


def test_the_sandbox_refuses_what_slipped_past_the_check() -> None:
    for source in ("{{ name.__class__.__mro__ }}", "{{ missing }}", "{{ name.format(1) if name.pop }}"):
        with pytest.raises(TemplateFailed):
            render(source, {"name": "x"}, html=False)


def test_a_result_over_the_limit_sends_nothing() -> None:
    with pytest.raises(TemplateFailed, match="over"):
        render("{% for x in many %}{{ text }}{% endfor %}", {"many": range(1000), "text": "x" * 1000}, html=False)


def test_every_shipped_playbook_is_valid_under_its_file_name() -> None:
    found = {one.parsed.id for one in shipped()}

    assert PLAYBOOK in found
    assert len(found) == len(shipped())


def test_the_view_of_an_account_has_exactly_the_names_that_templates_are_checked_with() -> None:
    playbook = NUDGE.parsed
    view = brief(health_of(uuid4()), playbook, "https://health.vendor.example")

    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shape(part) for key, part in value.items()}
        return [shape(value[0])] if isinstance(value, list) else type(value)

    assert shape(view) == shape(SPECIMEN)


def test_the_reasons_are_the_two_drivers_that_lose_the_most_points() -> None:
    health = health_of(uuid4())
    view = brief(health, NUDGE.parsed, "https://health.vendor.example")

    assert [reason["label"] for reason in view["reasons"]] == ["Milestones", "Active seats"]
    assert [reason["points_lost"] for reason in view["reasons"]] == ["14.1", "8.2"]


def test_what_speaks_of_reasons_is_not_written_when_there_are_none() -> None:
    health = health_of(uuid4()).model_copy(update={"drivers": (), "gates": ()})
    view = brief(health, NUDGE.parsed, "https://health.vendor.example")
    step = EmailStep(id="a", subject="{{ reasons[0].label }}", text="x")

    with pytest.raises(NoReasons):
        words(step, view)
    asking = EmailStep(id="a", subject="{% if reasons %}{{ reasons[0].label }}{% else %}All well{% endif %}", text="x")
    assert words(asking, view)["subject"] == "All well"


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("/app/accounts/1", "https://health.vendor.example/app/accounts/1"),
        ("https://other.example/app/1", "https://other.example/app/1"),
        ("javascript:alert(1)", "https://health.vendor.example"),
        ("", "https://health.vendor.example/"),
    ],
)
def test_the_link_is_http_or_the_front_page(page: str, link: str) -> None:
    health = health_of(uuid4()).model_copy(update={"links": {"page": page}})

    assert page_link(health, "https://health.vendor.example") == link


@pytest.mark.parametrize(
    ("pointer", "value", "code"),
    [
        ("subject", "a\nb", "header_injection"),
        ("subject", "{{ nobody }}", "template_variable"),
        ("text", "{{ account.__class__ }}", "template_syntax"),
        ("html", "<a href='javascript:x'>", "template_link"),
        ("to", "a@localhost", "bad_address"),
    ],
)
def test_a_playbook_with_a_bad_text_is_refused_at_its_place(pointer: str, value: str, code: str) -> None:
    document = copy.deepcopy(dict(NUDGE.document))
    document["steps"][0][pointer] = value
    with pytest.raises(PlaybookInvalid) as caught:
        check_document(document)

    assert [(problem.pointer, problem.code) for problem in caught.value.problems] == [(f"/steps/0/{pointer}", code)]


@pytest.mark.parametrize(
    "text",
    [
        "a: [1,",
        "a: 1\na: 2\n",
        "- list",
        "",
        "!!python/object/apply:os.system ['true']",
        "x" * (1024 * 1024 + 1),
    ],
)
def test_what_is_not_one_plain_yaml_mapping_is_refused(text: str) -> None:
    with pytest.raises(PlaybookDocumentInvalid):
        read_playbook(text, "a text")
