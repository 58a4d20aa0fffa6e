"""What no healthy Stripe sends, and what it sends twice or in the wrong order: rows S1 to S4 of the catalogue."""

import copy
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from support.front_door import Bench
from support.providers import SECRETS, sample, sender

FAILED = "invoice.payment_failed.json"
UPDATED = "customer.subscription.updated.json"


def live(name: str, **more: Any) -> dict[str, Any]:
    """Return a sample as a live event."""
    return sample("stripe", name) | {"livemode": True} | more


def header(body: bytes, *parts: str, stamp: str | None = None, secret: str = SECRETS["stripe"]) -> str:
    """Return a Stripe-Signature; `right` in a part stands for the signature that holds."""
    at = str(int(time.time())) if stamp is None else stamp
    right = hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return ",".join(part.format(t=at, right=right, wrong="ab" * 32) for part in parts)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(("t={t}", "v1={wrong}", "v1={right}"), id="S1-several-v1-the-last-right"),
        pytest.param(("t={t}", "v1={right}", "v1={wrong}", "v0={wrong}"), id="S1-several-v1-the-first-right"),
        pytest.param(("v1={right}", " t={t}"), id="S1-in-another-order-with-a-blank"),
    ],
)
async def test_any_right_v1_lets_an_event_in(bench: Bench, parts: tuple[str, ...]) -> None:
    stripe = await sender(bench, "stripe")
    body = json.dumps(live(FAILED)).encode()
    answer = await stripe.send(body, headers={"stripe-signature": header(body, *parts)})
    assert answer.is_success
    assert len(await stripe.deliveries()) == 1


@pytest.mark.parametrize(
    ("parts", "stamp", "code"),
    [
        pytest.param(("t={t}", "v0={right}"), None, "signature_invalid", id="S1-v0-only"),
        pytest.param(("t={t}", "v2={right}"), None, "signature_invalid", id="W4-unknown-version"),
        pytest.param(("t={t}", "v1={wrong}"), None, "signature_invalid", id="W2-wrong"),
        pytest.param(("t={t}", "v1=é{right}"), None, "signature_invalid", id="W2-not-ascii"),
        pytest.param(("t={t}",), None, "signature_invalid", id="W2-none-of-them"),
        pytest.param(("v1={right}",), None, "timestamp_invalid", id="W6-no-time"),
        pytest.param(("t={t}", "t=1", "v1={right}"), None, "timestamp_invalid", id="W6-two-times"),
        pytest.param(("t={t}", "v1={right}"), "-1795000000", "timestamp_invalid", id="W6-negative"),
        pytest.param(("t={t}", "v1={right}"), "1795000000.5", "timestamp_invalid", id="W6-fraction"),
        pytest.param(("t={t}", "v1={right}"), "1795000000000", "timestamp_invalid", id="W6-milliseconds"),
        pytest.param(("t={t}", "v1={right}"), "1_795_000_0", "timestamp_invalid", id="W6-underscores"),
        pytest.param(("t={t}", "v1={right}"), "9" * 20, "timestamp_invalid", id="W6-twenty-digits"),
        pytest.param(("t={t}", "v1={right}"), "1234567890", "timestamp_out_of_window", id="W5-years-old"),
    ],
)
async def test_what_is_not_shown_to_be_stripes_is_401(
    bench: Bench, parts: tuple[str, ...], stamp: str | None, code: str
) -> None:
    stripe = await sender(bench, "stripe")
    body = json.dumps(live(FAILED)).encode()
    made = header(body, *parts, stamp=stamp).encode("latin-1")
    headers = [(b"content-type", b"application/json"), (b"stripe-signature", made)]
    answer = await bench.client.post(stripe.path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (401, code)
    assert await stripe.deliveries() == []


@pytest.mark.parametrize(
    ("offset_s", "status"),
    [
        pytest.param(-360, 401, id="W5-old"),
        pytest.param(360, 401, id="W5-ahead"),
        pytest.param(-290, 200, id="W5-late"),
    ],
)
async def test_five_minutes_are_the_window_in_both_directions(bench: Bench, offset_s: float, status: int) -> None:
    stripe = await sender(bench, "stripe")
    answer = await stripe.send(live(FAILED), offset_s=offset_s)
    assert answer.status_code == status or (status == 200 and answer.is_success)


async def test_the_secret_is_the_text_with_its_beginning_and_not_what_follows_it(bench: Bench) -> None:
    stripe = await sender(bench, "stripe")
    answer = await stripe.send(live(FAILED), secret=SECRETS["stripe"].removeprefix("whsec_"))
    assert answer.status_code == 401


@pytest.mark.parametrize("name", [FAILED, UPDATED])
async def test_a_test_event_on_a_live_source_is_taken_and_left_alone(bench: Bench, name: str) -> None:
    """S2."""
    stripe = await sender(bench, "stripe", account="S2")
    await stripe.tell(sample("stripe", name))
    assert [row["state"] for row in await stripe.deliveries()] == ["ignored"]
    assert await stripe.events() == []

    trial = await sender(bench, "stripe", account="S2", test_mode=True)
    await trial.tell(sample("stripe", name))
    assert len(await trial.events()) == 1


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(FAILED, id="S3-failed-invoice"),
        pytest.param(UPDATED, id="S3-changed-subscription"),
        pytest.param("customer.subscription.deleted.json", id="S3-ended-subscription"),
        pytest.param("subscription-created-2026.json", id="S3-new-subscription"),
    ],
)
async def test_two_events_for_one_change_of_one_object_are_one_signal(bench: Bench, name: str) -> None:
    stripe = await sender(bench, "stripe", account=f"S3-{name.replace('.', '-')}")
    about = "S3" + name.replace(".", "-")
    first, second = (live(name, id=f"evt_{place}_{about}", account=about) for place in (1, 2))
    await stripe.tell(first)
    before = [dict(row) for row in await stripe.events()]
    await stripe.tell(second)

    assert before
    assert [dict(row) for row in await stripe.events()] == before
    assert [row["duplicates"] > 0 for row in await stripe.deliveries()] == [False, True]


