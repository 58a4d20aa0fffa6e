"""Claims about the door for CloudEvents: who may deliver, and which requests are refused; pure, without a store."""

import json
from typing import Any

import pytest

from ingest_webhooks.sources.cloudevents.source import CloudEvents
from ingest_webhooks.sources.own_words import OwnWordsSettings
from ingest_webhooks.sources.source import address_token
from ingest_webhooks.words.shapes import AmbiguousHeader, MediaUnsupported, NotHere, Received, Refused
from milepost_runtime.strict_json import BadBody

SECRET = b"a secret, with a comma"
STRUCTURED = "application/cloudevents+json"
HEADERS: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/crm",
    "type": "ticket.opened",
    "time": "2026-11-01T09:30:00Z",
}
DATA = b'{"account": "acme", "item": "t-7"}'


def received(
    body: bytes = b"{}",
    media: str = STRUCTURED,
    headers: list[tuple[bytes, bytes]] | None = None,
    token: bytes = b"",
    query: str = "",
) -> Received:
    pairs = [(b"content-type", media.encode()), *(headers or [])]
    return Received("POST", f"https://milepost.example/webhooks/cloudevents/x{query}", pairs, dict(pairs), body, token)


@pytest.mark.parametrize("value", [b"%C0%A0", b"%ED%A0%80", b"%FF", b"\xe9", b'"%C0%AF"'])
def test_a_headers_value_that_is_no_utf_8_is_refused(value: bytes) -> None:
    headers = [(f"ce-{name}".encode(), one.encode()) for name, one in HEADERS.items()] + [(b"ce-subject", value)]
    with pytest.raises(BadBody) as refused:
        CloudEvents().examine(received(DATA, "application/json", headers), OwnWordsSettings())
    assert refused.value.code == "bad_encoding"


def test_an_attribute_that_comes_twice_is_refused_and_so_is_one_that_content_type_says() -> None:
    headers = [(f"ce-{name}".encode(), one.encode()) for name, one in HEADERS.items()]
    with pytest.raises(AmbiguousHeader):
        CloudEvents().examine(received(DATA, "application/json", [*headers, (b"ce-id", b"e-2")]), OwnWordsSettings())
    with pytest.raises(BadBody, match="Content-Type"):
        CloudEvents().examine(
            received(DATA, "application/json", [*headers, (b"ce-datacontenttype", b"text/json")]), OwnWordsSettings()
        )


def test_events_are_counted_and_an_empty_batch_is_valid() -> None:
    for body, media, number in ((b"[]", "application/cloudevents-batch+json", 0), (b"[{}, {}]", "application/json", 2)):
        assert CloudEvents().examine(received(body, media), OwnWordsSettings()) == number
    assert CloudEvents().examine(received(), OwnWordsSettings()) == 1


@pytest.mark.parametrize(
    "request_",
    [
        received(headers=[(b"authorization", b"Bearer " + SECRET)]),
        received(headers=[(b"authorization", b"bearer  " + SECRET)]),
        received(query="?a=b&access_token=a+secret%2C%20with%20a%20comma"),
        received(token=address_token(SECRET).encode()),
    ],
)
def test_who_knows_the_secret_may_deliver(request_: Received) -> None:
    CloudEvents().verify(request_, [b"older", SECRET], OwnWordsSettings(), 0)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (received(), "signature_missing"),
        (received(headers=[(b"authorization", b"Bearer wrong")]), "signature_invalid"),
        (received(headers=[(b"authorization", b"Basic " + SECRET)]), "signature_invalid"),
        (received(headers=[(b"authorization", b"Bearer \xff")]), "signature_invalid"),
        (received(headers=[(b"authorization", b"")]), "signature_invalid"),
        (received(query="?access_token=wrong"), "signature_invalid"),
        (received(query="?access_token="), "signature_missing"),
        (received(query="?access_token=x&access_token=a+secret%2C%20with%20a%20comma"), "signature_missing"),
        (received(query="?access_token=%ff"), "signature_invalid"),
    ],
)
def test_who_does_not_know_the_secret_is_refused(request_: Received, code: str) -> None:
    with pytest.raises(Refused) as refused:
        CloudEvents().verify(request_, [SECRET], OwnWordsSettings(), 0)
    assert refused.value.code == code
    with pytest.raises(NotHere):
        CloudEvents().verify(received(token=b"wrong"), [SECRET], OwnWordsSettings(), 0)


@pytest.mark.parametrize(
    "media", ["application/cloudevents+avro", "application/cloudevents-batch+xml", "text/plain", ""]
)
def test_other_formats_are_not_read(media: str) -> None:
    with pytest.raises(MediaUnsupported):
        CloudEvents().examine(received(b"{}", media), OwnWordsSettings())


@pytest.mark.parametrize("given", [7, "", "x" * 256, {"a": 1}, True])
def test_an_id_that_no_healthy_sender_gives_is_refused(given: Any) -> None:
    with pytest.raises(BadBody) as refused:
        CloudEvents().examine(received(json.dumps({"specversion": "1.0", "id": given}).encode()), OwnWordsSettings())
    assert refused.value.code == "bad_event_id"


def test_events_in_headers_are_told_apart_by_their_ids_although_their_bodies_are_equal() -> None:
    def identity(**more: str) -> bytes:
        headers = [(f"ce-{name}".encode(), one.encode()) for name, one in (HEADERS | more).items()]
        return CloudEvents().identity(received(DATA, "application/json", headers))

    assert identity() == identity(time="2026-11-02T00:00:00Z")
    assert len({identity(), identity(id="e-2"), identity(source="/shop"), CloudEvents().identity(received())}) == 4
