"""Absorbing: what the end of an effect or of a step means for its run and for the ledger; it sends nothing itself.

Every function here writes inside the caller's transaction.
"""

from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from milepost_core.effects import Move
from milepost_runtime.database import Connection
from milepost_runtime.ids import new_id
from playbook_runner.keeping import Keeping
from playbook_runner.queries import advancing as runs
from playbook_runner.queries import ledger

# How a move of an effect is told in the ledger: outcome and code.
TOLD = {
    Move.FINISH: ("sent", "sent"),
    Move.CONFIRM: ("sent", "confirmed"),
    Move.TRY_LATER: ("deferred", "not_reached"),
    Move.HOLD: ("deferred", "paused"),
    Move.RESEND: ("deferred", "resend"),
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


@dataclass(frozen=True)
class Absorbing:
    """The consequences of what happened to effects and steps."""

    keeping: Keeping = field(repr=False)

    async def effect_moved(
        self, connection: Connection, effect: asyncpg.Record, move: Move, reason: str = "", code: str | None = None
    ) -> bool:
        """Carry a move of an effect over to its step, its run and the ledger; True when a further step is due.

        `code` names the move in the ledger where its own code would say less.
        """
        run = await runs.lock_run(connection, effect["run_id"])
        assert run is not None, "an effect has a run"
        outcome, own_code = TOLD[move]
        entry = ledger.Entry(
            account_id=effect["account_id"],
            playbook_id=run["playbook_id"],
            outcome=outcome,
            code=code or own_code,
            reason=reason or SENTENCES.get(move, ""),
            correlation_id=effect["correlation_id"],
            run_id=run["id"],
            effect_key=effect["key"],
        )
        await self._tell(connection, entry)
        match move:
            case Move.FINISH | Move.CONFIRM:
                await runs.set_step(connection, effect["step_id"], "done")
            case Move.DROP | Move.SUPPRESS:
                await runs.set_step(connection, effect["step_id"], "skipped", reason or move.value)
            case Move.CANCEL:
                await runs.set_step(connection, effect["step_id"], "cancelled", reason)
                return False
            case Move.GIVE_UP:
                await runs.set_step(connection, effect["step_id"], "failed", reason)
                await runs.end_run(connection, run["id"], "done", "failed", reason)
                return False
            case _:
                return False
        return await self._go_on(connection, run, effect["step_id"])

    async def step_waits(self, connection: Connection, step: asyncpg.Record, code: str, reason: str) -> None:
        """Add to the ledger that a step waits."""
        await self._tell(connection, _of_step(step, "deferred", code, reason))

    async def _tell(self, connection: Connection, entry: ledger.Entry) -> None:
        """Add a line; of many that say that the same thing waits for the same reason only the first is told."""
        if entry.outcome == "deferred" and entry.run_id is not None:
            last = await ledger.last_code(connection, entry.account_id, entry.run_id)
            if last == entry.code:
                return
        await ledger.add(connection, [entry])

    async def _go_on(self, connection: Connection, run: asyncpg.Record, step_id: UUID) -> bool:
        """Make the step after this one due, or end the run."""
        if run["state"] != "running":
            return False
        playbook = await self.keeping.version(connection, run["playbook_id"], run["version"])
        following = playbook.after(await runs.path_of(connection, step_id))
        if following is None:
            await runs.end_run(connection, run["id"], "done", "completed", "every step is done")
            return False
        await runs.insert_step(connection, new_id(), run, following.id, following.kind)
        return True

    async def run_left(
        self, connection: Connection, step: asyncpg.Record, code: str, reason: str, effect_key: bytes | None = None
    ) -> None:
        """End a run before one of its steps was carried out, and say why in the ledger; `step` is one of `contexts`."""
        failed = code in ("failed", "not_sendable")
        await runs.set_step(connection, step["step_id"], "failed" if failed else "skipped", reason)
        await runs.end_run(connection, step["run_id"], "done", code, reason)
        entry = _of_step(step, "failed" if failed else "skipped", code, reason, effect_key)
        await ledger.add(connection, [entry])


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
