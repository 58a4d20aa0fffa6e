"""Showing what stands behind a signal: its rule and the newest records it reads; it computes no score."""

import difflib
from dataclasses import asdict, dataclass, field
from typing import Any

import asyncpg

from milepost_contracts.health import HealthDocument
from milepost_core.model.document import ScoreModel, Signal
from milepost_runtime.database import Pool
from scoring_api.cataloguing import Catalogue
from scoring_api.queries import evidence as queries
from scoring_api.queries import reading as reads
from scoring_api.reading import Reading
from scoring_api.views import Evidence, EvidenceRecord


class SignalUnknown(Exception):
    """The model of this account's score has no such signal."""

    def __init__(self, asked: str, model: ScoreModel) -> None:
        known = [signal.id for signal in model.signals]
        near = difflib.get_close_matches(asked, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "it has " + ", ".join(known)
        super().__init__(f"The model {model.id} has no signal '{asked[:100]}': {hint}")


@dataclass(frozen=True)
class Evidencing:
    """The use case of showing evidence."""

    pool: Pool = field(repr=False)
    reading: Reading
    catalogue: Catalogue

    async def evidence(self, asked: str, signal_id: str, limit: int) -> Evidence:
        """Return the newest records behind one signal of an account's score.

        Raises AccountUnknown, NotScoredYet, SignalUnknown.
        """
        document = (await self.reading.stored(asked)).parsed()
        model, signal = await self._signal(document, signal_id)
        judge = (model, signal.source)
        records = await queries.newest_records(self.pool, document.account.id, judge, document.as_of, limit)
        return Evidence(
            account_id=document.account.id,
            signal=signal.id,
            label=signal.label,
            as_of=document.as_of,
            model=document.model,
            rule=rule_of(signal),
            records=tuple(_record(row) for row in records),
        )

    async def _signal(self, document: HealthDocument, signal_id: str) -> tuple[ScoreModel, Signal]:
        model = await self.catalogue.closest(document.model.id, document.model.version)
        row = await reads.account(self.pool, document.account.id, "")
        own = model.for_segment(row["attributes"] if row else {})
        if signal_id not in own.signal_index:
            raise SignalUnknown(signal_id, own)
        return own, own.signal(signal_id)


def rule_of(signal: Signal) -> dict[str, Any]:
    """Return a signal's rule as plain data: what it measures, how that becomes points, and its target."""
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
