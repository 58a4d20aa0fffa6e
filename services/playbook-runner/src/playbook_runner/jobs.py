"""The runner's lanes, in the order in which work flows through them; it does no work itself."""

from milepost_runtime.lanes import Lane
from playbook_runner.service import Runner


def lanes(runner: Runner) -> tuple[Lane, ...]:
    """Return start, advance, perform."""
    return runner.starting.lane, runner.advancing.lane, runner.performing.lane
