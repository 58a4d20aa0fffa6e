"""Addressing: from the word in a step to the mailbox of whoever it means today; it never reads a row.

Colleagues are found as owners of work are; a customer's people are known by attributes of their account.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from milepost_core.owning import ROLE, Colleague, find_owner, named
from milepost_core.playbooks.document import EmailStep, InAppStep, Playbook, Step
from playbook_runner.actions.addresses import check_address, is_address

OWNER = "owner"
ATTRIBUTE = "attribute:"


class NobodyToWriteTo(Exception):
    """The step names somebody whom nobody is, today."""


@dataclass(frozen=True)
class Addressee:
    """A mailbox, whether it is a colleague's or a customer's, and what we call whose it is (empty: nobody has said)."""

    address: str
    colleague: bool
    name: str = ""


@dataclass(frozen=True)
class Directory:
    """Who works here today, who is away, and who has left; `fallback` gets what is meant for an account's owner whom
    nobody knows, who has left, or who is away without a stand-in.
    """

    fallback: str
    colleagues: Mapping[str, Colleague] = field(default_factory=dict)

    def find(self, word: str, owner: str, attributes: Mapping[str, str]) -> Addressee:
        """Return whom a step's `to` means: `owner`, `role:<role>`, `attribute:<name>`, or an address as it is.

        `owner` is what the account says of its owner: a person's id, an address, or nothing that we know. Who is away
        is stood in for; who is away without a stand-in, and is meant by a role or by their address, is meant still.
        Raises NobodyToWriteTo and BadAddress.
        """
        if word == OWNER:
            found = find_owner([OWNER], owner, self.colleagues, self.fallback)
            mailbox = self._mailbox(found.id)
            return Addressee(mailbox or self.fallback, True, found.id if mailbox and not is_address(found.id) else "")
        if word.startswith(ROLE):
            return self._of_role(word)
        if word.startswith(ATTRIBUTE):
            name = word.removeprefix(ATTRIBUTE)
            if not attributes.get(name):
                raise NobodyToWriteTo(f"the account has no attribute {name}")
            return self._at(attributes[name])
        return self._at(word)

    def _of_role(self, word: str) -> Addressee:
        role = word.removeprefix(ROLE)
        found = find_owner([word], None, self.colleagues, "").id
        away = sorted(one.id for one in self.colleagues.values() if one.active and role in one.roles)
        mailbox = next((one for name in (found, *away) if (one := self._mailbox(name)) is not None), None)
        if mailbox is None:
            raise NobodyToWriteTo(f"nobody with the role {role} is here and has an address")
        return Addressee(mailbox, colleague=True)

    def _at(self, text: str) -> Addressee:
        """Return whose mailbox an address is: of whoever stands in for a colleague, else of somebody outside."""
        address = check_address(text)
        one = named(address, self.colleagues)
        if one is None:
            return Addressee(address, colleague=False)
        found = find_owner([one.id], None, self.colleagues, "").id
        if not found and not one.active:
            raise NobodyToWriteTo(f"{one.id}, whose address that is, does not work here any more")
        mailbox = self._mailbox(found) if found != one.id else None
        return Addressee(mailbox or address, colleague=True)

    def _mailbox(self, name: str) -> str | None:
        one = self.colleagues.get(name)
        written = one.email if one is not None and one.email else name
        return check_address(written) if is_address(written) else None


def reaches_customers(step: Step) -> bool:
    """Tell whether a step may ask for the attention of somebody at the account, whose hours are kept and counted."""
    if isinstance(step, EmailStep):
        return step.to != OWNER and not step.to.startswith(ROLE)
    return isinstance(step, InAppStep)


def attributes_written_to(playbook: Playbook) -> frozenset[str]:
    """Return the attributes of an account that hold addresses to which a playbook writes."""
    said = (step.to for step in playbook.steps if isinstance(step, EmailStep) and step.to.startswith(ATTRIBUTE))
    return frozenset(word.removeprefix(ATTRIBUTE) for word in said)
