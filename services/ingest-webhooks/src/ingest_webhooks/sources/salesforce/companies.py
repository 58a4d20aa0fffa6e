"""How samples name companies in Salesforce's words, with ids that stay the same for a word; it asks nobody."""

from ingest_webhooks.sources.manner import Manner, digest_of
from ingest_webhooks.sources.salesforce.ids import ACCOUNT_PREFIX
from milepost_contracts.references import salesforce_id

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def id18_of(prefix: str, text: str) -> str:
    """Return an id that begins so and stays the same for a text, in its form of 18 characters."""
    letters = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest_of(text)[:12])
    return salesforce_id(prefix + letters) or ""


def _account_id(text: str) -> str | None:
    return salesforce_id(text) if text.startswith(ACCOUNT_PREFIX) else None


COMPANIES = Manner(
    lambda word: id18_of(ACCOUNT_PREFIX, word),
    _account_id,
    tenant="00D7Q0000007MiLUAU",
    read_tenant=salesforce_id,
    setting="organization_id",
    bound=True,
)
