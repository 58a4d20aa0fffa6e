"""Resending dead letters: what failed for good is tried anew under its key, because a person wants it; it calls nobody.

It never sends what may have arrived: that is resolved, one by one, by whoever looked. A run that ended by the failure
goes on where it stood; what happened to the account meanwhile is heeded as before any message.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import structlog

from milepost_core.dead_letters import DeadLetter, revive_refusal
from milepost_core.effects import Doubt, EffectState, Move
from milepost_runtime.database import Connection, Pool
from milepost_runtime.queue import Hints
from playbook_runner.actions.channel import Channel
from playbook_runner.effects.foreseeing import Foreseeing
from playbook_runner.effects.resolving import EffectUnknown
from playbook_runner.measures import EFFECTS
from playbook_runner.queries import locking, starting
from playbook_runner.queries import resending as queries
from playbook_runner.runs.absorbing import Absorbing, Happened
from playbook_runner.runs.stopping import FAILED

log = structlog.get_logger()
# What is on its way again is what was asked for: asking once more changes nothing.
_ON_ITS_WAY = frozenset({EffectState.READY, EffectState.STARTED})


class NotSentAgain(Exception):
    """The letter is not sent again; `code` and the sentence say why."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class ReceiverUnknown(Exception):
    """Nothing of ours goes to a receiver of this name."""


@dataclass(frozen=True)
class Left:
    """A letter that stays dead, and why."""

    key: bytes
    code: str
    sentence: str


@dataclass(frozen=True)
class Wanted:
    """Which letters are meant: those to a receiver, for one reason or any, after a key; so many at once."""

    destination: str
    reason: str | None = None
    after: bytes | None = None
    limit: int = 100


@dataclass(frozen=True)
class Resent:
    """What became of several letters; `last` is where those after them begin, None: these were all."""

    keys: tuple[bytes, ...]
    left: tuple[Left, ...]
    last: bytes | None


@dataclass(frozen=True)
class Resending:
    """The use cases behind `POST /dead-letters/{key}:resend` and `POST /dead-letters:resend`."""

    pool: Pool = field(repr=False)
    absorbing: Absorbing
    foreseeing: Foreseeing
    channels: Mapping[str, Channel]
    hints: Hints = field(repr=False)

    async def one(self, key: bytes, by: str) -> None:
        """Send a letter again. Raises EffectUnknown, NotSentAgain."""
        found, left = await self._send([key], by)
        if not found and not left:
            raise EffectUnknown(f"there is no effect {key.hex()}")
        for letter in left:
            raise NotSentAgain(letter.code, letter.sentence)

    async def several(self, wanted: Wanted, by: str) -> Resent:
        """Send again what failed for good at a receiver, the oldest first; what may not be stays and says why.

        Raises ReceiverUnknown, and EffectUnknown when there is nothing by the key to begin after.
        """
        if not await queries.is_receiver(self.pool, wanted.destination):
            raise ReceiverUnknown(f"there is no receiver {wanted.destination}")
        if wanted.after is not None and not await queries.goes_to(self.pool, wanted.after, wanted.destination):
            raise EffectUnknown(f"the cursor is none of the letters to {wanted.destination}")
        keys = await queries.failed_at(self.pool, wanted.destination, wanted.reason, wanted.after, wanted.limit)
        sent, left = await self._send(keys, by) if keys else ([], [])
        return Resent(tuple(sent), tuple(left), keys[-1] if len(keys) == wanted.limit else None)

    async def _send(self, keys: Sequence[bytes], by: str) -> tuple[list[bytes], list[Left]]:
        """Return which letters are on their way again, and which are not and why."""
        # Before anything is locked: others are asked for it. What is said in between is heeded when the letter starts.
        forbidden = await self.foreseeing.refused(keys)
        async with self.pool.acquire() as connection, connection.transaction():
            # A run that goes on again must not meet another one of its playbook that begins at this moment.
            await starting.lock_starts(connection)
            await locking.runs_of_effects(connection, keys)
            rows = await queries.letters(connection, keys, sorted(FAILED))
            verdicts = _judged(rows, self.channels, forbidden)
            going = [row["key"] for row in rows if verdicts[row["key"]] is None and not _on_its_way(row)]
            effects = await self._revive(connection, going, by) if going else []
        for effect in effects:
            EFFECTS.labels(effect["channel"], Move.REVIVE.value).inc()
            log.info("effect_sent_again", effect=effect["key"].hex(), run_id=str(effect["run_id"]), by=by)
        if effects:
            self.hints.nudge("playbooks.perform")
        left = [Left(key, *refusal) for key, refusal in verdicts.items() if refusal is not None]
        return [key for key, refusal in verdicts.items() if refusal is None], left

    async def _revive(self, connection: Connection, keys: Sequence[bytes], by: str) -> list[asyncpg.Record]:
        reason = f"sent again: {by} asked for it"
        effects = await queries.revive(connection, keys, reason)
        await self.absorbing.effects_moved(connection, [Happened(one, Move.REVIVE, reason) for one in effects])
        return effects


def _on_its_way(row: asyncpg.Record) -> bool:
    return EffectState(row["state"]) in _ON_ITS_WAY


def _judged(
    rows: Sequence[asyncpg.Record], channels: Mapping[str, Channel], forbidden: Mapping[bytes, tuple[str, str]]
) -> dict[bytes, tuple[str, str] | None]:
    """Return by key why a letter stays; two of one playbook and account cannot both go on.

    What the arbiter would refuse stays a letter, so that it can be sent when the word against it is taken back.
    """
    found: dict[bytes, tuple[str, str] | None] = {}
    going: set[tuple[UUID, str]] = set()
    for row in rows:
        if _on_its_way(row):
            found[row["key"]] = None
            continue
        channel, pursuit = channels.get(row["channel"]), (row["account_id"], row["playbook_id"])
        letter = DeadLetter(
            EffectState(row["state"]), row["run_state"], row["ended_by_it"],
            row["rival"] or pursuit in going, row["unclear"],
        )  # fmt: skip
        refusal = revive_refusal(letter, Doubt.BLIND if channel is None else channel.doubt) or forbidden.get(row["key"])
        found[row["key"]] = refusal
        if refusal is None:
            going.add(pursuit)
    return found
