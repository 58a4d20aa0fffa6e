"""Says which company domain an address speaks for; it never takes a shared mail domain for a company's own."""

import ipaddress
import re
from functools import cache, lru_cache
from importlib.resources import files

import idna

PREFIX = "domain:"
# What RFC 1035 allows, and a last label that is no number, so that no address of a machine passes.
_NAME = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+\Z)[a-z0-9-]{2,63}\Z")
# Names that never lead out of a house (RFC 6761, RFC 8375); `.example` may be told as if it were somebody's own.
_INSIDE = {"arpa", "corp", "home", "internal", "invalid", "lan", "local", "localdomain", "localhost", "onion"}


@lru_cache(maxsize=20_000)
def domain_reference(email_or_domain: str) -> str | None:
    """Return `domain:<name>` for an e-mail address or a domain, lower case and in punycode, without `www.`.

    None when it names no one company: free-mail and other shared domains, public suffixes, machines, names of
    a house, and what is not a domain at all. `a.acme.com` stays `a.acme.com`: a part may be a company.
    """
    name = _domain_of(email_or_domain)
    if name is None or name.rpartition(".")[2] in _INSIDE or is_public_suffix(name) or is_shared(name):
        return None
    return PREFIX + name


def parents(reference: str) -> list[str]:
    """Return the references of the domains above one, the nearest first; none for any other reference."""
    labels = reference.removeprefix(PREFIX).split(".") if reference.startswith(PREFIX) else []
    above = (domain_reference(".".join(labels[start:])) for start in range(1, len(labels) - 1))
    return [name for name in above if name is not None]


def is_shared(name: str) -> bool:
    """Tell whether unrelated people have addresses under this domain (lower case, punycode)."""
    names, families = _shared()
    labels = name.split(".")
    for start in range(len(labels) - 1):
        rest = ".".join(labels[start + 1 :])
        if ".".join(labels[start:]) in names or (labels[start] in families and is_public_suffix(rest)):
            return True
    return False


def is_public_suffix(name: str) -> bool:
    """Tell whether names are registered right below this one: any single label, or a second level of a country."""
    second, dot, country = name.rpartition(".")
    return not dot or second in _second_levels().get(country, frozenset())


def _domain_of(text: str) -> str | None:
    """Return the normal form of the domain in a text; None when there is none."""
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


@cache
def _shared() -> tuple[frozenset[str], frozenset[str]]:
    lines = _lines("freemail.txt")
    families = frozenset(line.removesuffix(".*") for line in lines if line.endswith(".*"))
    return frozenset(line for line in lines if not line.endswith(".*")), families


@cache
def _second_levels() -> dict[str, frozenset[str]]:
    told = (line.split(":") for line in _lines("suffixes.txt"))
    return {country: frozenset(seconds.split()) for country, seconds in told}


def _lines(name: str) -> list[str]:
    text = (files(__package__ or "ingest_webhooks") / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
