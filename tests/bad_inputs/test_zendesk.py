"""What no healthy Zendesk sends, and what its templates and retries make of a body: rows Z1 to Z3 of the catalogue."""

import base64
import codecs
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from support.front_door import Bench
from support.providers import SECRETS, sample, sender

STAMP = "x-zendesk-webhook-signature-timestamp"
SIGNATURE = "x-zendesk-webhook-signature"
INVOCATION = "x-zendesk-webhook-invocation-id"


def made(stamp: str, body: bytes) -> str:
    """Return the signature over any text in place of the time."""
    return base64.b64encode(
        hmac.new(SECRETS["zendesk"].encode(), stamp.encode() + body, hashlib.sha256).digest()
    ).decode()


@pytest.mark.parametrize(
    "stamp",
    [
        pytest.param(None, id="Z1-missing"),
        pytest.param("", id="Z1-empty"),
        pytest.param("1795000000", id="Z1-seconds"),
        pytest.param("1795000000000", id="W6-milliseconds"),
        pytest.param("yesterday", id="Z1-word"),
        pytest.param("2026-11-22", id="Z1-day-alone"),
        pytest.param("2026-11-22T10:00:00", id="Z1-no-offset"),
        pytest.param("2026-13-45T99:99:99Z", id="Z1-no-such-day"),
        pytest.param("2026-11-22 10:00:00Z", id="Z1-blank"),
        pytest.param("Sun, 22 Nov 2026 10:00:00 GMT", id="Z1-http-date"),
    ],
)
async def test_a_time_that_is_missing_or_not_iso_8601_is_401(bench: Bench, stamp: str | None) -> None:
    zendesk = await sender(bench, "zendesk")
    body = json.dumps(sample("zendesk", "ticket-created.json")).encode()
    headers = {STAMP: stamp, SIGNATURE: made(stamp or "", body)}
    answer = await zendesk.send(body, headers=headers)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (401, "timestamp_invalid")
    assert await zendesk.deliveries() == []


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.123456789Z", "%Y-%m-%dT%H:%M:%S+0000"])
async def test_every_form_of_iso_8601_that_zendesk_writes_is_read(bench: Bench, form: str) -> None:
    zendesk = await sender(bench, "zendesk")
    stamp = datetime.fromtimestamp(time.time(), UTC).strftime(form)
    answer = await zendesk.send(b"{}", headers={STAMP: stamp, SIGNATURE: made(stamp, b"{}")})
    assert answer.is_success


@pytest.mark.parametrize("offset_s", [pytest.param(-690, id="W5-old"), pytest.param(330, id="W5-ahead")])
async def test_what_is_older_than_all_retries_or_far_ahead_is_401(bench: Bench, offset_s: float) -> None:
    zendesk = await sender(bench, "zendesk")
    answer = await zendesk.send(b"{}", offset_s=offset_s)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (401, "timestamp_out_of_window")


