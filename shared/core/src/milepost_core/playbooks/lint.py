"""Looks for what a playbook may say but probably does not mean.

It never refuses: each finding is a warning, for the author to weigh.
"""

from collections.abc import Iterator
from typing import Final

from milepost_core.events import EVENT_TYPES
from milepost_core.milestones import MilestoneState
from milepost_core.model.problems import nearest_word
from milepost_core.playbooks.conditions import AllOf, AnyOf, Compare, Condition, Not, sentence, tests_of
from milepost_core.playbooks.document import (
    BAND_RANK,
    TO_PERSONS,
    ApprovalStep,
    BandTrigger,
    BranchStep,
    ByHand,
    EmailStep,
    EventTrigger,
    MilestoneTrigger,
    Playbook,
    ReEntry,
    TaskStep,
    Tiers,
    Trigger,
    WaitStep,
    WatchTrigger,
)
from milepost_core.playbooks.following import follows, meets
from milepost_core.playbooks.parsing import Problem, conditions_of
from milepost_core.playbooks.parsing_bounds import within
from milepost_core.playbooks.parsing_conditions import tests_in
from milepost_core.playbooks.parsing_paths import ways_out

__all__ = ["LONG_SUBJECT", "lint"]

LONG_SUBJECT: Final = 200
"""A subject as it is written, placeholders and all; longer ones are cut in every list of mails."""


def lint(playbook: Playbook) -> tuple[Problem, ...]:
    """Return warnings about a valid playbook."""
    return tuple(_findings(playbook))


def _findings(playbook: Playbook) -> Iterator[Problem]:
    yield from _strange_types(playbook)
    yield from _idle_tests(playbook)
    yield from _flapping(playbook)
    yield from _known_alone(playbook)
    yield from _late_accepting(playbook)
    yield from _unasked(playbook)
    yield from _endings(playbook)
    yield from _crowded(playbook)
    yield from _moot_gates(playbook)
    if playbook.tiers is not None:
        yield from _tiers(playbook.tiers)
    if not playbook.measures:
        yield Problem("", "no_measure", "says no measure: nobody will know whether it helped")


def _strange_types(playbook: Playbook) -> Iterator[Problem]:
    said: list[tuple[str, tuple[str, ...]]] = []
    if isinstance(playbook.trigger, EventTrigger):
        said.append(("/trigger/events", playbook.trigger.types))
    if isinstance(playbook.trigger, WatchTrigger) and playbook.trigger.said_as == "silence":
        types = tuple(one.subject.removeprefix("days_since.") for one in tests_of(playbook.trigger.enter))
        said.append(("/trigger/events", types))
    for index, step in enumerate(playbook.steps):
        if isinstance(step, WaitStep):
            said.append((f"/steps/{index}/events", step.event_types))
    for pointer, types in said:
        for one in types:
            if one not in EVENT_TYPES:
                near = nearest_word(one, EVENT_TYPES)
                hint = f"; did you mean {near!r}?" if near else ""
                words = f"event type {one!r} is not in the vocabulary; it counts only if somebody sends it{hint}"
                yield Problem(pointer, "event_type_unknown", words)


def _idle_tests(playbook: Playbook) -> Iterator[Problem]:
    """Tests that hold for everybody or for nobody: they say nothing, or too much."""
    for pointer, condition in conditions_of(playbook):
        for one in tests_in(condition, pointer):
            found = within(one.test.subject, one.test.operator, one.test.values)
            if found is not None:
                word = "always holds" if found else "can never hold"
                code = "test_always" if found else "test_never"
                yield Problem(one.pointer, code, f"{sentence(one.test)}: this {word}")


def _flapping(playbook: Playbook) -> Iterator[Problem]:
    trigger = playbook.trigger
    if isinstance(trigger, WatchTrigger) and (trigger.said_as, trigger.hold, trigger.rearm) == ("threshold", 0, None):
        words = "has no `hold_days` and no `rearm`: a figure that wavers starts it again"
        yield Problem("/trigger", "no_hysteresis", words)
    if isinstance(trigger, WatchTrigger) and trigger.rearm is not None and meets(trigger.enter, trigger.rearm):
        words = "it is armed again while `when` still holds: the same trouble starts it again and again"
        yield Problem("/trigger/rearm", "rearmed_at_once", words)
    if playbook.re_entry.days == 0 and playbook.re_entry.most is None and not playbook.re_entry.never:
        yield Problem("/re_entry", "no_pause", "may start again at once: nothing keeps it from writing every day")


def _known_alone(playbook: Playbook) -> Iterator[Problem]:
    """Triggers that only ask whether something is known: that may be so of nearly everybody."""
    trigger = playbook.trigger
    if not isinstance(trigger, WatchTrigger) or trigger.leaving or playbook.audience is not None:
        return
    if _asks_no_more(trigger.enter):
        words = f"{sentence(trigger.enter)}: this says nothing of what it is, and nearly all accounts may have it"
        yield Problem("/trigger/when", "known_alone", words)


def _asks_no_more(condition: Condition) -> bool:
    match condition:
        case Compare(operator="known"):
            return True
        case AllOf(parts) | AnyOf(parts):
            return all(_asks_no_more(part) for part in parts)
    return False


def _late_accepting(playbook: Playbook) -> Iterator[Problem]:
    for index, step in enumerate(playbook.steps):
        if isinstance(step, TaskStep) and step.accept_hours is not None and step.accept_hours > step.finish_hours:
            words = f"may be accepted for {step.accept_hours:g} hours, and has to be finished in {step.finish_hours:g}"
            yield Problem(f"/steps/{index}/accept_hours", "accepted_late", words)


