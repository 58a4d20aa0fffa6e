"""Parses gates and milestones: what fires on a condition, and what completes itself on one.

It never checks how they fit together (`refusals` does) and never looks at an account.
"""

from typing import Final

from milepost_core.model.document import Condition, Gate, Milestone
from milepost_core.model.leaks import leaks_state
from milepost_core.model.parsing_signals import words_of
from milepost_core.model.parsing_sources import parse_source, parse_where, refuse_leak
from milepost_core.model.section import DAYS, NOT_NEGATIVE, POINTS, WEIGHT, Section, is_number, scalars
from milepost_core.model.sources import Last, MilestoneProgress, Scalar, Where, parts

__all__ = ["OPERATORS", "SIDES", "parse_gate", "parse_milestone"]

OPERATORS: Final = ("==", "!=", ">", ">=", "<", "<=", "in", "not_in")
SIDES: Final = ("customer", "us", "third_party")


def parse_gate(section: Section) -> Gate:
    """One gate: when it fires and what it does to the score."""
    name = section.id()
    when = _condition(section.section("when"))
    cap, subtract = section.optional_number("cap_score", POINTS), section.optional_number("subtract", NOT_NEGATIVE)
    if (cap is None) == (subtract is None):
        section.note("", "a gate does exactly one thing", "either cap_score or subtract")
    gate = Gate(
        id=name,
        source=when.source,
        op=when.op,
        value=when.value,
        cap_score=cap,
        subtract=subtract,
        hard=section.flag("hard"),
        label=section.text("label", words_of(name)),
        next_step=section.optional_text("next_step"),
    )
    section.finish()
    return gate


def _condition(when: Section) -> Condition:
    source = parse_source(when.section("source"))
    op = when.choice("op", OPERATORS, "==")
    condition = Condition(source, op, _compared(when, op))
    _refuse_outcome(when, condition)
    when.finish()
    return condition


def _refuse_outcome(when: Section, condition: Condition) -> None:
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    types = [name for part in parts(condition.source) if isinstance(part, Last) for name in part.where.types]
    leaks = [one for one in values if leaks_state(one, types)]
    if leaks:
        refuse_leak(when, "value", leaks[0], "another state")


def _compared(when: Section, op: str) -> Scalar | tuple[Scalar, ...]:
    raw = when.take("value")
    several = op in ("in", "not_in")
    values = scalars(raw)
    if not values or several != isinstance(raw, list | tuple):
        when.note("value", "cannot be compared", "a list of values" if several else "a text, a number or true/false")
        return ""
    if op in (">", ">=", "<", "<=") and not is_number(raw):
        when.note("value", f"{raw!r} has no order", "a number")
    return values if several else values[0]


def parse_milestone(section: Section) -> Milestone:
    """One planned step of the onboarding, with what it waits for and what completes it."""
    name = section.id()
    milestone = Milestone(
        id=name,
        label=section.text("label", words_of(name)),
        target_day=section.optional_number("target_day", DAYS),
        weight=section.number("weight", 1.0, WEIGHT),
        required=section.flag("required", True),
        side=section.choice("side", SIDES, SIDES[0]) or SIDES[0],
        owner=section.text("owner", ""),
        after=_after(section),
        work_days=section.optional_number("work_days", DAYS),
        done_by=_done_by(section),
        done_when=_done_when(section),
    )
    section.finish()
    return milestone


def _after(section: Section) -> tuple[str, ...]:
    raw = section.take("after")
    names = section.texts("after") if raw not in (None, [], ()) else ()
    if len(set(names)) < len(names):
        section.note("after", "names a milestone twice", "every milestone once")
    return names


def _done_by(section: Section) -> Where | None:
    if not section.has("done_by"):
        section.take("done_by")
        return None
    where = parse_where(section, "done_by")
    if not where.clauses:
        section.note("done_by", "every record would complete it", "at least one clause, such as type")
    return where


def _done_when(section: Section) -> Condition | None:
    if not section.has("done_when"):
        section.take("done_when")
        return None
    condition = _condition(section.section("done_when"))
    if any(isinstance(part, MilestoneProgress) for part in parts(condition.source)):
        section.note("done_when", "the plan cannot wait for its own progress", "another aggregation")
    return condition
