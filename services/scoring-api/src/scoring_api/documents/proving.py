"""Tries a score model on accounts before it may judge them: all of a batch but the writing; it keeps nothing.

The law refuses what it can see in a document. What only the store can tell (a statement that is too wide for it, a
moment that it cannot count) is found out here, and is the document's mistake, not ours.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import asyncpg

from milepost_core.model import ScoreModel
from milepost_runtime.database import Pool
from milepost_runtime.queue import Hints
from scoring_api.queries import catalogue as queries
from scoring_api.scores.lineup import OneModel
from scoring_api.scores.rescoring import Rescoring

ACCOUNTS = 20
SECONDS = 20
# What the store refuses to do or Python to count; a connection that breaks is nobody's mistake.
REFUSALS = (
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.SyntaxOrAccessError,
    ArithmeticError,
    RecursionError,
    ValueError,
)


class ModelUnmeasurable(Exception):
    """A document that the law takes, but that cannot be measured in the store."""

    def __init__(self, model_id: str, version: int, reason: str) -> None:
        super().__init__(f"the score model '{model_id[:100]}' version {version} cannot be measured: {reason[:300]}")


@contextmanager
def measured(model: ScoreModel) -> Iterator[None]:
    """Raise ModelUnmeasurable where the store refuses what the model asks of it."""
    try:
        yield
    except asyncpg.QueryCanceledError as error:
        raise ModelUnmeasurable(model.id, model.version, f"{ACCOUNTS} accounts take over {SECONDS} s") from error
    except REFUSALS as error:
        raise ModelUnmeasurable(model.id, model.version, str(error) or type(error).__name__) from error


@dataclass(frozen=True)
class Proving:
    """The use case of trying a model, and each of its segments, on a few accounts."""

    pool: Pool = field(repr=False)
    hints: Hints = field(repr=False)

    async def __call__(self, model: ScoreModel) -> None:
        """Judge a few accounts by the model as if it took them all. Raises ModelUnmeasurable."""
        for one in (model, *(segment.model for segment in model.segments)):
            judge = OneModel(replace(one, applies_to=(), segments=()))
            rescoring = Rescoring(self.pool, self.hints, judge, base_url="", look_again=timedelta(days=1))
            with measured(model):
                # Who is merged away meanwhile is still there for us.
                async with (
                    self.pool.acquire() as connection,
                    connection.transaction(isolation="repeatable_read", readonly=True),
                ):
                    await connection.execute(f"set local statement_timeout = '{SECONDS}s'")
                    rows = await queries.sample(connection, None, ACCOUNTS)
                    looked = await rescoring.look(connection, [row["account_id"] for row in rows])
                await asyncio.to_thread(rescoring.rows, looked)
