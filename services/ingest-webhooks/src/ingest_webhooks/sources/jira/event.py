"""One Jira event: the issue, what changed in it, and whose it is; it decides no meaning."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

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
)
from ingest_webhooks.words.shapes import Broken, Context, Fact, Link, fact_key

IDENTIFIER = "x-atlassian-webhook-identifier"
_TOPICS = {"jira:issue_created": "issue.created", "jira:issue_deleted": "issue.deleted"}
_RANKS = {
    **dict.fromkeys(("lowest", "low", "trivial", "minor"), 1),
    **dict.fromkeys(("medium", "normal"), 2),
    **dict.fromkeys(("high", "major"), 3),
    **dict.fromkeys(("highest", "urgent", "critical", "blocker"), 4),
}
_HIGH = 3
# A resolution that is older than the change by more than this was set by an earlier one.
_SAME_CHANGE = timedelta(seconds=5)
_Text = Annotated[str, StringConstraints(min_length=1, max_length=255)]
_Site = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]


class JiraSettings(BaseModel):
    """How a company uses its Jira.

    `signed` says that the webhook has a secret there; without one it is called at the connection's secret address.
    `projects` (keys) and `issue_types` (names) are those that customers speak through; empty: all. `account_field` is
    the field that says which customer an issue is about, such as the `customfield_…` of Organizations in Jira Service
    Management: an entry with an id becomes `jira:<site>:<id>`, a text `external:<text>`. `account_label` is the
    beginning of labels that do so: with `customer-`, `customer-acme` becomes `external:acme`. `site` is the word for
    the Jira site in references, where the event's own address is not to be used. `opens_accounts` lets a
    customer that nothing else names become an account; without it issues wait until somebody says whose they are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    signed: bool = True
    projects: Annotated[tuple[_Text, ...], Field(max_length=500)] = ()
    issue_types: Annotated[tuple[_Text, ...], Field(max_length=500)] = ()
    account_field: _Text | None = None
    account_label: _Text | None = None
    site: _Site | None = None
    opens_accounts: bool = False


