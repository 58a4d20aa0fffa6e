"""Beginning: what a step that goes out means to do, under its key; nothing is asked, said or written here.

Most steps hang on what is true of their account when somebody looks at them. One that goes where its playbook says,
whatever is known, is begun as soon as the one before it is over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from milepost_core.cadence import needs_facts
from milepost_core.playbooks import Playbook
from milepost_core.playbooks.document import Step
from milepost_runtime.logging import info_each
from milepost_runtime.queue import Hints
from playbook_runner.measures import STEPS
from playbook_runner.queries.advancing import NewEffect, NewStep
from playbook_runner.wording.drafting import Envelope, envelope

ADVANCE: Final = "playbooks.advance"
PERFORM: Final = "playbooks.perform"


def new_effect(step: Mapping[str, Any], to: Envelope, playbook: Playbook) -> NewEffect:
    """Return the effect of a step, which is one of `queries.contexts`."""
    return NewEffect(
        to.key, step["account_id"], step["run_id"], step["step_id"], step["kind"], step["path"], to.recipient,
        step["correlation_id"], to.destination, playbook.priority, to.transactional,
    )  # fmt: skip


def begun_at_once(
    new: NewStep, run: Mapping[str, Any], step: Step, playbook: Playbook
) -> tuple[NewStep, NewEffect | None]:
    """Return the step that an open run (one of `lock_runs`) comes to, and its effect if it hangs on nothing."""
    to = None if needs_facts(playbook, step.id) else envelope(step, run["id"], step.id, 0)
    if to is None:
        return new, None
    effect = NewEffect(
        to.key, new.account_id, new.run_id, new.id, step.kind, step.id, to.recipient,
        run["correlation_id"], to.destination, playbook.priority, to.transactional,
    )  # fmt: skip
    return new._replace(state="performing"), effect


@dataclass(frozen=True)
class Further:
    """What a transaction has set going: whether a step is due, and effects that are. Tell it once it is committed."""

    due: bool = False
    begun: Sequence[NewEffect] = ()

    def tell(self, hints: Hints) -> None:
        """Log it, count it, and wake who goes on with it."""
        if self.due:
            hints.nudge(ADVANCE)
        if self.begun:
            STEPS.labels("intended").inc(len(self.begun))
            info_each("effect_intended", _lines(self.begun))
            hints.nudge(PERFORM)


def _lines(effects: Iterable[NewEffect]) -> Iterable[dict[str, str]]:
    for effect in effects:
        yield {
            "effect": effect.key.hex(),
            "channel": effect.channel,
            "step": effect.path,
            "run_id": str(effect.run_id),
            "account_id": str(effect.account_id),
            "correlation_id": effect.correlation_id,
        }
