"""What routes ask for: the use cases of the running process; it holds no rule of the domain."""

from typing import Annotated

from fastapi import Depends, Path, Request

from milepost_runtime.problems import Problem
from playbook_runner.service import Runner


def runner(request: Request) -> Runner:
    """Return the use cases of this process."""
    found: Runner = request.app.state.runner
    return found


def effect_key(key: Annotated[str, Path(description="64 hexadecimal digits", max_length=64)]) -> bytes:
    """Return the key that a path names; anything else names no effect."""
    try:
        raw = bytes.fromhex(key)
    except ValueError:
        raw = b""
    if len(raw) != 32 or raw.hex() != key:
        raise Problem(404, "effect_unknown", "An effect's key is 64 lower-case hexadecimal digits.")
    return raw


Use = Annotated[Runner, Depends(runner)]
EffectKey = Annotated[bytes, Depends(effect_key)]
