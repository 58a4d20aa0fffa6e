"""Drafting: from a step and today's health document to one mail, as bytes; it never sends."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from milepost_contracts.health import HealthDocument
from milepost_core.effects import effect_key
from milepost_core.playbooks import EmailStep, Playbook
from playbook_runner.actions.addresses import check_address, is_address
from playbook_runner.actions.message import Mail, build, one_line
from playbook_runner.briefing import brief
from playbook_runner.templates import render


@dataclass(frozen=True)
class Desk:
    """Who writes, to whom when the owner has no address, and where links lead."""

    sender: str
    sender_name: str
    fallback: str
    page_base: str


@dataclass(frozen=True)
class Occasion:
    """Which pass of which step of which run a mail belongs to, and the moment that it is dated with.

    `key` is the effect's key when there is one already: it stays, whoever the mail goes to today.
    """

    run_id: UUID
    path: str
    iteration: int
    correlation_id: str
    now: datetime
    key: bytes | None = None


@dataclass(frozen=True)
class Draft:
    """A finished mail: its effect's key, its recipient, its bytes."""

    key: bytes
    recipient: str
    payload: bytes


def draft_email(step: EmailStep, playbook: Playbook, health: HealthDocument, desk: Desk, occasion: Occasion) -> Draft:
    """Return the mail that this step sends today.

    Raises NoReasons, TemplateFailed, HeaderRefused or BadAddress: then nothing can be sent.
    """
    view = brief(health, playbook, desk.page_base)
    recipient = recipient_of(step, health, desk)
    key = occasion.key or effect_key(str(occasion.run_id), occasion.path, occasion.iteration, step.kind, recipient)
    mail = Mail(
        key=key,
        sender=desk.sender,
        sender_name=desk.sender_name,
        recipient=recipient,
        subject=one_line(render(step.subject, view, html=False), 180),
        text=render(step.text, view, html=False),
        html=render(step.html, view, html=True),
        written_at=occasion.now,
        correlation_id=occasion.correlation_id,
    )
    return Draft(key, recipient, build(mail))


def recipient_of(step: EmailStep, health: HealthDocument, desk: Desk) -> str:
    """Return the address: the step's own, or the owner's where that is an address, else the deployment's fallback."""
    if step.to != "owner":
        return check_address(step.to)
    owner = (health.account.owner or "").strip(" ")
    return check_address(owner) if is_address(owner) else desk.fallback
