"""Claims about Stripe: what its events mean, whose they are, and that money is never misread."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from support.front_door import Bench
from support.providers import SAMPLES, SECRETS, sample, sender

from ingest_webhooks.sources import SOURCES
from ingest_webhooks.sources.stripe.amounts import major_units
from ingest_webhooks.sources.stripe.event import StripeSettings
from ingest_webhooks.words.rules import Rule
from ingest_webhooks.words.shapes import Context, NormalEvent, Normalised, Received

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STRIPE = SOURCES["stripe"]
BODIES = sorted(path.name for path in (SAMPLES / "stripe").glob("*.json"))
FAILED = "invoice.payment_failed.json"


def event(kind: str, about: dict[str, Any], was: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a live event about an object."""
    data = {"object": about} | ({} if was is None else {"previous_attributes": was})
    return {
        "id": f"evt_{time.monotonic_ns()}",
        "object": "event",
        "type": kind,
        "created": 1_795_000_000,
        "livemode": True,
        "data": data,
        **more,
    }


def invoice(**more: Any) -> dict[str, Any]:
    return {
        "id": "in_1",
        "object": "invoice",
        "customer": "cus_1",
        "currency": "usd",
        "amount_due": 12_345,
        "amount_remaining": 12_345,
        "amount_paid": 0,
        "status": "open",
        **more,
    }


def subscription(**more: Any) -> dict[str, Any]:
    recurring = {"interval": "month", "interval_count": 1}
    price = {"id": "price_team", "currency": "usd", "unit_amount": 2_000, "recurring": recurring}
    return {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "status": "active",
        "cancel_at_period_end": False,
        "items": {"data": [{"price": price, "quantity": 5}]},
        **more,
    }


def hear(document: dict[str, Any], mapping: dict[str, Rule] | None = None, **settings: Any) -> Normalised:
    context = Context(NOW, StripeSettings.model_validate(settings), mapping=mapping or {})
    return STRIPE.normalise(json.dumps(document).encode(), context)


def only(said: Normalised) -> NormalEvent:
    assert (said.faults, said.ignored) == ([], 0)
    (one,) = said.events
    return one


@pytest.mark.parametrize("name", BODIES)
async def test_every_captured_body_is_taken_and_the_same_again_changes_nothing(bench: Bench, name: str) -> None:
    stripe = await sender(bench, "stripe", test_mode=True, account=name.replace(".", "-"))
    body = (SAMPLES / "stripe" / name).read_bytes()
    await stripe.tell(body)
    before = await bench.counts()
    again = await stripe.send(body)
    await bench.relay()

    assert again.is_success
    assert await bench.counts() == before
    assert [row["state"] for row in await stripe.deliveries()] == ["done"]


async def test_the_captured_failed_payment_is_a_failed_invoice_of_its_customer(bench: Bench) -> None:
    stripe = await sender(bench, "stripe", test_mode=True, account="captured")
    await stripe.tell(sample("stripe", FAILED))
    (failed,) = await bench.events("stripe:captured:cus_00000000000000")

    assert (failed["type"], failed["value"]) == ("invoice.failed", 20.0)
    assert failed["item"] == "stripe:captured:invoice:in_000000000000000000000000"
    assert failed["occurred_at"] == datetime(2022, 3, 26, 18, 40, 9, tzinfo=UTC)
    told = {"amount": 20.0, "currency": "usd", "number": "C93E45D7-0001", "attempt": 1, "last_attempt": True}
    assert failed["properties"] == told | {"stripe_event": "evt_000000000000000000000000"}


def test_the_captured_connected_account_names_itself() -> None:
    changed = only(hear(sample("stripe", "subscription-created-2026.json"), test_mode=True))
    assert changed.reference == "stripe:acct_00000000000000:cus_UlWecDPcrrvdG2"
    assert changed.type == "subscription.changed"
    told = {"plan": "price_1RGT1ARWzNe0GNGmI3Ff0S6u", "seats": 1, "subscription_status": "active"}
    told |= {"subscription_amount": 20.0, "subscription_currency": "usd", "subscription_interval": "month"}
    told |= {"subscription_ends_at": "2026-07-24T22:48:49+00:00", "cancels_at_period_end": False}
    assert changed.properties == told


@pytest.mark.parametrize(
    ("topic", "type_", "amount"),
    [
        ("invoice.finalized", "invoice.issued", 123.45),
        ("invoice.overdue", "invoice.overdue", 123.45),
        ("invoice.payment_failed", "invoice.failed", 123.45),
        ("invoice.paid", "invoice.paid", 100.0),
    ],
)
def test_invoices_carry_amount_and_due_date(topic: str, type_: str, amount: float) -> None:
    paid = {"status": "paid", "amount_remaining": 0, "amount_paid": 10_000} if topic == "invoice.paid" else {}
    told = only(hear(event(topic, invoice(due_date=1_796_000_000, **paid))))
    assert (told.type, told.value, told.item) == (type_, amount, "stripe:main:invoice:in_1")
    assert told.properties["due_at"] == "2026-11-30T00:53:20+00:00"


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (1_999, "usd", 19.99),
        (1_999, "EUR", 19.99),
        (1_999, "jpy", 1_999.0),
        (1_999, "krw", 1_999.0),
        (1_990, "kwd", 1.99),
        (1_990, "tnd", 1.99),
        (500, "isk", 5.0),
        (500, "ugx", 5.0),
        (-250, "usd", -2.5),
        (None, "usd", None),
        (100, None, None),
        (10**15, "usd", None),
    ],
)
def test_amounts_are_in_the_currencys_main_unit(
    amount: int | None, currency: str | None, expected: float | None
) -> None:
    assert major_units(amount, currency) == expected


