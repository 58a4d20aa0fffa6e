"""Why not: the one thing that stands between a playbook and an account, said in a word and in a sentence.

It never looks anything up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Standing:
    """What is known when somebody asks why a playbook did not reach an account.

    `effect_state` and `effect_key` speak of the latest run's open effect, if there is one. `waiting_for` is why the
    open run's next step or effect waits (empty: it waits for nothing), `waiting_code` that reason's word.
    """

    all_paused: bool
    playbook_state: str
    run_state: str | None
    run_reason: str
    last_outcome: str | None
    last_code: str
    last_reason: str
    effect_state: str | None = None
    effect_key: str = ""
    waiting_for: str = ""
    waiting_code: str = ""


@dataclass(frozen=True)
class Verdict:
    """The answer to "why not": a code for machines and a sentence for people."""

    code: str
    sentence: str


def why_not(standing: Standing) -> Verdict:
    """Name the first thing that stands between a playbook and an account, nearest to the sending first."""
    if standing.effect_state is not None and standing.effect_state in _FOR_A_PERSON:
        return Verdict(standing.effect_state, _FOR_A_PERSON[standing.effect_state].format(key=standing.effect_key))
    if standing.playbook_state in _NOT_IN_FORCE and standing.run_state != "running":
        return Verdict(f"playbook_{standing.playbook_state}", _NOT_IN_FORCE[standing.playbook_state])
    if standing.all_paused:
        return Verdict("all_paused", "all outreach is paused")
    if standing.playbook_state == "paused":
        return Verdict("playbook_paused", "this playbook is paused")
    return _of_open_run(standing) if standing.run_state == "running" else _of_last_line(standing)


def _of_open_run(standing: Standing) -> Verdict:
    if not standing.waiting_for:
        return Verdict("running", "it did start: a run is open and its next step is on the way")
    sentence = f"a run is open, but its next step waits and will be tried again: {standing.waiting_for}"
    return Verdict(standing.waiting_code or "running", sentence)


def _of_last_line(standing: Standing) -> Verdict:
    match standing.last_outcome:
        case None:
            return Verdict("no_change", "no change of this account has matched the playbook's trigger")
        case "sent":
            return Verdict("sent", "it did reach the account: the last message was sent")
        case outcome:
            return Verdict(standing.last_code or outcome, standing.last_reason or standing.run_reason or outcome)


_NOT_IN_FORCE: Final[Mapping[str, str]] = {
    "draft": "this playbook is a draft: no version of it is in force, and nothing starts it until one is activated",
    "retired": "this playbook is retired: no version of it is in force any more",
}
# Resuming or waiting helps against neither, so these come before every pause.
_FOR_A_PERSON: Final[Mapping[str, str]] = {
    "parked": (
        "the message may or may not have been sent and nobody can know, so a person has to decide:"
        " POST /effects/{key}/resolve"
    ),
    "in_doubt": (
        "the message was started and its answer was lost; unless the channel can still tell, a person has to decide"
        " after the quiet time: POST /effects/{key}/resolve"
    ),
}
