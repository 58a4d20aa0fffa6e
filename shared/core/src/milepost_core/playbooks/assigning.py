"""Assigning: who is held out and who gets which arm, decided by hash within strata, so that it can be told again.

It draws no lots and keeps nothing: the same account gets the same answer in every process and in a rehearsal. What was
assigned once is kept by the caller and comes back here as `kept`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from milepost_core.playbooks.conditions import Facts, answer
from milepost_core.playbooks.document import Arm, Holdout, Playbook
from milepost_core.playbooks.starting import digest

HOLDOUT: Final = "holdout"
TREATED: Final = "treated"
EXCLUDED: Final = "excluded"


@dataclass(frozen=True)
class Assignment:
    """Where an account stands in the experiment of a playbook.

    Args:
        arm: `holdout`, an arm of the playbook, `treated` where it has none, `excluded`. bucket: 0 up to 1, the place
        by hash that decided. stratum: within which accounts it was decided. version: of the playbook, then. excluded:
        it takes no part (any more), whatever the arm.
    """

    arm: str
    bucket: float
    stratum: str
    version: int
    excluded: bool = False

    @property
    def held_out(self) -> bool:
        """Whether nothing is to be done for the account, so that help can be measured."""
        return self.arm == HOLDOUT and not self.excluded

    @property
    def acts_as(self) -> str:
        """The arm that a run of it belongs to."""
        return EXCLUDED if self.excluded else self.arm


def is_experiment(playbook: Playbook) -> bool:
    """Return whether a playbook assigns accounts to anything."""
    return playbook.holdout is not None or bool(playbook.arms)


def stratum_of(value_class: str | None, stage: str | None) -> str:
    """Return the stratum of an account: what it is worth and its stage; a dash for what is not known."""
    return f"{value_class or '-'}/{stage or '-'}"


def assign(
    playbook: Playbook,
    account: str,
    stratum: str,
    facts: Facts,
    kept: Assignment | None = None,
    *,
    helped: bool = False,
) -> Assignment:
    """Return where an account stands; what was kept stays, whatever has become of its stratum or of the shares.

    An arm stays as long as the playbook has it. Where a version has not, because arms were added, renamed or taken
    away, the account draws again among those that there are, by the hash of that version and not of the one before, so
    that no new arm inherits an old one; the assignment names the version. Nobody who got help is held out by that.

    An account of which `never` holds, or may hold, is excluded: nobody who may need help most is left without it for
    the sake of a figure. One that was held out and comes under `never` later is helped from then on, and its arm stays
    on the record, so that whoever counts can count it where it was.

    `helped`: a run of the playbook is open for it, from before anybody was assigned. Help that has begun is not taken
    away: it draws among the arms only.
    """
    never = playbook.holdout.never if playbook.holdout is not None else None
    spared = never is not None and answer(never, facts).holds is not False
    if kept is not None:
        kept = replace(kept, excluded=True) if spared and kept.arm == HOLDOUT else kept
        return kept if kept.arm in (HOLDOUT, EXCLUDED) or _has(playbook, kept.arm) else _anew(playbook, account, kept)
    bucket = bucket_of("holdout", playbook.id, stratum, account)
    if spared:
        return Assignment(EXCLUDED, bucket, stratum, playbook.version, excluded=True)
    if not helped and _is_held_out(playbook.holdout, bucket):
        return Assignment(HOLDOUT, bucket, stratum, playbook.version)
    # Another draw: the arms have to be alike, whatever share of the accounts is held out.
    bucket = bucket_of("arm", playbook.id, stratum, account) if playbook.arms else bucket
    return Assignment(_arm(playbook.arms, bucket), bucket, stratum, playbook.version)


def own_start(playbook: Playbook, found: Assignment) -> str | None:
    """Return the step of its own at which an account's arm begins; None: it begins where the account's tier does."""
    return None if found.excluded else next((one.start for one in playbook.arms if one.id == found.arm), None)


def bucket_of(draw: str, playbook_id: str, stratum: str, account: str) -> float:
    """Return a number from 0 up to 1 that is even over accounts and independent of other draws, playbooks, strata.

    SHA-256 over the parts; its first 53 bits, as many as a float carries in full.
    """
    return (int.from_bytes(digest("as1", draw, playbook_id, stratum, account)[:8], "big") >> 11) / 2**53


def _has(playbook: Playbook, arm: str) -> bool:
    return arm in [one.id for one in playbook.arms] if playbook.arms else arm == TREATED


def _anew(playbook: Playbook, account: str, kept: Assignment) -> Assignment:
    """Draw an arm of this version for an account whose arm it has not."""
    bucket = bucket_of(f"arm of {playbook.version}", playbook.id, kept.stratum, account)
    return replace(kept, arm=_arm(playbook.arms, bucket), bucket=bucket, version=playbook.version)


def _is_held_out(holdout: Holdout | None, bucket: float) -> bool:
    return holdout is not None and bucket < holdout.share


def _arm(arms: Sequence[Arm], bucket: float) -> str:
    """Shares are parts of what all arms have together."""
    if not arms:
        return TREATED
    place, whole = 0.0, sum(arm.share for arm in arms)
    for arm in arms:
        place += arm.share / whole
        if bucket < place:
            return arm.id
    return arms[-1].id
