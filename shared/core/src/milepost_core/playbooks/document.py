"""What a checked playbook says: trigger, audience, tiers, steps, waits, branches, exits; plain frozen values.

It never reads a document (see `parsing`), looks at a clock, renders a template or talks to anyone. Spans are days as
floats unless a name says otherwise; ids are lower-case words with hyphens, unique within a playbook.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Final, Literal, TypeAlias

from milepost_core.playbooks.conditions import Condition

Band: TypeAlias = Literal["green", "yellow", "red", "unknown"]
Direction: TypeAlias = Literal["down", "up", "any"]
# Better bands have higher ranks; `unknown` has none, as it is the absence of an answer.
BAND_RANK: Final[Mapping[str, int]] = {"red": 0, "yellow": 1, "green": 2}
END: Final = "end"
"""Where `next` leads to when nothing follows."""


# ---- triggers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BandTrigger:
    """Starts when an account's effective band moves to one of `to` and stays in one of them for `hold` days.

    `first_score` lets the first score that an account ever gets count as such a move.
    """

    to: tuple[Band, ...]
    direction: Direction = "any"
    first_score: bool = False
    hold: float = 0.0
    kind: Literal["band_changed"] = "band_changed"


@dataclass(frozen=True)
class WatchTrigger:
    """Starts when a condition comes to hold for an account (or ceases to), having held for `hold` days.

    It fires once and again only after `rearm` held (None: after `enter` did not). The document says it as
    `threshold`, as `silence` (nothing of these types for so many days) or as `segment` (entering or leaving).
    """

    said_as: Literal["threshold", "silence", "segment"]
    enter: Condition
    rearm: Condition | None = None
    hold: float = 0.0
    leaving: bool = False
    kind: Literal["watch"] = "watch"


@dataclass(frozen=True)
class MilestoneTrigger:
    """Starts when a milestone (empty: any, or the journey as a whole) comes to one of these states."""

    states: tuple[str, ...]
    milestones: tuple[str, ...] = ()
    kind: Literal["milestone"] = "milestone"


@dataclass(frozen=True)
class EventTrigger:
    """Starts when an event of one of these types happens (told within two days of its happening)."""

    types: tuple[str, ...]
    kind: Literal["event"] = "event"


@dataclass(frozen=True)
class DateTrigger:
    """Starts `offset_days` (negative: before) from a date that an attribute of the account holds, at a local time."""

    attribute: str
    offset_days: int = 0
    at: time = time(9, 0)
    kind: Literal["date"] = "date"


@dataclass(frozen=True)
class ByHand:
    """A person starts it: `POST /accounts/{id}/runs`. Every playbook can be started so; this one only so."""

    kind: Literal["by_hand"] = "by_hand"


Trigger: TypeAlias = BandTrigger | WatchTrigger | MilestoneTrigger | EventTrigger | DateTrigger | ByHand


# ---- steps ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Node:
    """What every step has: its id, what follows (None: the next one in the list), and when it is passed over."""

    id: str
    next: str | None = None
    only_if: Condition | None = None


@dataclass(frozen=True)
class EmailStep(Node):
    """One mail: `to` is `owner`, a role (`role:sponsor`) or an address; subject, text and html are templates.

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
    """One message to a channel of a Slack connection; `text` is a template."""

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


@dataclass(frozen=True)
class CrmStep(Node):
    """One task, note or set of properties on the account's company in a CRM connection; `fields` are templates."""

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
    """Work for a person: who (an owner chain, first found), by when, with which script.

    `accept_hours` and `finish_hours` are business hours; on a breach it goes to `escalate_to`.
    """

    owner: tuple[str, ...] = ("owner",)
    title: str = ""
    script: str = ""
    finish_hours: float = 40.0
    accept_hours: float | None = None
    escalate_to: str | None = None
    effort_minutes: float = 30.0
    waits: bool = True
    """The run goes on once the task is closed; False: at once."""
    kind: Literal["task"] = "task"


