"""Whose company a sample speaks of, in the words of its source; it asks nobody whether there is one."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ingest_webhooks.domains import domain_reference
from ingest_webhooks.sources.salesforce.ids import ACCOUNT_PREFIX, id18
from milepost_contracts.events import NAME_LENGTH

# Nobody's: what is told without naming a company stays apart from every real one.
TEST_COMPANY = "milepost-test"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_WORD_LENGTH = 100


class CompanyUnfit(Exception):
    """Samples of this source cannot speak of such a company; the text says why."""


def digest_of(text: str) -> bytes:
    """Return 32 bytes that stay the same for a text."""
    return hashlib.sha256(f"milepost sample {text}".encode()).digest()


def digits_of(text: str) -> str:
    """Return ten digits that stay the same for a text."""
    return str(7 * 10**9 + int.from_bytes(digest_of(text)[:8]) % 10**9)


def id18_of(prefix: str, text: str) -> str:
    """Return an id in Salesforce's form that stays the same for a text."""
    letters = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest_of(text)[:12])
    return id18(prefix + letters) or ""


def slug_of(text: str) -> str:
    """Return a text as a part of a name on the internet."""
    return _NOT_SLUG.sub("-", text.lower()).strip("-")[:40].strip("-") or f"company-{digest_of(text).hex()[:8]}"


def _pattern(pattern: str) -> Callable[[str], str | None]:
    return lambda text: text if re.fullmatch(pattern, text, re.ASCII) else None


def _account_id(text: str) -> str | None:
    return id18(text) if text.startswith(ACCOUNT_PREFIX) else None


