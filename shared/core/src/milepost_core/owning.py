"""Owning: whose work something is, by a chain of words; it is never nobody's.

It asks nobody and looks at no clock: who is away today is an argument.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

ROLE: Final = "role:"
LONGEST_CHAIN: Final = 10


@dataclass(frozen=True)
class Colleague:
    """Somebody who may own work today: `load` is the minutes of open work, `away` sends theirs to the `delegate`."""

    id: str
    email: str = ""
    roles: tuple[str, ...] = ()
    active: bool = True
    load: float = 0.0
    away: bool = False
    delegate: str | None = None


@dataclass(frozen=True)
class Owner:
    """Who it came to, by which role if by one, and why, as a sentence."""

    id: str
    role: str
    because: str


def find_owner(
    chain: Sequence[str], account_owner: str | None, colleagues: Mapping[str, Colleague], otherwise: str
) -> Owner:
    """Return the first of a chain who can have it; `otherwise` has what nobody else can.

    A word of the chain is `owner` (the account's), `role:<role>` (of those who have it and are here, the one with the
    least open work; when all are away, of those who stand in for them), or a person's id or address, in whatever case
    it is written. Who is away is stood in for by their delegate, and so on; a person whom nobody has entered is taken
    at their word, as we know of no absence.
    """
    for word in chain:
        if word.startswith(ROLE):
            found = _by_role(word.removeprefix(ROLE), colleagues)
        else:
            found = _by_name((account_owner or "").strip() if word == "owner" else word, colleagues)
        if found is not None:
            return found
    return Owner(otherwise, "", "nobody of the chain can have it")


def named(name: str, colleagues: Mapping[str, Colleague]) -> Colleague | None:
    """Return whose id or address a name is; of several with one address, whoever works here still. None: nobody's."""
    address = name.casefold()
    same = (one for one in colleagues.values() if name and one.email.casefold() == address)
    return colleagues.get(name) or min(same, key=lambda one: (not one.active, one.id), default=None)


def _by_role(role: str, colleagues: Mapping[str, Colleague]) -> Owner | None:
    having = [one for one in colleagues.values() if role in one.roles and one.active]
    here = [one for one in having if not one.away]
    if here:
        least = _least(here)
        return Owner(least.id, role, f"of the role {role}, with the least open work")
    standing_in = {found.id: (found, one) for one in having if (found := _present(one, colleagues)) is not None}
    if not standing_in:
        return None
    found, one = standing_in[_least([found for found, _ in standing_in.values()]).id]
    return Owner(found.id, role, f"stands in for {one.id} of the role {role}")


def _least(those: Sequence[Colleague]) -> Colleague:
    return min(those, key=lambda one: (one.load, one.id))


def _by_name(name: str, colleagues: Mapping[str, Colleague]) -> Owner | None:
    if not name:
        return None
    one = named(name, colleagues)
    if one is None:
        return Owner(name, "", "named")
    found = _present(one, colleagues)
    if found is None:
        return None
    return Owner(found.id, "", "named" if found is one else f"stands in for {one.id}")


def _present(one: Colleague, colleagues: Mapping[str, Colleague]) -> Colleague | None:
    """Return who is here: a colleague, or else whoever stands in for them, and so on."""
    for _ in range(LONGEST_CHAIN):
        if one.active and not one.away:
            return one
        following = colleagues.get(one.delegate or "")
        if following is None:
            return None
        one = following
    return None
