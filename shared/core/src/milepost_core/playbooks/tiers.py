"""Tiers: which cadence an account gets, by its band, what it is worth, and its stage.

It never asks for a fact and never decides whether a playbook starts at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from milepost_core.playbooks.conditions import Fact, Facts
from milepost_core.playbooks.document import Playbook, TierRow, ValueClass


@dataclass(frozen=True)
class Tier:
    """Where a run begins: `tier` None: the playbook has no tiers, or the account fell to `otherwise`."""

    tier: str | None
    start: str
    value_class: str | None = None


@dataclass(frozen=True)
class NoTier:
    """No row of the matrix is meant for the account; a run is not to be started."""

    sentence: str


def tier_subjects(playbook: Playbook) -> tuple[str, ...]:
    """Return the facts that decide about the tier of an account."""
    tiers = playbook.tiers
    if tiers is None:
        return ()
    return (f"attribute.{tiers.value_of}", "band", "stage") if tiers.value_of else ("band", "stage")


def tier_of(playbook: Playbook, facts: Facts, band: str | None = None) -> Tier | NoTier:
    """Return where a run of the playbook begins for an account: at the first row that fits, else at `otherwise`.

    `band` is the one that the run is started for, where one is; it goes before today's. A value or a stage that is not
    known fits rows only that do not ask for one.
    """
    first = playbook.steps[0].id
    tiers = playbook.tiers
    if tiers is None:
        return Tier(None, first)
    worth = value_class(tiers.classes, facts.get(f"attribute.{tiers.value_of}"))
    stands = band or _word(facts, "band") or "unknown"
    stage = _word(facts, "stage")
    for row in tiers.rows:
        if _fits(row, stands, worth, stage):
            return Tier(row.id, row.start, worth)
    if tiers.otherwise is not None:
        return Tier(None, tiers.otherwise, worth)
    known = f"band {stands}, value {worth or 'not known'}, stage {stage or 'not known'}"
    return NoTier(f"no tier is meant for this account ({known})")


def is_worse(playbook: Playbook, tier: Tier, than: str | None, begun: str | None) -> bool:
    """Return whether an account gets another, worse cadence than a run of the tier `than` that began at `begun` has.

    Rows stand from the worst to the mildest, and `otherwise` is mildest of all. A tier that begins where the run did is
    the same cadence. A run of a tier that this version does not have is compared with nothing, and so is one of no tier
    that did not begin where `otherwise` leads: its version had no tiers, or others.
    """
    tiers = playbook.tiers
    if tiers is None or tier.start == begun:
        return False
    places: dict[str | None, int] = {row.id: place for place, row in enumerate(tiers.rows)}
    if begun is not None and begun == tiers.otherwise:
        places[None] = len(tiers.rows)
    return than in places and places.get(tier.tier, len(tiers.rows)) < places[than]


def owners(playbook: Playbook, tier: str | None, named: Sequence[str] = ()) -> tuple[str, ...]:
    """Return whose work a step of a run is, as a chain: whom it names, else the tier's owner, else the playbook's."""
    rows = playbook.tiers.rows if playbook.tiers is not None else ()
    return tuple(named) or next((row.owner for row in rows if row.id == tier and row.owner), playbook.owner)


def value_class(classes: Sequence[ValueClass], worth: Fact | None) -> str | None:
    """Return the first class that a value lies in, or None where the value is not known as a number."""
    value = None if worth is None else worth.value
    if not isinstance(value, float | int) or isinstance(value, bool):
        return None
    return next((one.id for one in classes if one.below is None or value < one.below), None)


def _fits(row: TierRow, band: str, worth: str | None, stage: str | None) -> bool:
    return (
        (not row.bands or band in row.bands)
        and (not row.values or worth in row.values)
        and (not row.stages or stage in row.stages)
    )


def _word(facts: Facts, subject: str) -> str | None:
    fact = facts.get(subject)
    return fact.value if fact is not None and isinstance(fact.value, str) else None
