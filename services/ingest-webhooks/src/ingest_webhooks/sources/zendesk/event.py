"""One Zendesk event or trigger body: what it is about, and whose it is; it decides no meaning."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

from ingest_webhooks.sources.documents import (
    Document,
    at,
    digest,
    domain_of,
    hours_between,
    id_at,
    moment_at,
    present,
    reference,
    required_moment,
    text_at,
)
from ingest_webhooks.words.shapes import Broken, Context, Fact, Link, fact_key

INVOCATION = "x-zendesk-webhook-invocation-id"
TENANT = "x-zendesk-account-id"
SENT_AT = "x-zendesk-webhook-signature-timestamp"
_SETTLED = frozenset(("solved", "closed"))
_GONE = frozenset(("ticket.marked_as_spam", "ticket.soft_deleted", "ticket.permanently_deleted"))
_RANKS = {"low": 1, "normal": 2, "high": 3, "urgent": 4}
_Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class ZendeskSettings(BaseModel):
    """How a company uses its Zendesk.

    `account` is the Zendesk account's number, for bodies that come without one. `opens_accounts` lets an organisation
    that nothing else names become an account; without it its tickets wait until somebody says whose it is, because a
    help desk also knows organisations that are no customers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: _Word | None = None
    opens_accounts: bool = False


@dataclass(frozen=True, slots=True)
class ZendeskEvent:
    """What was read, by the names that both kinds share; statuses and priorities in lower case."""

    key: bytes
    topic: str
    happened_at: datetime
    tenant: str | None
    document: Document
    opens_accounts: bool
    ticket: str | None = None
    organisation: str | None = None
    external: str | None = None
    requester: str | None = None
    email: str | None = None
    plain: Document = field(default_factory=dict)

    def named(self, *parts: str | None) -> str | None:
        """Return our name of a thing of this Zendesk."""
        return reference("zendesk", self.tenant, *parts)

    def facts(self) -> Iterator[Fact]:
        """The fact; a ticket without an organisation is found by the ticket, then by its requester."""
        account, ticket = self.named(self.organisation), self.named("ticket", self.ticket)
        requester = self.named("user", self.requester)
        yield Fact(
            key=self.key,
            topic=self.topic,
            at=self.happened_at,
            accounts=present(account, self.external, ticket, requester, domain_of(self.email)),
            subject=ticket or account or "",
            fields={**self.document, **_there({**self.plain, "requester": requester})},
            content=digest(self.document),
            opens=account is not None and self.opens_accounts,
        )

    def links(self) -> Iterator[Link]:
        """The names by which later events will speak of this organisation."""
        account = self.named(self.organisation)
        if account is None:
            return
        since, opens = self.happened_at, self.opens_accounts
        if self.external is not None:
            yield Link(account, self.external, since, primary=True, opens=opens)
        ticket, requester = self.named("ticket", self.ticket), self.named("user", self.requester)
        # A ticket is of one organisation, the newest that was named; a person may be of several.
        if ticket is not None:
            yield Link(ticket, account, since, primary=True, opens=opens)
        if requester is not None:
            yield Link(requester, account, since, opens=opens)


def read_event(document: Document, settings: ZendeskSettings, context: Context) -> ZendeskEvent:
    """Return what an event subscription delivered; raises Broken."""
    event_id = text_at(document, "id")
    tenant = id_at(document, "account_id") or context.headers.get(TENANT) or settings.account
    if event_id is None:
        raise Broken("id is missing")
    topic = (text_at(document, "type") or "").removeprefix("zen:event-type:")
    detail, happened_at = at(document, "detail"), required_moment(document, "time")
    if not isinstance(detail, dict):
        raise Broken("detail is missing")
    of_ticket, of_organisation = topic.startswith("ticket."), topic.startswith("organization.")
    own_id = id_at(detail, "id")
    return ZendeskEvent(
        key=fact_key("zendesk", tenant, event_id),
        topic=topic,
        happened_at=happened_at,
        tenant=tenant,
        document=document,
        opens_accounts=settings.opens_accounts,
        ticket=own_id if of_ticket else None,
        organisation=_organisation(topic, document) if of_ticket else own_id if of_organisation else None,
        external=reference("external", id_at(detail, "external_id")) if of_organisation else None,
        requester=id_at(detail, "requester_id") if of_ticket else None,
        plain=_plain_fields(document, topic, happened_at, tenant),
    )


