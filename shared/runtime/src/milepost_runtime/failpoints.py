"""Named points where a fault test may kill or slow a process; it does nothing unless the environment says so."""

import asyncio
import os
import time
from collections.abc import Mapping

_actions: dict[str, str] = {}


class FailpointRaised(Exception):
    """The failpoint was told to raise."""


def arm(text: str) -> None:
    """Arm points from `name=exit,other=sleep:5,third=raise`; an empty text disarms all."""
    _actions.clear()
    _actions.update(_parse(text))


def fp(name: str) -> None:
    """Do what this point was told: nothing, `exit` (at once, no clean-up), `sleep:seconds` or `raise`."""
    if _actions:
        action = _actions.get(name)
        if action is not None:
            _perform(name, action)


async def afp(name: str) -> None:
    """As `fp`, but `sleep` leaves the event loop running."""
    action = _actions.get(name) if _actions else None
    if action is None:
        return
    if action.startswith("sleep:"):
        await asyncio.sleep(float(action.removeprefix("sleep:")))
    else:
        _perform(name, action)


def _perform(name: str, action: str) -> None:
    if action == "exit":
        os._exit(137)
    if action.startswith("sleep:"):
        time.sleep(float(action.removeprefix("sleep:")))
    elif action == "raise":
        raise FailpointRaised(name)
    else:
        raise ValueError(f"failpoint {name}: unknown action {action!r}")


def _parse(text: str) -> Mapping[str, str]:
    pairs = (part.split("=", 1) for part in text.split(",") if part.strip())
    return {pair[0].strip(): pair[1].strip() for pair in pairs if len(pair) == 2}
