"""The texts of a playbook that are templates, each with its place; it never renders one."""

from collections.abc import Iterator
from dataclasses import dataclass

from milepost_core.playbooks.document import (
    CrmStep,
    EmailStep,
    InAppStep,
    Playbook,
    SlackStep,
    Step,
    TaskStep,
    WebhookStep,
)

__all__ = ["Template", "required_texts", "templates_of"]


@dataclass(frozen=True)
class Template:
    """One template: where it stands (JSON pointer), what it says, and what it becomes part of.

    `html`: values are escaped; `one_line`: what it renders to has to be a single line; `required`: it has to say
    something for every account; `page`: it has to lead to a page, if anywhere.
    """

    pointer: str
    source: str
    html: bool = False
    one_line: bool = False
    required: bool = False
    page: bool = False


def templates_of(playbook: Playbook) -> Iterator[Template]:
    """Yield every template of a playbook in the order of the document."""
    for index, step in enumerate(playbook.steps):
        for key, source in _texts(step):
            one_line = key in ("subject", "title", "link")
            required, page = key in required_texts(step), isinstance(step, InAppStep) and key == "link"
            yield Template(f"/steps/{index}/{key}", source, key == "html", one_line, required, page)


def required_texts(step: Step) -> tuple[str, ...]:
    """Return the texts of a step without which there is nothing to send or to show."""
    match step:
        case EmailStep():
            return ("subject", "text")
        case SlackStep():
            return ("text",)
        case InAppStep():
            return ("title", "text")
        case TaskStep():
            return ("title",)
        case _:
            return ()


def _texts(step: Step) -> Iterator[tuple[str, str]]:
    match step:
        case EmailStep():
            yield from (("subject", step.subject), ("text", step.text))
            if step.html:
                yield "html", step.html
        case SlackStep():
            yield "text", step.text
        case WebhookStep() | CrmStep():
            yield from ((f"fields/{key}", source) for key, source in step.fields)
        case InAppStep():
            yield from (("title", step.title), ("text", step.text))
            if step.link:
                yield "link", step.link
        case TaskStep():
            yield from (("title", step.title), ("script", step.script))
