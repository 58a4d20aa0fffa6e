"""Addressing: from the word in a step to the mailbox of whoever it means today; it never reads a row.

Colleagues are found as owners of work are; a customer's people are known by attributes of their account.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from milepost_core.owning import ROLE, Colleague, find_owner
from milepost_core.playbooks.document import EmailStep, InAppStep, Step
from playbook_runner.actions.addresses import check_address, is_address

OWNER = "owner"
ATTRIBUTE = "attribute:"


class NobodyToWriteTo(Exception):
    """The step names somebody whom nobody is, today."""


@dataclass(frozen=True)
class Addressee:
    """A mailbox, and whether it is a colleague's or a customer's."""

    address: str
    colleague: bool


@dataclass(frozen=True)
class Directory:
    """Who works here today; `fallback` gets what is meant for an account's owner whom nobody knows."""

    fallback: str
    colleagues: Mapping[str, Colleague] = field(default_factory=dict)

    def find(self, word: str, owner: str, attributes: Mapping[str, str]) -> Addressee:
        """Return whom a step's `to` means: `owner`, `role:<role>`, `attribute:<name>`, or an address as it is.

        `owner` is what the account says of its owner: a person's id, an address, or nothing that we know.
        Raises NobodyToWriteTo and BadAddress.
        """
        if word == OWNER:
            found = find_owner([OWNER], owner, self.colleagues, self.fallback)
            return Addressee(self._mailbox(found.id) or self.fallback, colleague=True)
        if word.startswith(ROLE):
            found = find_owner([word], owner, self.colleagues, "")
            mailbox = self._mailbox(found.id)
            if mailbox is None:
                raise NobodyToWriteTo(f"nobody with the role {word.removeprefix(ROLE)} is here and has an address")
            return Addressee(mailbox, colleague=True)
        if word.startswith(ATTRIBUTE):
            name = word.removeprefix(ATTRIBUTE)
            if not attributes.get(name):
                raise NobodyToWriteTo(f"the account has no attribute {name}")
            return self._outside(attributes[name])
        return self._outside(word)

    def _outside(self, text: str) -> Addressee:
        address = check_address(text)
        ours = (one.email.casefold() for one in self.colleagues.values())
        return Addressee(address, colleague=address.casefold() in ours)

    def _mailbox(self, name: str) -> str | None:
        one = self.colleagues.get(name)
        written = one.email if one is not None and one.email else name
        return check_address(written) if is_address(written) else None


def reaches_customers(step: Step) -> bool:
    """Tell whether a step may ask for the attention of somebody at the account, whose hours are kept and counted."""
    if isinstance(step, EmailStep):
        return step.to != OWNER and not step.to.startswith(ROLE)
    return isinstance(step, InAppStep)
