"""What a playbook does step by step, as plain frozen values; it performs nothing and renders nothing.

Spans are days as floats unless a name says otherwise; ids are lower-case words with hyphens, unique within a playbook.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Final, Literal, TypeAlias

from milepost_core.playbooks.conditions import Condition

END: Final = "end"
"""Where `next` leads to when nothing follows."""


@dataclass(frozen=True)
class Node:
    """What every step has: its id, what follows (None: the next one in the list), and when it is passed over."""

    id: str
    next: str | None = None
    only_if: Condition | None = None


@dataclass(frozen=True)
class EmailStep(Node):
    """One mail: `to` is `owner`, a role of ours (`role:sponsor`), an attribute of the account that holds a customer's
    address (`attribute:champion_email`), or an address; subject, text and html are templates. `html` may be a whole
    document, a fragment (the house frames it) or empty (the text is set in paragraphs).

    `transactional`: it is owed to its reader (an answer, a receipt), so no cap and no quiet hour holds it back.
    """

    to: str = "owner"
    subject: str = ""
    text: str = ""
    html: str = ""
    transactional: bool = False
    kind: Literal["email"] = "email"


@dataclass(frozen=True)
class SlackStep(Node):
    """One message to a channel of a Slack connection, by its id; `text` is a template."""

    connection: str = ""
    channel: str = ""
    text: str = ""
    kind: Literal["slack"] = "slack"


@dataclass(frozen=True)
class WebhookStep(Node):
    """One signed POST (Standard Webhooks) to a connection's address; `fields` are templates by key."""

    connection: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    kind: Literal["webhook"] = "webhook"


CRM_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "task": ("subject", "body", "due_days", "priority", "owner", "type"),
    "note": ("body", "subject", "owner"),
}
"""What tasks and notes in a CRM can say; the first one of each is required."""


@dataclass(frozen=True)
class CrmStep(Node):
    """One task, note or set of properties on the account's company in a CRM connection; `fields` are templates.

    Of tasks and notes they are those of CRM_FIELDS: `due_days` from the day of the step, `priority` high, normal or
    low, `type` todo, call or email, `owner` the CRM's id of a person. Properties are named as the CRM names them.
    """

    connection: str = ""
    writes: Literal["task", "note", "properties"] = "task"
    fields: tuple[tuple[str, str], ...] = ()
    kind: Literal["crm"] = "crm"


@dataclass(frozen=True)
class InAppStep(Node):
    """One message that the product shows to the account's people; it goes away after `days`."""

    title: str = ""
    text: str = ""
    link: str = ""
    role: str = ""
    days: float = 14.0
    kind: Literal["in_app"] = "in_app"


@dataclass(frozen=True)
class TaskStep(Node):
    """Work for a person: who (an owner chain, first found; none: the tier's or the playbook's), by when, which script.

    `accept_hours` and `finish_hours` are business hours; on a breach it goes to `escalate_to`. `reason` is what the
    work is about: an account has one open task of a reason (empty: this step of this playbook), whoever asks for it.
    """

    owner: tuple[str, ...] = ()
    title: str = ""
    script: str = ""
    finish_hours: float = 40.0
    accept_hours: float | None = None
    escalate_to: str | None = None
    effort_minutes: float = 30.0
    reason: str = ""
    waits: bool = True
    """The run goes on once the task is closed; False: at once."""
    kind: Literal["task"] = "task"


@dataclass(frozen=True)
class ApprovalStep(Node):
    """A gate: `by` whom (none: the tier's, or playbook's, owner); nobody's word for `expires_hours` means `otherwise`.

    Rejected: the run goes to `rejected`.

    What is approved is the step named by `about`, drafted when the gate is reached; it may be edited there.
    """

    by: tuple[str, ...] = ()
    about: str = ""
    expires_hours: float = 48.0
    otherwise: Literal["approve", "reject"] = "reject"
    rejected: str = END
    kind: Literal["approval"] = "approval"


@dataclass(frozen=True)
class WaitStep(Node):
    """Time passes: exactly one of the spans, moments or events is given.

    Args:
        days: so many days of 24 hours; business_days: so many working days of the account's region.
        until: the next time that clocks in the account's zone show this; attribute: a date of the account, plus
        `offset_days`; while nobody can tell it, `timeout_days` are waited, then comes `on_timeout`, else the run ends.
        event_types or condition: until it happens, at most `timeout_days`, then `on_timeout`.
    """

    days: float | None = None
    business_days: int | None = None
    until: time | None = None
    attribute: str | None = None
    offset_days: int = 0
    event_types: tuple[str, ...] = ()
    condition: Condition | None = None
    timeout_days: float | None = None
    on_timeout: str | None = None
    kind: Literal["wait"] = "wait"


@dataclass(frozen=True)
class Case:
    """One way of a branch."""

    when: Condition
    next: str


@dataclass(frozen=True)
class BranchStep(Node):
    """The first case that holds decides; none: `otherwise`. While one cannot be known it waits, at most
    `timeout_days`, then `otherwise`."""

    cases: tuple[Case, ...] = ()
    otherwise: str = END
    timeout_days: float = 0.0
    kind: Literal["branch"] = "branch"


Step: TypeAlias = (
    EmailStep | SlackStep | WebhookStep | CrmStep | InAppStep | TaskStep | ApprovalStep | WaitStep | BranchStep
)
OUTWARD: Final = ("email", "slack", "webhook", "crm", "in_app")
"""Steps that tell somebody something: they go through the arbiter and the lane of effects."""
TO_PERSONS: Final = ("email", "slack", "in_app")
"""Steps that ask for somebody's attention: caps and quiet hours are about them."""
