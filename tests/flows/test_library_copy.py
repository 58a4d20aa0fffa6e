"""Claims about the words of the shipped playbooks: whatever a plan says of itself, what people read is a clean text.

The plans are read by the scoring service and the words are set by the runner, so that neither can move alone.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from support.outreach import health_of
from support.steps import day, plan, step

from milepost_contracts.health import HealthDocument, Milestones
from milepost_core.milestones import Plan
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.document import ApprovalStep, BranchStep, EmailStep, InAppStep, Step, TaskStep, WaitStep
from playbook_runner.documents.checking import shipped
from playbook_runner.wording.addressing import reaches_customers
from playbook_runner.wording.briefing import SPECIMEN, brief
from playbook_runner.wording.drafting import words
from scoring_api.scores.planning import milestones_of

ACCOUNT = UUID("0199a1b2-0000-7000-8000-000000000002")
OURS = re.compile(r"\b(red|yellow|green|stuck|behind|bands?|scores?|scored|playbooks?|tiers?|at risk|health)\b", re.I)
FLAWS = {
    "double punctuation": re.compile(r"[.,;:!?]\s*[.,;:!?]"),
    "a space before its end": re.compile(r"\S [.,;:!?](\s|$)"),
    "an empty part": re.compile(r"\"\"|“”|\(\s*\)|<strong>\s*</strong>|^\s*(-|\d\.)\s*$", re.MULTILINE),
    "a sentence that begins small": re.compile(r"[.?!] +[a-z]"),
    "one of many": re.compile(r"\b1 (days|milestones)\b"),
    "nothing where something was meant": re.compile(r"\bNone\b|\b0 milestones?\b|: *$\Z"),
}


def plans() -> dict[str, Plan | None]:
    """Plans as of day 40 in every state that a journey has, and by every reason for it."""
    kickoff, data = step("kick-off held", 5, 4), step("data imported", 20)
    return {
        "on track": plan(kickoff, step("data imported", 45), step("rolled out", 90)),
        "on track, nothing done": plan(step("kick-off held", 45), step("rolled out", 90)),
        "late since today": plan(kickoff, step("data imported", 39.99), step("rolled out", 90), behind_after_days=5,
                                 stuck_after_days=90),
        "late since yesterday": plan(kickoff, step("data imported", 39), step("rolled out", 90), behind_after_days=5,
                                     stuck_after_days=90),
        "late": plan(kickoff, data, step("rolled out", 90), stuck_after_days=90),
        "several late": plan(kickoff, step("team named", 6, 7), data, step("trained", 30), stuck_after_days=90),
        "slipping": plan(step("kick-off held", 5, 35), step("data imported", 41), step("rolled out", 45),
                         stuck_after_days=90, slip_days=1),
        "stuck": plan(kickoff, data, step("rolled out", 90), stuck_after_days=14),
        "done": plan(kickoff, step("data imported", 20, 19)),
        "no plan": None,
    }  # fmt: skip


def _health(band: str, milestones: Milestones, **changes: Any) -> HealthDocument:
    return health_of(ACCOUNT, band).model_copy(update={"milestones": milestones, **changes})


def accounts() -> dict[str, HealthDocument]:
    """One account for each plan, and one for each thing that may not be known of it."""
    as_of: datetime = day(40)
    read = {name: milestones_of(one, as_of) for name, one in plans().items()}
    found = {name: _health("red", one) for name, one in read.items()}
    late, nobody = read["late"], health_of(ACCOUNT, stage=None, owner=None, segment=None, age_days=None).account
    trend = found["late"].trend.model_copy(update={"change_7d": None})
    return found | {
        "nothing known of the account": _health("red", late, account=nobody),
        "one day old": _health("red", late, account=health_of(ACCOUNT, age_days=1).account),
        "no next milestone": _health("red", late.model_copy(update={"next": None})),
        "no sentence": _health("red", late.model_copy(update={"sentence": ""})),
        "no trend": _health("red", late, trend=trend),
        "no gates": _health("red", late, gates=()),
        "no next steps": _health("red", late, next_steps=()),
        "one reason": _health("red", late, drivers=found["late"].drivers[:1], gates=()),
        "no summary": _health("red", late, summary=""),
        "well": _health("green", read["on track"], gates=()),
    }


def _said(playbook: Playbook, one: Step, health: HealthDocument) -> Iterator[tuple[str, str]]:
    if isinstance(one, ApprovalStep | BranchStep | WaitStep):
        return
    view = brief(health, playbook, "https://milepost.example")
    yield from ((f"{playbook.id}/{one.id}/{name}", text) for name, text in words(one, view).items())


def flaws(text: str) -> set[str]:
    """Return what is wrong with a text that somebody reads."""
    return {name for name, pattern in FLAWS.items() if pattern.search(text)}


@pytest.mark.parametrize("name", accounts())
def test_every_text_of_the_library_is_clean_whatever_is_known_of_the_account(name: str) -> None:
    health = accounts()[name]
    texts = {place: text for one in shipped() for part in one.parsed.steps
             for place, text in _said(one.parsed, part, health)}  # fmt: skip

    assert len(texts) > 50
    assert {place: (flaws(text), text) for place, text in texts.items() if flaws(text)} == {}


@pytest.mark.parametrize("name", accounts())
def test_no_customer_reads_our_words_for_them(name: str) -> None:
    health = accounts()[name]
    texts = {
        place: text
        for one in shipped()
        for part in one.parsed.steps
        if isinstance(part, EmailStep | InAppStep) and reaches_customers(part)
        for place, text in _said(one.parsed, part, health)
    }

    assert {place.split("/")[0] for place in texts} >= {"late-payer", "lost-sponsor", "quiet-champion",
                                                         "recovery-thank-you", "tiered-rescue"}  # fmt: skip
    assert {place: text for place, text in texts.items() if OURS.search(text)} == {}
    verdict = health.milestones.sentence.rstrip(".")
    assert not verdict or {place: text for place, text in texts.items() if verdict in text} == {}


def test_every_state_of_a_journey_is_among_the_plans() -> None:
    read = {name: one.milestones for name, one in accounts().items()}

    assert {one.journey for one in read.values()} == {"on_track", "behind", "stuck", "done", None}
    assert read["slipping"].late == 0
    assert read["slipping"].sentence.startswith("Behind: at this pace")
    assert (read["late since today"].late, read["late since today"].sentence) == (1, "On track.")
    assert read["late"].sentence.casefold() == SPECIMEN["milestones"]["sentence"].casefold()


@pytest.mark.parametrize(
    "text",
    [
        "It is not any more: Behind: data imported is late.. That is your team's work.",
        "since you started, Stuck: kick-off held is late, ... .. Somebody upstairs is going to ask.",
        'The next thing on the plan is "".',
        "and where that stands ().",
        "your team started with us 1 days ago.",
        "A talk. and then nothing.",
        "0 milestones of your plan are done.",
        "We are here .",
    ],
)
def test_a_text_with_a_hole_in_it_is_seen(text: str) -> None:
    assert flaws(text)


def test_tasks_and_mails_are_both_read() -> None:
    kinds = {type(part) for one in shipped() for part in one.parsed.steps}

    assert {EmailStep, InAppStep, TaskStep} <= kinds
