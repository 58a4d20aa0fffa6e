"""Drafting: from a step and today's health document to one message, as bytes; it never sends and never asks.

Every kind of step that goes out ends here as a Draft: mail as the message itself, all others as one JSON object that
their channel carries over.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

from milepost_contracts.health import HealthDigest
from milepost_core.effects import effect_key
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.document import CrmStep, EmailStep, InAppStep, SlackStep, Step, TaskStep, WebhookStep
from milepost_core.playbooks.texts import required_texts
from playbook_runner.actions.addresses import canonical
from playbook_runner.actions.layout import lay_out, with_foot
from playbook_runner.actions.message import Mail, build, message_id, one_line
from playbook_runner.wording.addressing import OWNER, Directory
from playbook_runner.wording.briefing import brief
from playbook_runner.wording.templates import TemplateFailed, invisible, render, says_something
from playbook_runner.wording.ways_out import WaysOut

Outward: TypeAlias = EmailStep | SlackStep | WebhookStep | CrmStep | InAppStep
View: TypeAlias = Mapping[str, Any]
MOST_SUBJECT = 180
MOST_TITLE = 200
MOST_LINK = 500
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
NO_PAGE = "leads to no page: write https://…, or /… for one of the product's"


class NoReasons(Exception):
    """The texts speak of what costs points, and nothing does: there is nothing to write about."""


@dataclass(frozen=True)
class Desk:
    """Who writes, where links lead, and how readers get out of it."""

    sender: str
    sender_name: str
    page_base: str
    ways_out: WaysOut


@dataclass(frozen=True)
class Occasion:
    """Which pass of which step of which run a message belongs to, and the moment that it is dated with.

    `key` is the effect's key when there is one already: it stays, whoever the message goes to today. `earlier` are the
    mails of the run that went out, as recipient and key, oldest first. `edited` are the words that whoever approved
    the step put in place of its own, by field.
    """

    run_id: UUID
    path: str
    iteration: int
    correlation_id: str
    now: datetime
    key: bytes | None = None
    earlier: Sequence[tuple[str, bytes]] = ()
    edited: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Around:
    """What is known about an account beside its health: who works here, and the attributes that were told of it."""

    directory: Directory
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """A finished message: its effect's key, its recipient, its bytes, and the connection that it goes to (mail: none).

    `colleague`: it goes to somebody of ours, not of the customer's. `transactional`: it is owed to its reader. `zone`
    and `region`: where the account lives, as far as it is known.
    """

    key: bytes
    recipient: str
    payload: bytes
    destination: str = ""
    colleague: bool = True
    transactional: bool = False
    zone: str = ""
    region: str = ""

    @property
    def envelope(self) -> "Envelope":
        """Everything but what it says."""
        return Envelope(self.key, self.recipient, self.destination, self.transactional)


@dataclass(frozen=True)
class Envelope:
    """Under which key something goes out, to whom, and through which connection; not what it says."""

    key: bytes
    recipient: str
    destination: str
    transactional: bool = False


def envelope(step: Step, run_id: UUID, path: str, iteration: int) -> Envelope | None:
    """Return the envelope of what goes where its playbook says and takes nobody's attention; None: health decides."""
    if not isinstance(step, WebhookStep):
        return None
    key = effect_key(str(run_id), path, iteration, step.kind, step.connection)
    return Envelope(key, step.connection, step.connection)


def draft(
    step: Outward, playbook: Playbook, health: HealthDigest, around: Around, desk: Desk, occasion: Occasion
) -> Draft:
    """Return the message that this step sends today.

    Raises NoReasons, TemplateFailed, MarkupRefused, HeaderRefused, BadAddress or NobodyToWriteTo: then nothing can be
    sent.
    """
    view = brief(health, playbook, desk.page_base)
    said = words(step, view) | dict(occasion.edited)
    match step:
        case EmailStep():
            return _mail(step, said, health, around, desk, occasion)
        case SlackStep():
            return _packed(step, occasion, step.channel, step.connection, {"channel": step.channel, **said})
        case WebhookStep():
            return _packed(step, occasion, step.connection, step.connection, _news(step, view, said, occasion))
        case CrmStep():
            content = {"writes": step.writes, **_of_account(health), "fields": said}
            return _packed(step, occasion, str(health.account.id), step.connection, content)
        case InAppStep():
            content = {**_of_account(health), **said, "role": step.role, "days": step.days}
            return _packed(step, occasion, step.role, "", content)


def words(step: Outward | TaskStep, view: View) -> dict[str, str]:
    """Return what a step says today, by field, as people may read and edit it.

    Raises NoReasons or TemplateFailed, the latter also for a text that has to say something and does not.
    """
    try:
        said = _words(step, view)
        for name in required_texts(step):
            if not says_something(said[name]):
                raise TemplateFailed(f"the {name} says nothing")
        return said
    except TemplateFailed:
        if not view["reasons"]:
            raise NoReasons(f"nothing costs account {view['account']['id']} points") from None
        raise


