"""Addresses of what belongs to an account, in the API and on the pages; it answers for none of them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

# What a gate is called among the signals when its evidence is asked for.
GATE = "gate:"


@dataclass(frozen=True)
class Behind:
    """Where the records behind figures are listed: of the account at `base`, as of a moment; None: now."""

    base: str
    as_of: datetime | None

    def signal(self, name: str) -> str:
        """Return the address of the records that a signal reads."""
        then = "" if self.as_of is None else f"?as_of={self.as_of.isoformat().replace('+00:00', 'Z')}"
        return f"{self.base}/evidence/{name}{then}"

    def gate(self, name: str) -> str:
        """Return the address of the records that a gate asks about."""
        return self.signal(f"{GATE}{name}")


def account_url(account_id: UUID, base_url: str) -> str:
    """Return the address of an account in the API; without a base URL it is relative to the API's own."""
    return f"{base_url}/accounts/{account_id}"


def page_prefix(base_url: str) -> str:
    """Return what the address of every account's page starts with; without a base URL it is relative to the API."""
    return f"{base_url}/app/accounts/"
