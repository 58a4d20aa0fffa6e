"""Dead letters: whether an effect that failed for good may be sent again because a person wants it.

It never looks at a clock and asks nobody: how the letter and its run stand is an argument.
"""

from dataclasses import dataclass

from milepost_core.effects import Doubt, EffectState


@dataclass(frozen=True)
class DeadLetter:
    """An effect that somebody wants to be sent again, and how its run stands.

    `ended_by_it`: the run ended because this effect failed. `rival`: the account has another run of the playbook.
    `unclear`: one of its tries ended in doubt.
    """

    state: EffectState
    run_state: str
    ended_by_it: bool
    rival: bool
    unclear: bool


def revive_refusal(letter: DeadLetter, doubt: Doubt) -> tuple[str, str] | None:
    """Return code and sentence why a dead letter is not sent again, or None when it may be; `doubt` is its channel's.

    Only what has certainly not arrived is sent again under its key, unless the receiver knows the key.
    """
    if letter.state in (EffectState.IN_DOUBT, EffectState.PARKED):
        return "may_have_arrived", "it may have arrived: a person decides about that by resolving it"
    if letter.state is not EffectState.FAILED:
        return "not_a_dead_letter", f"it is {letter.state}: only what failed for good is sent again so"
    if letter.unclear and doubt is not Doubt.KEYED:
        return "may_have_arrived", "one of its tries ended in doubt and its receiver knows no keys"
    if letter.run_state != "running" and not letter.ended_by_it:
        return "run_over", "its run is over for another reason than this failure"
    if letter.run_state != "running" and letter.rival:
        return "run_under_way", "the account has another run of this playbook by now"
    return None
