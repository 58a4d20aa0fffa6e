"""One Stripe event: what it is about, whose it is, and what makes it the same as another; it decides no meaning."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ingest_webhooks.sources.documents import (
    Document,
    at,
    digest,
    domain_of,
    id_at,
    objects_at,
    present,
    reference,
    required_moment,
    text_at,
    whole_at,
)
from ingest_webhooks.sources.stripe.amounts import invoice_fields, other_fields, subscription_fields
from ingest_webhooks.words.shapes import Broken, Fact, Link, fact_key

# What happens to an object at most once: its second telling is the same fact, whatever else differs.
_ONCE = frozenset(
    (
        *("invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded", "invoice.voided"),
        *("invoice.deleted", "invoice.marked_uncollectible", "customer.created", "customer.deleted"),
        *("customer.subscription.created", "customer.subscription.deleted", "checkout.session.completed"),
        *("charge.succeeded", "charge.dispute.created", "charge.dispute.closed"),
    )
)
# Stripe tells whole seconds, and a subscription is often made and started within one: it begins before it changes, and
# ends after that, by as little as can be told.
_PLACES = {"customer.subscription.created": 0, "customer.subscription.deleted": 2}
_EMAILS = (("customer_email",), ("customer_details", "email"), ("customer", "email"), ("billing_details", "email"))
_METADATA = (("metadata",), ("subscription_details", "metadata"), ("parent", "subscription_details", "metadata"))


class StripeSettings(BaseModel):
    """How a company uses its Stripe.

    `test_mode` lets events of test mode and sandboxes count; they are left alone otherwise. `account` is the Stripe
    account's word in references where an event names none (`acct_…` in events of connected accounts). `account_key` is
    the metadata field that holds your own id of the customer. `opens_accounts` lets a customer that nothing else
    names become an account. `seat_prices` are the prices or products whose quantity is the number of seats; without
    them the quantity counts of a subscription with one item.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    test_mode: bool = False
    account: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "main"
    account_key: Annotated[str, StringConstraints(min_length=1, max_length=40)] = "account_id"
    opens_accounts: bool = True
    seat_prices: Annotated[tuple[str, ...], Field(max_length=200)] = ()


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """An event as read; `about` is the object that it is about, `was` its former values of what changed."""

    id: str
    type: str
    happened_at: datetime
    tenant: str
    about: Document
    was: Document
    document: Document
    settings: StripeSettings

    @property
    def kind(self) -> str:
        """Stripe's word for the object."""
        return text_at(self.about, "object") or "object"

    @property
    def customer(self) -> str | None:
        """Our name of the customer's account."""
        known = id_at(self.about, "id" if self.kind == "customer" else "customer")
        return reference("stripe", self.tenant, known)

    @property
    def external(self) -> str | None:
        """The company's own id of the customer, where it wrote one into the metadata."""
        found = (id_at(self.about, *path, self.settings.account_key) for path in _METADATA)
        return reference("external", next((one for one in found if one), None))

    @property
    def domain(self) -> str | None:
        """The company domain of the address that the customer is billed at."""
        paths = (*_EMAILS, ("email",)) if self.kind == "customer" else _EMAILS
        found = (domain_of(text_at(self.about, *path)) for path in paths)
        return next((one for one in found if one), None)

    def thing(self, kind: str, thing_id: str | None) -> str | None:
        """Return our name of a thing of this Stripe account."""
        return reference("stripe", self.tenant, kind, thing_id)

    def payments(self) -> Iterator[str]:
        """The names of the charge and the payment that the object is, or was paid by."""
        places: list[Document] = [self.about]
        places += [one["payment"] for one in objects_at(self.about, "payments", "data") if "payment" in one]
        for place in places:
            for kind in ("charge", "payment_intent"):
                name = self.thing(kind, id_at(place, kind))
                if name is not None:
                    yield name
        own = self.thing(self.kind, id_at(self.about, "id"))
        if self.kind in ("charge", "payment_intent") and own is not None:
            yield own

    def fact(self) -> Fact:
        """Return the fact; a dispute names no customer and is found by its charge. Raises Broken."""
        fields = self._plain_fields()
        subject = self.customer if self.kind == "customer" else self.thing(self.kind, id_at(self.about, "id"))
        return Fact(
            key=self._key(),
            topic=self.type,
            at=self.happened_at,
            accounts=present(self.customer, self.external, self.domain) or present(*self.payments()),
            subject=subject or "",
            fields={**self.document, **fields},
            # By what counts here: two tellings of one change may differ in what does not.
            content=digest(self.customer, fields),
            opens=self.customer is not None and self.settings.opens_accounts,
        )

    def links(self) -> Iterator[Link]:
        """The names by which other events will speak of this customer; none for an object without one."""
        customer, since, opens = self.customer, self.happened_at, self.settings.opens_accounts
        if customer is None:
            return
        if self.external is not None:
            yield Link(customer, self.external, since, primary=True, opens=opens)
        if self.kind == "customer" and self.domain is not None and self.type != "customer.deleted":
            # The domain of whoever pays the bill, which may be another company's.
            yield Link(self.domain, customer, since, opens=opens, derived=True)
        for name in self.payments():
            yield Link(name, customer, since, opens=opens)

    def _plain_fields(self) -> dict[str, Any]:
        match self.kind:
            case "invoice":
                return invoice_fields(self.about)
            case "subscription":
                return subscription_fields(self.about, self.was, self.type, self.settings.seat_prices)
            case _:
                return other_fields(self.about)

    def _key(self) -> bytes:
        """Equal for two events that tell of one change of one object; without an object's id the event's own counts.

        What can happen again is told apart by the attempt that failed, else by its second and what it says: Stripe's
        objects carry no version, and one second may see two changes of an object.
        """
        object_id = id_at(self.about, "id")
        if object_id is None:
            return fact_key("stripe", self.tenant, self.id)
        charge = id_at(self.about, "charge")
        if self.type in _ONCE:
            version: tuple[str | int | None, ...] = ()
        elif self.type == "invoice.payment_failed":
            version = ("charge", charge) if charge else (whole_at(self.about, "attempt_count"), str(self.happened_at))
        else:
            version = (str(self.happened_at), digest(self.about, self.was).hex())
        return fact_key("stripe", self.tenant, object_id, self.type, *version)


def read_event(document: Document, settings: StripeSettings) -> StripeEvent:
    """Return the event that a document is; raises Broken."""
    event_id, kind = text_at(document, "id"), text_at(document, "type")
    if event_id is None or kind is None:
        raise Broken(f"{'id' if event_id is None else 'type'} is missing")
    about, was = at(document, "data", "object"), at(document, "data", "previous_attributes")
    if not isinstance(about, dict):
        raise Broken("data.object is missing")
    place = _PLACES.get(kind, 1) if kind.startswith("customer.subscription.") else 0
    return StripeEvent(
        id=event_id,
        type=kind,
        happened_at=required_moment(document, "created") + timedelta(microseconds=place),
        tenant=text_at(document, "account") or settings.account,
        about=about,
        was=was if isinstance(was, dict) else {},
        document=document,
        settings=settings,
    )