@pytest.mark.parametrize(
    "shape",
    [
        {"subscription": "sub_9"},
        {"subscription": {"id": "sub_9", "object": "subscription"}},
        {"parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_9"}}},
    ],
)
def test_an_invoice_names_its_subscription_in_both_shapes(shape: dict[str, Any]) -> None:
    assert only(hear(event("invoice.paid", invoice(**shape)))).properties["subscription"] == "sub_9"


@pytest.mark.parametrize(
    ("topic", "status"), [("invoice.voided", "void"), ("invoice.marked_uncollectible", "uncollectible")]
)
def test_what_nobody_owes_any_more_is_closed_without_being_paid(topic: str, status: str) -> None:
    told = only(hear(event(topic, invoice(status=status))))
    assert told.type.startswith("invoice.")
    assert told.type != "invoice.paid"
    assert told.properties["open"] is False


@pytest.mark.parametrize(
    "topic", ["invoice.upcoming", "invoice.created", "invoice.payment_succeeded", "charge.updated", "x"]
)
def test_what_changes_nothing_is_ignored_and_not_broken(topic: str) -> None:
    said = hear(event(topic, {**invoice(), "id": None}))
    assert (said.ignored, said.events, said.faults) == (1, [], [])


def test_an_upcoming_invoice_has_no_id_and_can_still_be_mapped() -> None:
    upcoming = {key: value for key, value in invoice(next_payment_attempt=1_796_000_000).items() if key != "id"}
    rule = Rule(type="renewal.due", value="{amount}", at="{next_attempt_at}")
    document = event("invoice.upcoming", upcoming)
    told = only(hear(document, {"invoice.upcoming": rule}))
    assert (told.type, told.value, told.item) == ("renewal.due", 123.45, None)
    assert told.key != only(hear(document | {"id": "evt_other"}, {"invoice.upcoming": rule})).key


def test_a_subscription_tells_seats_plan_and_what_they_were() -> None:
    former = {"items": {"data": [{"quantity": 3, "price": {"id": "price_solo"}}]}, "quantity": 3, "status": "trialing"}
    told = only(hear(event("customer.subscription.updated", subscription(), former)))
    assert told.type == "subscription.changed"
    expected = {"seats": 5, "plan": "price_team", "subscription_status": "active", "subscription_amount": 100.0}
    expected |= {"previous_seats": 3, "previous_plan": "price_solo", "previous_status": "trialing"}
    assert told.properties.items() >= expected.items()


def test_two_currencies_are_never_added_up_and_two_prices_are_no_seats() -> None:
    items = [
        {
            "price": {"id": "p1", "currency": "usd", "unit_amount": 100, "recurring": {"interval": "month"}},
            "quantity": 2,
        },
        {
            "price": {"id": "p2", "currency": "eur", "unit_amount": 100, "recurring": {"interval": "month"}},
            "quantity": 30,
        },
    ]
    document = event(
        "customer.subscription.trial_will_end", subscription(items={"data": items}, trial_end=1_796_000_000)
    )
    told = only(hear(document))
    assert told.properties.keys().isdisjoint({"subscription_amount", "subscription_currency", "seats", "plan"})
    assert told.properties["trial_ends_at"] == "2026-11-30T00:53:20+00:00"
    assert only(hear(document, seat_prices=["p2"])).properties["seats"] == 30


@pytest.mark.parametrize(
    ("now", "was", "noticed"),
    [
        ({"cancel_at_period_end": True}, {"cancel_at_period_end": False}, True),
        ({"cancel_at_period_end": True, "cancel_at": 1_796_000_000}, {"cancel_at_period_end": False}, True),
        ({"cancel_at": 1_796_000_000}, {"cancel_at": None}, True),
        ({"cancel_at_period_end": True}, {"quantity": 4}, False),
        ({"cancel_at_period_end": False}, {"cancel_at_period_end": True}, False),
    ],
)
def test_a_notice_is_told_once_when_it_is_given(now: dict[str, Any], was: dict[str, Any], *, noticed: bool) -> None:
    said = hear(event("customer.subscription.updated", subscription(**now), was))
    assert [one.type for one in said.events] == ["subscription.changed", *["cancellation.noticed"] * noticed]
    assert said.events[0].properties["cancels_at_period_end"] is any(now.values())


