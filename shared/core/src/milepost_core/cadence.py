"""Cadence: whether a run may start, what a due step does today, and why a playbook did not reach an account.

It never looks at a clock or talks to anyone; the effects that steps cause have their own law in `effects`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from milepost_core.playbooks import BAND_RANK, Declines, Playbook, Starts, Trigger


@dataclass(frozen=True)
class Perform:
    """The step is to be carried out."""


@dataclass(frozen=True)
class Exit:
    """The run ends before this step, for a reason that is to be recorded."""

    code: str
    sentence: str


def decide_step(trigger: Trigger, band: str) -> Perform | Exit:
    """Decide at send time whether the run's reason still stands; `band` is the account's effective band."""
    if band in trigger.to:
        return Perform()
    if band not in BAND_RANK:
        return Exit("health_unknown", "the account's health is not known any more, so there is nothing true to say")
    if all(BAND_RANK[band] > BAND_RANK[target] for target in trigger.to):
        return Exit("recovered", f"the account has recovered to {band}")
    return Exit("moved_on", f"the account is {band} now, which this playbook does not speak about")


@dataclass(frozen=True)
class Pursuit:
    """How one playbook and one account stand to each other when a matching change arrives."""

    open_run: bool
    last_started_at: datetime | None


# A change that waited longer than this (the runner was down, or is new to an old feed) is history, not news.
FRESH_FOR = timedelta(days=2)


def may_start(playbook: Playbook, pursuit: Pursuit, changed_at: datetime, now: datetime) -> Starts | Declines:
    """Decide whether a matching change opens a run: news only, one at a time, not within the re-entry time."""
    if now - changed_at > FRESH_FOR:
        return Declines("stale_change", f"the change of {changed_at:%Y-%m-%d %H:%M} UTC came too late to be news")
    if pursuit.open_run:
        return Declines("already_running", "a run of this playbook is open for the account")
    last = pursuit.last_started_at
    pause = timedelta(days=playbook.re_entry.days)
    if last is not None and now - last < pause:
        again = (last + pause).strftime("%Y-%m-%d %H:%M UTC")
        return Declines(
            "too_soon", f"the last run began less than {playbook.re_entry.days:g} days ago; again from {again}"
        )
    return Starts()


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
    if standing.all_paused:
        return Verdict("all_paused", "all outreach is paused")
    if standing.playbook_state != "active":
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
