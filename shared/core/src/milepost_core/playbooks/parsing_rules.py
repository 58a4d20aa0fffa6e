"""Tiers, exits, re-entry, measures, holdout and arms from a document.

It never assigns an account to one of them.
"""

from itertools import pairwise
from typing import Any, Final

from milepost_core.model.section import DAYS, POSITIVE, SPAN, Limits, Section
from milepost_core.playbooks.conditions import Condition
from milepost_core.playbooks.document import Arm, Exit, Holdout, Measure, ReEntry, TierRow, Tiers, ValueClass
from milepost_core.playbooks.parsing_conditions import parse_condition
from milepost_core.playbooks.parsing_words import bands, chain, name, names, problem

__all__ = [
    "EXITS", "MOST_HOLDOUT", "MOST_OF_EACH", "parse_arms", "parse_exits", "parse_holdout", "parse_measures",
    "parse_re_entry", "parse_tiers",
]  # fmt: skip

MOST_OF_EACH: Final = 50
MOST_HOLDOUT: Final = 0.5
EXITS: Final = ("recovered", "goal_met", "replied", "churned", "opted_out", "escalated")
_HELD: Final = Limits(0, MOST_HOLDOUT, f"a share above 0, at most {MOST_HOLDOUT:g}", low_is_out=True)
_SHARE: Final = Limits(0, 1, "a share above 0, at most 1", low_is_out=True)


def parse_tiers(root: Section) -> Tiers | None:
    """Return the tier matrix, or None where there is none."""
    if not root.has("tiers"):
        root.take("tiers")
        return None
    section = root.section("tiers")
    found = Tiers(
        value_of=section.text("value_of", ""),
        classes=tuple(_class(one) for one in section.sections("classes", MOST_OF_EACH)),
        rows=tuple(_row(one) for one in section.sections("rows", MOST_OF_EACH)),
        otherwise=name(section, "otherwise", "") or None,
    )
    section.finish()
    _check_classes(section, found)
    return found


def _class(section: Section) -> ValueClass:
    found = ValueClass(name(section, "id"), section.optional_number("below", POSITIVE))
    section.finish()
    return found


def _row(section: Section) -> TierRow:
    found = TierRow(
        id=name(section, "id"),
        start=name(section, "start"),
        bands=bands(section, "bands", required=False),
        values=names(section, "values"),
        stages=names(section, "stages"),
        owner=chain(section, "owner", ()),
        success=name(section, "success", ""),
    )
    section.finish()
    return found


def _check_classes(section: Section, tiers: Tiers) -> None:
    if not tiers.rows:
        section.note("rows", "there is no row", "a list with at least one row")
    if tiers.classes and not tiers.value_of:
        section.note("", "'value_of' is missing", "value_of: the attribute that says what a customer is worth")
    edges = [float("inf") if one.below is None else one.below for one in tiers.classes]
    if any(low >= high for low, high in pairwise(edges)):
        section.note("classes", "the classes do not rise", "rising `below`, the last one without")
    known = [one.id for one in tiers.classes]
    for index, row in enumerate(tiers.rows):
        for value in row.values:
            if value not in known:
                message = f"there is no value class {value!r}"
                place = f"{section.at('rows')}/{index}/values"
                expected = f"one of {', '.join(known)}" if known else "classes to choose from"
                section.problems.append(problem(place, "class_unknown", message, expected))


def parse_exits(root: Section) -> tuple[Exit, ...]:
    """Return what ends a run at any moment."""
    return tuple(_exit(one) for one in root.sections("exits", MOST_OF_EACH))


def _exit(section: Section) -> Exit:
    kind: Any = section.choice("kind", EXITS) or "churned"
    tasks: Any = section.choice("tasks", ("close", "keep"), "close") or "close"
    to = bands(section, "bands") if kind == "recovered" else ()
    condition = _condition(section, "when") if kind == "goal_met" else None
    section.finish()
    return Exit(kind, to, condition, tasks)


def _condition(section: Section, key: str) -> Condition:
    return parse_condition(section.take(key), section.at(key), section.problems)


def parse_re_entry(root: Section) -> ReEntry:
    """Return when the playbook may start again for an account; left out: not within seven days."""
    section = root.section("re_entry", {})
    most = section.whole("most", least=1, most=1000) if section.has("most") else None
    section.take("most")
    found = ReEntry(
        days=section.number("days", 7.0, DAYS),
        most=most,
        per_days=section.optional_number("per_days", SPAN),
        never=section.flag("never"),
    )
    if (found.most is None) != (found.per_days is None):
        section.note("", "`most` and `per_days` belong together", "both or none of them")
    section.finish()
    return found


def parse_measures(root: Section) -> tuple[Measure, ...]:
    """Return what success is."""
    found = []
    for one in root.sections("measures", MOST_OF_EACH):
        found.append(Measure(name(one, "id"), _condition(one, "when"), one.number("within_days", limits=SPAN)))
        one.finish()
    return tuple(found)


def parse_holdout(root: Section) -> Holdout | None:
    """Return the share that gets nothing, or None."""
    if not root.has("holdout"):
        root.take("holdout")
        return None
    section = root.section("holdout")
    never = _condition(section, "never") if section.has("never") else None
    section.take("never")
    found = Holdout(section.number("share", limits=_HELD), never)
    section.finish()
    return found


def parse_arms(root: Section) -> tuple[Arm, ...]:
    """Return the arms; together they are everybody who gets something."""
    found = []
    for one in root.sections("arms", MOST_OF_EACH):
        found.append(Arm(name(one, "id"), one.number("share", limits=_SHARE), name(one, "start", "") or None))
        if found[-1].id == "holdout":
            one.note("id", "'holdout' is who gets nothing", "another id")
        one.finish()
    if found and abs(sum(one.share for one in found) - 1) > 1e-6:
        together = sum(one.share for one in found)
        root.note("arms", f"the shares are {together:g} together", "shares that are 1 together")
    return tuple(found)
