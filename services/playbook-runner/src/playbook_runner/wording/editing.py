"""Editing: whether words that somebody puts in place of a draft's can be sent as they are; it changes none of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from milepost_core.playbooks.document import EmailStep, InAppStep, SlackStep
from playbook_runner.actions.layout import MarkupRefused, lay_out
from playbook_runner.wording.drafting import MOST_SUBJECT, MOST_TITLE, NO_PAGE, Outward, approved, leads_to_a_page
from playbook_runner.wording.templates import MOST_RESULT, says_something


@dataclass(frozen=True)
class Fault:
    """A part of a draft that cannot be sent in these words, and why."""

    part: str
    sentence: str


def faults(step: Outward, drafted: Mapping[str, str], edited: Mapping[str, str]) -> Iterator[Fault]:
    """Yield what keeps a step from going out in other words: everything that a draft is held to, part by part."""
    for part in sorted(set(edited) - set(drafted)):
        yield Fault(part[:50], f"cannot be changed here; {', '.join(sorted(drafted)) or 'nothing'} can")
    for part, text in edited.items():
        if part in drafted:
            yield from (Fault(part, sentence) for sentence in _of_part(step, part, text))
    if isinstance(step, EmailStep):
        yield from _of_mail(approved(drafted, edited))


def _of_part(step: Outward, part: str, text: str) -> Iterator[str]:
    if len(text) > MOST_RESULT:
        yield f"has at most {MOST_RESULT} characters"
    if any(0xD800 <= ord(one) <= 0xDFFF or one == "\0" for one in text):
        yield "holds characters that no text has"
    match step, part:
        case (EmailStep(), "subject"):
            yield from _line(text, MOST_SUBJECT)
        case (InAppStep(), "title"):
            yield from _line(text, MOST_TITLE)
        case (InAppStep(), "link"):
            if text and not leads_to_a_page(text):
                yield NO_PAGE
        case (SlackStep() | InAppStep(), "text"):
            if not says_something(text):
                yield "says nothing"
        case _:
            return


def _line(text: str, most: int) -> Iterator[str]:
    if not says_something(text):
        yield "says nothing"
    elif len(text) > most:
        yield f"has at most {most} characters"
    elif not text.isprintable():
        yield "is one line without control characters"


def _of_mail(words: Mapping[str, str]) -> Iterator[Fault]:
    if not says_something(words["text"]):
        yield Fault("text", "says nothing")
    try:
        lay_out(words["html"], words["text"], title=words["subject"])
    except MarkupRefused as error:
        yield Fault("html", str(error))