def approved(drafted: Mapping[str, str], edited: Mapping[str, str]) -> dict[str, str]:
    """Return the words that go out after somebody changed some of a draft's.

    Who changed a mail's text and left its HTML alone meant both: the HTML is then set from the text.
    """
    words = {**drafted, **edited}
    only_text = words.get("text") != drafted.get("text") and words.get("html") == drafted.get("html")
    return words | {"html": ""} if only_text and "html" in words else words


def _words(step: Outward | TaskStep, view: View) -> dict[str, str]:
    match step:
        case EmailStep():
            return {
                "subject": one_line(render(step.subject, view, html=False), MOST_SUBJECT),
                "text": render(step.text, view, html=False),
                "html": render(step.html, view, html=True),
            }
        case SlackStep():
            return {"text": _for_slack(render(step.text, view, html=True))}
        case WebhookStep() | CrmStep():
            return {name: render(source, view, html=False) for name, source in step.fields}
        case InAppStep():
            return {
                "title": one_line(render(step.title, view, html=False), MOST_TITLE),
                "text": render(step.text, view, html=False).strip(),
                "link": _link(render(step.link, view, html=False).strip()),
            }
        case TaskStep():
            return {
                "title": one_line(render(step.title, view, html=False)),
                "script": render(step.script, view, html=False).strip(),
            }


def leads_to_a_page(link: str) -> bool:
    """Tell whether a link leads to a page, of the product or of the web, whichever browser reads it."""
    if len(link) > MOST_LINK or invisible(link, one_line=True):
        return False
    if link.startswith("/"):
        return not link.startswith(("//", "/\\"))
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _link(rendered: str) -> str:
    if rendered and not leads_to_a_page(rendered):
        raise TemplateFailed(f"the link {NO_PAGE}")
    return rendered


def _for_slack(text: str) -> str:
    """Return text whose values call nobody: Slack reads `<…>` as a call, and no entity but those of `&`, `<`, `>`."""
    return text.replace("&#34;", '"').replace("&#39;", "'").strip()


def _mail(
    step: EmailStep,
    said: Mapping[str, str],
    health: HealthDigest,
    around: Around,
    desk: Desk,
    occasion: Occasion,
) -> Draft:
    to = around.directory.find(step.to, health.account.owner or "", around.attributes)
    way_out = "" if step.transactional else desk.ways_out.address_for(health.account.id, to.address)
    same = canonical(to.address)
    key = _key(step, occasion, to.address)
    # How an account stands is for our own eyes: the frame of a customer's mail has no colour of it.
    band = health.effective_band.band if to.colleague else ""
    ours = None if to.colleague else around.directory.find(OWNER, health.account.owner or "", {})
    signed = "" if ours is None else f"{ours.name or desk.sender_name}\n{ours.address}"
    mail = Mail(
        key=key,
        sender=desk.sender,
        sender_name=desk.sender_name,
        recipient=to.address,
        subject=said["subject"],
        text=with_foot(said["text"], way_out, signed),
        html=lay_out(said["html"], said["text"], title=said["subject"], band=band, way_out=way_out, signed=signed),
        written_at=occasion.now,
        correlation_id=occasion.correlation_id,
        follows=tuple(message_id(key, desk.sender) for to, key in occasion.earlier if canonical(to) == same),
        unsubscribe=way_out,
        reply_to="" if ours is None else ours.address,
    )
    return Draft(key, to.address, build(mail), "", to.colleague, step.transactional)


def _packed(step: Outward, occasion: Occasion, recipient: str, destination: str, content: Mapping[str, Any]) -> Draft:
    payload = _JSON.encode(content).encode(errors="replace")
    return Draft(_key(step, occasion, recipient), recipient, payload, destination, isinstance(step, SlackStep))


def _key(step: Outward, occasion: Occasion, recipient: str) -> bytes:
    return occasion.key or effect_key(str(occasion.run_id), occasion.path, occasion.iteration, step.kind, recipient)


def _of_account(health: HealthDigest) -> dict[str, Any]:
    account = health.account
    return {"account_id": str(account.id), "account": account.name, "references": list(account.references)}


def _news(step: WebhookStep, view: View, said: Mapping[str, str], occasion: Occasion) -> dict[str, Any]:
    """Return the body of a webhook: type, moment and data, as the Standard Webhooks specification lays them out."""
    data = {
        "run_id": str(occasion.run_id),
        "step": step.id,
        "playbook": view["playbook"],
        "account": view["account"],
        "health": {name: view[name] for name in ("score", "band", "confidence", "reasons", "model", "as_of", "link")},
        "fields": dict(said),
    }
    return {"type": "playbook.step", "timestamp": occasion.now.isoformat(), "data": data}
