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
    least open work), or a person's id or address. Who is away is stood in for by their delegate, and so on; a person
    whom nobody has entered is taken at their word, as we know of no absence.
    """
    for word in chain:
        if word.startswith(ROLE):
            found = _by_role(word.removeprefix(ROLE), colleagues)
        else:
            found = _by_name((account_owner or "").strip() if word == "owner" else word, colleagues)
        if found is not None:
            return found
    return Owner(otherwise, "", "nobody of the chain can have it")


def _by_role(role: str, colleagues: Mapping[str, Colleague]) -> Owner | None:
    here = [one for one in colleagues.values() if role in one.roles and one.active and not one.away]
    if not here:
        return None
    least = min(here, key=lambda one: (one.load, one.id))
    return Owner(least.id, role, f"of the role {role}, with the least open work")


def _by_name(name: str, colleagues: Mapping[str, Colleague]) -> Owner | None:
    if not name:
        return None
    one = colleagues.get(name) or next((one for one in colleagues.values() if one.email == name), None)
    if one is None:
        return Owner(name, "", "named")
    began = one
    for _ in range(LONGEST_CHAIN):
        if one.active and not one.away:
            because = "named" if one is began else f"stands in for {began.id}"
            return Owner(one.id, "", because)
        following = colleagues.get(one.delegate or "")
        if following is None:
            return None
        one = following
    return None
