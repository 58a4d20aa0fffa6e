"""Servers whose lines break before a request can be written: at the greeting, in TLS, or right behind it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass
class Broken:
    """A server that `breaks` in one way, and everything that it was sent once a line of TLS (or none) stood.

    `cut`: hangs up in the handshake; `garbage`: answers it with something else; `untrusted`: a certificate of its
    own; `hang`: says nothing. With `starttls` it is a mail server up to there.
    """

    breaks: str
    context: ssl.SSLContext
    starttls: bool = False
    port: int = 0
    heard: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if self.starttls:
                await self._until_starttls(reader, writer)
            await self._break(reader, writer)
        writer.close()

    async def _until_starttls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 broken ESMTP\r\n")
        while not (line := await reader.readuntil(b"\r\n")).upper().startswith(b"STARTTLS"):
            writer.write(b"250-broken\r\n250 STARTTLS\r\n" if line.upper().startswith(b"EHLO") else b"250 OK\r\n")
        writer.write(b"220 go ahead\r\n")
        await writer.drain()

    async def _break(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match self.breaks:
            case "cut":
                await reader.read(1)
                writer.transport.abort()
            case "garbage":
                await reader.read(1)
                writer.write(b"220 this is no TLS\r\n")
                await asyncio.sleep(1)
            case "hang":
                await asyncio.sleep(30)
            case _:
                await writer.start_tls(self.context)
                self.heard.append(await reader.read(1000))


def certificate(folder: Path) -> ssl.SSLContext:
    """Return a server's context with a certificate that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )  # fmt: skip
    path = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


@contextlib.asynccontextmanager
async def broken(breaks: str, folder: Path, *, starttls: bool = False) -> AsyncIterator[Broken]:
    """Serve on a free port of this machine until the end of the block."""
    server = Broken(breaks, certificate(folder), starttls)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
