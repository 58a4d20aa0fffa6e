"""Every refusal of the document's law, through YAML: told with line, column, what was expected and the nearest word."""

import pytest

from milepost_runtime.lawful_documents import LARGEST_DOCUMENT
from milepost_runtime.placed_documents import Mistake
from scoring_api.documents.checking import (
    ModelDocumentInvalid,
    ReadModel,
    read_bytes,
    read_model,
)

PLAIN = """\
format: health-score-model/1
id: plain
version: 1
dimensions:
  - {id: usage, weight: 2}
  - {id: support, weight: 1}
stages:
  - {id: early, age_days: [0, 30], weights: {usage: 1, support: 1}}
  - {id: late, age_days: [30, null], weights: {usage: 1, support: 2}}
milestones:
  - {id: kickoff, target_day: 3}
  - {id: live, target_day: 30, after: [kickoff]}
signals:
  - id: days
    dimension: usage
    weight: 1
    source: {agg: active_days, where: {type: feature.used}, window_days: 14}
    normalise: {kind: piecewise, points: [[0, 0], [9, 100]]}
  - id: tickets
    dimension: support
    weight: 1
    source: {agg: open_items, where: {kind: ticket}}
    normalise: {kind: piecewise, points: [[0, 100], [3, 0]]}
gates:
  - {id: notice, when: {source: {agg: count, where: {type: cancellation.noticed}}, op: ">=", value: 1}, cap_score: 39.9}
bands: {green: 70, yellow: 40}
"""


def mistakes(text: str) -> tuple[Mistake, ...]:
    with pytest.raises(ModelDocumentInvalid) as caught:
        read_model(text, "a file")
    return caught.value.mistakes


def changed(old: str, new: str) -> tuple[str, int]:
    """The plain document with one place changed, and the line of that place."""
    assert PLAIN.count(old) == 1, old
    return PLAIN.replace(old, new), PLAIN[: PLAIN.index(old)].count("\n") + 1


def test_the_plain_document_is_a_model() -> None:
    assert isinstance(read_model(PLAIN, "a file"), ReadModel)


