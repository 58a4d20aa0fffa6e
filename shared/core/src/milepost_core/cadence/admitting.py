"""Admitting: what comes of a reason to start a playbook for an account: a run, where, in which arm, or why not.

It never looks at a clock, asks for facts, or keeps anything: a rehearsal comes to the same.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from milepost_core.cadence.entering import Pursuit, may_start
from milepost_core.cadence.exits import exit_by_escalation
from milepost_core.cadence.situation import Leave
from milepost_core.playbooks.assigning import Assignment, assign, is_experiment, own_start, stratum_of
from milepost_core.playbooks.conditions import Facts, answer, sentence, subjects_of
from milepost_core.playbooks.document import BandTrigger, MilestoneTrigger, Playbook
from milepost_core.playbooks.starting import Declines
from milepost_core.playbooks.tiers import NoTier, Tier, is_worse, tier_of, tier_subjects

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
    """A run is to be opened, at this step; `assignment` None: the playbook assigns nobody.

    `over`: how the run that is open ends first, as this one is of a worse tier.
    """

    start: str
    tier: Tier
    stage: str | None
    band: str | None
    assignment: Assignment | None
    over: Leave | None = None


@dataclass(frozen=True)
class HeldOut(Declines):
    """The account gets nothing, so that help can be measured; the assignment is to be kept."""

    assignment: Assignment


def subjects_to_admit(playbook: Playbook) -> tuple[str, ...]:
    """Return the facts that admitting an account to a playbook depends on; none: nobody has to be asked."""
    never = playbook.holdout.never if playbook.holdout is not None else None
    meant = (*subjects_of(playbook.audience, never), *tier_subjects(playbook), *_begun_in(playbook))
    return tuple(dict.fromkeys((*meant, "stage") if is_experiment(playbook) else meant))


def admit(playbook: Playbook, occasion: Occasion, who: Applicant, now: datetime) -> Admitted | Declines:
    """Decide about one account: whether it is meant, whether it may be now, by which tier, in which arm.

    What a person starts by hand is for whom that person says, and as soon as no other run is open; a tier and an arm
    it gets as any other does. A worse tier takes over from an open run, whatever is said about beginning again, and
    never holds out whom that run helps.
    """
    unmeant = _unmeant(playbook, occasion, who)
    if unmeant is not None:
        return unmeant
    tier = tier_of(playbook, who.facts, occasion.band)
    over = _taken_over(playbook, tier, who.pursuit)
    barred = _barred(playbook, occasion, who.pursuit if over is None else _FREE, now)
    if barred is not None:
        return barred
    if isinstance(tier, NoTier):
        return Declines("no_tier", tier.sentence)
    stage, found, start = _word(who.facts, "stage"), None, tier.start
    if is_experiment(playbook):
        stratum = stratum_of(tier.value_class, stage)
        found = assign(playbook, who.account, stratum, who.facts, who.kept, helped=over is not None)
        if found.held_out:
            return HeldOut("holdout", "the account is held out, so that the playbook's help can be measured", found)
        own = own_start(playbook, found)
        if over is not None and own is not None:
            # An arm that begins at a step of its own has one cadence for every tier.
            return _RUNNING
        start = own or tier.start
    return Admitted(start, tier, stage, occasion.band or _word(who.facts, "band"), found, over)


def _begun_in(playbook: Playbook) -> tuple[str, ...]:
    """Return the band, where recovery is told by the one that a run began in and what starts it names none."""
    recovers = any(exit_.kind == "recovered" for exit_ in playbook.exits)
    named = isinstance(playbook.trigger, BandTrigger | MilestoneTrigger)
    return ("band",) if recovers and not named else ()


_FREE: Final = Pursuit(open_run=False, last_started_at=None)
_RUNNING: Final = Declines("already_running", "a run of this playbook is open for the account")


def _unmeant(playbook: Playbook, occasion: Occasion, who: Applicant) -> Declines | None:
    if occasion.kind == BY_HAND or playbook.audience is None:
        return None
    meant = answer(playbook.audience, who.facts)
    if meant.holds is True:
        return None
    code = "not_meant" if meant.holds is False else "audience_unknown"
    return Declines(code, f"it is meant for accounts of which {sentence(playbook.audience)}: {meant.because}")


def _taken_over(playbook: Playbook, tier: Tier | NoTier, pursuit: Pursuit) -> Leave | None:
    """Return how the open run ends because the account gets a worse tier now; None: it does not."""
    if not pursuit.open_run or isinstance(tier, NoTier) or not is_worse(playbook, tier, pursuit.tier, pursuit.begun):
        return None
    return exit_by_escalation(playbook, tier.tier or "")


def _barred(playbook: Playbook, occasion: Occasion, pursuit: Pursuit, now: datetime) -> Declines | None:
    if occasion.kind == BY_HAND:
        return _RUNNING if pursuit.open_run else None
    verdict = may_start(playbook, pursuit, occasion.happened_at, now)
    return verdict if isinstance(verdict, Declines) else None


def _word(facts: Facts, subject: str) -> str | None:
    fact = facts.get(subject)
    return fact.value if fact is not None and isinstance(fact.value, str) else None
