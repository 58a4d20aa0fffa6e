"""Mail messages as bytes, built by hand; it never sends and never trusts a value that goes into a header.

The standard library's builder decodes encoded words inside values that it is given, so that on interpreters without
the fix a subject such as `=?utf-8?q?a=0d=0aBcc:…?=` becomes a header of its own. This builder never decodes
anything: a value is either plain ASCII and written as it is, or Base64-encoded as a whole.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from playbook_runner.actions.addresses import BadAddress, check_address

MOST_VALUE = 1000
# A conversation's first mail and its last ones are what mail programs go by (RFC 5322, 3.6.4, lets us drop others).
MOST_FOLLOWED = 10
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_MESSAGE_ID = re.compile(r"<[0-9a-f]{64}@[A-Za-z0-9.-]{1,253}>")
_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+/[A-Za-z0-9._~/?=&%-]{0,800}")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# 45 bytes are 60 Base64 characters: with `=?utf-8?b?` and `?=` a word stays under the 75 that RFC 2047 allows.
_WORD_BYTES = 45
_LINE = 76


class HeaderRefused(Exception):
    """A value holds something that could end its header line or hide in it."""


class MailBuilderUnsafe(Exception):
    """The builder's self-test failed: no mail may be sent with it."""


@dataclass(frozen=True)
class Mail:
    """One message before it becomes bytes; `key` is the effect's key and fixes the Message-ID.

    `follows` are the Message-IDs of earlier mails of the same conversation, oldest first; `unsubscribe` is the address
    that ends such mails (RFC 2369, and with https RFC 8058), empty for a mail that is owed to its reader. `reply_to` is
    the mailbox that answers go to (empty: the sender's).
    """

    key: bytes
    sender: str
    sender_name: str
    recipient: str
    subject: str
    text: str
    html: str
    written_at: datetime
    correlation_id: str
    follows: tuple[str, ...] = ()
    unsubscribe: str = ""
    reply_to: str = ""


