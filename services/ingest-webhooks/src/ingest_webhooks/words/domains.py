"""Says which company domain an address speaks for; it never takes a shared mail domain for a company's own."""

from functools import cache, lru_cache
from importlib.resources import files
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from milepost_contracts.events import AccountReference
from milepost_contracts.references import DOMAIN, domain_name

# Names that never lead out of a house (RFC 6761, RFC 8375); `.example` may be told as if it were somebody's own.
_INSIDE = {"arpa", "corp", "home", "internal", "invalid", "lan", "local", "localdomain", "localhost", "onion"}


@lru_cache(maxsize=20_000)
def domain_reference(email_or_domain: str) -> str | None:
    """Return `domain:<name>` for an e-mail address or a domain, lower case and in punycode, without `www.`.

    None when it names no one company: free-mail and other shared domains, public suffixes, machines, names of
    a house, and what is not a domain at all. `a.acme.com` stays `a.acme.com`: a part may be a company.
    """
    name = domain_name(email_or_domain)
    if name is None or name.rpartition(".")[2] in _INSIDE or is_public_suffix(name) or is_shared(name):
        return None
    return DOMAIN + name


def leads_nowhere(reference: str) -> str:
    """Return why a reference can never lead to one account: a domain of no one company; empty for any other."""
    if not reference.startswith(DOMAIN) or domain_reference(reference.removeprefix(DOMAIN)) is not None:
        return ""
    return "this domain is no one company's own, so it can name no account"


def _of_somebody(reference: str) -> str:
    if why := leads_nowhere(reference):
        raise PydanticCustomError("shared_domain", "{why}", {"why": why})
    return reference


# A reference that may lead to one account, in the form in which it is kept.
OwnReference = Annotated[AccountReference, AfterValidator(_of_somebody)]


def parents(reference: str) -> list[str]:
    """Return the references of the domains above one, the nearest first; none for any other reference."""
    labels = reference.removeprefix(DOMAIN).split(".") if reference.startswith(DOMAIN) else []
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