@pytest.mark.parametrize("offset_s", [-630, 270])
async def test_a_retry_with_the_time_of_the_first_try_is_let_in(bench: Bench, offset_s: float) -> None:
    zendesk = await sender(bench, "zendesk")
    assert (await zendesk.send(b"{}", offset_s=offset_s)).status_code == 200


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        pytest.param(None, "signature_missing", id="W1"),
        pytest.param("AAAA", "signature_invalid", id="W2-wrong"),
        pytest.param("not base64 at all", "signature_invalid", id="W2-no-base64"),
    ],
)
async def test_a_signature_that_does_not_hold_is_401(bench: Bench, signature: str | None, code: str) -> None:
    zendesk = await sender(bench, "zendesk")
    answer = await zendesk.send(b"{}", headers={SIGNATURE: signature})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (401, code)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"Ticket 5158 was escalated", id="Z2-plain-words"),
        pytest.param(b'{"ticket_id": {{ticket.id}}}', id="Z2-placeholder-left-open"),
        pytest.param(b'{"title": "she said "no""}', id="Z2-quotes-of-a-person"),
        pytest.param(b'{"ticket_id": "5",}', id="Z2-trailing-comma"),
        pytest.param(b"ticket_id=5&status=open", id="Z2-form"),
        pytest.param(b"", id="W20-empty"),
    ],
)
async def test_a_triggers_body_that_is_no_json_is_400(bench: Bench, body: bytes) -> None:
    zendesk = await sender(bench, "zendesk")
    answer = await zendesk.send(body)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (400, "bad_json")
    assert await zendesk.deliveries() == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"happened": "opened", "ticket_id": "Z3", "organization_id": "7"}, id="Z3-trigger"),
        pytest.param(sample("zendesk", "ticket-created.json") | {"id": "Z3", "account_id": 601}, id="Z3-event"),
    ],
)
async def test_the_same_invocation_retried_is_one_row(bench: Bench, body: dict[str, Any]) -> None:
    zendesk = await sender(bench, "zendesk", opens_accounts=True)
    headers = {INVOCATION: f"Z3-{body.get('id')}", "x-zendesk-account-id": "601"}
    for _ in range(3):
        await zendesk.tell(body, headers=headers)
    assert len(await zendesk.deliveries()) == 1
    assert len(await zendesk.events()) == 1


async def test_a_trigger_that_fires_twice_with_the_same_words_happened_twice(bench: Bench) -> None:
    zendesk = await sender(bench, "zendesk", opens_accounts=True)
    body = {"happened": "replied", "ticket_id": "8", "organization_id": "8"}
    for invocation in ("first", "second"):
        await zendesk.tell(body, headers={INVOCATION: invocation, "x-zendesk-account-id": "602"})
    assert [row["type"] for row in await zendesk.events()] == ["message.replied"] * 2


async def test_an_event_delivered_under_two_invocations_happened_once(bench: Bench) -> None:
    zendesk = await sender(bench, "zendesk", opens_accounts=True)
    document = sample("zendesk", "ticket-created.json") | {"id": "twice", "account_id": 603}
    for invocation in ("first", "second"):
        await zendesk.tell(document, headers={INVOCATION: invocation})
    assert len(await zendesk.events()) == 1


async def test_a_byte_order_mark_is_taken_here_because_a_real_trigger_sent_one(bench: Bench) -> None:
    """W19 refuses it at every other JSON door; see the page on Zendesk."""
    zendesk = await sender(bench, "zendesk", opens_accounts=True)
    document = sample("zendesk", "ticket-created.json") | {"id": "marked", "account_id": 604}
    await zendesk.tell(codecs.BOM_UTF8 + json.dumps(document).encode())
    assert [row["type"] for row in await zendesk.events()] == ["ticket.opened"]
    for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF8 * 2):
        answer = await zendesk.send(mark + b"{}")
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (400, "bad_encoding")


@pytest.mark.parametrize("value", [1, {}, "", "x" * 256])
async def test_an_events_id_that_is_none_is_400(bench: Bench, value: Any) -> None:
    """W32; a trigger's own `id` is whatever its author likes."""
    zendesk = await sender(bench, "zendesk")
    answer = await zendesk.send(sample("zendesk", "ticket-created.json") | {"id": value})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (400, "bad_event_id")
    assert (await zendesk.send({"id": value})).is_success


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("text", id="W30-text"),
        pytest.param([], id="W30-list"),
        pytest.param(sample("zendesk", "ticket-created.json") | {"id": None}, id="W31-no-id"),
        pytest.param(sample("zendesk", "ticket-created.json") | {"time": "soon"}, id="no-time"),
        pytest.param(sample("zendesk", "ticket-created.json") | {"detail": None}, id="no-detail"),
    ],
)
async def test_what_is_authentic_but_strange_is_kept_aside(bench: Bench, document: Any) -> None:
    zendesk = await sender(bench, "zendesk")
    await zendesk.tell(document)
    assert [row["state"] for row in await zendesk.deliveries()] == ["quarantined"]
    assert await zendesk.events() == []
