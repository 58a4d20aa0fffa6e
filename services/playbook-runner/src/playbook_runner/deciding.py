"""Deciding: what a step does today, by the law and by health asked for now: one mail, or the end of the run.

It writes nothing and sends nothing, and it keeps no answer: whoever asks twice hears of two moments.
"""

from dataclasses import dataclass, field

import asyncpg

from milepost_core.cadence import Exit, decide_step
from milepost_runtime.database import Pool
from playbook_runner.actions.addresses import BadAddress
from playbook_runner.actions.message import HeaderRefused
from playbook_runner.briefing import NoReasons
from playbook_runner.clients.scoring import AccountGone, ScoringClient
from playbook_runner.drafting import Desk, Draft, Occasion, draft_email
from playbook_runner.keeping import Keeping
from playbook_runner.templates import TemplateFailed


@dataclass(frozen=True)
class Deciding:
    """The one rule for drafting and for sending."""

    pool: Pool = field(repr=False)
    keeping: Keeping
    scoring: ScoringClient
    desk: Desk

    async def today(self, step: asyncpg.Record, key: bytes | None = None) -> Draft | Exit:
        """Return the mail that a step sends today, or why its run ends before it; `step` is a row of `contexts`.

        `key` is the effect's, when there is one. Raises HealthAway: then nobody knows what to say today.
        """
        async with self.pool.acquire() as connection:
            playbook = await self.keeping.version(connection, step["playbook_id"], step["version"])
        try:
            health = await self.scoring.health(step["account_id"], step["correlation_id"])
        except AccountGone as error:
            return Exit("account_gone", str(error))
        decision = decide_step(playbook.trigger, health.effective_band.band)
        if isinstance(decision, Exit):
            return decision
        node = playbook.step(step["path"])
        assert node is not None, "a run's steps come from its own version"
        occasion = Occasion(step["run_id"], step["path"], step["iteration"], step["correlation_id"], step["now"], key)
        try:
            return draft_email(node, playbook, health, self.desk, occasion)
        except NoReasons as error:
            return Exit("no_reasons", str(error))
        except (TemplateFailed, HeaderRefused, BadAddress) as error:
            return Exit("not_sendable", f"{type(error).__name__}: {error}")
