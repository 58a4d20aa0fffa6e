"""What Stripe's events mean unless a connection's mapping says otherwise; it never looks at a delivery.

A topic is Stripe's own event type. Beside the event's fields the rules read the plain names of `event`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ingest_webhooks.words.rules import Rule

_IGNORED = Rule(ignore=True)
_INVOICE = {
    "amount": "{amount}",
    "currency": "{currency}",
    "due_at": "{due_at}",
    "number": "{number}",
    "subscription": "{subscription}",
    "stripe_event": "{id}",
}
# The keys of a subscription's event become attributes of the account.
_STATE = {
    "plan": "{plan}",
    "seats": "{seats}",
    "subscription_status": "{status}",
    "subscription_amount": "{amount}",
    "subscription_currency": "{currency}",
    "subscription_interval": "{interval}",
    "subscription_ends_at": "{period_ends_at}",
    "cancels_at_period_end": "{cancels}",
    "trial_ends_at": "{trial_ends_at}",
    "previous_plan": "{previous_plan}",
    "previous_seats": "{previous_seats}",
    "previous_status": "{previous_status}",
}
_SUBSCRIPTION = Rule(type="subscription.changed", item="{object}", properties=_STATE)
_NOTICE = Rule(
    by="cancellation",
    when={
        "noticed": Rule(
            type="cancellation.noticed",
            item="{object}",
            properties={"reason": "{reason}", "ends_at": "{ends_at}", "stripe_event": "{id}"},
        ),
    },
)
_CHANGED = _SUBSCRIPTION.model_copy(update={"also": (_NOTICE,)})
_ENDED = Rule(
    type="churned",
    item="{object}",
    properties={"reason": "{reason}", "stripe_event": "{id}"},
    also=(_SUBSCRIPTION,),
)


def _invoice(kind: str, **more: str) -> Rule:
    return Rule(type=kind, item="{object}", value="{amount}", properties=_INVOICE | more)


_INVOICES = {
    "invoice.finalized": _invoice("invoice.issued"),
    "invoice.overdue": _invoice("invoice.overdue"),
    "invoice.paid": _invoice("invoice.paid"),
    "invoice.payment_failed": _invoice(
        "invoice.failed", attempt="{attempt}", last_attempt="{last_attempt}", next_attempt_at="{next_attempt_at}"
    ),
    # Nobody owes a void or written-off invoice any more, and nobody has paid it either: types of their own close it.
    "invoice.voided": _invoice("invoice.voided", open="{open}"),
    "invoice.marked_uncollectible": _invoice("invoice.written_off", open="{open}"),
    # Drafts, reminders and `payment_succeeded`, which says what `paid` says, change nothing.
    "invoice.*": _IGNORED,
}
_SUBSCRIPTIONS = {
    "customer.subscription.created": _CHANGED,
    "customer.subscription.updated": _CHANGED,
    "customer.subscription.paused": _CHANGED,
    "customer.subscription.resumed": _CHANGED,
    "customer.subscription.trial_will_end": _SUBSCRIPTION,
    # One subscription ended. With several per customer that need not be the end: map it to `subscription.changed` then.
    "customer.subscription.deleted": Rule(by="status", when={"incomplete_expired": _SUBSCRIPTION, "*": _ENDED}),
}
_CUSTOMERS = {
    "customer.created": Rule(type="account.updated", properties={"billing": "stripe", "billing_state": "active"}),
    "customer.updated": Rule(
        type="account.updated", properties={"billing": "stripe", "payment_delinquent": "{data.object.delinquent}"}
    ),
    "customer.deleted": Rule(type="account.updated", properties={"billing": "stripe", "billing_state": "deleted"}),
}


def _dispute(kind: str) -> Rule:
    properties = {"currency": "{currency}", "reason": "{reason}", "status": "{status}", "stripe_event": "{id}"}
    return Rule(type=kind, item="{object}", value="{amount}", properties=properties | {"amount": "{amount}"})


_DISPUTES = {
    "charge.dispute.created": _dispute("payment.disputed"),
    "charge.dispute.closed": _dispute("payment.dispute_closed"),
}

DEFAULT_RULES: Mapping[str, Rule] = MappingProxyType({**_INVOICES, **_SUBSCRIPTIONS, **_CUSTOMERS, **_DISPUTES})