def test_an_ended_subscription_is_churn_unless_one_line_says_otherwise() -> None:
    ended = subscription(
        status="canceled", cancellation_details={"reason": "cancellation_requested", "comment": "private"}
    )
    document = event("customer.subscription.deleted", ended)
    said = hear(document)
    assert [one.type for one in said.events] == ["churned", "subscription.changed"]
    assert said.events[0].properties["reason"] == "cancellation_requested"
    assert "private" not in repr([one.properties for one in said.events])

    line = Rule(type="subscription.changed", properties={"subscription_status": "{status}"})
    mild = only(hear(document, {"customer.subscription.deleted": line}))
    assert (mild.type, mild.properties) == ("subscription.changed", {"subscription_status": "canceled"})


def test_the_customer_is_named_by_stripe_then_by_your_own_id_then_by_its_domain() -> None:
    told = only(hear(event("invoice.paid", invoice(metadata={"account_id": "42"}, customer_email="pay@acme.com"))))
    assert (told.reference, told.fallbacks) == ("stripe:main:cus_1", ("external:42", "domain:acme.com"))
    nested = invoice(parent={"subscription_details": {"metadata": {"account_id": "43"}}}, customer_email="x@gmail.com")
    assert only(hear(event("invoice.paid", nested))).fallbacks == ("external:43",)


async def test_an_own_id_in_the_metadata_leads_every_later_event_to_that_account(bench: Bench) -> None:
    stripe = await sender(bench, "stripe", account="meta")
    customer = {"id": "cus_m", "object": "customer", "email": "a@meta-acme.com", "metadata": {"account_id": "m-42"}}
    await stripe.tell(event("customer.created", customer), event("invoice.paid", invoice(id="in_m", customer="cus_m")))

    told = await bench.events("external:m-42")
    assert [row["type"] for row in told] == ["account.updated", "invoice.paid"]


async def test_a_domain_that_the_crm_knows_leads_the_customer_to_its_account(bench: Bench) -> None:
    stripe = await sender(bench, "stripe", account="dom")
    answer = await bench.client.post(
        "/events",
        json=[
            {"id": "d1", "type": "session.started", "account": "external:dom-1", "occurred_at": "2026-11-01T00:00:00Z"}
        ],
    )
    assert answer.is_success
    await bench.relay()
    account = (await bench.events("external:dom-1"))[0]["account_id"]
    linked = await bench.client.post(f"/accounts/{account}/references", json={"reference": "domain:dom-acme.com"})
    assert linked.is_success, linked.text
    customer = {"id": "cus_d", "object": "customer", "email": "billing@dom-acme.com"}
    await stripe.tell(event("customer.created", customer))
    await stripe.tell(event("customer.subscription.created", subscription(id="sub_d", customer="cus_d")))

    assert {row["account_id"] for row in await stripe.events()} == {account}


async def test_a_dispute_waits_until_its_charge_names_a_customer(bench: Bench) -> None:
    stripe = await sender(bench, "stripe", test_mode=True, account="disputed")
    await stripe.tell(sample("stripe", "charge.dispute.created.json"))
    assert await stripe.events() == []
    assert [row["type"] for row in await stripe.waiting()] == ["payment.disputed"]

    charge = {"id": "ch_000000000000000000000000", "object": "charge", "customer": "cus_d1", "amount": 100}
    await stripe.tell(event("invoice.paid", invoice(id="in_d1", customer="cus_d1")), event("charge.succeeded", charge))
    told = {row["type"]: row for row in await bench.events("stripe:disputed:cus_d1")}
    assert set(told) == {"invoice.paid", "payment.disputed"}
    assert told["payment.disputed"]["value"] == 1.0
    assert [row["state"] for row in await stripe.deliveries()] == ["done"] * 3


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"type": "invoice.paid", "created": 1, "data": {"object": {}}}, "id is missing"),
        ({"id": "evt_1", "created": 1, "data": {"object": {}}}, "type is missing"),
        ({"id": "evt_1", "type": "invoice.paid", "data": {"object": {}}}, "created is missing"),
        ({"id": "evt_1", "type": "invoice.paid", "created": 1, "data": None}, "data.object is missing"),
        ({"id": "evt_1", "type": "invoice.paid", "created": 1, "data": {"object": {"id": "in_1"}}}, "names no account"),
    ],
)
def test_what_cannot_be_understood_is_a_fault_that_says_why(document: dict[str, Any], why: str) -> None:
    said = hear(document)
    assert said.events == []
    assert [why in fault.reason for fault in said.faults] == [True]


def test_a_thin_event_holds_nothing_and_is_left_alone() -> None:
    assert hear({"id": "evt_1", "object": "v2.core.event", "type": "v1.billing.meter.no_meter_found"}).ignored == 1


def test_our_own_test_delivery_is_signed_as_stripe_signs() -> None:
    body, secret = b"{}", SECRETS["stripe"].encode()
    received = Received("POST", "https://x/", [], {}, body)
    made = {name.encode(): value.encode() for name, value in STRIPE.sign(received, secret, 1_000.7).items()}
    signed = Received("POST", "https://x/", list(made.items()), made, body)
    STRIPE.verify(signed, [b"older", secret], StripeSettings(), 1_001.0)
