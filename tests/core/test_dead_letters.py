"""Claims about dead letters: only what has certainly not arrived is sent again, and only for a run that may go on."""

from dataclasses import replace

import pytest

from milepost_core.dead_letters import DeadLetter, revive_refusal
from milepost_core.effects import Doubt, EffectState

DEAD = DeadLetter(EffectState.FAILED, "done", ended_by_it=True, rival=False, unclear=False)


def code(letter: DeadLetter, doubt: Doubt = Doubt.BLIND) -> str | None:
    refusal = revive_refusal(letter, doubt)
    return None if refusal is None else refusal[0]


@pytest.mark.parametrize("state", EffectState)
def test_of_all_states_only_what_failed_for_good_is_sent_again(state: EffectState) -> None:
    unclear = {EffectState.PARKED, EffectState.IN_DOUBT}
    expected = None if state is EffectState.FAILED else "may_have_arrived" if state in unclear else "not_a_dead_letter"
    assert code(replace(DEAD, state=state)) == expected


@pytest.mark.parametrize("doubt", Doubt)
def test_what_was_in_doubt_once_goes_only_to_who_knows_keys(doubt: Doubt) -> None:
    assert code(replace(DEAD, unclear=True), doubt) == (None if doubt is Doubt.KEYED else "may_have_arrived")


def test_the_run_goes_on_or_ended_by_this_failure_and_has_no_successor() -> None:
    assert code(replace(DEAD, run_state="running", ended_by_it=False)) is None
    assert code(replace(DEAD, ended_by_it=False)) == "run_over"
    assert code(replace(DEAD, rival=True)) == "run_under_way"
    assert code(replace(DEAD, run_state="running", rival=True)) is None
