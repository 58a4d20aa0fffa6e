"""Claims about doors: a connection is read once for a crowd, and a failed look is not remembered."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from playbook_runner.actions.doors import Doors, NoDoor


@dataclass(frozen=True)
class Wooden:
    kind: str = "webhook"
    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)


async def test_a_connection_is_read_once_however_many_ask_at_once() -> None:
    looks: list[str] = []

    async def find(name: str) -> Wooden:
        looks.append(name)
        await asyncio.sleep(0.01)
        return Wooden()

    doors = Doors(find)
    found = await asyncio.gather(*(doors.named("hook", "webhook") for _ in range(20)))
    assert looks == ["hook"]
    assert all(one is found[0] for one in found)


async def test_a_look_that_found_nothing_is_made_again() -> None:
    answers: list[Wooden | None] = [None, Wooden()]

    async def find(name: str) -> Wooden:
        found = answers.pop(0)
        if found is None:
            raise NoDoor(name)
        return found

    doors = Doors(find)
    with pytest.raises(NoDoor):
        await doors.named("hook", "webhook")
    assert (await doors.named("hook", "webhook")).kind == "webhook"
