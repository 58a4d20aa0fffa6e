"""Tells names of accounts from names of things, by how they are written; it knows no account.

`hubspot:<portal>:<company>`, `external:<id>` and `domain:<name>` name accounts, `hubspot:<portal>:ticket:<id>` a thing.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

# What names an account itself has two or three parts; `hubspot:<portal>:ticket:<id>` names a thing that belongs to one.
_ACCOUNT_PARTS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"hubspot": (3,), "salesforce": (3,), "domain": (2,)}
    | dict.fromkeys(("segment", "calendly", "typeform", "email", "user", "contact"), ())
)


def names_an_account(reference: str) -> bool:
    """Tell whether a reference is a name of an account, not of a contact or a ticket of one."""
    parts = reference.split(":")
    if parts[0] == "external":
        return len(parts) > 1
    return len(parts) in _ACCOUNT_PARTS.get(parts[0], (2, 3))


def may_open(reference: str) -> bool:
    """Tell whether a reference alone is enough for a new account; a domain only hints at one that is known."""
    return names_an_account(reference) and not reference.startswith("domain:")


def follows(name: str) -> bool:
    """Tell whether a name leads only where words about it lead: a thing or a domain, no account and no id of ours."""
    return ":" in name and not may_open(name)


def names_of(item: str | None, reference: str, fallbacks: Iterable[str]) -> list[str]:
    """Return the names by which an event finds its account, best first: a thing that it is about leads."""
    first = [item] if item is not None and ":" in item and not names_an_account(item) else []
    return list(dict.fromkeys([*first, reference, *fallbacks]))
