"""Claims about Standard Webhooks: whose signature counts, and what the one event of a body means; without a store."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ingest_webhooks.sources.own_words import OwnWordsSettings
from ingest_webhooks.sources.standard import Standard
from ingest_webhooks.words.rules import Rule
from ingest_webhooks.words.shapes import AmbiguousHeader, Context, Normalised, Received, Refused
from milepost_runtime.strict_json import BadBody

SAMPLES = Path(__file__).parent / "samples/standard"
VECTORS = json.loads((SAMPLES / "signature-vectors.json").read_text())
KEY = VECTORS["secret_without_whsec_prefix"]
SECRET = f"whsec_{KEY}".encode()
NOW = 1614265330
RECEIVED_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
OURS = OwnWordsSettings()
PAIR = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PRIVATE = "whsk_" + base64.b64encode(bytes(range(32))).decode()
PUBLIC = "whpk_" + base64.b64encode(PAIR.public_key().public_bytes_raw()).decode()
NAME, STAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


def request(body: bytes, *headers: tuple[str, str]) -> Received:
    pairs = [(name.encode(), value.encode("utf-8")) for name, value in headers]
    return Received("POST", "https://milepost.example/webhooks/standard/x", pairs, dict(pairs), body)


def signature(body: bytes, name: str = "msg_1", stamp: str = str(NOW), key: str = KEY) -> str:
    signed = f"{name}.{stamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(base64.b64decode(key), signed, hashlib.sha256)).decode()


def signed(body: bytes, *, name: str = "msg_1", stamp: str = str(NOW), given: str | None = None) -> Received:
    made = signature(body, name, stamp) if given is None else given
    return request(body, (NAME, name), (STAMP, stamp), (SIGNATURE, made))


def check(received: Received, *secrets: bytes | str, now: float = NOW) -> None:
    chosen = [one if isinstance(one, bytes) else one.encode() for one in secrets] or [SECRET]
    Standard().verify(received, chosen, OURS, now)


def code_of(received: Received, *secrets: bytes | str, now: float = NOW) -> str:
    with pytest.raises(Refused) as refused:
        check(received, *secrets, now=now)
    return refused.value.code


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
@pytest.mark.parametrize("secret", [SECRET, KEY.encode()])
def test_every_published_vector_is_decided_as_published(vector: dict[str, Any], secret: bytes) -> None:
    received = request(vector["body"].encode(), *vector["headers"].items())
    if vector["expect"] == "accept":
        check(received, secret)
    else:
        assert code_of(received, secret).startswith("signature_")


@pytest.mark.parametrize(
    "given",
    [
        "v1,AAAA {right}",
        "{right} v1,AAAA",
        "v2,what v1a,AAAA {right} v9",
        "  {right}",
    ],
)
def test_any_right_signature_of_several_counts(given: str) -> None:
    check(signed(b"{}", given=given.format(right=signature(b"{}"))))


def test_two_secrets_are_live_during_a_rotation() -> None:
    other = "whsec_" + base64.b64encode(b"o" * 24).decode()
    for secrets in ((SECRET, other), (other, SECRET)):
        check(signed(b"{}"), *secrets)
    assert code_of(signed(b"{}"), other) == "signature_invalid"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "signature_invalid"),
        (",", "signature_invalid"),
        ("v1", "signature_invalid"),
        ("v1,", "signature_invalid"),
        ("v1,{right}", "signature_invalid"),
        ("{cut}", "signature_invalid"),
        ("V1,{value}", "signature_invalid"),
        ("v2,{value}", "signature_invalid"),
        ("v1a,{value}", "signature_invalid"),
        ("v1,é{value}", "signature_invalid"),
        ("v1,{value}é", "signature_invalid"),
        ("v1,{hex}", "signature_invalid"),
        ("v1," + "A" * 10_000, "signature_invalid"),
        ("v1,AAAA " * 1_000 + "{right}", "signature_invalid"),
    ],
)
def test_a_malformed_signature_is_refused(given: str, code: str) -> None:
    right = signature(b"{}")
    value = right.removeprefix("v1,")
    parts = {"right": right, "value": value, "cut": right[:-1], "hex": base64.b64decode(value).hex()}
    assert code_of(signed(b"{}", given=given.format(**parts))) == code


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "-1614265330",
        "+1614265330",
        "1614265330.0",
        "1614265330000",
        "1_614_265_3",
        " 1614265330",
        "9" * 20,
        "١٦١٤٢٦٥٣٣٠",
    ],
)
def test_a_timestamp_that_is_no_whole_number_of_seconds_is_refused_although_it_was_signed(stamp: str) -> None:
    assert code_of(signed(b"{}", stamp=stamp)) == "timestamp_invalid"


@pytest.mark.parametrize(("offset", "fits"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_a_delivery_is_good_for_five_minutes_in_both_directions(offset: int, fits: bool) -> None:
    received = signed(b"{}", stamp=str(NOW + offset))
    if fits:
        check(received)
    else:
        assert code_of(received) == "timestamp_out_of_window"


@pytest.mark.parametrize("missing", [NAME, STAMP, SIGNATURE])
def test_a_missing_header_is_refused_and_a_second_one_is_ambiguous(missing: str) -> None:
    all_of_them = [(NAME, "msg_1"), (STAMP, str(NOW)), (SIGNATURE, signature(b"{}"))]
    code = code_of(request(b"{}", *(one for one in all_of_them if one[0] != missing)))
    assert code == ("timestamp_invalid" if missing == STAMP else "signature_missing")
    with pytest.raises(AmbiguousHeader):
        check(request(b"{}", *all_of_them, next(one for one in all_of_them if one[0] == missing)))


def test_the_signature_covers_the_id_the_time_and_every_byte_of_the_body() -> None:
    right = signature(b'{"a":1}')
    assert code_of(signed(b'{"a": 1}', given=right)) == "signature_invalid"
    assert code_of(signed(b'{"a":1}', name="msg_2", given=right)) == "signature_invalid"
    assert code_of(signed(b'{"a":1}', stamp=str(NOW + 1), given=right)) == "signature_invalid"


# Key pairs


def test_a_senders_key_pair_signs_and_its_public_key_verifies() -> None:
    made = "v1a," + base64.b64encode(PAIR.sign(f"msg_1.{NOW}.".encode() + b"{}")).decode()
    for secret in (PUBLIC, PRIVATE):
        check(signed(b"{}", given=made), secret)
        assert code_of(signed(b"{} ", given=made), secret) == "signature_invalid"
    assert code_of(signed(b"{}", given=made.replace("v1a", "v1")), PUBLIC) == "signature_invalid"
    assert code_of(signed(b"{}", given=made)) == "signature_invalid"


@pytest.mark.parametrize("value", ["", "AAAA", "é", "A" * 88, "A" * 5_000])
def test_a_malformed_signature_of_a_key_pair_is_refused(value: str) -> None:
    assert code_of(signed(b"{}", given=f"v1a,{value}"), PUBLIC) == "signature_invalid"


def test_a_public_key_is_never_taken_for_a_shared_secret() -> None:
    public = PUBLIC.removeprefix("whpk_")
    assert code_of(signed(b"{}", given=signature(b"{}", key=public)), PUBLIC) == "signature_invalid"


UNFIT = [
    "",
    "whsec_",
    "short",
    "whsec_" + "A" * 8,
    "whsec_ä" + "A" * 40,
    "whsec_" + "A" * 100,
    "whpk_AAAA",
    "not base64!",
]


@pytest.mark.parametrize("secret", UNFIT)
def test_a_text_that_is_no_key_is_refused_and_lets_nobody_in(secret: str) -> None:
    assert Standard().check_secret(secret)
    empty = base64.b64encode(hmac.digest(b"", f"msg_1.{NOW}.".encode() + b"{}", hashlib.sha256)).decode()
    assert code_of(signed(b"{}", given=f"v1,{empty}"), secret) == "signature_invalid"


@pytest.mark.parametrize(
    "secret", [SECRET.decode(), KEY, PUBLIC, PRIVATE, "whsec_" + base64.b64encode(b"x" * 64).decode()]
)
def test_keys_as_senders_show_them_can_be_secrets(secret: str) -> None:
    assert Standard().check_secret(secret) is None


def test_a_secret_that_we_make_up_is_one_that_senders_take() -> None:
    made = Standard().dress_secret("FyzGk0Yc1k0zq0w0C4hYdVYw0wq6O0yqj3s9m3lq7pM")
    assert made.startswith("whsec_")
    assert Standard().check_secret(made) is None


@pytest.mark.parametrize("secret", [SECRET.decode(), KEY, PRIVATE])
def test_what_we_sign_for_a_test_is_let_in(secret: str) -> None:
    bare = request(b'{"type": "a.b"}')
    headers = Standard().sign(bare, secret.encode(), NOW)
    check(request(bare.body, *headers.items()), secret)
    assert Standard().sign(bare, secret.encode(), NOW)[NAME] == headers[NAME]
    with pytest.raises(ValueError, match="signs nothing"):
        Standard().sign(bare, PUBLIC.encode(), NOW)


# What a body means


def said(body: Any, *, mapping: dict[str, Any] | None = None, name: str = "msg_1", connection: str = "c") -> Normalised:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    rules = {topic: Rule.model_validate(rule) for topic, rule in (mapping or {}).items()}
    headers = {"webhook-id": name, "webhook-timestamp": str(NOW)} if name else {}
    return Standard().normalise(raw, Context(RECEIVED_AT, OURS, "", headers, rules, connection))


def test_the_published_thin_payload_is_understood() -> None:
    body = (SAMPLES / "thin-payload.json").read_bytes()
    assert said(body).ignored == 1
    rule = {"contact.created": {"type": "stakeholder.joined", "account": "external:acme", "actor": "{data.id}"}}
    (event,) = said(body, mapping=rule).events
    assert (event.type, event.actor) == ("stakeholder.joined", "1f81eb52-5198-4599-803e-771906343485")
    assert event.occurred_at == datetime(2022, 11, 3, 20, 26, 10, 344522, tzinfo=UTC)


def test_a_type_of_ours_counts_as_it_stands() -> None:
    data = {"account": "domain:acme.com", "item": "t-7", "severity": "high"}
    (event,) = said({"type": "ticket.escalated", "timestamp": "2026-11-01T09:30:00Z", "data": data}).events
    assert (event.type, event.reference, event.item) == ("ticket.escalated", "domain:acme.com", "t-7")
    assert (event.properties, event.occurred_at) == ({"severity": "high"}, datetime(2026, 11, 1, 9, 30, tzinfo=UTC))


def test_without_a_timestamp_the_headers_counts() -> None:
    (event,) = said({"type": "ticket.opened", "data": {"account": "acme"}}).events
    assert event.occurred_at == datetime.fromtimestamp(NOW, UTC)


@pytest.mark.parametrize(
    "body",
    [
        {"test": 2432232314},
        {"type": ""},
        {"type": 5},
        {"type": "ticket.opened", "data": {}},
        {"type": "ticket.opened"},
        {"type": "ticket.opened", "timestamp": "soon", "data": {"account": "a"}},
        {"type": "ticket.opened", "data": {"account": "a", "item": ["x"]}},
    ],
)
def test_what_says_nothing_is_a_fault(body: Any) -> None:
    found = said(body)
    assert ([fault.position for fault in found.faults], found.events, found.ignored) == ([0], [], 0)


@pytest.mark.parametrize("body", [[], [1], "x", 7, None, b"1e999"])
def test_a_body_that_is_no_object_is_one_fault(body: Any) -> None:
    assert [fault.position for fault in said(body).faults] == [None]


def test_an_id_counts_within_its_connection_and_whatever_is_said_under_it() -> None:
    first = {"type": "ticket.opened", "data": {"account": "acme", "item": "a"}}
    second = {"type": "ticket.opened", "data": {"account": "acme", "item": "b"}}
    one, two = said(first).events[0], said(second).events[0]
    assert one.key == two.key
    assert one.content != two.content
    others = (said(first, name="msg_2"), said(first, connection="d"))
    assert len({one.key, *(other.events[0].key for other in others)}) == 3


@pytest.mark.parametrize("name", ["", "x" * 256])
def test_an_id_is_a_text_of_up_to_255_characters(name: str) -> None:
    with pytest.raises(BadBody) as refused:
        Standard().examine(signed(b"{}", name=name), OURS)
    assert refused.value.code == "bad_event_id"


def test_a_retry_is_the_same_delivery_however_much_later() -> None:
    one, two = (Standard().identity(signed(b"{}", stamp=str(NOW + later))) for later in (0, 7_200))
    assert one == two != Standard().identity(signed(b"{}", name="msg_2"))
