"""The plain names for what Stripe's objects say of money, seats and dates; it never adds up two currencies.

Stripe writes amounts in a currency's smallest unit; here they are in its main unit. Both shapes are read: the older
one, and the one since 2025 that keeps an invoice's subscription under `parent` and periods with a subscription's items.
"""

from collections.abc import Sequence
from typing import Any

from ingest_webhooks.sources.documents import Document, id_at, moment_at, objects_at, text_at, whole_at

# https://docs.stripe.com/currencies: ISK and UGX have no decimals either, but their amounts are still sent with two.
_NO_DECIMALS = frozenset(
    (
        *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga"),
        *("pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"),
    )
)
_THREE_DECIMALS = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))


def major_units(amount: int | None, currency: str | None) -> float | None:
    """Return an amount in the currency's main unit; None without an amount or without a currency."""
    if amount is None or currency is None or abs(amount) >= 10**15:
        return None
    code = currency.lower()
    return float(amount) if code in _NO_DECIMALS else amount / (1000 if code in _THREE_DECIMALS else 100)


def invoice_fields(invoice: Document) -> dict[str, Any]:
    """Return amount (what was paid of a paid invoice, else what is owed), due date, attempts and subscription."""
    status, currency = text_at(invoice, "status"), text_at(invoice, "currency")
    owed = whole_at(invoice, "amount_due")
    left = whole_at(invoice, "amount_remaining")
    counts = whole_at(invoice, "amount_paid") if status == "paid" else owed if left in (None, 0) else left
    following = _written(invoice, "next_payment_attempt")
    return {
        "amount": major_units(counts, currency),
        "currency": currency,
        "status": status,
        "open": status in ("draft", "open"),
        "due_at": _written(invoice, "due_date"),
        "number": text_at(invoice, "number"),
        "attempt": whole_at(invoice, "attempt_count"),
        "next_attempt_at": following,
        "last_attempt": following is None and text_at(invoice, "collection_method") == "charge_automatically",
        "subscription": id_at(invoice, "subscription")
        or id_at(invoice, "parent", "subscription_details", "subscription"),
    }


def subscription_fields(
    subscription: Document, was: Document, topic: str, seat_prices: Sequence[str]
) -> dict[str, Any]:
    """Return plan, seats, status, amount per interval, dates, what these were before, and news of a cancellation."""
    items = objects_at(subscription, "items", "data")
    ends = _written(subscription, "current_period_end") or (_written(items[0], "current_period_end") if items else None)
    former = objects_at(was, "items", "data")
    cancels, cancelled = _cancels(subscription), _cancelled_before(subscription, was)
    news = "noticed" if cancels and not cancelled else "withdrawn" if cancelled and not cancels else None
    return {
        "status": text_at(subscription, "status"),
        "plan": _plan(items[0]) if len(items) == 1 else None,
        "seats": _seats(items, seat_prices),
        **_price(items),
        "period_ends_at": ends,
        "ends_at": _written(subscription, "cancel_at") or ends,
        "trial_ends_at": _written(subscription, "trial_end"),
        "cancels": cancels,
        "cancellation": news if topic == "customer.subscription.updated" else None,
        "reason": text_at(subscription, "cancellation_details", "feedback")
        or text_at(subscription, "cancellation_details", "reason"),
        "previous_status": text_at(was, "status"),
        "previous_seats": _seats(former, seat_prices) if former else whole_at(was, "quantity"),
        "previous_plan": _plan(former[0]) if len(former) == 1 else None,
    }


def other_fields(thing: Document) -> dict[str, Any]:
    """Return amount, currency, status and reason of anything else, such as a dispute."""
    currency = text_at(thing, "currency")
    return {
        "amount": major_units(whole_at(thing, "amount"), currency),
        "currency": currency,
        "status": text_at(thing, "status"),
        "reason": text_at(thing, "reason"),
    }


def _cancels(subscription: Document) -> bool:
    return subscription.get("cancel_at_period_end") is True or subscription.get("cancel_at") is not None


def _cancelled_before(subscription: Document, was: Document) -> bool:
    """What was null before may be left out of the former values, so one that is there decides for both."""
    if "cancel_at_period_end" in was:
        return _cancels(was)
    return _cancels({**subscription, **was})


def _plan(item: Document) -> str | None:
    names = (("price", "lookup_key"), ("price", "nickname"), ("plan", "nickname"), ("price", "id"), ("plan", "id"))
    return next((name for path in names if (name := text_at(item, *path))), None)


def _seats(items: Sequence[Document], seat_prices: Sequence[str]) -> int | None:
    """Return the number of seats: quantities of different prices are no sum unless the settings say so."""
    if seat_prices:
        paths = (("price",), ("price", "product"), ("plan",), ("plan", "product"))
        counted = [one for one in items if any(id_at(one, *path) in seat_prices for path in paths)]
    else:
        counted = list(items) if len(items) == 1 else []
    numbers = [number for one in counted if (number := whole_at(one, "quantity")) is not None]
    return sum(numbers) if numbers else None


def _price(items: Sequence[Document]) -> dict[str, Any]:
    """Return what an interval costs if all items agree on currency and interval and each has one price."""
    currencies = {text_at(one, "price", "currency") or text_at(one, "plan", "currency") for one in items}
    intervals = {_interval(one) for one in items}
    if len(currencies) != 1 or len(intervals) != 1:
        return {}
    currency, interval = currencies.pop(), intervals.pop()
    costs = [_cost(one) for one in items]
    known = [cost for cost in costs if cost is not None]
    total = sum(known) if len(known) == len(costs) else None
    return {"amount": major_units(total, currency), "currency": currency, "interval": interval}


def _interval(item: Document) -> str | None:
    for place in (("price", "recurring"), ("plan",)):
        unit, count = text_at(item, *place, "interval"), whole_at(item, *place, "interval_count") or 1
        if unit is not None:
            return unit if count == 1 else f"{count} {unit}s"
    return None


def _cost(item: Document) -> int | None:
    price, quantity = whole_at(item, "price", "unit_amount"), whole_at(item, "quantity")
    if price is None:
        price = whole_at(item, "plan", "amount")
    return None if price is None or quantity is None else price * quantity


def _written(document: Document, name: str) -> str | None:
    moment = moment_at(document, name)
    return None if moment is None else moment.isoformat()
