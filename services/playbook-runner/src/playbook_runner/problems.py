"""Which fact becomes which answer: one table from our errors to RFC 9457 problems; it raises nothing itself."""

from collections.abc import Callable, Mapping
from typing import Any

from milepost_core.effects import IllegalMove
from milepost_runtime.problems import Problem
from playbook_runner.keeping import PlaybookUnknown
from playbook_runner.resolving import EffectUnknown, ResendRefused, RunEnded, RunUnknown


def _as(status: int, kind: str) -> Callable[[Any], Problem]:
    def translate(error: Any) -> Problem:
        text = str(error)
        return Problem(status, kind, f"{text[:1].upper()}{text[1:]}.")

    return translate


TABLE: Mapping[type[Exception], Callable[[Any], Problem]] = {
    PlaybookUnknown: _as(404, "playbook_unknown"),
    RunUnknown: _as(404, "run_unknown"),
    EffectUnknown: _as(404, "effect_unknown"),
    RunEnded: _as(409, "run_ended"),
    ResendRefused: _as(409, "resend_refused"),
    IllegalMove: _as(409, "effect_not_in_doubt"),
}
