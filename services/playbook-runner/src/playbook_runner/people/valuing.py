"""Valuing: what customers are worth today, by the attribute that a playbook or the policy names; it keeps nothing."""

from collections.abc import Collection
from uuid import UUID

from milepost_runtime.database import Pool
from playbook_runner.clients.scoring import ScoringClient
from playbook_runner.people.staffing import value_of


async def values(
    pool: Pool, scoring: ScoringClient, asked: Collection[tuple[UUID, str]]
) -> dict[tuple[UUID, str], float]:
    """Return what accounts are worth by these attributes ('': the policy's). Raises HealthAway.

    What is unknown, or no number, is left out.
    """
    usual = await value_of(pool)
    named = {pair: f"attribute.{pair[1] or usual}" for pair in asked}
    facts = await scoring.facts(sorted({account for account, _ in asked}), sorted(set(named.values())))
    found = {pair: facts[pair[0]][name].value for pair, name in named.items() if name in facts.get(pair[0], {})}
    return {pair: float(value) for pair, value in found.items() if isinstance(value, int | float)}
