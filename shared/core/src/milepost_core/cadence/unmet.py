"""Unmet: what a playbook asks for before it starts and an account is not, each as a word and a sentence.

It never looks a fact up, and it says nothing of what only happens (events, dates, milestones): those leave no state.
"""

from milepost_core.cadence.why import Verdict
from milepost_core.playbooks.conditions import Condition, Facts, answer, sentence, subjects_of
from milepost_core.playbooks.document import BandTrigger, Playbook, WatchTrigger


def asked_of(playbook: Playbook) -> tuple[str, ...]:
    """Return the subjects on which it depends whether a playbook may start for an account."""
    enter = playbook.trigger.enter if isinstance(playbook.trigger, WatchTrigger) else None
    band = ("band",) if isinstance(playbook.trigger, BandTrigger) else ()
    return (*band, *subjects_of(playbook.audience, enter))


def unmet(playbook: Playbook, facts: Facts) -> tuple[Verdict, ...]:
    """Return what is not as the playbook asks for; nothing: it would start if its trigger came now."""
    found: list[Verdict] = []
    match playbook.trigger:
        case BandTrigger(to=to):
            band = facts["band"].value if "band" in facts else None
            if band not in to:
                wanted = " or ".join(to)
                found.append(Verdict("trigger_unmet", f"it starts when the account becomes {wanted}; it is {band}"))
        case WatchTrigger(enter=enter, leaving=leaving):
            found += _of(enter, facts, "trigger", wanted=not leaving)
        case _:
            pass
    if playbook.audience is not None:
        found += _of(playbook.audience, facts, "audience", wanted=True)
    return tuple(found)


def _of(condition: Condition, facts: Facts, about: str, *, wanted: bool) -> list[Verdict]:
    found = answer(condition, facts)
    if found.holds is wanted:
        return []
    asked = sentence(condition) if wanted else f"no longer: {sentence(condition)}"
    word = "unknown" if found.holds is None else "unmet"
    said = {"trigger": "it starts when", "audience": "it is meant for accounts where"}[about]
    return [Verdict(f"{about}_{word}", f"{said} {asked}; {found.because}")]