def read_trigger(document: Document, settings: ZendeskSettings, context: Context) -> ZendeskEvent:
    """Return what a trigger or an automation was told to send, as far as it uses the names of our template.

    Its id is that of the invocation. Without a time of its own the signature's counts.
    """
    tenant = context.headers.get(TENANT) or settings.account
    invocation = context.headers.get(INVOCATION) or digest(document).hex()
    signed_at = moment_at(context.headers, SENT_AT) or context.received_at
    happened = text_at(document, "happened")
    status = (text_at(document, "status") or "").lower() or None
    happened_at = moment_at(document, "happened_at") or signed_at
    return ZendeskEvent(
        key=fact_key("zendesk invocation", tenant or context.connection, invocation),
        topic=f"trigger.{happened}" if happened else "trigger",
        happened_at=happened_at,
        tenant=tenant,
        document=document,
        opens_accounts=settings.opens_accounts,
        ticket=id_at(document, "ticket_id"),
        organisation=id_at(document, "organization_id"),
        external=reference("external", id_at(document, "customer_id")),
        requester=id_at(document, "requester_id"),
        email=text_at(document, "requester_email"),
        plain={
            "status": status,
            "priority": (text_at(document, "priority") or "").lower() or None,
            "move": "resolved" if status in _SETTLED else None,
            "hours_open": hours_between(moment_at(document, "created_at"), happened_at),
            "channel": text_at(document, "channel"),
            "actor": reference("zendesk", tenant, "user", id_at(document, "requester_id")),
        },
    )


def _organisation(topic: str, document: Document) -> str | None:
    changed = id_at(document, "event", "current") if topic == "ticket.organization_changed" else None
    return changed or id_at(document, "detail", "organization_id")


def _plain_fields(document: Document, topic: str, happened_at: datetime, tenant: str | None) -> dict[str, Any]:
    current, previous = _word(document, "event", "current"), _word(document, "event", "previous")
    status, priority = _word(document, "detail", "status"), _word(document, "detail", "priority")
    if topic == "ticket.status_changed":
        status = current or status
    if topic == "ticket.priority_changed":
        priority = current or priority
    return {
        "status": status,
        "priority": priority,
        "open": topic not in _GONE and status not in _SETTLED,
        "move": _move(topic, status, previous),
        "escalated": _RANKS.get(priority or "", 0) > max(_RANKS.get(previous or "", 0), 2),
        "hours_open": hours_between(moment_at(document, "detail", "created_at"), happened_at),
        "channel": text_at(document, "detail", "via", "channel"),
        "actor": reference("zendesk", tenant, "user", id_at(document, "detail", "actor_id")),
        "author": _author(at(document, "event", "comment")),
        "writer": reference("zendesk", tenant, "user", id_at(document, "event", "comment", "author", "id")),
    }


def _move(topic: str, status: str | None, previous: str | None) -> str | None:
    """Solved tickets are closed by Zendesk some days later: that resolves nothing a second time."""
    if topic == "ticket.created":
        return "resolved" if status in _SETTLED else None
    if status in _SETTLED:
        return None if previous in _SETTLED else "resolved"
    return "reopened" if previous in _SETTLED else None


def _author(comment: Any) -> str | None:
    """Who spoke to whom: notes that the customer cannot see are nobody's message."""
    if at(comment, "is_public") is not True:
        return None
    return "agent" if at(comment, "author", "is_staff") is True else "customer"


def _there(plain: Document) -> Document:
    """A trigger's body may have fields of the same names: what we do not know leaves them as they are."""
    return {name: value for name, value in plain.items() if value is not None}


def _word(document: Document, *path: str) -> str | None:
    found = text_at(document, *path)
    return None if found is None else found.lower()
