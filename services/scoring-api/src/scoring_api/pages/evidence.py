"""What the evidence page of a signal shows, ready for the template; it asks no store."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from milepost_contracts.health import HealthDocument
from scoring_api.answers.views import Evidence, EvidenceRecord
from scoring_api.pages import wording

_SHOWN_PROPERTIES = 3
_FIGURE = re.compile(r"-?[\d.,]+")


@dataclass(frozen=True)
class RecordRow:
    """One record in words."""

    occurred_at: datetime
    type: str
    details: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class EvidencePage:
    """The whole page."""

    account_id: UUID
    name: str
    label: str
    sentence: str
    rule: tuple[tuple[str, str], ...]
    records: tuple[RecordRow, ...]


def evidence_page(evidence: Evidence, document: HealthDocument) -> EvidencePage:
    """Return the page behind one driver."""
    return EvidencePage(
        account_id=evidence.account_id,
        name=document.account.name,
        label=evidence.label,
        sentence=_sentence(evidence.signal, document),
        rule=rule_rows(evidence.rule),
        records=tuple(_row(record) for record in evidence.records),
    )


def rule_rows(rule: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return a rule as pairs of words."""
    if "fires_if" in rule:
        fires, takes = rule["fires_if"], rule["takes"]
        words = ", ".join(f"{key.replace('_', ' ')} {wording.plain(value)}" for key, value in takes.items() if value)
        condition = ("Fires if", f"{fires['op']} {fires['value']}")
        return ("Measures", _measure(rule["measures"])), condition, ("Takes", words)
    rows = [
        ("Measures", _measure(rule["measures"])),
        ("Target", _target(rule["target"], rule["unit"])),
        ("Becomes points by", _curve(rule["becomes"])),
        ("Dimension", rule["dimension"]),
        ("Weight in it", wording.plain(rule["weight"])),
    ]
    return tuple(rows)


def _sentence(signal: str, document: HealthDocument) -> str:
    for driver in document.drivers:
        if driver.signal == signal:
            points, open_ = wording.signed(driver.points), wording.number(driver.points_lost)
            return f"{wording.sentence(driver.sentence)}: {points} points, {open_} still to gain."
    for item in (*document.missing, *document.pending):
        if item.signal == signal:
            return f"Not counted: {item.why}."
    for gate in document.gates:
        if signal == f"gate:{gate.id}":
            return gate.sentence
    return "It takes no part in this score."


def _target(target: str, unit: str) -> str:
    """Return the target; a bare figure needs its unit, a target in words has said it."""
    if not target:
        return "none told"
    return f"{target} {unit}".strip() if _FIGURE.fullmatch(target) else target


def _measure(parts: dict[str, Any]) -> str:
    if parts["agg"] == "ratio":
        return f"{_measure(_named(parts['num']))}, divided by {_measure(_named(parts['den']))}"
    words = [str(parts["agg"]).replace("_", " ")]
    for key, values in parts.get("where", {}).items():
        words.append(f"{key} {' or '.join(str(value) for value in values)}")
    if "window_days" in parts:
        words.append(f"last {wording.span(parts['window_days'])}")
    return ", ".join(words)


def _named(parts: dict[str, Any]) -> dict[str, Any]:
    return {"agg": parts.get("name") or parts.get("value") or "value"} | parts


def _curve(parts: dict[str, Any]) -> str:
    if "xs" in parts:
        pairs = zip(parts["xs"], parts["ys"], strict=True)
        return ", ".join(f"{wording.plain(x)} gives {wording.plain(y)}" for x, y in pairs)
    return str(parts["curve"]).replace("_", " ")


def _row(record: EvidenceRecord) -> RecordRow:
    parts = [str(part) for part in (record.item, record.role, record.actor) if part]
    if record.value is not None:
        parts.append(wording.plain(record.value))
    parts += [f"{key} {value}" for key, value in list(record.properties.items())[:_SHOWN_PROPERTIES]]
    return RecordRow(record.occurred_at, record.type, tuple(parts) or (wording.NONE,), record.source)
