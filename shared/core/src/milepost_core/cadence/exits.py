"""Exits: what ends a run before its last step, by what is known of the account or by what happened at it.

It never asks for a fact; what is not known ends nothing.
"""

from collections.abc import Mapping
from typing import Final

from milepost_core.cadence.situation import Leave, Situation
from milepost_core.playbooks.conditions import answer, sentence, subjects_of
from milepost_core.playbooks.document import BAND_RANK, BandTrigger, Exit, Playbook

EXIT_EVENTS: Final[Mapping[str, str]] = {"message.replied": "replied", "churned": "churned"}
"""Event types that an exit is about."""
OPTED_OUT: Final = "opted_out"
ESCALATED: Final = "escalated"
_HAPPENED: Final[Mapping[str, str]] = {
    "replied": "somebody at the account replied",
    "churned": "the account churned",
    OPTED_OUT: "the recipient does not want to be written to",
}
BY_FACTS: Final = frozenset({"recovered", "goal_met"})


def looks_at_facts(playbook: Playbook) -> bool:
    """Return whether one of the playbook's exits depends on what is known of the account."""
    return any(exit_.kind in BY_FACTS for exit_ in playbook.exits)


def looks_beyond_health(playbook: Playbook) -> bool:
    """Return whether an exit depends on attributes of the account, which no health document tells."""
    return any(subject.startswith("attribute.") for exit_ in playbook.exits for subject in subjects_of(exit_.condition))


def exit_by_happening(playbook: Playbook, kind: str) -> Leave | None:
    """Return how a run ends because somebody replied, churned or opted out; None: the playbook does not mind."""
    named = next((exit_ for exit_ in playbook.exits if exit_.kind == kind), None)
    return Leave(kind, _HAPPENED[kind], named.tasks == "close") if named is not None else None


def exit_by_escalation(playbook: Playbook, tier: str) -> Leave:
    """Return how a run ends because the account has come to a worse tier; no playbook can rule that out."""
    named = next((exit_ for exit_ in playbook.exits if exit_.kind == ESCALATED), None)
    return Leave(ESCALATED, f"the account has come to the tier {tier}", named is None or named.tasks == "close")


def exit_by_facts(playbook: Playbook, at: Situation) -> Leave | None:
    """Return the first exit that the account's facts open, or None; without facts none is open."""
    for exit_ in playbook.exits:
        leave = _opened(exit_, at)
        if leave is not None:
            return leave
    return None


def _opened(exit_: Exit, at: Situation) -> Leave | None:
    facts = at.facts or {}
    close = exit_.tasks == "close"
    if exit_.kind == "recovered":
        band = facts["band"].value if "band" in facts else None
        # A run that began in such a band has not recovered by being in it still.
        if band in exit_.bands and band != at.band:
            return Leave("recovered", f"the account has recovered to {band}", close)
    elif exit_.kind == "goal_met" and exit_.condition is not None and answer(exit_.condition, facts).holds:
        return Leave("goal_met", f"its goal is met: {sentence(exit_.condition)}", close)
    return None


def stands(playbook: Playbook, at: Situation) -> Leave | None:
    """Return how a run ends instead of carrying out a step, or None: the reason for it stands.

    Asked when an effect is sent, and when its step is begun if where it goes hangs on health.
    """
    return exit_by_facts(playbook, at) or _trigger_gone(playbook, at)


def _trigger_gone(playbook: Playbook, at: Situation) -> Leave | None:
    """Return how a run ends before a step because the band that started it is over; None: it stands.

    A playbook that says itself what recovery is decides by that alone; a run that no band started does not depend on
    one. Where no band is known any more there is nothing true to say.
    """
    trigger, facts = playbook.trigger, at.facts or {}
    if not isinstance(trigger, BandTrigger) or at.trigger_kind != "band_changed" or "band" not in facts:
        return None
    band = facts["band"].value
    if band in trigger.to:
        return None
    if not isinstance(band, str) or band not in BAND_RANK:
        return Leave("health_unknown", "the account's health is not known any more, so there is nothing true to say")
    if any(exit_.kind == "recovered" for exit_ in playbook.exits):
        return None
    if all(BAND_RANK[band] > BAND_RANK.get(target, -1) for target in trigger.to):
        return Leave("recovered", f"the account has recovered to {band}")
    return Leave("moved_on", f"the account is {band} now, which this playbook does not speak about")
