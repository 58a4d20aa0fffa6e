"""What a checked playbook says as a whole: trigger, audience, tiers, steps, exits; plain frozen values.

It never reads a document (see `parsing`), looks at a clock, renders a template or talks to anyone. Spans are days as
floats unless a name says otherwise; ids are lower-case words with hyphens, unique within a playbook. `triggers` and
`steps` hold the parts of these names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from milepost_core.playbooks.conditions import OF_RUN, Condition, subjects_of
from milepost_core.playbooks.steps import (
    CRM_FIELDS,
    END,
    OUTWARD,
    TO_PERSONS,
    ApprovalStep,
    BranchStep,
    Case,
    CrmStep,
    EmailStep,
    InAppStep,
    Node,
    SlackStep,
    Step,
    TaskStep,
    WaitStep,
    WebhookStep,
)
from milepost_core.playbooks.triggers import (
    BAND_RANK,
    Band,
    BandTrigger,
    ByHand,
    DateTrigger,
    Direction,
    EventTrigger,
    MilestoneTrigger,
    Trigger,
    WatchTrigger,
)

__all__ = [
    "BAND_RANK", "CRM_FIELDS", "END", "OUTWARD", "TO_PERSONS", "ApprovalStep", "Arm", "Band", "BandTrigger",
    "BranchStep", "ByHand", "Case", "CrmStep", "DateTrigger", "Direction", "EmailStep", "EventTrigger", "Exit",
    "Holdout", "InAppStep", "Measure", "MilestoneTrigger", "Node", "Playbook", "ReEntry", "SlackStep", "Step",
    "TaskStep", "TierRow", "Tiers", "Trigger", "ValueClass", "WaitStep", "WatchTrigger", "WebhookStep",
]  # fmt: skip


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

    Rows stand from the worst to the mildest: a worse one takes over from an open run of a milder one (`is_worse`).
    `value_of` names the attribute that says what a customer is worth.
    """

    value_of: str
    classes: tuple[ValueClass, ...]
    rows: tuple[TierRow, ...]
    otherwise: str | None = None


@dataclass(frozen=True)
class Exit:
    """Ends a run at any moment: `recovered` (to one of `bands`), `goal_met` (a condition), `replied`, `churned`,
    `opted_out`, `escalated` (which happens anyway). `tasks` says what becomes of its open tasks."""

    kind: Literal["recovered", "goal_met", "replied", "churned", "opted_out", "escalated"]
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
        return self._by_id.get(path)

    def after(self, path: str | None) -> Step | None:
        """Return the step that follows `path` (None: the first one) where nothing branches, or None: the end."""
        if path is None:
            return self.steps[0]
        return self._following[path]

    @cached_property
    def asks_outcomes(self) -> bool:
        """Whether a step asks what came of another one."""
        asked = [step.only_if for step in self.steps]
        asked += [case.when for step in self.steps if isinstance(step, BranchStep) for case in step.cases]
        return any(subject.startswith(f"{OF_RUN}.") for subject in subjects_of(*asked))

    @cached_property
    def _by_id(self) -> Mapping[str, Step]:
        # Of two steps of one name the first is meant; no checked document has two.
        return {step.id: step for step in reversed(self.steps)}

    @cached_property
    def _following(self) -> Mapping[str, Step | None]:
        pairs = zip(self.steps, (*self.steps[1:], None), strict=True)
        return {step.id: self._by_id.get(step.next) if step.next is not None else below for step, below in pairs}
