"""Claims about what Segment's messages mean, whoever relays them and however their clocks go."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest_webhooks.sources.segment.source import Segment, SegmentSettings
from ingest_webhooks.words.rules import MappingDocument
from ingest_webhooks.words.shapes import Context, Link, Merge, NormalEvent, Normalised

SAMPLES = Path(__file__).parent / "samples" / "segment"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AT = NOW - timedelta(hours=1)


def message(kind: str = "track", **more: Any) -> dict[str, Any]:
    """Return a message of the spec; None leaves a key out."""
    made = {"type": kind, "messageId": f"m-{json.dumps(more, sort_keys=True, default=str)}"[:90], "userId": "u1"}
    made |= {"event": "Report Opened"} if kind == "track" else {}
    return {name: value for name, value in (made | {"timestamp": AT.isoformat()} | more).items() if value is not None}


def said(*messages: Any, batch: dict[str, Any] | None = None, rules: dict[str, Any] | None = None) -> Normalised:
    body = {"batch": list(messages), **batch} if batch is not None else list(messages)
    mapping = MappingDocument.model_validate({"rules": rules or {}}).rules
    return Segment().normalise(json.dumps(body).encode(), Context(NOW, SegmentSettings(), mapping=mapping))


def only(*messages: Any, **more: Any) -> NormalEvent:
    found = said(*messages, **more)
    assert found.faults == []
    (event,) = found.events
    return event


def sample(name: str) -> NormalEvent:
    (event,) = Segment().normalise((SAMPLES / name).read_bytes(), Context(NOW)).events
    return event


def test_a_tracked_event_is_a_feature_that_the_user_used() -> None:
    event = only(message(context={"groupId": "acme-1"}))
    assert (event.type, event.item, event.actor) == ("feature.used", "Report Opened", "segment:main:user:u1")
    assert (event.reference, event.fallbacks) == ("external:acme-1", ())
    assert (event.occurred_at, event.opens) == (AT, True)


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("Signed In", "session.started"),
        ("Application Opened", "session.started"),
        ("Signed Up", "stakeholder.joined"),
        ("Account Removed User", "stakeholder.left"),
        ("Signed out again", "feature.used"),
    ],
)
def test_words_of_segments_own_catalogues_have_their_own_meaning(name: str, type_: str) -> None:
    assert only(message(event=name)).type == type_


@pytest.mark.parametrize("kind", ["page", "screen"])
def test_views_count_as_nothing_until_a_mapping_says_so(kind: str) -> None:
    view = message(kind, name="Settings")
    assert (said(view).events, said(view).ignored) == ([], 1)
    event = only(view, rules={f"{kind}.*": {"type": "feature.used", "item": f"{kind}:{{property}}"}})
    assert (event.type, event.item) == ("feature.used", f"{kind}:Settings")


def test_a_group_call_sets_the_companys_attributes_in_one_event_and_links_its_user() -> None:
    traits = {"name": "Initech", "plan": "Enterprise", "total billed": 830, "email": "x@initech.test", "address": {}}
    found = said(message("group", groupId="g7", traits=traits))
    (event,) = found.events
    assert (event.type, event.reference, event.opens) == ("account.updated", "external:g7", True)
    assert event.properties == {"name": "Initech", "plan": "Enterprise", "total billed": 830}
    assert found.links == [Link("segment:main:user:u1", "external:g7", AT, primary=True)]
    assert (found.linked, found.ignored) == (0, 0)


def test_a_group_call_without_traits_is_a_link_and_nothing_else() -> None:
    found = said(message("group", groupId="g7"))
    assert (found.events, found.linked, found.ignored, len(found.links)) == ([], 1, 0, 1)


def test_what_identify_says_of_a_person_never_becomes_an_attribute_of_the_account() -> None:
    traits = {"email": "dana@acme.com", "name": "Dana", "company": {"id": "g7", "name": "Acme"}}
    found = said(message("identify", traits=traits))
    assert (found.events, found.linked) == ([], 1)
    assert found.links == [Link("segment:main:user:u1", "external:g7", AT, primary=True)]


def test_without_a_group_the_users_company_domain_says_whose_it_is_but_no_shared_one() -> None:
    assert said(message("identify", traits={"email": "Dana@Acme.com"})).links == [
        Link("segment:main:user:u1", "domain:acme.com", AT)
    ]
    assert said(message("identify", traits={"email": "dana@gmail.com"})).links == []
    assert only(message(context={"traits": {"email": "dana@acme.com"}})).fallbacks == ("domain:acme.com",)
    assert only(message(userId="dana@acme.com")).fallbacks == ("domain:acme.com",)


def test_an_alias_says_that_two_names_are_one_person_also_in_the_documentations_own_keys() -> None:
    expected = [Merge("segment:main:user:new", ("segment:main:user:old",), AT)]
    found = said(message("alias", userId="new", previousId="old"))
    assert (found.merges, found.links, found.linked) == (expected, [], 1)
    spelt: dict[str, Any] = {"userId": None, "User ID": "new", "Previous ID": "old"}
    assert said(message("alias", **spelt)).merges == expected


def test_a_deleted_user_has_left() -> None:
    event = only(message("delete"))
    assert (event.type, event.actor, event.reference) == ("stakeholder.left", "segment:main:user:u1", event.actor)


def test_a_visitor_whom_nobody_knows_is_of_no_interest_unless_a_rule_finds_the_account() -> None:
    visit = message(userId=None, anonymousId="a-1", properties={"workspace": "w5"})
    assert (said(visit).ignored, said(visit).faults) == (1, [])
    rules = {"track.*": {"type": "feature.used", "item": "{event}", "account": "external:{properties.workspace}"}}
    event = only(visit, rules=rules)
    assert (event.reference, event.actor) == ("external:w5", None)


def test_a_message_that_names_nobody_at_all_is_a_fault() -> None:
    (fault,) = said(message(userId=None)).faults
    assert fault.reason == "it names neither a user nor a group"


@pytest.mark.parametrize("nobody", ["null", "undefined", "", 0, "NaN", " ", "[object Object]", True, {"id": 1}, 1.5])
def test_a_word_that_stands_for_nobody_names_no_user_and_no_company(nobody: Any) -> None:
    for element in (message(userId=nobody), message("group", groupId=nobody)):
        found = said(element, message())
        assert ([fault.position for fault in found.faults], len(found.events)) == ([0], 1)


def test_a_call_that_we_do_not_know_is_of_no_interest() -> None:
    found = said(message("videotape"), message("videotape", userId=None))
    assert (found.ignored, found.faults, found.unheard) == (2, [], ["videotape"] * 2)


def test_keys_in_snake_case_say_the_same() -> None:
    event = sample("snake-case-group.json")
    assert (event.type, event.reference) == ("account.updated", "external:06e00892")
    assert event.occurred_at == datetime(2016, 4, 12, 14, 4, 11, 767000, tzinfo=UTC)
    assert event.properties["created_at"].startswith("2075")
    assert "first_name" not in event.properties
    snake = {"type": "track", "event": "Report Opened", "user_id": "u1", "message_id": "m1"}
    camel = {"type": "track", "event": "Report Opened", "userId": "u1", "messageId": "m1"}
    assert only(snake | {"context": {"group_id": "g"}}).key == only(camel | {"context": {"groupId": "g"}}).key


def test_every_published_sample_is_understood() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == {
        *("common-fields-full.json", "snake-case-group.json", "track-with-originalTimestamp.json"),
        *("webhook-group.json", "webhook-identify.json", "webhook-track.json"),
    }
    full, course = sample("common-fields-full.json"), sample("track-with-originalTimestamp.json")
    assert (full.item, full.reference) == ("Report Submitted", "external:12345")
    assert full.occurred_at == datetime(2015, 12, 10, 4, 8, 31, 905000, tzinfo=UTC)
    assert (course.item, course.reference) == ("Course Clicked", "segment:main:user:AiUGstSDIg")
    assert sample("webhook-group.json").properties["employees"] == 329
    assert sample("webhook-track.json").item == "Purchased an Item"
    identify = Segment().normalise((SAMPLES / "webhook-identify.json").read_bytes(), Context(NOW))
    assert (identify.events, identify.faults, identify.linked + identify.ignored) == ([], [], 1)


def test_the_relays_time_counts_then_the_clients_then_that_of_receipt() -> None:
    first, second, third = (AT - timedelta(minutes=minutes) for minutes in (1, 2, 3))
    clocks = {
        "timestamp": first.isoformat(),
        "originalTimestamp": second.isoformat(),
        "receivedAt": third.isoformat(),
    }
    for name, expected in (("none", first), ("timestamp", second), ("originalTimestamp", third), ("receivedAt", NOW)):
        clocks.pop(name, None)
        told: dict[str, Any] = {"timestamp": None, **clocks}
        assert only(message(**told)).occurred_at == expected
    assert only(message(timestamp="soon")).occurred_at == NOW
    assert only(message(timestamp="2015-2-02T00:30:08.276Z")).occurred_at.isoformat()[:10] == "2015-02-02"


def test_a_clock_that_is_off_is_capped_by_the_time_of_receipt() -> None:
    ahead = only(message(timestamp="2036-01-01T00:00:00Z"))
    assert ahead.occurred_at == NOW + timedelta(minutes=5)
    assert ahead.properties["original_occurred_at"].startswith("2036")
    assert only(message(timestamp="0001-01-01T00:00:00Z")).occurred_at.year == 1970


def test_a_librarys_clock_is_set_right_by_the_moment_of_sending() -> None:
    slow = timedelta(days=400)
    sent = {"sentAt": (NOW - slow).isoformat()}
    event = only(message(timestamp=(NOW - slow - timedelta(minutes=3)).isoformat()), batch=sent)
    assert event.occurred_at == NOW - timedelta(minutes=3)
    early = only(message(), batch={"sentAt": (AT - timedelta(days=1)).isoformat()})
    assert early.occurred_at == NOW
    for useless in ("garbage", "9999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", 7):
        assert only(message(), batch={"sentAt": useless}).occurred_at in (AT, NOW)


def test_a_batchs_own_context_is_that_of_every_message_that_says_nothing_else() -> None:
    outer = {"context": {"groupId": "outer", "traits": {"email": "a@acme.com"}}}
    messages = message(), message(event="Other", context={"groupId": "inner"}), message("page", context={"groupId": ""})
    page = {"page": {"type": "feature.used", "item": "page"}}
    events = said(*messages, batch=outer, rules=page).events
    assert [(event.reference, event.fallbacks) for event in events] == [
        ("external:outer", ()),
        ("external:inner", ()),
        ("segment:main:user:u1", ("domain:acme.com",)),
    ]


def test_the_address_of_one_of_its_users_never_names_a_company_but_its_own_web_site_does() -> None:
    consultant = {"groupId": "client-1", "traits": {"email": "kim@consulting.com"}}
    assert only(message(context=consultant)).fallbacks == ()
    for traits in ({"website": "https://www.Acme.com/about"}, {"domain": "acme.com"}, {"website": "acme.com:443"}):
        assert only(message("group", groupId="g7", traits=traits)).fallbacks == ("domain:acme.com",)
    useless: list[dict[str, Any]] = [
        {"website": "https://gmail.com"},
        {"email": "kim@acme.com", "a": 1},
        {"website": 7},
    ]
    for traits in useless:
        assert only(message("group", groupId="g7", traits=traits)).fallbacks == ()


def test_the_same_message_has_the_same_key_by_every_way_and_other_words_under_its_id_are_noticed() -> None:
    direct, relayed = only(message(), batch={"sentAt": NOW.isoformat()}), only(message())
    other = only(message(messageId=message()["messageId"], event="Report Deleted"))
    assert (direct.key, direct.content) == (relayed.key, relayed.content)
    assert (other.key, other.content != relayed.content) == (relayed.key, True)


def test_without_an_id_a_message_is_known_by_what_it_says_and_when() -> None:
    first = only(message(messageId=None, sentAt="2026-01-01T00:00:00Z"))
    again = only(message(messageId=None, sentAt="2026-01-01T00:00:09Z"))
    later = only(message(messageId=None, timestamp=(AT + timedelta(seconds=1)).isoformat()))
    assert first.key == again.key != later.key


def test_users_of_another_product_are_other_people() -> None:
    body = json.dumps(message()).encode()
    mine, theirs = (Segment().normalise(body, Context(NOW, SegmentSettings(space=name))).events[0] for name in "ab")
    assert (mine.reference, theirs.reference) == ("segment:a:user:u1", "segment:b:user:u1")
    assert mine.key != theirs.key


@pytest.mark.parametrize(
    "element",
    [
        None,
        7,
        "text",
        {},
        message(type=5),
        message(type="t" * 101),
        message(event=None),
        message(event={"name": "x"}),
        message(event="e" * 256),
        message(messageId="m" * 101),
        message(messageId=5),
        message(userId="u" * 201),
        message(userId="a\nb"),
        message("group", groupId="g", traits={"n" * 256: 1}),
        message("alias", previousId="null"),
    ],
)
def test_one_broken_message_never_fails_its_batch(element: Any) -> None:
    found = said(message(event="First"), element, message(event="Last"))
    assert [fault.position for fault in found.faults] == [1]
    assert [event.item for event in found.events] == ["First", "Last"]


def test_a_number_that_no_store_can_hold_is_a_fault_of_its_message() -> None:
    good = json.dumps(message()).encode()
    body = b"[" + good + b"," + good.replace(b'"u1"', b'"u2", "properties": {"x": 1e999}') + b"]"
    found = Segment().normalise(body, Context(NOW))
    assert ([fault.position for fault in found.faults], len(found.events)) == ([1], 1)


@pytest.mark.parametrize("body", [b"null", b'"x"', b"7", b"[]"])
def test_a_body_that_is_no_message_adds_up(body: bytes) -> None:
    found = Segment().normalise(body, Context(NOW))
    assert (found.events, len(found.faults)) == ([], 0 if body == b"[]" else 1)
