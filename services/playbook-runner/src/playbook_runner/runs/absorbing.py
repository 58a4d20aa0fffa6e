"""Absorbing: what the end of an effect or of a step means for its run and for the ledger; it sends nothing itself.

Every function here writes inside the caller's transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import asyncpg

from milepost_core.effects import Move
from milepost_core.playbooks.document import TO_PERSONS
from milepost_runtime.database import Connection
from playbook_runner.documents.keeping import Keeping
from playbook_runner.queries import advancing as runs
from playbook_runner.queries import ledger, telling
from playbook_runner.queries.advancing import NewEffect, NewStep, RunEnd, StepEnd
from playbook_runner.runs.beginning import Further, begun_at_once
from playbook_runner.runs.stopping import FAILED
from playbook_runner.runs.writing import COMPLETED, due

# How a move of an effect is told in the ledger: outcome and code.
TOLD = {
    Move.FINISH: ("sent", "sent"),
    Move.CONFIRM: ("sent", "confirmed"),
    Move.TRY_LATER: ("deferred", "not_reached"),
    Move.HOLD: ("deferred", "paused"),
    Move.RESEND: ("deferred", "resend"),
    Move.REVIVE: ("deferred", "sent_again"),
    Move.GIVE_UP: ("failed", "refused"),
    Move.LOSE: ("in_doubt", "answer_lost"),
    Move.PARK: ("parked", "nobody_can_know"),
    Move.CANCEL: ("cancelled", "run_cancelled"),
    Move.DROP: ("cancelled", "dropped"),
    Move.SUPPRESS: ("suppressed", "suppressed"),
}
SENTENCES = {
    Move.FINISH: "the message was sent",
    Move.CONFIRM: "a person confirmed that the message had arrived",
    Move.RESEND: "it is sent again: a person asked for it, or the receiver knows the key",
    Move.PARK: "it may or may not have been sent and the channel cannot tell, so it is not repeated by itself",
    Move.CANCEL: "the run was cancelled before the message was sent",
    Move.DROP: "a person decided not to send it again",
}


# Doubt that goes round by itself: the answer is lost, the receiver is asked or knows the key, it is tried again.
ROUND = {Move.LOSE: TOLD[Move.LOSE][1], Move.RESEND: TOLD[Move.RESEND][1]}
# The moves after which a run goes on to its next step.
GO_ON = frozenset({Move.FINISH, Move.CONFIRM, Move.DROP, Move.SUPPRESS})


class Happened(NamedTuple):
    """A move of an effect, with what the ledger calls it where the move's own words would say less.

    `by_person`: somebody decided it, so it is told however often it was told before.
    """

    effect: asyncpg.Record
    move: Move
    reason: str = ""
    code: str | None = None
    outcome: str | None = None
    by_person: bool = False


@dataclass(frozen=True)
class Absorbing:
    """The consequences of what happened to effects and steps."""

    keeping: Keeping = field(repr=False)

    async def effect_moved(self, connection: Connection, happened: Happened) -> Further:
        """Carry one move over; return what goes on because of it."""
        return await self.effects_moved(connection, [happened])

    async def effects_moved(self, connection: Connection, happened: Sequence[Happened]) -> Further:
        """Carry moves of effects over to their steps, their runs and the ledger; return what goes on because of it."""
        rows = await runs.lock_runs(connection, [one.effect["run_id"] for one in happened])
        by_run = {row["id"]: row for row in rows}
        news = await _news(connection, happened)
        await self._tell(connection, [_entry(one, by_run[one.effect["run_id"]]) for one in news])
        ends = [StepEnd(one.effect["step_id"], *ended) for one in happened if (ended := _step_end(one)) is not None]
        paths = await runs.set_steps(connection, ends)
        arrived = [one.effect for one in happened if one.move in (Move.FINISH, Move.CONFIRM)]
        heard = [effect["key"] for effect in arrived if effect["channel"] in TO_PERSONS]
        if heard:
            await telling.add_messages(connection, heard)
        failed = [RunEnd(one.effect["run_id"], "failed", one.reason) for one in happened if one.move is Move.GIVE_UP]
        await runs.end_runs(connection, failed)
        going = [one for one in happened if one.move in GO_ON and by_run[one.effect["run_id"]]["state"] == "running"]
        return await self._go_on(
            connection, [(by_run[one.effect["run_id"]], paths[one.effect["step_id"]]) for one in going]
        )

    async def _go_on(self, connection: Connection, ended: Sequence[tuple[asyncpg.Record, str]]) -> Further:
        """Make the steps after these due, begin those that hang on nothing, or end their runs."""
        going: list[tuple[NewStep, NewEffect | None]] = []
        over: list[RunEnd] = []
        # What a pause holds is begun when it is over, by the version that its run goes by then.
        held = await runs.pauses(connection) if ended else None
        for run, path in ended:
            playbook = await self.keeping.version(connection, run["playbook_id"], run["version"])
            step = playbook.after(path)
            if step is None:
                over.append(RunEnd(run["id"], *COMPLETED))
            else:
                now = held is not None and not held["all"] and run["playbook_id"] not in held["playbooks"]
                new = due(run["account_id"], run["id"], step)
                going.append(begun_at_once(new, run, step, playbook) if now else (new, None))
        await runs.end_runs(connection, over)
        added = await runs.insert_steps(connection, [step for step, _ in going])
        begun = [effect for step, effect in going if effect is not None and step.id in added]
        await runs.insert_effects(connection, begun)
        return Further(any(effect is None for _, effect in going), begun)

    async def steps_wait(self, connection: Connection, steps: Sequence[asyncpg.Record], code: str, reason: str) -> None:
        """Add to the ledger that steps wait; they are rows of `contexts`."""
        await self._tell(connection, [_of_step(step, "deferred", code, reason) for step in steps])

    async def _tell(self, connection: Connection, entries: Sequence[ledger.Entry]) -> None:
        """Add lines; of many that say that the same thing waits for the same reason only the first is told."""
        waiting = [entry.run_id for entry in entries if entry.outcome == "deferred" and entry.run_id is not None]
        last = await ledger.last_codes(connection, waiting) if waiting else {}
        told = [
            entry
            for entry in entries
            if entry.outcome != "deferred" or entry.run_id is None or last.get(entry.run_id) != entry.code
        ]
        await ledger.add(connection, told)

    async def run_left(
        self, connection: Connection, step: asyncpg.Record, code: str, reason: str, effect_key: bytes | None = None
    ) -> None:
        """End a run before one of its steps was carried out, and say why in the ledger; `step` is one of `contexts`."""
        failed = code in FAILED
        await runs.set_step(connection, step["step_id"], "failed" if failed else "skipped", reason)
        if await runs.end_run(connection, step["run_id"], "done", code, reason):
            entry = _of_step(step, "failed" if failed else "skipped", code, reason, effect_key)
            await ledger.add(connection, [entry])


async def _news(connection: Connection, happened: Sequence[Happened]) -> list[Happened]:
    """Return what the ledger has to tell: a round of doubt that goes on is told once."""
    rounds = [one.effect["run_id"] for one in happened if one.move in ROUND and not one.by_person]
    last = await ledger.last_two(connection, rounds) if rounds else {}
    return [
        one
        for one in happened
        if one.move not in ROUND or one.by_person or last.get(one.effect["run_id"]) != set(ROUND.values())
    ]


def _step_end(happened: Happened) -> tuple[str, str] | None:
    """Return state and reason of the step whose effect has come to its end, or None: it has not."""
    match happened.move:
        case Move.FINISH | Move.CONFIRM:
            return "done", ""
        case Move.DROP | Move.SUPPRESS:
            return "skipped", happened.reason or happened.move.value
        case Move.CANCEL:
            return "cancelled", happened.reason
        case Move.GIVE_UP:
            return "failed", happened.reason
        case _:
            return None


def _entry(happened: Happened, run: asyncpg.Record) -> ledger.Entry:
    outcome, code = TOLD[happened.move]
    return ledger.Entry(
        account_id=happened.effect["account_id"],
        playbook_id=run["playbook_id"],
        outcome=happened.outcome or outcome,
        code=happened.code or code,
        reason=happened.reason or SENTENCES.get(happened.move, ""),
        correlation_id=happened.effect["correlation_id"],
        run_id=run["id"],
        effect_key=happened.effect["key"],
    )


def _of_step(
    step: asyncpg.Record, outcome: str, code: str, reason: str, effect_key: bytes | None = None
) -> ledger.Entry:
    return ledger.Entry(
        account_id=step["account_id"],
        playbook_id=step["playbook_id"],
        outcome=outcome,
        code=code,
        reason=reason,
        correlation_id=step["correlation_id"],
        run_id=step["run_id"],
        effect_key=effect_key,
    )