def build(mail: Mail) -> bytes:
    """Return the message with CRLF line ends, a fixed Message-ID and no line over 78 characters that can be folded.

    The same Mail gives the same bytes, so that a repetition is the same message to every server on the way.
    Raises HeaderRefused and BadAddress.
    """
    sender, recipient = check_address(mail.sender), check_address(mail.recipient)
    token = mail.key.hex()
    boundary = f"=_milepost_{token[:32]}"
    lines = [
        *_field("From", f"{_phrase(mail.sender_name)} <{sender}>", ready=True),
        *_field("To", recipient, ready=True),
        *(_field("Reply-To", check_address(mail.reply_to), ready=True) if mail.reply_to else ()),
        *_field("Subject", mail.subject),
        *_field("Date", _date(mail.written_at), ready=True),
        *_field("Message-ID", message_id(mail.key, sender), ready=True),
        *_thread(mail.follows),
        *_way_out(mail.unsubscribe),
        *_field("Auto-Submitted", "auto-generated"),
        *_field("X-Milepost-Effect", token),
        *_field("X-Milepost-Correlation-Id", mail.correlation_id or "none"),
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
        "",
        *_part(boundary, "plain", mail.text),
        *_part(boundary, "html", mail.html),
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode("ascii")


def message_id(key: bytes, sender: str) -> str:
    """Return the Message-ID that every try of one effect carries."""
    return f"<{key.hex()}@{sender.rpartition('@')[2]}>"


def one_line(text: str, most: int = 200) -> str:
    """Return foreign text fit for a header or a sentence: no control characters, one line, at most `most` long."""
    # Nothing dangerous is printable: most texts need no look at each character.
    plain = text if text.isprintable() else "".join(" " if _dangerous(one) else one for one in text)
    words = " ".join(plain.split())
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def self_test(builder: Callable[[Mail], bytes] = build) -> None:
    """Build messages out of hostile values and look at their lines. Raises MailBuilderUnsafe."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    plain = Mail(b"\0" * 32, "a@b.example", "Name", "c@d.example", "Subject", ".\r\nBcc: x", "", moment, "id")
    for subject in (
        "=?utf-8?q?a=0d=0aBcc:_x@victim.example?=",
        "\N{SNOWMAN} " + "word " * 60,
        '"\\,<Bcc: x@y.example>',
    ):
        head = builder(replace(plain, subject=subject, sender_name=subject[:60])).partition(b"\r\n\r\n")[0]
        names = [line.partition(b":")[0] for line in head.split(b"\r\n") if not line.startswith(b" ")]
        if names != _NAMES_OF_SELF_TEST or b"\n" in head.replace(b"\r\n", b"") or b"=?utf-8?q?" in head.lower():
            raise MailBuilderUnsafe(f"header names {names!r}, expected {_NAMES_OF_SELF_TEST!r}")
    for character in ("\r", "\n", "\0", "\x0b", "\x85", "\u2028", "\x1b", "\ud800"):
        try:
            builder(replace(plain, subject=f"a{character}Bcc: x@y.example"))
        except HeaderRefused:
            continue
        raise MailBuilderUnsafe(f"the character {character!r} was let into a header")


_NAMES_OF_SELF_TEST = [
    b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted", b"X-Milepost-Effect",
    b"X-Milepost-Correlation-Id", b"MIME-Version", b"Content-Type",
]  # fmt: skip


def _field(name: str, value: str, *, ready: bool = False) -> Iterator[str]:
    """Yield the lines of one header; `ready` values are our own syntax and go in as they are, after the same check."""
    if not _NAME.fullmatch(name):
        raise HeaderRefused("a header name has letters, digits and hyphens")
    if len(value) > MOST_VALUE:
        raise HeaderRefused(f"{name}: {len(value)} characters, at most {MOST_VALUE} fit")
    if any(_dangerous(character) for character in value):
        raise HeaderRefused(f"{name}: control characters and line ends are not allowed")
    if ready:
        yield f"{name}: {value}"
    else:
        yield from _folded(f"{name}:", value.split(" ") if _plain(value) else _words(value))


def _thread(follows: Sequence[str]) -> Iterator[str]:
    """Yield the headers that put a mail under the earlier ones of its conversation (RFC 5322, 3.6.4)."""
    if not follows:
        return
    if not all(_MESSAGE_ID.fullmatch(one) for one in follows):
        raise HeaderRefused("References: not the Message-ID of a mail of ours")
    kept = follows if len(follows) <= MOST_FOLLOWED else (follows[0], *follows[-(MOST_FOLLOWED - 1) :])
    yield f"In-Reply-To: {kept[-1]}"
    yield from _folded("References:", kept)


def _way_out(address: str) -> Iterator[str]:
    if not address:
        return
    if not _URL.fullmatch(address):
        raise HeaderRefused("List-Unsubscribe: not a plain http or https address")
    yield f"List-Unsubscribe: <{address}>"
    if address.startswith("https:"):
        yield "List-Unsubscribe-Post: List-Unsubscribe=One-Click"


def _dangerous(character: str) -> bool:
    """Control characters, line and paragraph separators, lone surrogates, direction overrides."""
    return (
        unicodedata.category(character) in {"Cc", "Zl", "Zp", "Cs"}
        or character in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068"
    )


def _plain(value: str) -> bool:
    """Whether a value can stand as it is: ASCII, nothing that looks like an encoded word, no word that cannot fold."""
    return (
        value.isascii()
        and "=?" not in value
        and "?=" not in value
        and all(0 < len(word) < _LINE for word in value.split(" "))
    )


def _words(value: str) -> Iterator[str]:
    """Yield the whole value as encoded words (RFC 2047), never cutting a character in two."""
    chunk = b""
    for character in value:
        raw = character.encode()
        if len(chunk) + len(raw) > _WORD_BYTES:
            yield _word(chunk)
            chunk = b""
        chunk += raw
    yield _word(chunk)


def _word(raw: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(raw).decode('ascii')}?="


def _folded(start: str, words: Iterator[str] | Sequence[str]) -> Iterator[str]:
    line = start
    for word in words:
        if len(line) + 1 + len(word) > _LINE and line != start:
            yield line
            line = ""
        line += f" {word}"
    yield line


def _phrase(name: str) -> str:
    """Return a display name: plain letters as they are, anything else encoded, so that no syntax can be in it."""
    if any(_dangerous(character) for character in name):
        raise HeaderRefused("From: control characters and line ends are not allowed")
    if re.fullmatch(r"[A-Za-z0-9 -]{1,60}", name):
        return name.strip() or "Milepost"
    return " ".join(_words(name[:60]))


def _date(moment: datetime) -> str:
    at = moment.astimezone(UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year} {at:%H:%M:%S} +0000"


def _part(boundary: str, subtype: str, body: str) -> Iterator[str]:
    text = body.replace("\r\n", "\n").replace("\r", "\n")
    yield f"--{boundary}"
    yield f'Content-Type: text/{subtype}; charset="utf-8"'
    yield "Content-Transfer-Encoding: quoted-printable"
    yield ""
    yield from binascii.b2a_qp(text.encode(errors="replace"), istext=True).decode("ascii").split("\n")


__all__ = ["BadAddress", "HeaderRefused", "Mail", "MailBuilderUnsafe", "build", "message_id", "one_line", "self_test"]
