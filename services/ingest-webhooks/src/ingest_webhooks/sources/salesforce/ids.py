"""Salesforce's ids and our names for its records; it reads no message."""

import re

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_SUFFIXES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
# The first three characters of an id say what it is an id of.
ACCOUNT_PREFIX = "001"
KINDS = {"003": "Contact", "500": "Case", "006": "Opportunity", "701": "Campaign"}


def id18(text: object) -> str | None:
    """Return an id in its form of 18 characters, None for what is no id.

    The first fifteen characters are the id, in which case matters; each of the other three tells which of five
    characters are capitals (the first of them in the lowest bit), written in A-Z and 0-5. They are worked out anew, so
    that both forms of an id, and one with a wrong ending, are the same text.
    """
    if not isinstance(text, str) or _ID.fullmatch(text) is None:
        return None
    head = text[:15]
    fives = (head[start : start + 5] for start in (0, 5, 10))
    return head + "".join(_SUFFIXES[sum(1 << at for at, char in enumerate(five) if char.isupper())] for five in fives)


def reference(organisation: str, kind: str, record_id: str) -> str:
    """Return our name of a record; that of an account names an account."""
    if kind == "Account":
        return f"salesforce:{organisation}:{record_id}"
    return f"salesforce:{organisation}:{kind.lower()}:{record_id}"
