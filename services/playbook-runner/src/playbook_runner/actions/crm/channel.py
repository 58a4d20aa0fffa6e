"""CRM steps as effects: one task, note or set of properties on the account's company; it writes no health by itself.

Neither CRM knows a key of ours by itself, so tasks and notes carry it in a field, by which a lost answer is asked
after. Properties that are set twice are set once.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from milepost_core.effects import Doubt, GiveUp, Outcome, Performed, TryLater, Unknown
from milepost_runtime.failpoints import afp
from playbook_runner.actions.channel import NotReached, Sendable, Unreachable
from playbook_runner.actions.crm.answers import Busy, Crm, MissingProperty, Order, Refused, Unclear, Unfit
from playbook_runner.settings import WHOLE_CALL_S

PRIORITIES = ("high", "normal", "low")
KINDS = ("todo", "call", "email")
MOST_DAYS = 365
UNFIT_S = 600.0


class NoRecord(Exception):
    """The effect cannot be ordered from this CRM: the account is not there, or a field says nothing useful."""


@dataclass(frozen=True)
class Reached:
    """A CRM, the record of an account there (None: it has none), and whom to tell why the connection is not fit.

    `tell` takes what the owner has to mend, or nothing when we were let in; it never fails.
    """

    crm: Crm
    record_id: str | None
    tell: Callable[[str], Awaitable[None]] = field(repr=False)


Reach = Callable[[str, tuple[str, ...]], Awaitable[Reached]]


@dataclass(frozen=True)
class CrmCall:
    """An order that is ready to be placed; `heard` is what there is to tell of the connection afterwards."""

    crm: Crm
    order: Order
    heard: list[str] = field(default_factory=list)

    async def perform(self, may_write: Callable[[], bool]) -> Outcome:
        """Place the order; an answer that was lost leaves doubt."""
        try:
            found = await self._placed(may_write)
        except Busy as error:
            return TryLater(str(error), error.after_s, error.everyone, reached=error.reached)
        except Unfit as error:
            return self._unfit(error)
        except Refused as error:
            return GiveUp(str(error))
        except Unclear as error:
            return Unknown(str(error))
        self.heard.append("")
        await afp("playbooks.perform.written")
        return Performed(found)

    def _unfit(self, error: Unfit) -> Outcome:
        if isinstance(error, MissingProperty) and self.order.writes == "properties":
            return GiveUp(str(error))  # a playbook's own word stays wrong; what is ours a set-up makes
        self.heard.append(str(error))
        return TryLater(str(error), UNFIT_S, error.everyone)

    async def _placed(self, may_write: Callable[[], bool]) -> str:
        if self.order.writes == "properties":
            await self.crm.set_fields(self.order, may_write)
            return self.order.record_id
        try:
            return await self.crm.make(self.order, may_write)
        except Refused as error:
            known = await self.crm.made(self.order) if error.key_taken else None
            if known is None:
                raise
            return known


@dataclass(frozen=True)
class CrmChannel:
    """Orders from the CRMs that a deployment is connected to; `reach` raises NotReached and Unreachable."""

    reach: Reach = field(repr=False)

    @property
    def name(self) -> str:
        """`crm`."""
        return "crm"

    @property
    def doubt(self) -> Doubt:
        """By its key it can be asked whether something was made."""
        return Doubt.ASKABLE

    @property
    def longest_call_s(self) -> float:
        """Two calls (a refused pass is renewed and the call repeated) and a pass bought between: the limit of all."""
        return WHOLE_CALL_S

    @contextlib.asynccontextmanager
    async def open(self, effect: Sendable) -> AsyncIterator[CrmCall]:
        """Find the record and have a pass at hand. Raises NotReached, Unreachable."""
        reached, order = await self._ordered(effect)
        try:
            await reached.crm.ready()
        except Unfit as error:
            await reached.tell(str(error))
            raise NotReached(str(error)) from None
        except Busy as error:
            raise NotReached(str(error)) from None
        call = CrmCall(reached.crm, order)
        yield call
        # How the call ended is on its way to be written down, whatever the store makes of this.
        for sentence in call.heard:
            await reached.tell(sentence)

    async def ask(self, effect: Sendable) -> bool | None:
        """Ask for what an earlier call made. Raises NotReached while the CRM does not say."""
        try:
            reached, order = await self._ordered(effect)
            # Setting properties again changes nothing, so of those nothing is ever known.
            return order.writes != "properties" and await reached.crm.made(order) is not None
        except Busy as error:
            raise NotReached(str(error), error.after_s if error.everyone else None) from None
        except Unclear as error:
            raise NotReached(str(error)) from None
        except (Unreachable, Refused, Unfit):
            return None

    async def _ordered(self, effect: Sendable) -> tuple[Reached, Order]:
        said = json.loads(effect.payload)
        reached = await self.reach(effect.destination, tuple(said["references"]))
        if reached.record_id is None:
            raise Unreachable(f"no name of the account {said['account']} leads to a record of {effect.destination}")
        assert effect.since is not None, "an effect was intended at some time"
        try:
            return reached, order_of(said, reached.record_id, effect.key.hex(), effect.since)
        except NoRecord as error:
            raise Unreachable(str(error)) from None


def order_of(said: Mapping[str, Any], record_id: str, key: str, since: datetime) -> Order:
    """Return the order that a payload says; a task is due `due_days` after the effect was intended (1 unless said).

    Raises NoRecord for a field that says nothing useful.
    """
    writes, fields = said["writes"], {name: str(value).strip() for name, value in said["fields"].items()}
    if writes == "properties":
        return Order(writes, record_id, fields, key)
    if not fields.get("subject" if writes == "task" else "body"):
        raise NoRecord(f"a {writes} needs {'a subject' if writes == 'task' else 'a body'}")
    fields = {name: value for name, value in fields.items() if value}
    days = fields.pop("due_days", "1")
    if not (days.isascii() and days.isdigit() and int(days) <= MOST_DAYS):
        raise NoRecord(f"due_days is a whole number of days up to {MOST_DAYS}")
    for name, words in (("priority", PRIORITIES), ("type", KINDS)):
        if fields.get(name, words[0]) not in words:
            raise NoRecord(f"{name} is one of {', '.join(words)}")
    moments = {"at": since.isoformat(), "due": (since + timedelta(days=int(days))).isoformat()}
    return Order(writes, record_id, fields | moments, key)