# what is changed into what; where the finger points (a word of that line, or None: its beginning); what it says
REFUSALS = [
    ("bands:", "bnds:", "bnds", "unknown key", "bands"),
    ("    weight: 1\n    source: {agg: active", "    wieght: 1\n    source: {agg: active", "wieght", "unknown key",
     "weight"),
    ("[[0, 0], [9, 100]]", "[[0, 0], [0, 100]]", "points", "x does not grow", None),
    ("[[0, 0], [9, 100]]", "[[9, 0], [0, 100]]", "points", "x does not grow", None),
    ("[[0, 0], [9, 100]]", "[[0, -1], [9, 100]]", "points", "y leaves the range", None),
    ("[[0, 0], [9, 100]]", "[[0, 0], [9, 100.5]]", "points", "y leaves the range", None),
    ("[[0, 0], [9, 100]]", "[[0, 0], [5, 100], [9, 40]]", "points", "the curve turns", None),
    ("[[0, 0], [9, 100]]", "[[0, .nan], [9, 100]]", "points", "not a list of points", None),
    ("[[0, 0], [9, 100]]", "[[0, 0], [.inf, 100]]", "points", "not a list of points", None),
    ("[[0, 0], [9, 100]]", "[[0, '0'], [9, 100]]", "points", "not a list of points", None),
    ("{id: usage, weight: 2}", "{id: usage, weight: -2}", "weight", "-2 is not a number of at least 0", None),
    ("{id: usage, weight: 2}", "{id: usage, weight: '2'}", "weight", "'2' is not a number", None),
    ("{id: usage, weight: 2}", "{id: usage, weight: .inf}", "weight", "inf is not", None),
    ("{id: usage, weight: 2}", "{id: usage, weight: .nan}", "weight", "nan is not", None),
    ("{id: usage, weight: 2}", f"{{id: usage, weight: {'9' * 400}}}", "weight", "is not a number", None),
    ("dimension: usage", "dimension: usge", "dimension", "no dimension 'usge'", "usage"),
    ("age_days: [30, null]", "age_days: [29, null]", "age_days", "overlaps", None),
    ("age_days: [30, null]", "age_days: [31, null]", "age_days", "leaves a hole", None),
    ("age_days: [0, 30]", "age_days: [1, 30]", "age_days", "nothing covers the first days", None),
    ("age_days: [0, 30]", "age_days: [0, 0]", "age_days", "ends before it begins", None),
    ("yellow: 40", "yellow: 70", "yellow", "does not lie below green", None),
    ("yellow: 40", "yellow: 80", "yellow", "does not lie below green", None),
    ("weights: {usage: 1, support: 2}", "weights: {usage: 1}", "weights", "no weight for support", None),
    ("weights: {usage: 1, support: 2}", "weights: {usage: 1, support: 2, suport: 1}", "suport: 1", "no dimension",
     "support"),
    ("cap_score: 39.9", "cap_score: 100.1", "cap_score", "100.1 is not a number between 0 and 100", None),
    ("cap_score: 39.9", "cap_score: -1", "cap_score", "-1 is not", None),
    ("version: 1", "version: 0", "version", "0 is not a whole number of at least 1", None),
    ("version: 1", "version: 1.5", "version", "is not whole", None),
    ("version: 1", "version: '3'", "version", "'3' is not a whole number", None),
    ("version: 1", "version: 3000000000", "version", "is not a whole number", None),
    ("health-score-model/1", "health-score-model/2", "format", "is not known", "health-score-model/1"),
    ("agg: active_days", "agg: active_day", "agg", "is not known", "active_days"),
    ("kind: piecewise, points: [[0, 0]", "kind: peacewise, points: [[0, 0]", "kind", "is not known", "piecewise"),
    # label leaks, wherever they hide
    ("{type: feature.used}", "{type: churned}", "type", "label leak: 'churned'", None),
    ("{type: feature.used}", "{type: [feature.used, renewed]}", "type", "label leak: 'renewed'", None),
    ("{type: feature.used}", "{type: Churned}", "type", "label leak: 'Churned'", None),
    ("{type: feature.used}", "{type: subscription.renewal}", "type", "label leak", None),
    ("{type: feature.used}", "{type: subscription.changed, status: churned}", "status", "label leak", None),
    ("{type: feature.used}", "{type: feature.used, churned: false}", "churned", "label leak", None),
    ("{type: cancellation.noticed}", "{type: churn}", "type: churn", "label leak: 'churn'", None),
    ("after: [kickoff]}", "done_by: {type: renewed}}", "type: renewed", "label leak", None),
    ("after: [kickoff]}", "done_when: {source: {agg: count, where: {type: churned}}, op: '>=', value: 1}}",
     "type: churned", "label leak", None),
    # days, zones, ids, items, bands
    ("window_days: 14", "window_days: 40000", "window_days", "at most 36500", None),
    ("version: 1", "version: 1\ntimezone: CET", "timezone", "'CET' is no time zone", None),
    ("id: plain", "id: a/../b", "id: a/", "is no id", None),
    ("id: plain", "id: activations", "id: act", "stands in addresses already", None),
    ("{kind: ticket}", "{kind: tickets}", "kind: tickets", "no items of kind 'tickets'", "ticket"),
    ("{kind: ticket}", "{type: ticket.opened}", "type", "an item has no type", "kind"),
    ("yellow: 40", "yellow: 40, margin_up: 99", "margin_up", "nobody reaches green", None),
    ("version: 1", f"version: {'9' * 5000}", "9999", "is a number of 5000 digits", None),
    ("version: 1", "version: 2020-13-45", "2020-13-45", "is no date of the calendar", None),
    # the plan
    ("after: [kickoff]", "after: [kikoff]", "after", "no milestone 'kikoff'", "kickoff"),
    ("after: [kickoff]", "after: [live]", "after", "goes in a circle: live waits for live", None),
    ("{id: kickoff, target_day: 3}", "{id: kickoff, target_day: 3, after: [live]}", "after",
     "goes in a circle: kickoff waits for live waits for kickoff", None),
    ("after: [kickoff]", "side: them", "side", "'them' is not known", None),
    ("after: [kickoff]", "side: costumer", "side", "'costumer' is not known", "customer"),
    ("after: [kickoff]", "work_days: -1", "work_days", "-1 is not", None),
    ("after: [kickoff]", "done_by: {}", "done_by", "every record would complete it", None),
    ("after: [kickoff]", "done_when: {source: {agg: milestone_progress}, op: '>=', value: 1}", "done_when",
     "the plan cannot wait for its own progress", None),
    ("after: [kickoff]", "done_when: {source: {agg: count}, op: '>=', value: many}", "value", "has no order", None),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "word", "message", "nearest"), REFUSALS)
