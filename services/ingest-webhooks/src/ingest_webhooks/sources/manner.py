"""How a source names companies, for samples that speak of one; it asks nobody whether there is such a company."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

_NOT_SLUG = re.compile(r"[^a-z0-9]+")


def digest_of(text: str) -> bytes:
    """Return 32 bytes that stay the same for a text."""
    return hashlib.sha256(f"milepost sample {text}".encode()).digest()


def digits_of(text: str) -> str:
    """Return ten digits that stay the same for a text."""
    return str(7 * 10**9 + int.from_bytes(digest_of(text)[:8]) % 10**9)


def slug_of(text: str) -> str:
    """Return a text as a part of a name on the internet."""
    return _NOT_SLUG.sub("-", text.lower()).strip("-")[:40].strip("-") or f"company-{digest_of(text).hex()[:8]}"


def matching(pattern: str) -> Callable[[str], str | None]:
    """Return what reads an id that a pattern describes, and returns None for any other text."""
    return lambda text: text if re.fullmatch(pattern, text, re.ASCII) else None


def _never(_text: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Manner:
    """How a source names companies.

    `kinds` are references beside its own that its samples can carry (None: any). The tenant is that of the
    connection's `setting`, else `tenant`; `bound`: a reference cannot name another one than the setting. `read` and
    `read_tenant` return an id in its usual form, None for what is none; `make` returns that of a company for a word,
    always the same.
    """

    make: Callable[[str], str] = slug_of
    read: Callable[[str], str | None] = _never
    kinds: frozenset[str] | None = frozenset()
    tenant: str = ""
    read_tenant: Callable[[str], str | None] = _never
    setting: str | None = None
    bound: bool = False


# Of a source without an own word for companies: whatever names an account.
ANY_REFERENCE = Manner(kinds=None)
EXTERNAL = frozenset({"external"})
TEST_TENANT = "7000001"
DIGITS = matching(r"[1-9][0-9]{0,17}")
WORD = matching(r"[A-Za-z0-9_.-]{1,64}")