@dataclass(frozen=True)
class ApprovalStep(Node):
    """A gate: `by` a role; nobody says anything for `expires_hours`: `otherwise`. Rejected: the run goes to `rejected`.

    What is approved is the step named by `about`, drafted when the gate is reached; it may be edited there.
    """

    by: tuple[str, ...] = ("owner",)
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
        `offset_days`; event_types or condition: until it happens, at most `timeout_days`, then `on_timeout`.
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
OUTWARD: Final = ("email", "slack", "webhook", "crm")
"""Steps whose effect is outside of our own store: they go through the arbiter and the lane of effects."""
TO_PERSONS: Final = ("email", "slack", "in_app")
"""Steps that ask for somebody's attention: caps and quiet hours are about them."""


# ---- tiers, exits, entries ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ValueClass:
    """Accounts whose value lies below `below` (None: all that are left) and in no class before."""

    id: str
    below: float | None = None


@dataclass(frozen=True)
class TierRow:
    """Accounts in one of these bands, value classes and stages (empty: any) begin at the step `start`."""

    id: str
    start: str
    bands: tuple[Band, ...] = ()
    values: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    success: str = ""
    """The measure (see `Measure`) by which this tier is judged."""


@dataclass(frozen=True)
class Tiers:
    """Which cadence an account gets: the first row that fits, else `otherwise` (None: no run, and the ledger says so).

    `value_of` names the attribute that says what a customer is worth.
    """

    value_of: str
    classes: tuple[ValueClass, ...]
    rows: tuple[TierRow, ...]
    otherwise: str | None = None


@dataclass(frozen=True)
class Exit:
    """Ends a run at any moment: `recovered` (to one of `bands`), `goal_met` (a condition), `replied`, `churned`,
    `opted_out`. `tasks` says what becomes of its open tasks."""

    kind: Literal["recovered", "goal_met", "replied", "churned", "opted_out"]
    bands: tuple[Band, ...] = ()
    condition: Condition | None = None
    tasks: Literal["close", "keep"] = "close"


@dataclass(frozen=True)
class ReEntry:
    """When the playbook may start again for an account: not within `days`, at most `most` times in `per_days`.

    `never`: once in an account's life.
    """

    days: float = 7.0
    most: int | None = None
    per_days: float | None = None
    never: bool = False


@dataclass(frozen=True)
class Measure:
    """What success is: `condition` holds within so many days of the start."""

    id: str
    condition: Condition
    within_days: float


@dataclass(frozen=True)
class Holdout:
    """A share of accounts (0..0.5) that get nothing, so that help can be measured; never those of `never`."""

    share: float
    never: Condition | None = None


@dataclass(frozen=True)
class Arm:
    """A share of the accounts that get something begins at `start` (None: where its tier begins)."""

    id: str
    share: float
    start: str | None = None


@dataclass(frozen=True)
class Playbook:
    """A checked document, ready to be matched and advanced. `priority` (0..100): who goes first when few may go."""

    id: str
    version: int
    name: str
    purpose: str
    trigger: Trigger
    steps: tuple[Step, ...]
    audience: Condition | None = None
    tiers: Tiers | None = None
    exits: tuple[Exit, ...] = ()
    re_entry: ReEntry = field(default_factory=ReEntry)
    priority: int = 50
    owner: tuple[str, ...] = ("owner",)
    measures: tuple[Measure, ...] = ()
    holdout: Holdout | None = None
    arms: tuple[Arm, ...] = ()

    def step(self, path: str) -> Step | None:
        """Return the step at this path, or None when the playbook has none there."""
        return next((step for step in self.steps if step.id == path), None)

    def after(self, path: str | None) -> Step | None:
        """Return the step that follows `path` (None: the first one) where nothing branches, or None: the end."""
        if path is None:
            return self.steps[0]
        ids = [step.id for step in self.steps]
        place = ids.index(path)
        told = self.steps[place].next
        if told is not None:
            return None if told == END else self.step(told)
        return self.steps[place + 1] if place + 1 < len(ids) else None
