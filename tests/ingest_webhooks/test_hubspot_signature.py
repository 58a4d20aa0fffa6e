"""Claims about HubSpot's signatures: the published vectors hold, and nothing else passes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest_webhooks.sources.hubspot.signature import decode_uri, signature_v1, signature_v2, signature_v3, verify
from ingest_webhooks.sources.hubspot.source import Hubspot, HubspotSettings
from ingest_webhooks.sources.source import address_token
from ingest_webhooks.words.shapes import AmbiguousHeader, NotHere, Received, Refused

VECTORS = json.loads((Path(__file__).parent / "samples/hubspot/signature-vectors.json").read_text())
SECRET = VECTORS["client_secret"].encode()
V3 = next(one for one in VECTORS["vectors"] if one["version"] == "v3")
NOW = int(V3["timestamp_ms"]) / 1000


def received(**more: Any) -> Received:
    headers: dict[bytes, bytes | None] = {
        b"x-hubspot-signature-v3": V3["expected"].encode(),
        b"x-hubspot-request-timestamp": V3["timestamp_ms"].encode(),
    }
    headers |= more.pop("headers", {})
    kept = [(name, value) for name, value in headers.items() if value is not None]
    whole = {"method": "POST", "uri": V3["uri"], "headers": kept, "named": dict(kept), "body": V3["body"].encode()}
    return Received(**whole | more)


def code_of(request: Received, *, allow_v1: bool = False, now: float = NOW, secret: bytes = SECRET) -> str:
    with pytest.raises(Refused) as refused:
        verify(request, [secret], allow_v1=allow_v1, now=now)
    return refused.value.code


def test_the_published_vector_of_version_3_passes() -> None:
    verify(received(), [SECRET], allow_v1=False, now=NOW)
    assert (
        signature_v3(SECRET, "POST", V3["uri"], V3["body"].encode(), int(V3["timestamp_ms"])).decode() == V3["expected"]
    )


@pytest.mark.parametrize("vector", [one for one in VECTORS["vectors"] if one["version"] == "v1"])
def test_the_published_vectors_of_version_1_hold(vector: dict[str, str]) -> None:
    assert signature_v1(SECRET, vector["body"].encode()).decode() == vector["expected"]


@pytest.mark.parametrize("vector", [one for one in VECTORS["vectors"] if one["version"] == "v2"])
def test_the_published_vectors_of_version_2_hold(vector: dict[str, str]) -> None:
    body = vector["body"].encode()
    assert signature_v2(SECRET, vector["method"], vector["uri"], body).decode() == vector["expected"]
    request = older("v2", vector["expected"].encode(), method=vector["method"], uri=vector["uri"], body=body)
    verify(request, [b"the newer one", SECRET], allow_v1=False, now=NOW)


def older(version: str, signature: bytes, **more: Any) -> Received:
    """A request that carries an older signature only."""
    headers: dict[bytes, bytes | None] = {
        b"x-hubspot-signature-v3": None,
        b"x-hubspot-signature": signature,
        b"x-hubspot-signature-version": version.encode(),
    }
    return received(headers=headers, **more)


@pytest.mark.parametrize("more", [{"body": b"{}"}, {"method": "PUT"}, {"uri": V3["uri"] + "?a"}])
def test_version_2_covers_method_address_and_body(more: dict[str, Any]) -> None:
    right = signature_v2(SECRET, "POST", V3["uri"], V3["body"].encode())
    verify(older("v2", right), [SECRET], allow_v1=False, now=NOW)
    assert code_of(older("v2", right, **more)) == "signature_invalid"
    assert code_of(older("v1", right), allow_v1=True) == "signature_invalid"


def test_without_a_signature_only_the_secret_address_of_a_live_secret_passes() -> None:
    none: dict[bytes, bytes | None] = {b"x-hubspot-signature-v3": None}
    token = address_token(SECRET).encode()
    verify(received(headers=none, token=token), [b"the newer one", SECRET], allow_v1=False, now=NOW)
    with pytest.raises(NotHere):
        verify(received(headers=none, token=token), [b"the newer one"], allow_v1=False, now=NOW)


@pytest.mark.parametrize("header", [b"x-hubspot-signature-v3", b"x-hubspot-signature"])
def test_the_secret_address_excuses_no_wrong_signature(header: bytes) -> None:
    wrong: dict[bytes, bytes | None] = {b"x-hubspot-signature-v3": None, header: b"wrong"}
    token = address_token(SECRET).encode()
    assert code_of(received(headers=wrong, token=token)) == "signature_invalid"


def test_a_test_delivery_of_ours_is_signed_as_hubspot_signs() -> None:
    request = received(headers={b"x-hubspot-signature-v3": None, b"x-hubspot-request-timestamp": None})
    signed = {name.lower().encode(): value.encode() for name, value in Hubspot().sign(request, SECRET, NOW).items()}
    assert signed[b"x-hubspot-signature-v3"].decode() == V3["expected"]
    Hubspot().verify(received(headers=signed), [SECRET], HubspotSettings(), NOW)


def test_either_of_two_live_secrets_passes() -> None:
    verify(received(), [b"the newer one", SECRET], allow_v1=False, now=NOW)


@pytest.mark.parametrize(
    "more",
    [
        {"body": V3["body"].encode() + b" "},
        {"uri": V3["uri"] + "?a=1"},
        {"uri": V3["uri"].replace("https", "http")},
        {"method": "PUT"},
        {"headers": {b"x-hubspot-signature-v3": V3["expected"][:-1].encode()}},
        {"headers": {b"x-hubspot-signature-v3": "ü".encode()}},
        {"headers": {b"x-hubspot-signature-v3": b"A" * 10_000}},
        {"headers": {b"x-hubspot-request-timestamp": b"1693657560001"}},
    ],
)
def test_whatever_differs_from_what_was_signed_is_refused(more: dict[str, Any]) -> None:
    assert code_of(received(**more)) == "signature_invalid"


def test_another_connections_secret_is_refused() -> None:
    assert code_of(received(), secret=b"somebody else's") == "signature_invalid"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_more_than_five_minutes_away_is_refused_in_both_directions(seconds: int) -> None:
    assert code_of(received(), now=NOW + seconds) == "timestamp_out_of_window"
    verify(received(), [SECRET], allow_v1=False, now=NOW + seconds * 0.99)


@pytest.mark.parametrize("stamp", [None, b"", b"-1", b"1.5", b"1693657560", b"9" * 20, "١٦٩٣٦٥٧٥٦٠٠٠٠".encode()])
def test_a_timestamp_that_is_no_milliseconds_is_refused(stamp: bytes | None) -> None:
    assert code_of(received(headers={b"x-hubspot-request-timestamp": stamp})) == "timestamp_invalid"


def test_without_any_signature_the_header_is_named() -> None:
    assert code_of(received(headers={b"x-hubspot-signature-v3": None})) == "signature_missing"


def test_version_1_alone_passes_only_where_it_is_allowed() -> None:
    body = V3["body"].encode()
    only_v1: dict[bytes, bytes | None] = {
        b"x-hubspot-signature-v3": None,
        b"x-hubspot-signature": signature_v1(SECRET, body),
        b"x-hubspot-signature-version": b"v1",
    }
    assert code_of(received(headers=only_v1)) == "signature_invalid"
    verify(received(headers=only_v1), [SECRET], allow_v1=True, now=NOW)
    assert code_of(received(headers=only_v1 | {b"x-hubspot-signature-version": b"v9"}), allow_v1=True)


def test_a_wrong_version_3_is_not_excused_by_a_right_version_1() -> None:
    headers: dict[bytes, bytes | None] = {
        b"x-hubspot-signature-v3": b"wrong",
        b"x-hubspot-signature": signature_v1(SECRET, V3["body"].encode()),
    }
    assert code_of(received(headers=headers), allow_v1=True) == "signature_invalid"


def test_the_signature_header_twice_is_ambiguous() -> None:
    doubled = received()
    twice = replace(doubled, headers=[*doubled.headers, doubled.headers[0]])
    with pytest.raises(AmbiguousHeader):
        verify(twice, [SECRET], allow_v1=False, now=NOW)


def test_exactly_twelve_escapes_of_the_address_are_undone() -> None:
    undone = decode_uri("https://h/a%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B?q=%3A")
    assert undone == "https://h/a:/?@!$'()*,;?q=:"
    left = "https://h/%20%26%3D%C3%A9%2B?x=%25"
    assert decode_uri(left) == left
