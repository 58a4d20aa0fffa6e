"""Ways out: the address below a mail that ends such mails for its reader; it stores nothing and ends nothing.

A token names an account and a mailbox and is signed with the deployment's secret: it never ends, and it tells nobody
which mailbox it is about.
"""

from dataclasses import dataclass, field
from uuid import UUID

from milepost_runtime.secrets import SealBroken, Vault
from playbook_runner.actions.addresses import canonical

_PURPOSE = "unsubscribe"


class WayOutUnknown(Exception):
    """The token is none of ours, or was changed."""


def person_of(vault: Vault, address: str) -> bytes:
    """Return the 32 bytes by which caps, suppressions and tokens know whoever has this mailbox. Raises BadAddress."""
    return vault.digest("person", canonical(address))


@dataclass(frozen=True)
class Leaving:
    """Who wants no more of it: the person as caps and suppressions know them, and of which account's mails."""

    account_id: UUID
    person: bytes


@dataclass(frozen=True)
class WaysOut:
    """Makes and reads the addresses; `base` is how the runner is reached from outside."""

    vault: Vault = field(repr=False)
    base: str

    def address_for(self, account_id: UUID, recipient: str) -> str:
        """Return the address for one mailbox and account; the same ones always get the same address."""
        token = self.vault.sign(_PURPOSE, f"{account_id.hex}{person_of(self.vault, recipient).hex()}")
        return f"{self.base}/unsubscribe/{token}"

    def read(self, token: str) -> Leaving:
        """Return who leaves. Raises WayOutUnknown."""
        try:
            text = self.vault.unsign(_PURPOSE, token)
            account, person = UUID(hex=text[:32]), bytes.fromhex(text[32:])
        except (SealBroken, ValueError):
            raise WayOutUnknown("this address was changed on its way, or is none of ours") from None
        return Leaving(account, person)