def test_a_refusal_names_line_column_and_the_nearest_word(
    old: str, new: str, word: str, message: str, nearest: str | None
) -> None:
    text, _ = changed(old, new)
    told = [one for one in mistakes(text) if message in one.message]
    assert told, [str(one) for one in mistakes(text)]
    here = told[0]
    line = text.splitlines()[here.line - 1]

    assert line[here.column - 1 :].startswith(word), (line, here)
    assert here.nearest == nearest
    assert here.expected


def test_weights_that_are_all_zero_are_refused_where_the_list_begins() -> None:
    text = PLAIN.replace("weight: 1", "weight: 0").replace("weight: 2", "weight: 0")
    told = {(one.pointer, one.message) for one in mistakes(text)}

    assert told == {("/dimensions", "all weights are zero"), ("/signals", "all weights are zero")}


def test_a_segment_and_a_claim_on_accounts_may_not_know_the_outcome_either() -> None:
    more = "applies_to: {churned: [false]}\nsegments:\n  - {id: lost, when: {state: [churned]}}\n"
    told = [(one.pointer, "label leak" in one.message) for one in mistakes(PLAIN + more)]

    assert told == [("/applies_to/churned", True), ("/segments/0/when/state", True)]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        (PLAIN + "version: 2\n", 27, 1, "duplicate key"),
        (PLAIN.replace("{id: usage, weight: 2}", "{id: usage, weight: 2, weight: 3}"), 5, 28, "duplicate key"),
        (PLAIN.replace("{id: usage, weight: 2}", "&a {id: usage, weight: 2}"), 5, 5, "sets an anchor (&a)"),
        (PLAIN + "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", 27, 4, "sets an anchor"),
        (PLAIN + "<<: {id: other}\n", 27, 1, "merges one mapping"),
        (PLAIN.replace("  - {id: usage", "\t- {id: usage"), 5, 1, "'\\t' that cannot start"),
        (PLAIN.replace("id: plain", "id: !!str plain"), 2, 5, "carries a YAML tag"),
        (PLAIN.replace("id: plain", 'id: "pl\\0ain"'), 2, 1, "no store can keep"),
        (PLAIN.replace("id: plain", 'id: "pl\\ud800ain"'), 2, 1, "no store can keep"),
        (PLAIN + "---\nid: second\n", 27, 1, "another document"),
        ("a: " + "[" * 100 + "]" * 100, 1, 33, "nested deeper than 30"),
        ("\n".join(f"k{n}: 1" for n in range(25_000)), 10_000, 8, "has more than 20000 keys and values"),
        (f"# {'x' * LARGEST_DOCUMENT}\n" + PLAIN, 1, 1, "is longer than 262144 bytes"),
        ("é" * (LARGEST_DOCUMENT // 2 + 1), 1, 1, "is longer than 262144 bytes"),
        ("", 1, 1, "is not a mapping"),
        ("- id: plain\n", 1, 1, "is not a mapping"),
    ],
)
def test_yaml_that_says_more_than_a_document_may_is_refused_with_its_place(
    text: str, line: int, column: int, message: str
) -> None:
    told = next((one for one in mistakes(text) if message in one.message), None)

    assert told is not None, [str(one) for one in mistakes(text)]
    assert (told.line, told.column) == (line, column)


def test_an_alias_bomb_is_refused_before_it_unfolds() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40)]

    assert len(mistakes("\n".join(lines))) > 39


def test_bytes_that_are_no_utf_8_are_refused_where_they_stand() -> None:
    with pytest.raises(ModelDocumentInvalid) as caught:
        read_bytes(b"id: a\ntitle: \xff\n", "a file")

    assert [(one.line, one.column) for one in caught.value.mistakes] == [(2, 8)]


def test_json_is_read_too_with_places_and_with_tabs() -> None:
    told = mistakes('{\n\t"id": "x",\n\t"version": 0\n}')

    assert (3, 2, "/version") in [(one.line, one.column, one.pointer) for one in told]


