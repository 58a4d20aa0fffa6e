"""Mail addresses as we send to them: one plain mailbox, nothing that a server could read in two ways.

It never asks whether a mailbox exists.
"""

import re

MOST_ADDRESS = 254
MOST_LOCAL = 64
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


class BadAddress(Exception):
    """The text is not one address that we would write to; the message says why and does not repeat the text."""


def check_address(text: str) -> str:
    """Return the address as it goes into envelope and header, its domain in ASCII (IDNA).

    Raises BadAddress for lists, groups, display names, quoting, comments, address literals, control characters,
    domains without a dot and over-long parts.
    """
    local, at, domain = text.rpartition("@")
    if not at or not local:
        raise BadAddress("an address needs exactly one name, @ and domain")
    if len(local) > MOST_LOCAL or not _LOCAL.fullmatch(local):
        raise BadAddress("the part before @ has characters or a length that we do not send to")
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


def _ascii_domain(domain: str) -> str:
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise BadAddress("the part after @ is not a domain name") from None
