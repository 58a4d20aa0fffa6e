"""Steps from a document, one reader for each kind; whether they lead anywhere is for `parsing_paths` to say.

It never renders a template: texts are carried as they are written.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from milepost_core.model.section import SPAN, Section
from milepost_core.playbooks.conditions import Condition
from milepost_core.playbooks.document import (
    CRM_FIELDS,
    END,
    ApprovalStep,
    BranchStep,
    Case,
    CrmStep,
    EmailStep,
    InAppStep,
    SlackStep,
    Step,
    TaskStep,
    WaitStep,
    WebhookStep,
)
from milepost_core.playbooks.parsing_conditions import parse_condition
from milepost_core.playbooks.parsing_triggers import MOST_OFFSET, attribute
from milepost_core.playbooks.parsing_words import (
    CHANNEL_FORM,
    chain,
    event_types,
    fields,
    long_text,
    name,
    one_line,
    problem,
    reader,
    time_of,
    who,
)

__all__ = [
    "MOST_BUSINESS_DAYS",
    "MOST_CASES",
    "MOST_HOURS",
    "MOST_LINE",
    "MOST_STEPS",
    "MOST_SUBJECT",
    "STEPS",
    "WAITS",
    "parse_steps",
]

MOST_STEPS: Final = 500
MOST_CASES: Final = 20
MOST_SUBJECT: Final = 500
MOST_LINE: Final = 300
MOST_HOURS: Final = 2_000.0
MOST_BUSINESS_DAYS: Final = 500
WAITS: Final = ("days", "business_days", "until", "attribute", "events", "when")
"""A wait is for exactly one of these."""


def parse_steps(root: Section) -> tuple[Step, ...]:
    """Return the steps of a document in their order; a list that is empty, missing or too long is refused."""
    value = root.take("steps")
    if not isinstance(value, list | tuple) or not value:
        root.note("steps", "there is no step", "a list with at least one step")
        return ()
    if len(value) > MOST_STEPS:
        root.problems.append(
            problem(root.at("steps"), "too_many", f"has {len(value)} steps", f"at most {MOST_STEPS} of them")
        )
        return ()
    return tuple(_steps(root))


def _steps(root: Section) -> Iterator[Step]:
    for section in root.sections("steps", MOST_STEPS):
        kind = section.choice("kind", STEPS)
        if kind:
            yield STEPS[kind](section, _node(section))
            section.finish()


def _node(section: Section) -> dict[str, Any]:
    found: dict[str, Any] = {"id": name(section, "id"), "next": name(section, "next", "") or None}
    if found["id"] == END:
        section.note("id", f"{END!r} is where a run ends", "another id")
    return found | {"only_if": _optional(section, "only_if", of_run=True)}


def _optional(section: Section, key: str, *, of_run: bool = False) -> Condition | None:
    value = section.take(key)
    return None if value is None else parse_condition(value, section.at(key), section.problems, of_run=of_run)


def _email(section: Section, node: dict[str, Any]) -> Step:
    return EmailStep(
        **node,
        to=reader(section, "to", "owner"),
        subject=one_line(section, "subject", MOST_SUBJECT),
        text=long_text(section, "text"),
        html=long_text(section, "html", required=False),
        transactional=section.flag("transactional"),
    )


def _slack(section: Section, node: dict[str, Any]) -> Step:
    return SlackStep(
        **node,
        connection=name(section, "connection"),
        channel=_channel(section),
        text=long_text(section, "text", 12_000),
    )


def _channel(section: Section) -> str:
    """Return a Slack channel by its id."""
    found = section.text("channel")
    if found and not re.fullmatch(CHANNEL_FORM, found):
        expected = "the channel's id as Slack shows it under the channel's details, such as C0123456789"
        section.note("channel", f"{found[:60]!r} is no id of a Slack channel", expected)
    return found


def _webhook(section: Section, node: dict[str, Any]) -> Step:
    return WebhookStep(**node, connection=name(section, "connection"), fields=fields(section, "fields"))


def _crm(section: Section, node: dict[str, Any]) -> Step:
    written = section.choice("writes", ("task", "note", "properties"), "task")
    writes: Any = written or "task"
    told = fields(section, "fields")
    known, said = CRM_FIELDS.get(writes, ()), [field for field, _ in told]
    part = Section({}, section.at("fields"), section.problems)
    for field in said if known else ():
        if field not in known:
            part.note(field, f"a {writes} has no such field", f"one of {', '.join(known)}")
    if known and known[0] not in said:
        section.note("fields", f"a {writes} needs {known[0]}", known[0])
    return CrmStep(**node, connection=name(section, "connection"), writes=writes, fields=told)


def _in_app(section: Section, node: dict[str, Any]) -> Step:
    return InAppStep(
        **node,
        title=one_line(section, "title", MOST_LINE),
        text=long_text(section, "text", 4_000),
        link=one_line(section, "link", 2_000, required=False),
        role=name(section, "role", ""),
        days=section.number("days", 14.0, SPAN),
    )


def _task(section: Section, node: dict[str, Any]) -> Step:
    accept = _hours(section, "accept_hours") if section.has("accept_hours") else None
    section.take("accept_hours")
    return TaskStep(
        **node,
        owner=chain(section, "owner", ()),
        title=one_line(section, "title", MOST_LINE),
        script=long_text(section, "script"),
        finish_hours=_hours(section, "finish_hours", 40.0),
        accept_hours=accept,
        escalate_to=who(section, "escalate_to", "") or None,
        effort_minutes=section.number("effort_minutes", 30.0, SPAN),
        waits=section.flag("waits", True),
        reason=one_line(section, "reason", MOST_LINE, required=False),
    )


def _hours(section: Section, key: str, default: float | None = None) -> float:
    hours = section.number(key, limits=SPAN) if default is None else section.number(key, default, SPAN)
    if hours > MOST_HOURS:
        section.note(key, f"{hours:g} hours are too long", f"at most {MOST_HOURS:g} business hours")
    return hours


def _approval(section: Section, node: dict[str, Any]) -> Step:
    otherwise: Any = section.choice("otherwise", ("approve", "reject"), "reject") or "reject"
    return ApprovalStep(
        **node,
        by=chain(section, "by", ()),
        about=name(section, "about"),
        expires_hours=_hours(section, "expires_hours", 48.0),
        otherwise=otherwise,
        rejected=name(section, "rejected", END),
    )


def _wait(section: Section, node: dict[str, Any]) -> Step:
    said = [key for key in WAITS if section.has(key)]
    if len(said) != 1:
        section.note("", f"waits for {' and '.join(said) or 'nothing'}", f"exactly one of {', '.join(WAITS)}")
    found = WaitStep(
        **node,
        days=section.optional_number("days", SPAN),
        business_days=section.whole("business_days", least=1, most=MOST_BUSINESS_DAYS)
        if section.has("business_days") else None,
        until=time_of(section, "until"),
        attribute=attribute(section) if section.has("attribute") else None,
        offset_days=section.whole("offset_days", 0, least=-MOST_OFFSET, most=MOST_OFFSET),
        event_types=event_types(section, "events") if section.has("events") else (),
        condition=_optional(section, "when"),
        timeout_days=section.optional_number("timeout_days", SPAN),
        on_timeout=name(section, "on_timeout", "") or None,
    )  # fmt: skip
    for key in ("business_days", "attribute", "events"):
        section.take(key)
    _check_wait(section, found, bool({"events", "when"} & set(said)))
    return found


def _check_wait(section: Section, wait: WaitStep, open_ended: bool) -> None:
    if open_ended and wait.timeout_days is None:
        section.note("", "'timeout_days' is missing: it could wait for ever", "timeout_days: a number of days")
    timed = open_ended or wait.attribute is not None
    if not timed and (wait.timeout_days is not None or wait.on_timeout is not None):
        section.note("", "only a wait for events, a condition or a date times out", "no timeout_days and no on_timeout")
    if wait.offset_days and wait.attribute is None:
        section.note("offset_days", "there is no date to count from", "attribute: the date")


def _branch(section: Section, node: dict[str, Any]) -> Step:
    cases = []
    for one in section.sections("cases", MOST_CASES):
        when = parse_condition(one.take("when"), one.at("when"), one.problems, of_run=True)
        cases.append(Case(when, name(one, "next")))
        one.finish()
    if not cases:
        section.note("cases", "there is no case", "a list with at least one case {when, next}")
    if node["next"] is not None:
        section.note("next", "a branch goes where a case leads, else to `otherwise`", "no next")
    return BranchStep(
        **node | {"next": None},
        cases=tuple(cases),
        otherwise=name(section, "otherwise", END),
        timeout_days=section.number("timeout_days", 0.0, SPAN) if section.has("timeout_days") else _none(section),
    )


def _none(section: Section) -> float:
    section.take("timeout_days")
    return 0.0


STEPS: Final[Mapping[str, Callable[[Section, dict[str, Any]], Step]]] = {
    "email": _email,
    "slack": _slack,
    "webhook": _webhook,
    "crm": _crm,
    "in_app": _in_app,
    "task": _task,
    "approval": _approval,
    "wait": _wait,
    "branch": _branch,
}
