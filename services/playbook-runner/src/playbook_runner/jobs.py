"""The runner's lanes, in the order in which work flows through them; it does no work itself."""

from milepost_runtime.lanes import Lane
from playbook_runner.service import Runner


def lanes(runner: Runner) -> tuple[Lane, ...]:
    """Return start, advance, perform; then people's clocks, gates, what is told to the front door and CRMs; chores."""
    return (
        runner.starting.lane,
        runner.watching.lane,
        runner.waking.lane,
        runner.advancing.lane,
        runner.performing.lane,
        runner.tasking.lane,
        runner.approving.lane,
        runner.telling.lane,
        runner.writing_back.lane,
        runner.housekeeping.lane,
    )
