"""Trying a step's words out: as they would read today, and as a mail to oneself; no customer ever gets one.

A sample is no effect: nothing is counted, capped or written down for it, and it goes to colleagues alone.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from milepost_core.effects import Outcome, Performed, Unknown
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.document import EmailStep, TaskStep
from milepost_runtime.database import Pool
from playbook_runner.actions.addresses import BadAddress, canonical
from playbook_runner.actions.channel import Channel, NotReached, Sendable
from playbook_runner.actions.layout import MarkupRefused, lay_out
from playbook_runner.actions.message import HeaderRefused, Mail, build, one_line
from playbook_runner.clients.scoring import ScoringClient
from playbook_runner.documents.keeping import Keeping
from playbook_runner.queries import addressees, colleagues
from playbook_runner.wording.briefing import SPECIMEN, brief
from playbook_runner.wording.drafting import MOST_SUBJECT, Desk, NoReasons, Outward, words
from playbook_runner.wording.templates import TemplateFailed

MARK = "[Test] "


class StepUnknown(Exception):
    """The playbook has no such step, or one that says nothing."""


class NotOurs(Exception):
    """Samples go to colleagues, and this address is nobody's of them."""


class NotSendable(Exception):
    """The words cannot be written for this account, or not be sent."""


@dataclass(frozen=True)
class Asked:
    """Which step of which version, told with which account's health (None: made-up values), and who reads it."""

    playbook_id: str
    version: int
    path: str
    account_id: UUID | None = None
    to: str | None = None


@dataclass(frozen=True)
class Sample:
    """What a step says, by field; `outcome` is what became of the mail to oneself, None where none was asked for."""

    kind: str
    words: Mapping[str, str]
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Sampling:
    """The use case behind looking at a step before anybody gets it."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    scoring: ScoringClient
    desk: Desk
    email: Channel
    fallback: str

    async def sample(self, asked: Asked, correlation_id: str) -> Sample:
        """Return a step's words, and send them where that was asked for and the step is a mail.

        Raises PlaybookUnknown, StepUnknown, NotOurs, NotSendable, AccountGone or HealthAway.
        """
        async with self.pool.acquire() as connection:
            playbook = await self.keeping.version(connection, asked.playbook_id, asked.version)
        step = playbook.step(asked.path)
        if not isinstance(step, Outward | TaskStep):
            raise StepUnknown(f"the playbook has no step {asked.path} that says anything")
        if asked.to is not None:
            await self._ours(asked.to)
        view = await self._view(playbook, asked, correlation_id)
        try:
            said = words(step, view)
            if isinstance(step, EmailStep):
                said["html"] = lay_out(said["html"], said["text"], title=said["subject"], band=view["band"])
            if asked.to is None or not isinstance(step, EmailStep):
                return Sample(step.kind, said)
            return Sample(step.kind, said, await self._send(said, asked.to, correlation_id))
        except (NoReasons, TemplateFailed, MarkupRefused, HeaderRefused, BadAddress) as error:
            raise NotSendable(f"{type(error).__name__}: {error}") from None

    async def _view(self, playbook: Playbook, asked: Asked, correlation_id: str) -> Mapping[str, Any]:
        if asked.account_id is None:
            return SPECIMEN
        return brief(await self.scoring.health(asked.account_id, correlation_id), playbook, self.desk.page_base)

    async def _ours(self, to: str) -> None:
        """Let through who works here, so that a sample is no way to write to just anybody."""
        async with self.pool.acquire() as connection:
            known = [one.email for one in (await colleagues.present(connection)).values()]
        try:
            ours = canonical(to) in {canonical(address) for address in (*filter(None, known), self.fallback)}
        except BadAddress as error:
            raise NotOurs(str(error)) from None
        if not ours:
            raise NotOurs("a sample goes to somebody who works here: enter them as a person first")

    async def _send(self, said: Mapping[str, str], to: str, correlation_id: str) -> Outcome:
        mail = Mail(
            key=secrets.token_bytes(32),
            sender=self.desk.sender,
            sender_name=self.desk.sender_name,
            recipient=to,
            subject=one_line(MARK + said["subject"], MOST_SUBJECT),
            text=said["text"],
            html=said["html"],
            written_at=await addressees.now(self.pool),
            correlation_id=correlation_id,
        )
        try:
            async with self.email.open(Sendable(mail.key, to, build(mail), correlation_id)) as call:
                return await call.perform(lambda: True)
        except NotReached as error:
            raise NotSendable(str(error)) from None


def told(outcome: Outcome | None) -> tuple[str, str]:
    """Return in a word and a sentence what became of a sample's mail."""
    match outcome:
        case None:
            return "not_asked", "nothing was sent"
        case Performed():
            return "sent", "the mail server took it"
        case Unknown(reason):
            return "in_doubt", reason
        case _:
            return "refused", outcome.reason