def test_of_thousands_of_mistakes_the_first_are_told_and_the_rest_counted() -> None:
    told = mistakes(PLAIN + "".join(f"key{n}: 1\n" for n in range(400)))

    assert len(told) == 201
    assert told[-1].message == "and 200 more mistakes"
    assert (told[0].line, told[-1].line) == (27, 226)


def test_of_thousands_of_warnings_the_first_are_told_and_the_rest_counted() -> None:
    types = ", ".join(f"w{n}.x" for n in range(400))
    told = warned(changed("{type: feature.used}", f"{{type: [{types}]}}")[0])

    assert (len(told), told[-1][1]) == (201, "and 200 more warnings")


def test_a_file_that_does_not_name_its_model_is_refused_before_it_is_kept() -> None:
    with pytest.raises(ModelDocumentInvalid) as caught:
        read_bytes(PLAIN.replace("id: plain\n", "").encode(), "a file")

    assert "'id' is missing" in str(caught.value)


def test_a_date_that_nobody_quoted_is_its_text() -> None:
    fitted = "calibration: {kind: platt, intercept: 1, slope: -0.1, fitted: 2026-03-01}\n"
    read = read_model(PLAIN + fitted, "a file")

    assert read.parsed.calibration is not None
    assert read.parsed.calibration.fitted == "2026-03-01"
    assert read.document["calibration"]["fitted"] == "2026-03-01"


def test_the_plan_is_read_with_all_that_it_says() -> None:
    more = (
        "after: [kickoff], side: third_party, owner: partner, work_days: 4, required: false,"
        " done_by: {type: feature.used, item: go_live},"
        " done_when: {source: {agg: active_days, where: {type: feature.used}}, op: '>=', value: 5}}"
    )
    text, _ = changed("after: [kickoff]}", more)
    live = read_model(text, "a file").parsed.milestones[1]

    assert (live.after, live.side, live.owner, live.work_days) == (("kickoff",), "third_party", "partner", 4)
    assert live.done_by is not None
    assert live.done_by.get("item") == ("go_live",)
    assert live.done_when is not None
    assert (live.done_when.op, live.done_when.value) == (">=", 5)


def warned(text: str) -> list[tuple[int, str]]:
    return [(one.line, one.message) for one in read_model(text, "a file").warnings()]


def test_the_plain_document_is_not_warned_of() -> None:
    assert warned(PLAIN) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("window_days: 14", "window_days: 60", "the window of 60 days outlasts the first stage (30)"),
        ("{agg: open_items, where: {kind: ticket}}",
         "{agg: active_days, where: {type: feature.used}, window_days: 14}", "measures the same as 'days'"),
        ("    weight: 1\n    source: {agg: active", "    weight: 0\n    source: {agg: active", "a shadow"),
        ("{type: feature.used}", "{type: feature.usd}", "is not in the vocabulary"),
        ("{type: feature.used}", "{role: sponsor}", "names no event type"),
        ("{agg: active_days, where: {type: feature.used}, window_days: 14}", "{agg: last, where: {type: pulse.given}}",
         "what people enter by hand weighs 67% of the score"),
        ("{id: kickoff, target_day: 3}", "{id: kickoff, target_day: 40}", "is due on day 30, before 'kickoff'"),
        ("after: [kickoff]", "done_by: {type: go.live}", "'go.live' is not in the vocabulary"),
    ],
)  # fmt: skip
def test_what_may_be_meant_otherwise_is_warned_of_with_its_line(old: str, new: str, said: str) -> None:
    text, _ = changed(old, new)

    assert any(said in message for _, message in warned(text)), warned(text)


def test_more_than_twenty_signals_are_warned_of() -> None:
    more = "".join(
        f"  - id: s{n}\n    dimension: usage\n    source: {{agg: count, where: {{type: feature.used, item: f{n}}}}}\n"
        "    normalise: {kind: saturating, half_at: 1}\n"
        for n in range(19)
    )
    text, _ = changed("gates:\n", f"{more}gates:\n")

    assert "21 signals: some will be in it by chance" in [message for _, message in warned(text)]


def test_what_only_a_segment_brings_in_is_warned_of_at_the_segment() -> None:
    more = "segments:\n  - {id: big, when: {plan: big}, signals: {days: {source: {window_days: 90}}}}\n"
    (found,) = warned(PLAIN + more)

    assert found == (28, "for segment 'big', /signals/0/source: the window of 90 days outlasts the first stage (30):"
                         " new accounts look worse")  # fmt: skip
