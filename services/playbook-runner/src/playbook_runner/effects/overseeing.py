"""Dead letters and receivers as people look at them: what no machine carries further, who is left alone; read only."""

from dataclasses import dataclass, field

from milepost_runtime.database import Pool
from playbook_runner.effects.destination_views import DeadLetterPage, DeadLetters, DestinationList, DestinationView
from playbook_runner.queries import destinations as queries
from playbook_runner.queries import reading
from playbook_runner.views import EffectSummary


@dataclass(frozen=True)
class Overseeing:
    """What people may look at when something outside does not work."""

    pool: Pool = field(repr=False)

    async def destinations(self) -> DestinationList:
        """Return every receiver with its circuit."""
        rows = await queries.every(self.pool)
        return DestinationList(
            data=[DestinationView(circuit="closed" if row["probe_at"] is None else "open", **dict(row)) for row in rows]
        )

    async def dead_letters(self, destination: str | None, cursor: bytes | None, limit: int) -> DeadLetterPage:
        """Return a page of effects that failed for good or are parked, newest first, and how many there are of each."""
        rows = await reading.dead_letters(self.pool, destination, cursor, limit + 1)
        counts = await reading.dead_letter_counts(self.pool, destination)
        found = [EffectSummary.model_validate(dict(row)) for row in rows[:limit]]
        return DeadLetterPage(
            data=found,
            counts=[DeadLetters.model_validate(dict(row)) for row in counts],
            next_cursor=found[-1].key if len(rows) > limit else None,
        )
