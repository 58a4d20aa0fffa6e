"""What the page of a what-if shows: a field for every signal, and what would follow; it asks no store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from milepost_contracts.health import HealthDocument
from milepost_core.explanation import show_value
from milepost_core.model import CategoryMap, ScoreModel, Signal
from scoring_api.ahead.supposition_views import WhatIfAnswer

NOT_A_NUMBER = "A number."


@dataclass(frozen=True)
class Field:
    """A signal that can be supposed: as it is now, and what was typed."""

    id: str
    label: str
    now: str
    percent: bool
    typed: str
    wrong: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class GateField:
    """A gate that holds now, and whether it is supposed away."""

    id: str
    label: str
    lifted: bool


@dataclass(frozen=True)
class WhatIfPage:
    """The whole page; `answer` is None until something was typed."""

    document: HealthDocument
    fields: tuple[tuple[str, tuple[Field, ...]], ...]
    gates: tuple[GateField, ...]
    answer: WhatIfAnswer | None


def what_if_page(
    document: HealthDocument,
    model: ScoreModel,
    typed: Mapping[str, str],
    answer: WhatIfAnswer | None,
    wrong: Mapping[str, str],
) -> WhatIfPage:
    """Return the page with what was typed; `wrong` has a sentence for each field that cannot be."""
    values = {one.signal: one.value for one in document.drivers}
    fields = [
        (part.label, tuple(_field(one, values, typed, wrong) for one in model.signals if one.dimension == part.id))
        for part in model.dimensions
    ]
    gates = [GateField(one.id, one.label, f"gate-{one.id}" in typed) for one in document.gates]
    return WhatIfPage(document, tuple(one for one in fields if one[1]), tuple(gates), answer)


def changes_of(typed: Mapping[str, str], signals: Sequence[Signal]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return raw values by signal from what was typed, and a sentence for each field that is no number."""
    found: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for signal in signals:
        text = typed.get(f"signal-{signal.id}", "").strip()
        if not text:
            continue
        if isinstance(signal.normalise, CategoryMap):
            found[signal.id] = text
            continue
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            wrong[signal.id] = NOT_A_NUMBER
            continue
        found[signal.id] = number / 100.0 if signal.texts.format == "percent" else number
    return found, wrong


def _field(
    signal: Signal, values: Mapping[str, float | str | None], typed: Mapping[str, str], wrong: Mapping[str, str]
) -> Field:
    curve = signal.normalise
    return Field(
        id=signal.id,
        label=signal.label,
        now=show_value(signal, values[signal.id]) if signal.id in values else "no data",
        percent=signal.texts.format == "percent",
        typed=typed.get(f"signal-{signal.id}", ""),
        wrong=wrong.get(signal.id, ""),
        words=tuple(word for word, _ in curve.points) if isinstance(curve, CategoryMap) else (),
    )
