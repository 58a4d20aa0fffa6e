"""Showing what stands behind a signal or a gate: its rule and the newest records it reads; it computes no score."""

import difflib
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from milepost_contracts.health import ModelRef
from milepost_core.model.document import Gate, ScoreModel, Signal
from milepost_runtime.database import Pool
from scoring_api.answers.reading import Reading
from scoring_api.answers.views import Evidence, EvidenceRecord
from scoring_api.documents.cataloguing import Catalogue
from scoring_api.past.recalling import Recalling
from scoring_api.queries import evidence as queries
from scoring_api.queries import reading as reads
from scoring_api.queries.then import then_of
from scoring_api.scores.addressing import GATE


class SignalUnknown(Exception):
    """The model of this account's score has no such signal."""

    def __init__(self, asked: str, model: ScoreModel) -> None:
        known = [signal.id for signal in model.signals] + [f"{GATE}{gate.id}" for gate in model.gates]
        near = difflib.get_close_matches(asked, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "it has " + ", ".join(known)
        super().__init__(f"The model {model.id} has no signal '{asked[:100]}': {hint}")


@dataclass(frozen=True)
class _Score:
    """Whose score, of when, and by which view of which model."""

    account_id: UUID
    as_of: datetime
    model: ScoreModel
    made_by: ModelRef


@dataclass(frozen=True)
class Evidencing:
    """The use case of showing evidence."""

    pool: Pool = field(repr=False)
    reading: Reading
    catalogue: Catalogue
    recalling: Recalling

    async def evidence(self, asked: str, name: str, limit: int, at: datetime | None = None) -> Evidence:
        """Return the newest records behind one signal of an account's score, or behind one gate: `gate:<id>`.

        With a moment: behind the score that was known then, by the model that made it.
        Raises AccountUnknown, NotScoredYet, SignalUnknown, FutureMoment, NotScoredThen.
        """
        score = await (self._now(asked) if at is None else self._then(asked, at))
        behind = _behind(score.model, name)
        judge = (score.model, behind.source)
        then = None if at is None else await then_of(self.pool, score.account_id, score.as_of)
        records = await queries.newest_records(self.pool, score.account_id, judge, score.as_of, limit, then)
        return Evidence(
            account_id=score.account_id,
            signal=name,
            label=behind.label,
            as_of=score.as_of,
            model=score.made_by,
            rule=rule_of(behind),
            records=tuple(_record(row) for row in records),
        )

    async def _now(self, asked: str) -> _Score:
        document = (await self.reading.stored(asked)).parsed()
        model = await self.catalogue.closest(document.model.id, document.model.version)
        row = await reads.account(self.pool, document.account.id, "")
        own = model.for_segment(row["attributes"] if row else {})
        return _Score(document.account.id, document.as_of, own, document.model)

    async def _then(self, asked: str, at: datetime) -> _Score:
        told = await self.recalling.known(asked, at)
        model = told.judged.model
        return _Score(told.account_id, told.as_of, model, ModelRef(id=model.id, version=model.version))


def _behind(model: ScoreModel, name: str) -> Signal | Gate:
    """The signal or gate of this name. Raises SignalUnknown."""
    if name in model.signal_index:
        return model.signal(name)
    gate = next((one for one in model.gates if f"{GATE}{one.id}" == name), None)
    if gate is None:
        raise SignalUnknown(name, model)
    return gate


def rule_of(signal: Signal | Gate) -> dict[str, Any]:
    """Return a rule as plain data: what is measured, and how that becomes points (or when a gate fires, and takes)."""
    if isinstance(signal, Gate):
        return {
            "measures": {"agg": _words(type(signal.source).__name__)} | _plain(asdict(signal.source)),
            "fires_if": {"op": signal.op, "value": signal.value},
            "takes": _plain({"cap_score": signal.cap_score, "subtract": signal.subtract, "hard": signal.hard}),
        }
    return {
        "dimension": signal.dimension,
        "weight": signal.weight,
        "target": signal.texts.target,
        "unit": signal.texts.unit.other,
        "measures": {"agg": _words(type(signal.source).__name__)} | _plain(asdict(signal.source)),
        "becomes": {"curve": _words(type(signal.normalise).__name__)} | _plain(asdict(signal.normalise)),
    }


def _plain(parts: dict[str, Any]) -> dict[str, Any]:
    """Return a dataclass as JSON-like data, without what is not set; `where` as clause to values."""
    found: dict[str, Any] = {}
    for name, value in parts.items():
        if name == "where":
            found["where"] = {key: list(values) for key, values in value["clauses"]}
        elif isinstance(value, dict):
            found[name] = _plain(value)
        elif value is not None:
            found[name] = value
    return found


def _words(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _record(row: asyncpg.Record) -> EvidenceRecord:
    parts = dict(row)
    word = parts.pop("value_text")
    return EvidenceRecord.model_validate(parts | {"value": word if parts["value"] is None else parts["value"]})
