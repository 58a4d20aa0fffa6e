"""Admitting: what comes of a reason to start a playbook for an account: a run, where, in which arm, or why not.

It never looks at a clock, asks for facts, or keeps anything: a rehearsal comes to the same.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from milepost_core.cadence.entering import Pursuit, may_start
from milepost_core.playbooks.assigning import Assignment, arm_start, assign, is_experiment, stratum_of
from milepost_core.playbooks.conditions import Facts, answer, sentence, subjects_of
from milepost_core.playbooks.document import Playbook
from milepost_core.playbooks.starting import Declines
from milepost_core.playbooks.tiers import NoTier, Tier, tier_of, tier_subjects

BY_HAND: Final = "by_hand"


@dataclass(frozen=True)
class Occasion:
    """What happened, when, and to which band, if it is about one; `kind` as triggers are called."""

    kind: str
    happened_at: datetime
    band: str | None = None


@dataclass(frozen=True)
class Applicant:
    """An account at such a moment: its facts, what was begun for it before, where it was assigned to before."""

    account: str
    facts: Facts
    pursuit: Pursuit = field(default_factory=lambda: Pursuit(open_run=False, last_started_at=None))
    kept: Assignment | None = None


@dataclass(frozen=True)
class Admitted:
    """A run is to be opened, at this step; `assignment` None: the playbook assigns nobody."""

    start: str
    tier: Tier
    stage: str | None
    band: str | None
    assignment: Assignment | None


@dataclass(frozen=True)
class HeldOut(Declines):
    """The account gets nothing, so that help can be measured; the assignment is to be kept."""

    assignment: Assignment


def subjects_to_admit(playbook: Playbook) -> tuple[str, ...]:
    """Return the facts that admitting an account to a playbook depends on; none: nobody has to be asked."""
    never = playbook.holdout.never if playbook.holdout is not None else None
    meant = (*subjects_of(playbook.audience, never), *tier_subjects(playbook))
    return tuple(dict.fromkeys((*meant, "stage") if is_experiment(playbook) else meant))


def admit(playbook: Playbook, occasion: Occasion, who: Applicant, now: datetime) -> Admitted | Declines:
    """Decide about one account: whether it is meant, whether it may be now, by which tier, in which arm.

    What a person starts by hand is for whom that person says, and as soon as no other run is open; a tier and an arm
    it gets as any other does.
    """
    refused = _refused(playbook, occasion, who, now)
    if refused is not None:
        return refused
    tier = tier_of(playbook, who.facts, occasion.band)
    if isinstance(tier, NoTier):
        return Declines("no_tier", tier.sentence)
    stage = _word(who.facts, "stage")
    found = None
    if is_experiment(playbook):
        found = assign(playbook, who.account, stratum_of(tier.value_class, stage), who.facts, who.kept)
        if found.held_out:
            return HeldOut("holdout", "the account is held out, so that the playbook's help can be measured", found)
    start = tier.start if found is None or found.excluded else arm_start(playbook, found.arm, tier.start)
    return Admitted(start, tier, stage, occasion.band or _word(who.facts, "band"), found)


def _refused(playbook: Playbook, occasion: Occasion, who: Applicant, now: datetime) -> Declines | None:
    if occasion.kind == BY_HAND:
        open_run = who.pursuit.open_run
        return Declines("already_running", "a run of this playbook is open for the account") if open_run else None
    if playbook.audience is not None:
        meant = answer(playbook.audience, who.facts)
        if meant.holds is not True:
            code = "not_meant" if meant.holds is False else "audience_unknown"
            return Declines(code, f"it is meant for accounts of which {sentence(playbook.audience)}: {meant.because}")
    verdict = may_start(playbook, who.pursuit, occasion.happened_at, now)
    return verdict if isinstance(verdict, Declines) else None


def _word(facts: Facts, subject: str) -> str | None:
    fact = facts.get(subject)
    return fact.value if fact is not None and isinstance(fact.value, str) else None