async def test_one_second_may_see_two_changes_and_a_change_may_come_back(bench: Bench) -> None:
    """S3 must not swallow what really happened: five seats, six, five and six again, twice within one second."""
    stripe = await sender(bench, "stripe", account="S3-real")
    moment = int(time.time()) - 100
    for place, (seats, was, after) in enumerate([(6, 5, 0), (5, 6, 0), (6, 5, 1), (5, 6, 2)]):
        document = live(UPDATED, id=f"evt_real_{place}", created=moment + after)
        document["data"] = copy.deepcopy(document["data"]) | {"previous_attributes": {"quantity": was}}
        document["data"]["object"]["items"]["data"][0]["quantity"] = seats
        await stripe.tell(document)
    assert [row["properties"]["seats"] for row in await stripe.events()] == [6, 5, 6, 5]


async def test_each_failed_attempt_of_one_invoice_counts(bench: Bench) -> None:
    stripe = await sender(bench, "stripe", account="S3-attempts")
    for place in (1, 2):
        document = live(FAILED, id=f"evt_attempt_{place}")
        document["data"]["object"] |= {"charge": f"ch_{place}", "attempt_count": place}
        await stripe.tell(document)
    assert [row["properties"]["attempt"] for row in await stripe.events()] == [1, 2]


@pytest.mark.parametrize("apart_s", [pytest.param(60, id="S4-a-minute"), pytest.param(0, id="S4-the-same-second")])
async def test_created_after_updated_leaves_the_newest_state(bench: Bench, apart_s: int) -> None:
    """Both are kept with their own times, and the reader of the feed takes the newest word."""
    stripe = await sender(bench, "stripe", account=f"S4-{apart_s}")
    moment = int(time.time()) - 1_000
    created, updated = (
        live(UPDATED, id=f"evt_S4_{verb}", type=f"customer.subscription.{verb}") for verb in ("created", "updated")
    )
    created["data"]["object"] |= {"status": "incomplete"}
    await stripe.tell(updated | {"created": moment + apart_s}, created | {"created": moment})

    told = sorted(await stripe.events(), key=lambda row: row["occurred_at"])
    assert [row["properties"]["subscription_status"] for row in told] == ["incomplete", "active"]
    assert [row["occurred_at"].timestamp() for row in told] == pytest.approx([moment, moment + apart_s], abs=0.001)


@pytest.mark.parametrize("value", [1, {}, "", "x" * 256, True])
async def test_an_id_that_is_none_is_400(bench: Bench, value: Any) -> None:
    """W32."""
    stripe = await sender(bench, "stripe")
    answer = await stripe.send(live(FAILED, id=value))
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (400, "bad_event_id")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'"text"', id="W30-text"),
        pytest.param(b"12", id="W30-number"),
        pytest.param(b"null", id="W30-null"),
        pytest.param(b"[]", id="W30-list"),
        pytest.param(json.dumps({**live(FAILED), "id": None}).encode(), id="W31-no-id"),
        pytest.param(json.dumps(live(FAILED)).encode().replace(b"2000", b"1e999"), id="W27-endless-number"),
    ],
)
async def test_what_is_authentic_but_strange_is_kept_aside(bench: Bench, body: bytes) -> None:
    stripe = await sender(bench, "stripe", account="strange")
    await stripe.tell(body)
    assert [row["state"] for row in await stripe.deliveries()] == ["quarantined"]
    assert await stripe.events() == []
