"""The one way to write a reference, whoever writes it; it knows no account and asks nobody whether there is one."""

import ipaddress
import re
from functools import lru_cache

import idna

DOMAIN = "domain:"
SALESFORCE = "salesforce:"
# What RFC 1035 allows, and a last label that is no number, so that no address of a machine passes.
_NAME = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+\Z)[a-z0-9-]{2,63}\Z")
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_SUFFIXES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


class Malformed(ValueError):
    """The text is no reference of the kind that it says; the message tells how one is written."""


@lru_cache(maxsize=20_000)
def canonical(reference: str) -> str:
    """Return a reference as it is kept and compared; raises Malformed.

    Ids of ours are in lower case, domains as `domain_name` writes them, Salesforce's ids in their form of 18
    characters. Every other reference is compared as it stands.
    """
    if reference.startswith(DOMAIN):
        name = domain_name(reference.removeprefix(DOMAIN))
        if name is None:
            raise Malformed("expected a domain such as domain:acme.com")
        return DOMAIN + name
    if reference.startswith(SALESFORCE):
        return _of_salesforce(reference)
    return reference if ":" in reference else reference.lower()


def _of_salesforce(reference: str) -> str:
    """Ids of records beside accounts are left as they stand unless they are ids."""
    words = reference.split(":")[1:]
    ids = [salesforce_id(word) for word in words]
    names_an_account = len(words) <= 2
    if names_an_account and (len(words) < 2 or None in ids):
        raise Malformed("expected salesforce:<organization>:<account>, two ids of 15 or 18 letters and digits")
    kept = [found or word for found, word in zip(ids, words, strict=True)]
    if not names_an_account:
        kept[1] = words[1]
    return SALESFORCE + ":".join(kept)


def salesforce_id(text: object) -> str | None:
    """Return an id of Salesforce in its form of 18 characters, None for what is no id.

    The first fifteen characters are the id, in which case matters; each of the other three tells which of five
    characters are capitals (the first of them in the lowest bit), written in A-Z and 0-5. They are worked out anew, so
    that both forms of an id, and one with a wrong ending, are the same text.
    """
    if not isinstance(text, str) or _ID.fullmatch(text) is None:
        return None
    head = text[:15]
    fives = (head[start : start + 5] for start in (0, 5, 10))
    return head + "".join(_SUFFIXES[sum(1 << at for at, char in enumerate(five) if char.isupper())] for five in fives)


def domain_name(text: str) -> str | None:
    """Return the domain in a text, be it an address of somebody: lower case, punycode, no `www.`, no dot at the end.

    None when there is none.
    """
    name = text.strip().rpartition("@")[2].lower().rstrip(".")
    if len(name) > 1000 or (text.count("@") and not text.strip().partition("@")[0]):
        return None
    if not name.isascii() or "xn--" in name:
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    name = name.removeprefix("www.")
    return name if _NAME.match(name) and not _is_machine(name) else None


def _is_machine(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