def _unasked(playbook: Playbook) -> Iterator[Problem]:
    """Rules of starts that come by themselves, in a playbook that only a person starts."""
    if not isinstance(playbook.trigger, ByHand):
        return
    for name, said in (("audience", playbook.audience is not None), ("re_entry", playbook.re_entry != ReEntry())):
        if said:
            yield Problem(f"/{name}", "by_hand_unasked", "is not asked when a person starts it, and nothing else does")


def _endings(playbook: Playbook) -> Iterator[Problem]:
    kinds = {one.kind for one in playbook.exits}
    lasts = any(isinstance(step, WaitStep) for step in playbook.steps)
    down = isinstance(playbook.trigger, BandTrigger) and playbook.trigger.direction == "down"
    if down and lasts and "recovered" not in kinds:
        yield Problem("", "no_exit", "waits, and has no exit for an account that has recovered meanwhile")
    yield from _empty_recoveries(playbook)
    yield from _empty_goals(playbook)
    if lasts and not kinds & {"churned"}:
        yield Problem("", "no_exit", "waits, and has no exit for a customer who has left meanwhile")


def _empty_recoveries(playbook: Playbook) -> Iterator[Problem]:
    """Recoveries to where a run begins, or to wherever it is: it would end as soon as it began."""
    begun = set(playbook.trigger.to) if isinstance(playbook.trigger, BandTrigger) else set()
    for index, one in enumerate(playbook.exits):
        shared = sorted(begun & set(one.bands)) or sorted(one.bands if set(BAND_RANK) <= set(one.bands) else ())
        if one.kind == "recovered" and shared:
            words = f"a run that begins in {', '.join(shared)} has recovered at once, and does nothing"
            yield Problem(f"/exits/{index}/bands", "recovered_at_once", words)


def _empty_goals(playbook: Playbook) -> Iterator[Problem]:
    """Goals that hold wherever a run begins: it would end as soon as it began."""
    begun = AllOf(tuple(one for one in (_begun(playbook.trigger), playbook.audience) if one is not None))
    for index, one in enumerate(playbook.exits):
        if one.condition is not None and follows(one.condition, begun):
            words = f"{sentence(one.condition)}: this holds as soon as a run begins, so it does nothing"
            yield Problem(f"/exits/{index}/when", "goal_at_once", words)


def _begun(trigger: Trigger) -> Condition | None:
    """Return what holds for an account when this trigger starts a run; None: nothing that a condition could say."""
    match trigger:
        case WatchTrigger():
            return Not(trigger.enter) if trigger.leaving else trigger.enter
        case BandTrigger():
            return Compare("band", "in", trigger.to)
        case MilestoneTrigger(states, milestones) if milestones:
            return AnyOf(tuple(Compare(f"milestone.{one}", "in", states) for one in milestones))
        case MilestoneTrigger(states) if set(states).isdisjoint(MilestoneState):
            return Compare("journey", "in", states)
        case _:
            return None


def _crowded(playbook: Playbook) -> Iterator[Problem]:
    """Two messages to a person with nothing between them."""
    at = {step.id: index for index, step in enumerate(playbook.steps)}
    for index, step in enumerate(playbook.steps):
        if isinstance(step, EmailStep) and len(step.subject) > LONG_SUBJECT:
            yield Problem(f"/steps/{index}/subject", "subject_long", f"has {len(step.subject)} characters")
        if step.kind not in TO_PERSONS or isinstance(step, BranchStep):
            continue
        for pointer, target in ways_out(playbook, index):
            following = playbook.steps[at[target]]
            if following.kind == step.kind and step.only_if is None and following.only_if is None:
                words = f"{step.id!r} and {following.id!r} reach people one directly after the other"
                yield Problem(pointer, "crowded", words)


def _moot_gates(playbook: Playbook) -> Iterator[Problem]:
    """Gates that ask a person about something that may be passed over right afterwards."""
    for index, step in enumerate(playbook.steps):
        about = playbook.step(step.about) if isinstance(step, ApprovalStep) else None
        if about is not None and about.only_if is not None and step.only_if != about.only_if:
            words = f"asks about {about.id!r}, which its only_if may pass over: give the gate the same only_if"
            yield Problem(f"/steps/{index}", "gate_moot", words)


def _disorder(tiers: Tiers) -> Iterator[Problem]:
    """Rows for worse bands below rows for better ones: a fall would take nothing over."""
    ranks = [[BAND_RANK[band] for band in row.bands if band in BAND_RANK] for row in tiers.rows]
    for index, row in enumerate(tiers.rows):
        for place in range(index):
            if ranks[index] and ranks[place] and min(ranks[place]) > max(ranks[index]):
                words = (
                    f"{row.id!r} is for worse bands and stands below {tiers.rows[place].id!r}: write the worst first"
                )
                yield Problem(f"/tiers/rows/{index}", "tier_order", words)
                break


def _tiers(tiers: Tiers) -> Iterator[Problem]:
    yield from _disorder(tiers)
    for index, row in enumerate(tiers.rows):
        for earlier in tiers.rows[:index]:
            if all(
                not wide or (bool(narrow) and set(narrow) <= set(wide))
                for wide, narrow in (
                    (earlier.bands, row.bands), (earlier.values, row.values), (earlier.stages, row.stages)
                )
            ):  # fmt: skip
                words = f"{row.id!r} is never chosen: all of its accounts go to {earlier.id!r}"
                yield Problem(f"/tiers/rows/{index}", "tier_hidden", words)
                break
    if tiers.otherwise is None and all(row.bands or row.values or row.stages for row in tiers.rows):
        yield Problem("/tiers", "tier_missing", "has no `otherwise`: accounts that fit no row get nothing")
