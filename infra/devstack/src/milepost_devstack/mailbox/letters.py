"""Keep received mails as `.eml` files and read them back as plain facts; never alters what a sender wrote."""

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any

_STAMP = "%Y%m%dT%H%M%S%f"
_ID = re.compile(r"\d{8}T\d{12}-[0-9a-f]{8}\Z")


@dataclass(frozen=True)
class Letter:
    """One received mail. `text` and `html` are its bodies, None when it has no such part."""

    id: str
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    subject: str
    message_id: str
    headers: dict[str, str]
    text: str | None
    html: str | None

    def document(self) -> dict[str, Any]:
        """As JSON; `to` are the addresses of the envelope, blind copies included."""
        return {
            "id": self.id,
            "received_at": self.received_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "from": self.sender,
            "to": list(self.recipients),
            "subject": self.subject,
            "message_id": self.message_id,
            "headers": self.headers,
            "text": self.text if self.text is not None else "",
            "html": self.html,
        }


class Letters:
    """The mails of one folder, newest first; files may come and go behind our back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, Letter] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def keep(self, sender: str, recipients: Sequence[str], content: bytes) -> str:
        """Write one mail, whole or not at all, with its envelope on top as mail servers do; returns its id."""
        letter_id = f"{datetime.now(UTC).strftime(_STAMP)}-{secrets.token_hex(4)}"
        # An address may hold what its decoder made of it: on one line, or it would become headers of its own.
        to = ", ".join(_one_line(recipient) for recipient in recipients)
        top = f"Return-Path: <{_one_line(sender)}>\r\nDelivered-To: {to}\r\n".encode("utf-8", "replace")
        descriptor, draft = tempfile.mkstemp(prefix=".draft-", dir=self._folder)  # mode 600
        with os.fdopen(descriptor, "wb") as file:
            file.write(top + content)
        Path(draft).rename(self._folder / f"{letter_id}.eml")
        return letter_id

    def ids(self) -> list[str]:
        """Every mail's id, newest first."""
        stems = (path.stem for path in self._folder.glob("*.eml"))
        return sorted((stem for stem in stems if _ID.match(stem)), reverse=True)

    def all(self, limit: int | None = None) -> list[Letter]:
        """The mails, newest first."""
        found = []
        for letter_id in self.ids()[:limit]:
            with contextlib.suppress(KeyError):
                found.append(self.one(letter_id))
        return found

    def one(self, letter_id: str) -> Letter:
        """One mail. Raises KeyError when it is not (or no longer) here."""
        known = self._read.get(letter_id)
        if known is not None and (self._folder / f"{letter_id}.eml").exists():
            return known
        self._read[letter_id] = _read(letter_id, self.raw(letter_id))
        return self._read[letter_id]

    def raw(self, letter_id: str) -> bytes:
        """The file of one mail. Raises KeyError."""
        if not _ID.match(letter_id):  # never a path from outside
            raise KeyError(letter_id)
        try:
            return (self._folder / f"{letter_id}.eml").read_bytes()
        except OSError as error:
            raise KeyError(letter_id) from error

    def clear(self) -> int:
        """Throw all away; returns how many."""
        gone = self.ids()
        for letter_id in gone:
            (self._folder / f"{letter_id}.eml").unlink(missing_ok=True)
        self._read.clear()
        return len(gone)


def _one_line(address: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in address)


def _read(letter_id: str, raw: bytes) -> Letter:
    """Read a mail; one that its parser chokes on is shown as it came, so that it cannot hide the others."""
    try:
        return _parsed(letter_id, message_from_bytes(raw, policy=policy.default))
    except Exception as error:
        head, _, body = raw.decode("utf-8", "replace").replace("\r\n", "\n").partition("\n\n")
        return Letter(
            id=letter_id,
            received_at=_received_at(letter_id),
            sender="",
            recipients=(),
            subject="(this mail cannot be read)",
            message_id="",
            headers={"X-Milepost-Unreadable": type(error).__name__},
            text=f"{head}\n\n{body}",
            html=None,
        )


def _received_at(letter_id: str) -> datetime:
    return datetime.strptime(letter_id.split("-", maxsplit=1)[0], _STAMP).replace(tzinfo=UTC)


def _parsed(letter_id: str, message: Message) -> Letter:
    assert isinstance(message, EmailMessage)
    headers: dict[str, str] = {}
    for name, value in message.items():
        headers[name] = f"{headers[name]}\n{value}" if name in headers else str(value)
    return Letter(
        id=letter_id,
        received_at=_received_at(letter_id),
        sender=str(message.get("From") or message.get("Return-Path") or ""),
        recipients=tuple(part.strip() for part in str(message.get("Delivered-To", "")).split(",") if part.strip()),
        subject=str(message.get("Subject", "")),
        message_id=str(message.get("Message-ID", "")).strip(),
        headers={name: value for name, value in headers.items() if name not in ("Return-Path", "Delivered-To")},
        text=_body(message, "plain"),
        html=_body(message, "html"),
    )


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return None
    try:
        content: str = part.get_content()
    except (LookupError, ValueError, KeyError):  # a charset nobody knows: show what can be shown
        payload = part.get_payload(decode=True)
        content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return content.replace("\r\n", "\n")
