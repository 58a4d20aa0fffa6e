"""The SMTP side of the mailbox: takes every mail, and on request answers as badly as the network can.

Never answers 250 before the mail is kept.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Literal, get_args

from aiosmtpd.smtp import SMTP, Envelope, Session

from milepost_devstack.mailbox.letters import Letters

Answer = Literal["normal", "hang", "cut"]
ANSWERS: tuple[str, ...] = get_args(Answer)
_SIZE_LIMIT = 25_000_000
_HANG_S = 3600.0


class Reception:
    """Takes mails in. `answer` says what happens after a mail is kept: 250, silence, or a cut connection."""

    def __init__(self, letters: Letters, answer: Answer) -> None:
        self._letters = letters
        self.answer = answer

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Keep the mail, then answer as told."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        letter_id = self._letters.keep(envelope.mail_from or "", envelope.rcpt_tos, content)
        if self.answer == "hang":
            await asyncio.sleep(_HANG_S)
        if self.answer == "cut":
            _cut(server.transport)
            raise asyncio.CancelledError
        return f"250 2.0.0 kept as {letter_id}"

    def protocol(self) -> SMTP:
        """One connection's end."""
        return SMTP(
            self,
            hostname="localhost",  # else it asks the resolver, which may be offline
            ident="Milepost development mailbox",
            data_size_limit=_SIZE_LIMIT,
            enable_SMTPUTF8=True,
            loop=asyncio.get_running_loop(),
        )


def _cut(transport: asyncio.BaseTransport | None) -> None:
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


async def listen(reception: Reception, host: str, port: int) -> tuple[asyncio.Server, Callable[[], None]]:
    """Start to listen; returns the server and a function that cuts every open connection."""
    open_ends: set[Any] = set()

    def connect() -> SMTP:
        protocol = reception.protocol()
        open_ends.add(protocol)
        return protocol

    def cut_all() -> None:
        for protocol in open_ends:
            _cut(protocol.transport)

    return await asyncio.get_running_loop().create_server(connect, host, port), cut_all
