"""Whose company a sample speaks of, in the words of its source; it asks nobody whether there is one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ingest_webhooks.sources.manner import Manner, slug_of
from ingest_webhooks.sources.source import Source
from ingest_webhooks.words.domains import domain_reference
from ingest_webhooks.words.references import names_an_account
from milepost_contracts.events import NAME_LENGTH, AccountReference

# Nobody's: what is told without naming a company stays apart from every real one.
TEST_COMPANY = "milepost-test"
_WORD_LENGTH = 100
_REFERENCE: TypeAdapter[str] = TypeAdapter(AccountReference)


class CompanyUnfit(Exception):
    """Samples of this source cannot speak of such a company; the text says why."""


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


def company_of(source: Source, given: str | None, settings: Mapping[str, Any]) -> Company:
    """Return the company that somebody named: a reference, an id of the provider's, or any word of their own.

    Raises CompanyUnfit.
    """
    manner, name = source.companies, source.name
    text = (given or TEST_COMPANY).strip()
    if not text or not text.isprintable() or len(text) > NAME_LENGTH:
        raise CompanyUnfit("a company is named in one line")
    own = manner.setting and settings.get(manner.setting)
    tenant = str(own) if own else manner.tenant
    kind, colon, rest = text.partition(":")
    if not colon:
        known = manner.read(text)
        return _worded(manner, tenant, text, f"external:{text}") if known is None else _known(tenant, known, name)
    if kind == name and tenant:
        return _referred(manner, name, rest, tenant if own and manner.bound else None)
    if not _carries(manner, kind, text):
        raise CompanyUnfit(f"{name} names companies by {_ways(manner, name, tenant)}")
    return _worded(manner, tenant, rest, text)


def _carries(manner: Manner, kind: str, text: str) -> bool:
    """Tell whether samples can carry a reference."""
    try:
        _REFERENCE.validate_python(text)
    except ValidationError:
        return False
    return names_an_account(text) if manner.kinds is None else kind in manner.kinds


def _ways(manner: Manner, source: str, tenant: str) -> str:
    kinds = ["a reference of an account"] if manner.kinds is None else [f"{one}:…" for one in sorted(manner.kinds)]
    return " or ".join([*([f"{source}:…:…"] if tenant else []), *kinds, "a word of your own"])


def _known(tenant: str, company_id: str, source: str) -> Company:
    return Company(tenant, company_id, company_id, f"{source}:{tenant}:{company_id}", None, None, None)


def _referred(manner: Manner, source: str, rest: str, bound: str | None) -> Company:
    """Return the company behind the source's own reference, without the word for the source."""
    tenant, _, number = rest.rpartition(":")
    found, where = manner.read(number), manner.read_tenant(tenant)
    if found is None or where is None:
        raise CompanyUnfit(f"this is no {source} reference of a company")
    if bound is not None and where != bound:
        raise CompanyUnfit(f"this connection is of {bound}")
    return _known(where, found, source)


def _worded(manner: Manner, tenant: str, word: str, account: str) -> Company:
    """Return a company of somebody's own word: it has an id that follows from it, a name, and a domain."""
    if len(word) > _WORD_LENGTH:
        raise CompanyUnfit(f"a word for a company has at most {_WORD_LENGTH} characters")
    found = domain_reference(word) if "." in word else None
    domain = f"{slug_of(word)}.example" if found is None else found.partition(":")[2]
    name = word.replace("-", " ").replace("_", " ").title() if found is None else word
    return Company(tenant, manner.make(word), word, account, word, name, domain)
