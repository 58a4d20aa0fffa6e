"""What is told to a CRM and how it may answer, in words that both of ours share; it calls nobody."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

Writes = Literal["task", "note", "properties"]
MOST_REASON = 255


class Busy(Exception):
    """The CRM certainly did nothing and wants to be asked later: unreachable, limited, locked.

    `everyone`: it wants no call at all until then; otherwise it speaks of one record. `reached` False: it has said
    nothing, as there was no line to it.
    """

    def __init__(
        self, reason: str, after_s: float | None = None, everyone: bool = False, *, reached: bool = True
    ) -> None:
        super().__init__(reason)
        self.after_s, self.everyone, self.reached = after_s, everyone, reached


class Refused(Exception):
    """The CRM did nothing, and would do nothing another time either: what was asked is wrong.

    `key_taken`: or an earlier call with the same key was carried out after all, which it can be asked.
    """

    def __init__(self, sentence: str, key_taken: bool = False) -> None:
        super().__init__(sentence)
        self.key_taken = key_taken


class Unfit(Exception):
    """The CRM did nothing because the connection is not fit: no property, no permission, no valid secret.

    Once a person has mended the connection, everything may be tried again. `everyone`: no call at all is let in;
    otherwise something is closed to us that other calls may not need.
    """

    def __init__(self, sentence: str, everyone: bool = False) -> None:
        super().__init__(sentence)
        self.everyone = everyone


class MissingProperty(Unfit):
    """The CRM has no property or field of that name, or none that we may write."""


class Unclear(Exception):
    """Nobody knows whether the CRM did it: the answer was lost, or was none."""


@dataclass(frozen=True)
class Trouble:
    """An answer that is no success: `told` says it for people, the rest what it means, as far as the CRM said it.

    `wait_s`: it wants to be left alone for so many seconds; `missing`: what it does not have; `unfit`: the connection
    has to be mended; `everyone`: that holds for every call, not for this one's record; `key_taken` as in Refused.
    `its_own` False: a page stands in place of the CRM's words, put there by somebody on the way who let nothing pass.
    """

    status: int
    told: str
    wait_s: float | None = None
    missing: str = ""
    unfit: bool = False
    everyone: bool = False
    key_taken: bool = False
    its_own: bool = True

    def judged(self) -> Exception:
        """Return what the answer means, to be raised."""
        if self.wait_s is not None:
            return Busy(self.told, self.wait_s, self.everyone)
        if self.status >= 500:
            return Unclear(self.told)
        if self.missing:
            return MissingProperty(self.missing)
        if not self.its_own or self.status < 400:
            return Busy(self.told)
        if self.unfit or self.status in (401, 403):
            return Unfit(self.told, self.everyone or self.status == 401)
        return Refused(self.told, self.key_taken)


@dataclass(frozen=True)
class Figures:
    """An account's health as a CRM shows it; `score` with one decimal, `model` as `<id> v<version>`."""

    score: float | None
    band: str
    reason: str
    model: str
    computed_at: datetime

    @property
    def digest(self) -> bytes:
        """What stands for everything but the moment: a score that was only computed again is no news."""
        told = "\n".join(("wb1", "" if self.score is None else f"{self.score:.1f}", self.band, self.reason, self.model))
        return hashlib.sha256(told.encode()).digest()


@dataclass(frozen=True)
class Entry:
    """One record to be told; `figures` None: what it was told is cleared."""

    record_id: str
    figures: Figures | None


@dataclass(frozen=True)
class Written:
    """The record took it."""


@dataclass(frozen=True)
class Declined:
    """The record did not take it and never will, as things stand."""

    sentence: str


@dataclass(frozen=True)
class Later:
    """The record did not take it now; `tries`: whoever says so again after so many has declined."""

    sentence: str
    after_s: float | None = None
    tries: int | None = None


Verdict = Written | Declined | Later


def objects_in(found: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list in an answer; what is no list, or no object, says nothing."""
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def object_in(found: Any) -> Mapping[str, Any]:
    """Return an object in an answer, an empty one for whatever else stands there."""
    return found if isinstance(found, dict) else {}


def name_in(found: Any, name: str, crm: str) -> str:
    """Return by which id a success names its record. Raises Unclear for what names none: a page, most likely."""
    number = object_in(found).get(name)
    if not isinstance(number, str) or not number:
        raise Unclear(f"{crm}'s answer could not be read: it names no record")
    return number


@dataclass(frozen=True)
class Order:
    """One task, note or set of properties for one company; `fields` as `milepost_core.playbooks` names them."""

    writes: Writes
    record_id: str
    fields: Mapping[str, str]
    key: str


class Crm(Protocol):
    """A CRM behind one outlet; every method may raise Busy, Unfit, Refused or Unclear."""

    @property
    def most_records(self) -> int:
        """How many records one call may speak of."""
        ...

    async def write_health(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Tell records, each named once and at most `most_records`; a verdict for each in its order."""
        ...

    async def ready(self) -> None:
        """Have at hand what lets us in, before it matters."""
        ...

    async def set_fields(self, order: Order, may_write: Callable[[], bool]) -> None:
        """Set the properties of the record that is ordered; `may_write` as in `actions.channel`."""
        ...

    async def make(self, order: Order, may_write: Callable[[], bool]) -> str:
        """Make the task or note that is ordered, and return the id that it has there."""
        ...

    async def made(self, order: Order) -> str | None:
        """Return the id of the task or note that an earlier call with this key made, None when it surely made none."""
        ...

    async def set_up(self) -> dict[str, str]:
        """Make every property and permission that is missing; return each with `made` or `there`."""
        ...
