"""Mail addresses as we send to them: one plain mailbox, nothing that a server could read in two ways.

It never asks whether a mailbox exists.
"""

import re
import unicodedata

import idna

MOST_ADDRESS = 254
MOST_LOCAL = 64
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# What the receiving side may read as something else: encoded words become text with line ends in it, and a percent
# or an exclamation mark is a route to another server's mailbox.
_TWO_READINGS = ("=?", "?=", "%", "!")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
# What the labels begin with that stand for letters beyond ASCII.
_CODED = "xn--"


class BadAddress(Exception):
    """The text is not one address that we would write to; the message says why and does not repeat the text."""


def check_address(text: str) -> str:
    """Return the address as it goes into envelope and header, its domain in ASCII (IDNA 2008).

    Raises BadAddress for lists, groups, display names, quoting, comments, address literals, control and invisible
    characters, encoded words, routes through other servers, domains without a dot or without such a form, and over-long
    parts.
    """
    if len(text) > MOST_ADDRESS:
        raise BadAddress(f"an address has at most {MOST_ADDRESS} characters")
    if any(unicodedata.category(character)[0] in "CZ" for character in text):
        raise BadAddress("an address has no spaces and no control or invisible characters")
    local, at, domain = text.rpartition("@")
    if not at or not local:
        raise BadAddress("an address needs exactly one name, @ and domain")
    if len(local) > MOST_LOCAL or not _LOCAL.fullmatch(local):
        raise BadAddress("the part before @ has characters or a length that we do not send to")
    if any(sign in local for sign in _TWO_READINGS):
        raise BadAddress("the part before @ could be read as an encoded word or as a route to another server")
    ascii_domain = _ascii_domain(domain)
    labels = ascii_domain.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadAddress("the part after @ is not a domain name with a dot in it")
    if len(local) + 1 + len(ascii_domain) > MOST_ADDRESS:
        raise BadAddress(f"an address has at most {MOST_ADDRESS} characters")
    return f"{local}@{ascii_domain}"


def is_address(text: str | None) -> bool:
    """Return whether `check_address` would accept the text."""
    try:
        check_address(text or "")
    except BadAddress:
        return False
    return True


def canonical(text: str) -> str:
    """Return what an address is compared by: letters small, no `+tag`, the domain in ASCII. Raises BadAddress.

    Two writings of one mailbox come to the same text, so that who has asked for quiet is left alone under each.
    """
    local, _, domain = check_address(unicodedata.normalize("NFC", text.strip(" "))).rpartition("@")
    return f"{local.partition('+')[0].casefold() or local.casefold()}@{domain}"


def writings(text: str) -> tuple[str, ...]:
    """Return how others may have written an address: as it is, in small letters, its domain in ASCII or in letters.

    Raises BadAddress.
    """
    plain = check_address(unicodedata.normalize("NFC", text.strip(" ")))
    local, _, domain = plain.rpartition("@")
    in_letters = ".".join(idna.ulabel(one) if one.startswith(_CODED) else one for one in domain.split("."))
    said = (text.strip(" "), plain, f"{local}@{in_letters}")
    return tuple(dict.fromkeys((*said, *(one.lower() for one in said))))


def _ascii_domain(domain: str) -> str:
    """Return a domain as the registries know it today: `ß` and `ς` are letters of their own, not `ss` and `σ`.

    Labels of plain ASCII are left to the DNS, whatever hyphens are in them. Raises BadAddress.
    """
    try:
        labels = idna.uts46_remap(domain, std3_rules=False).split(".")
        return ".".join(
            one if one.isascii() and not one.startswith(_CODED) else idna.alabel(one).decode() for one in labels
        )
    except (idna.IDNAError, UnicodeError):
        raise BadAddress("the part after @ is no domain name that can be registered (IDNA 2008)") from None
