"""One Intercom notification: what it is about, and whose it is; it decides no meaning."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from ingest_webhooks.sources.documents import (
    Document,
    at,
    digest,
    domain_of,
    hours_between,
    id_at,
    moment_at,
    objects_at,
    present,
    reference,
    required_moment,
    text_at,
    whole_at,
)
from ingest_webhooks.words.shapes import Broken, Fact, Link, fact_key

# Ids that Intercom makes up for companies of leads; no product of yours knows them.
_MADE_UP = "-qualification-company"
_PEOPLE = frozenset(("user", "contact", "lead"))
# Items that stand for themselves, though they hold other things.
_WHOLE = _PEOPLE | {"conversation", "ticket", "company"}
_STARS = 5


class IntercomSettings(BaseModel):
    """How a company uses its Intercom.

    `own_company_ids` says that a company's `company_id` is your own id of the customer, as your product sends it.
    `opens_accounts` lets a company that nothing else names become an account; those that Intercom makes up for leads
    never do, as long as the ids are your own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    own_company_ids: bool = True
    opens_accounts: bool = True


@dataclass(frozen=True, slots=True)
class Company:
    """The names of a company: Intercom's, and the company's own."""

    name: str
    own: str | None


@dataclass(frozen=True, slots=True)
class IntercomEvent:
    """A notification as read; `item` is what it is about, `person` the customer's side of it."""

    key: bytes
    topic: str
    happened_at: datetime
    app: str
    item: Document
    person: Document
    document: Document
    settings: IntercomSettings

    @property
    def kind(self) -> str:
        """What the item is: company, contact, conversation, ticket, or Intercom's own word."""
        kind = text_at(self.item, "type") or "item"
        return "contact" if kind in _PEOPLE else kind

    def named(self, kind: str, thing_id: str | None) -> str | None:
        """Return our name of a thing of this app."""
        return reference("intercom", self.app, kind, thing_id)

    @property
    def contact(self) -> str | None:
        """Our name of the person."""
        return self.named("contact", id_at(self.person, "id"))

    def companies(self) -> Sequence[Company]:
        """The companies that the item is, has, or whose people it is about; each once."""
        places: list[Document] = [self.item] if self.kind == "company" else []
        for one in (self.item, self.person):
            places += objects_at(one, "companies", "companies") + objects_at(one, "companies", "data")
            places += [company] if isinstance(company := at(one, "company"), dict) else []
        found: dict[str, Company] = {}
        for place in places:
            name = reference("intercom", self.app, id_at(place, "id"))
            own = id_at(place, "company_id")
            kept = self.settings.own_company_ids and own is not None and not own.endswith(_MADE_UP)
            if name is not None:
                found.setdefault(name, Company(name, reference("external", own) if kept else None))
        return list(found.values())

    def fact(self) -> Fact:
        """Return the fact; what names no company is found by its person, then by the person's company domain."""
        companies = self.companies()
        names = [name for one in companies[:1] for name in (one.name, one.own)]
        subject = names[0] if self.kind == "company" and names else self.named(self.kind, id_at(self.item, "id"))
        domain = domain_of(text_at(self.person, "email"))
        return Fact(
            key=self.key,
            topic=self.topic,
            at=self.happened_at,
            accounts=present(*names, self.contact, domain, subject),
            subject=subject or "",
            fields={**self.document, **self._plain_fields()},
            # How often it was tried changes with each attempt; what it says does not.
            content=digest(self.topic, self.item),
            opens=bool(companies) and self._may_open(companies[0]),
        )

    def links(self) -> Iterator[Link]:
        """The names by which later notifications will speak of this company; a person may have several."""
        gone = self.topic.endswith((".detached", ".deleted"))
        for company in self.companies():
            opens = self._may_open(company)
            if company.own is not None:
                yield Link(company.name, company.own, self.happened_at, primary=True, opens=opens)
            if self.contact is not None and not (gone and self.kind == "contact"):
                yield Link(self.contact, company.name, self.happened_at, removed=gone, opens=opens)

    def _may_open(self, company: Company) -> bool:
        return self.settings.opens_accounts and (company.own is not None or not self.settings.own_company_ids)

    def _plain_fields(self) -> dict[str, Any]:
        opened_at = moment_at(self.item, "created_at")
        stars = whole_at(self.item, "conversation_rating", "rating")
        return {
            "contact": self.contact,
            "open": text_at(self.item, "state") != "closed" and self.item.get("open") is not False,
            "gone": False,
            "hours_open": hours_between(opened_at, self.happened_at),
            "priority": "high" if at(self.item, "priority") in ("priority", True) else "low",
            "state": _state(self.item),
            "tag": text_at(self.document, "data", "item", "tag", "name"),
            "rating": stars,
            "rating_of_ten": None if stars is None or not 0 < stars <= _STARS else stars * 2,
            "plan": text_at(self.item, "plan", "name") or text_at(self.item, "plan_id"),
        }


def read_event(document: Document, settings: IntercomSettings) -> IntercomEvent:
    """Return the notification that a document is; raises Broken."""
    event_id, topic, app = text_at(document, "id"), text_at(document, "topic"), id_at(document, "app_id")
    for name, found in (("id", event_id), ("topic", topic), ("app_id", app)):
        if found is None:
            raise Broken(f"{name} is missing")
    item = _unwrapped(at(document, "data", "item"))
    return IntercomEvent(
        key=fact_key("intercom", app, event_id),
        topic=str(topic),
        happened_at=required_moment(document, "created_at"),
        app=str(app),
        item=item,
        person=_person(item, at(document, "data", "item")),
        document=document,
        settings=settings,
    )


def _unwrapped(item: Any) -> Document:
    """Return what a notification is about: tags and attachments wrap it one level deeper."""
    for name in ("ticket", "conversation", "company", "contact", "user"):
        inner = at(item, name)
        if isinstance(inner, dict) and text_at(item, "type") not in _WHOLE:
            return inner if "type" in inner else {**inner, "type": name}
    if not isinstance(item, dict):
        raise Broken("data.item is missing")
    return item


def _person(item: Document, whole: Any) -> Document:
    if text_at(item, "type") in _PEOPLE:
        return item
    for one in (at(whole, "contact"), at(item, "user"), at(item, "contact"), at(item, "source", "author")):
        if isinstance(one, dict) and text_at(one, "type") not in ("admin", "bot", "team"):
            return one
    people = objects_at(item, "contacts", "contacts")
    return people[0] if people else {}


def _state(item: Document) -> str | None:
    """Return where a ticket stands, in the shapes of older and newer versions."""
    return text_at(item, "ticket_state", "category") or text_at(item, "ticket_state")