def _never(_text: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Company:
    """A company: its id at the provider, and there the account (`tenant`) that it is kept in.

    `account` is the reference that was asked for. Of a company that was named by the provider's own id nothing else is
    known: `word`, our own id of it, is that id then, and name, domain and `external` are None, so that a test renames
    nobody.
    """

    tenant: str
    id: str
    word: str
    account: str
    external: str | None
    name: str | None
    domain: str | None

    @property
    def number(self) -> int:
        """The id where the provider counts."""
        return int(self.id)

    @property
    def tenant_number(self) -> int:
        """The tenant where the provider counts."""
        return int(self.tenant)

    @property
    def slug(self) -> str:
        """The word as a part of other names."""
        return slug_of(self.word)

    @property
    def connected(self) -> str | None:
        """The tenant if it has to be said, as of accounts that are connected to another one."""
        return self.tenant if self.tenant.startswith("acct_") else None

    @property
    def field(self) -> Any:
        """The value of a field that names the company: an entry with an id, else our own word for it."""
        return self.external or [{"id": self.id, "name": "Test"}]


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a source names companies.

    `kinds` are references beside its own that its samples can carry. The tenant is that of the connection's `setting`,
    else `tenant`; `bound`: a reference cannot name another one than the setting. `read` and `read_tenant` return an id
    in its usual form, None for what is none; `make` returns that of a company for a word, always the same.
    """

    make: Callable[[str], str]
    read: Callable[[str], str | None] = _never
    kinds: frozenset[str] = frozenset()
    tenant: str = ""
    read_tenant: Callable[[str], str | None] = _never
    setting: str | None = None
    bound: bool = False


_EXTERNAL = frozenset({"external"})
_ANY = frozenset(("external", "domain", "hubspot", "salesforce", "stripe", "zendesk", "intercom"))
_TEST_TENANT = "7000001"
_DIGITS = _pattern(r"[1-9][0-9]{0,17}")
_NAME = _pattern(r"[A-Za-z0-9_.-]{1,64}")

_MANNERS: Mapping[str, _Manner] = MappingProxyType(
    {
        "hubspot": _Manner(digits_of, _DIGITS, tenant=_TEST_TENANT, read_tenant=_DIGITS, setting="portal_id"),
        "salesforce": _Manner(
            lambda word: id18_of(ACCOUNT_PREFIX, word),
            _account_id,
            tenant="00D7Q0000007MiLUAU",
            read_tenant=id18,
            setting="organization_id",
            bound=True,
        ),
        "segment": _Manner(slug_of, kinds=_EXTERNAL),
        "cloudevents": _Manner(slug_of, kinds=_ANY | {"jira"}),
        "standard": _Manner(slug_of, kinds=_ANY | {"jira"}),
        "stripe": _Manner(
            lambda word: f"cus_{digest_of(word).hex()[:14]}",
            _pattern(r"cus_[A-Za-z0-9]{1,60}"),
            _EXTERNAL,
            tenant="main",
            read_tenant=_NAME,
            setting="account",
        ),
        "zendesk": _Manner(digits_of, _DIGITS, tenant=_TEST_TENANT, read_tenant=_DIGITS, setting="account"),
        "intercom": _Manner(
            lambda word: digest_of(word).hex()[:24],
            _pattern(r"[0-9a-f]{24}"),
            _EXTERNAL,
            tenant="mptest01",
            read_tenant=_NAME,
        ),
        "calendly": _Manner(slug_of, kinds=frozenset(("external", "domain"))),
        "typeform": _Manner(slug_of, kinds=_ANY),
        "jira": _Manner(
            digits_of,
            _DIGITS,
            _EXTERNAL,
            tenant="milepost-test.atlassian.net",
            read_tenant=_NAME,
            setting="site",
            bound=True,
        ),
    }
)


def company_of(source: str, given: str | None, settings: Mapping[str, Any]) -> Company:
    """Return the company that somebody named: a reference, an id of the provider's, or any word of their own.

    Raises CompanyUnfit.
    """
    manner = _MANNERS[source]
    text = (given or TEST_COMPANY).strip()
    if not text or not text.isprintable() or len(text) > NAME_LENGTH:
        raise CompanyUnfit("a company is named in one line")
    own = manner.setting and settings.get(manner.setting)
    tenant = str(own) if own else manner.tenant
    kind, colon, rest = text.partition(":")
    if not colon:
        known = manner.read(text)
        return _worded(manner, tenant, text, f"external:{text}") if known is None else _known(tenant, known, source)
    if kind == source and tenant:
        return _referred(manner, source, rest, tenant if own and manner.bound else None)
    if kind not in manner.kinds or not rest:
        named = [f"{source}:…:…"] if tenant else []
        names = " or ".join([*named, *(f"{one}:…" for one in sorted(manner.kinds)), "a word of your own"])
        raise CompanyUnfit(f"{source} names companies by {names}")
    return _worded(manner, tenant, rest, text)


def _known(tenant: str, company_id: str, source: str) -> Company:
    return Company(tenant, company_id, company_id, f"{source}:{tenant}:{company_id}", None, None, None)


def _referred(manner: _Manner, source: str, rest: str, bound: str | None) -> Company:
    """Return the company behind the source's own reference, without the word for the source."""
    tenant, _, number = rest.rpartition(":")
    found, where = manner.read(number), manner.read_tenant(tenant)
    if found is None or where is None:
        raise CompanyUnfit(f"this is no {source} reference of a company")
    if bound is not None and where != bound:
        raise CompanyUnfit(f"this connection is of {bound}")
    return _known(where, found, source)


def _worded(manner: _Manner, tenant: str, word: str, account: str) -> Company:
    """Return a company of somebody's own word: it has an id that follows from it, a name, and a domain."""
    if len(word) > _WORD_LENGTH:
        raise CompanyUnfit(f"a word for a company has at most {_WORD_LENGTH} characters")
    found = domain_reference(word) if "." in word else None
    domain = f"{slug_of(word)}.example" if found is None else found.partition(":")[2]
    name = word.replace("-", " ").replace("_", " ").title() if found is None else word
    return Company(tenant, manner.make(word), word, account, word, name, domain)
