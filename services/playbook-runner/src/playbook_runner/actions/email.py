"""Mail over SMTP; it writes a message at most once per call and never guesses how a lost answer would have read.

SMTP knows no key and answers no question, so this channel is blind: an answer lost after the message was written
leaves the effect in doubt.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from milepost_core.effects import Doubt, GiveUp, Outcome, Performed, TryLater, Unknown
from milepost_runtime.failpoints import afp
from playbook_runner.actions.channel import NotReached, Sendable
from playbook_runner.actions.message import one_line
from playbook_runner.actions.refusals import is_of_us, no_such_mailbox
from playbook_runner.settings import MailServer

TROUBLE = (SMTPException, OSError, TimeoutError)
GOODBYE_S = 2.0
GO_AHEAD, KEPT, CLOSING = 354, 250, 421
_QUOTED = re.compile(r'"[^"]{0,100}"@')


@dataclass(frozen=True)
class EmailCall:
    """A connection that has greeted; good for one message."""

    smtp: SMTP
    sender: str
    effect: Sendable
    limit_s: float

    async def perform(self, may_write: Callable[[], bool]) -> Outcome:
        """Hand the message over; whole call within `limit_s` seconds."""
        until = asyncio.get_running_loop().time() + self.limit_s
        refused = await self._envelope(until) or await self._go_ahead(until)
        if refused is not None:
            return refused
        # The last thing before the bytes: nothing is waited for between this answer and the write.
        if not may_write():
            # No goodbye: the server waits for a message now and would take the word as its beginning.
            self.smtp.close()
            return TryLater("the lease had run down before the message could be written")
        return await self._message(until)

    async def _envelope(self, until: float) -> Outcome | None:
        """Name sender and recipient; nothing that fails here can have sent anything."""
        try:
            async with asyncio.timeout_at(until):
                await self.smtp.mail(self.sender)
                await self.smtp.rcpt(self.effect.recipient)
        except SMTPRecipientRefused as error:
            if no_such_mailbox(error.code, error.message, self.sender):
                return GiveUp(_words(error), no_mailbox=True)
            return _refusal(error) or TryLater(_words(error))
        except SMTPResponseException as error:
            return _refusal(error) or TryLater(_words(error))
        except TROUBLE as error:
            return TryLater(_words(error), reached=False)
        return None

    async def _go_ahead(self, until: float) -> Outcome | None:
        """Ask to write the message and await the server's consent; nothing has been written yet."""
        try:
            async with asyncio.timeout_at(until):
                reply = await self.smtp.execute_command(b"DATA")
        except TROUBLE as error:
            self.smtp.close()
            return TryLater(_words(error), reached=False)
        if reply.code == GO_AHEAD:
            return None
        self.smtp.close()
        answer = SMTPResponseException(reply.code, reply.message)
        return _refusal(answer) or TryLater(_words(answer))

    async def _message(self, until: float) -> Outcome:
        """Write the message at once and whole; without a readable answer nobody knows what became of it."""
        protocol = self.smtp.protocol
        try:
            if protocol is None:
                raise SMTPServerDisconnected("hung up")
            protocol.write(_dotted(self.effect.payload))
        except SMTPServerDisconnected:
            return TryLater("the mail server hung up before the message could be written", reached=False)
        try:
            async with asyncio.timeout_at(until):
                reply = await protocol.read_response()
            if reply.code != KEPT:
                raise SMTPResponseException(reply.code, reply.message)
        except SMTPResponseException as error:
            return _refusal(error) or Unknown(_words(error))
        except TROUBLE as error:
            return Unknown(_words(error))
        await afp("playbooks.perform.written")
        return Performed(one_line(reply.message))


def _dotted(payload: bytes) -> bytes:
    """Return the message as it goes over the line: no line of it is the lone dot that ends it (RFC 5321, 4.5.2)."""
    ended = payload if payload.endswith(b"\r\n") else payload + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", ended) + b".\r\n"


def _refusal(error: SMTPResponseException) -> Outcome | None:
    """A server's clear no: 4yz means later, 5yz means never. None for what is no answer by the protocol.

    Greylisting, full mailboxes, filters: later is said of a recipient or a message by a server that takes others. At
    the sender, who is always the same, and with 421 (RFC 5321, 3.8) it is said to all. What is said to all is no word
    about this mail: it waits until the server or we have been mended.
    """
    to_all = isinstance(error, SMTPSenderRefused)
    if 400 <= error.code < 500:
        return TryLater(_words(error), well=error.code != CLOSING and not to_all)
    if 500 <= error.code < 600:
        ours = to_all or is_of_us(error.code, error.message)
        return TryLater(_turned_away(error)) if ours else GiveUp(_words(error))
    return None


def _turned_away(error: SMTPResponseException) -> str:
    return one_line(f"the mail server takes no mail of ours: {error.code} {without_addresses(error.message)}")


def _words(error: BaseException) -> str:
    """Return what went wrong, fit for logs and the ledger: one line, without anybody's address."""
    if isinstance(error, SMTPResponseException):
        return one_line(f"the mail server answered {error.code} {without_addresses(error.message)}")
    if isinstance(error, TimeoutError):
        return "the mail server did not answer in time"
    return one_line(
        f"the connection to the mail server failed ({type(error).__name__}: {without_addresses(str(error))})"
    )


def without_addresses(text: str) -> str:
    """Return a server's words with every word that has an @ in it replaced by `<address>`."""
    words = _QUOTED.sub("@", text).split()
    return " ".join("<address>" if "@" in word else word for word in words)


@dataclass(frozen=True)
class EmailChannel:
    """The mail server that a deployment uses."""

    server: MailServer = field(repr=False)
    sender: str
    timeout_s: float

    @property
    def name(self) -> str:
        """`email`."""
        return "email"

    @property
    def doubt(self) -> Doubt:
        """SMTP has neither keys nor questions."""
        return Doubt.BLIND

    @property
    def longest_call_s(self) -> float:
        """The limit of one call."""
        return self.timeout_s

    @contextlib.asynccontextmanager
    async def open(self, effect: Sendable) -> AsyncIterator[EmailCall]:
        """Connect, greet, turn TLS on and log in. Raises NotReached."""
        smtp = self._client()
        try:
            async with asyncio.timeout(self.timeout_s):
                await smtp.connect()
        except SMTPAuthenticationError as error:
            smtp.close()
            raise NotReached(_turned_away(error)) from None
        except TROUBLE as error:
            smtp.close()
            raise NotReached(_words(error)) from None
        try:
            yield EmailCall(smtp, self.sender, effect, self.timeout_s)
        finally:
            with contextlib.suppress(*TROUBLE):
                async with asyncio.timeout(GOODBYE_S):
                    await smtp.quit()
            smtp.close()

    async def ask(self, effect: Sendable) -> bool | None:
        """Nobody to ask."""
        return None

    def _client(self) -> SMTP:
        server = self.server
        return SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            # Named, so that no lookup of the machine's own name can hold the greeting up.
            local_hostname=self.sender.rpartition("@")[2],
            timeout=self.timeout_s,
            use_tls=server.scheme == "smtps",
            start_tls=True if server.scheme == "smtp+starttls" else None if server.scheme == "smtp" else False,
        )
