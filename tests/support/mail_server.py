"""A real SMTP server in the test's own loop that keeps what it accepts and misbehaves when told to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class MailServer:
    """What came in, and how to answer next.

    `answers` are used up one per message: a reply such as `450 later`, or `silence` (kept, no answer), `cut` (kept,
    connection cut), `lose` (not kept, connection cut). `sender_answer` refuses every sender, `recipient_answer` every
    recipient, after `recipient_delay_s` seconds. It greets after `greeting_s`, and answers `answer_s` after it kept a
    message. The go-ahead for a message (354) waits for `gate`; `go_ahead` replaces it.
    """

    port: int = 0
    raw: list[bytes] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    sender_answer: str | None = None
    recipient_answer: str | None = None
    recipient_delay_s: float = 0.0
    greeting_s: float = 0.0
    answer_s: float = 0.0
    connections: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    go_ahead: str | None = None
    asked_to_write: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def mails(self) -> list[Message]:
        return [message_from_bytes(raw, policy=compat32) for raw in self.raw]

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.sender_answer is not None:
            return self.sender_answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        await asyncio.sleep(self.recipient_delay_s)
        if self.recipient_answer is not None:
            return self.recipient_answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        answer = self.answers.pop(0) if self.answers else "250 2.0.0 kept"
        if answer[0] in "2sc":
            assert isinstance(envelope.content, bytes)
            self.raw.append(envelope.content)
            self.senders.append(str(envelope.mail_from))
            self.recipients.append(list(envelope.rcpt_tos))
            await asyncio.sleep(self.answer_s)
        if answer == "silence":
            await asyncio.sleep(60)
        if answer in ("cut", "lose"):
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            raise asyncio.CancelledError
        return answer

    def protocol(self) -> SMTP:
        self.connections += 1
        return _Smtp(self, hostname="localhost", loop=asyncio.get_running_loop())


class _Smtp(SMTP):
    async def push(self, status: Any) -> None:
        server = self.event_handler
        if isinstance(server, MailServer) and str(status).startswith("220"):
            await asyncio.sleep(server.greeting_s)
        if isinstance(server, MailServer) and str(status).startswith("354"):
            server.asked_to_write += 1
            await server.gate.wait()
            status = server.go_ahead or status
        await super().push(status)


@contextlib.asynccontextmanager
async def mail_server(port: int = 0) -> AsyncIterator[MailServer]:
    """Serve on a port of this machine until the end of the block."""
    server = MailServer()
    listener = await asyncio.get_running_loop().create_server(server.protocol, "127.0.0.1", port)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


def body_of(mail: Message, subtype: str) -> str:
    """Return the decoded part `plain` or `html`, with plain line ends."""
    for part in mail.walk():
        if part.get_content_type() == f"text/{subtype}":
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            return payload.decode().replace("\r\n", "\n")
    raise AssertionError(f"no text/{subtype} part")