@dataclass(frozen=True, slots=True)
class JiraEvent:
    """An event as read; `delivery` names the delivery, the same over retries."""

    delivery: str
    kind: str
    happened_at: datetime
    site: str
    issue: Document
    document: Document
    settings: JiraSettings

    def is_wanted(self) -> bool:
        """Tell whether the issue is of a project and of a type that the settings name."""
        project, kind = (
            text_at(self.issue, "fields", "project", "key"),
            text_at(self.issue, "fields", "issuetype", "name"),
        )
        project = project or (text_at(self.issue, "key") or "").rpartition("-")[0]
        return (not self.settings.projects or project in self.settings.projects) and (
            not self.settings.issue_types or kind in self.settings.issue_types
        )

    @property
    def subject(self) -> str | None:
        """Our name of the issue."""
        return reference("jira", self.site, "issue", id_at(self.issue, "id"))

    def accounts(self) -> tuple[str, ...]:
        """Return the customers that the configured field and labels name, in their order."""
        found: list[str | None] = []
        if self.settings.account_field is not None:
            value = at(self.issue, "fields", self.settings.account_field)
            found += [self._account(one) for one in (value if isinstance(value, list) else [value])]
        beginning = self.settings.account_label
        labels = at(self.issue, "fields", "labels")
        if beginning is not None and isinstance(labels, list):
            words = [one for one in labels if isinstance(one, str) and one.startswith(beginning)]
            found += [reference("external", word.removeprefix(beginning)) for word in words]
        return present(*found)

    def facts(self) -> Iterator[Fact]:
        """One fact for each changed field, one for anything else that happened. Raises Broken."""
        if self.kind in ("jira:issue_updated", "issue_updated"):
            for position, item in enumerate(objects_at(self.document, "changelog", "items")):
                field = text_at(item, "fieldId") or text_at(item, "field") or str(position)
                # The key of a field holds whatever its owner wrote; a topic is lower case without blanks.
                topic = "issue." + "_".join(field.lower().split())
                yield self._fact(topic, f"{position} {field}", item)
        else:
            subject, _, verb = self.kind.rpartition("_")
            yield self._fact(_TOPICS.get(self.kind) or f"{subject.removeprefix('jira:')}.{verb}", "", {})

    def links(self) -> Iterator[Link]:
        """An issue belongs to its first customer, so that events which do not say so find it."""
        accounts = self.accounts()
        if self.subject is not None and accounts:
            opens = self.settings.opens_accounts
            yield Link(self.subject, accounts[0], self.happened_at, primary=True, opens=opens)

    def _account(self, value: Any) -> str | None:
        if isinstance(value, dict):
            own = text_at(value, "value")
            return reference("external", own) if own else reference("jira", self.site, id_at(value, "id"))
        return reference("external", id_at({"value": value}, "value"))

    def _fact(self, topic: str, part: str, item: Document) -> Fact:
        reporter = text_at(self.issue, "fields", "reporter", "emailAddress")
        accounts = self.accounts()
        return Fact(
            key=fact_key("jira", self.site, self.delivery, topic, part),
            topic=topic,
            at=self.happened_at,
            accounts=present(*accounts, self.subject, domain_of(reporter)),
            subject=self.subject or "",
            value=text_at(item, "toString"),
            fields={**self.document, **self._plain_fields(topic, item)},
            content=digest(topic, item, at(self.document, "issue", "fields", "status", "id")),
            opens=bool(accounts) and self.settings.opens_accounts,
        )

    def _plain_fields(self, topic: str, item: Document) -> dict[str, Any]:
        settled = text_at(self.issue, "fields", "status", "statusCategory", "key") == "done"
        priority = text_at(item, "toString") if topic == "issue.priority" else None
        priority = (priority or text_at(self.issue, "fields", "priority", "name") or "").lower()
        before = (text_at(item, "fromString") or "").lower()
        comment = at(self.document, "comment")
        return {
            "status": text_at(self.issue, "fields", "status", "name"),
            "priority": priority or None,
            "escalated": _RANKS.get(priority, 0) >= max(_HIGH, _RANKS.get(before, 0) + 1),
            "open": not settled and topic != "issue.deleted",
            "move": self._move(settled),
            "hours_open": hours_between(moment_at(self.issue, "fields", "created"), self.happened_at),
            "reporter": self._person(at(self.issue, "fields", "reporter")),
            "author": _author(comment),
            "writer": self._person(at(comment, "author")),
        }

    def _move(self, settled: bool) -> str | None:
        """Say what a new status means: a move between two settled ones resolves nothing a second time."""
        cleared = any(
            text_at(one, "fieldId") == "resolution" and one.get("to") is None and one.get("from") is not None
            for one in objects_at(self.document, "changelog", "items")
        )
        if not settled:
            return "reopened" if cleared else None
        resolved_at = moment_at(self.issue, "fields", "resolutiondate")
        earlier = resolved_at is not None and self.happened_at - resolved_at > _SAME_CHANGE
        return None if earlier else "resolved"

    def _person(self, person: Any) -> str | None:
        return reference("jira", self.site, "user", text_at(person, "accountId") or text_at(person, "name"))


def read_event(document: Document, settings: JiraSettings, context: Context) -> JiraEvent:
    """Return the event that a document is; raises Broken.

    Data Center names no delivery: there the issue, the moment and the change do.
    """
    kind, issue = text_at(document, "webhookEvent"), at(document, "issue")
    if kind is None:
        raise Broken("webhookEvent is missing")
    issue = issue if isinstance(issue, dict) else {}
    happened_at = required_moment(document, "timestamp")
    change = id_at(document, "changelog", "id") or id_at(document, "comment", "id") or ""
    own = f"{kind} {id_at(issue, 'id')} {happened_at.isoformat()} {change}"
    return JiraEvent(
        delivery=context.headers.get(IDENTIFIER) or own,
        kind=kind,
        happened_at=happened_at,
        site=settings.site or _host(text_at(issue, "self")) or "main",
        issue=issue,
        document=document,
        settings=settings,
    )


def _host(address: str | None) -> str | None:
    """Return the site's host; apps speak through a shared one, where the site's id follows in the path."""
    if address is None:
        return None
    try:
        parts = urlsplit(address)
        host, path = parts.hostname, parts.path.split("/")
    except ValueError:
        return None
    return path[3] if host == "api.atlassian.com" and len(path) > 3 else host


def _author(comment: Any) -> str | None:
    """Who spoke to whom: in a service project a comment is public or internal; elsewhere nobody can tell."""
    if at(comment, "jsdPublic") is not True:
        return None
    return "customer" if text_at(comment, "author", "accountType") == "customer" else "agent"
