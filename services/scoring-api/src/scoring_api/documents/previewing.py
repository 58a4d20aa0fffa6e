"""Judges accounts by a version that is not in charge beside the models that are; it stores nothing."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from milepost_contracts.health import ModelRef
from milepost_core.model import ScoreModel
from milepost_core.readings import Readings
from milepost_runtime.database import Connection, Pool
from scoring_api.documents.cataloguing import Catalogue
from scoring_api.documents.model_views import Judgement, Move, PreviewAnswer, PreviewRequest, PreviewRow
from scoring_api.documents.proving import measured
from scoring_api.queries import catalogue as queries
from scoring_api.queries import peers
from scoring_api.queries.signals.measuring import Batch, Compiler, measure
from scoring_api.scores.judging import judge_batch, number
from scoring_api.scores.lineup import LineUp, NobodyJudges
from scoring_api.scores.peering import Among, among_later, group_keys
from scoring_api.scores.peering import KeptPeers as Peers

Judgements = dict[UUID, Judgement]


@dataclass(frozen=True)
class Previewing:
    """The use case of trying a version."""

    pool: Pool = field(repr=False)
    catalogue: Catalogue

    async def preview(self, model_id: str, version: int, wanted: PreviewRequest) -> PreviewAnswer:
        """Judge accounts as of now by today's line-up, and by the one that activating this version would make.

        Raises ModelUnknown, LineUpUnfit when these models could not judge together, and ModelUnmeasurable when the
        store refuses what the version asks of it.

        Percentiles are read among the peers that were gathered last for the version, else for the one in charge.
        """
        candidate = (await self.catalogue.read(model_id, version)).parsed
        today = await self.catalogue.in_charge()
        for name in wanted.retire:
            await self.catalogue.one(name)
        other = [one for one in today.models if one.id not in {model_id, *wanted.retire}]
        tomorrow = LineUp.of([*other, candidate])
        tomorrow.check()
        # Who is merged away meanwhile is still there for us.
        async with (
            self.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            rows = await queries.sample(connection, wanted.accounts, wanted.limit)
            compiler = Compiler()
            taken = [row for row in rows if _takes(tomorrow, candidate, row)]
            before = await _judged(connection, compiler, today, taken)
            with measured(candidate):
                after = await _judged(connection, compiler, tomorrow, taken, stands_in=today)
        as_of = rows[0]["as_of"] if rows else await self._now()
        return _answer(as_of, rows, taken, before, after)

    async def _now(self) -> datetime:
        found: datetime = await self.pool.fetchval("select clock_timestamp()")
        return found


def _takes(lineup: LineUp, candidate: ScoreModel, row: Mapping[str, Any]) -> bool:
    try:
        own = lineup.judge_of(row["attributes"])
    except NobodyJudges:
        return False
    return (own.id, own.version) == (candidate.id, candidate.version)


async def _judged(
    connection: Connection,
    compiler: Compiler,
    lineup: LineUp,
    rows: Sequence[asyncpg.Record],
    stands_in: LineUp | None = None,
) -> Judgements:
    groups: dict[int, tuple[ScoreModel, list[asyncpg.Record]]] = {}
    for row in rows:
        own = lineup.judge_of(row["attributes"])
        groups.setdefault(id(own), (own, []))[1].append(row)
    found: Judgements = {}
    for model, group in groups.values():
        as_of = group[0]["as_of"]
        batch = Batch([row["account_id"] for row in group], [as_of] * len(group))
        readings, ages = await measure(connection, compiler.of(model), batch)
        among = await _among(connection, model, group, (readings, ages), stands_in)
        judged = await asyncio.to_thread(judge_batch, model, readings, ages, among)
        for place, row in enumerate(group):
            found[row["account_id"]] = Judgement(
                model=ModelRef(id=model.id, version=model.version),
                score=number(judged.scores.display[place]),
                band=judged.scores.band_word(place).value,
            )
    return found


async def _among(
    connection: Connection,
    model: ScoreModel,
    group: Sequence[asyncpg.Record],
    measured: tuple[Readings, Any],
    stands_in: LineUp | None,
) -> Among:
    keys = group_keys(model, [row["attributes"] for row in group], [row["start_at"] for row in group])
    as_of = group[0]["as_of"]
    for one in (model, *(other for other in (stands_in.models if stands_in else ()) if other.id == model.id)):
        newest = await peers.newest(connection, (one.id, one.version), as_of)
        kept = None if newest is None else await peers.kept(connection, newest)
        if kept is not None:
            return among_later(Peers.of(kept), keys, model, measured, as_of)
    return among_later(None, keys, model, measured, as_of)


def _answer(
    as_of: datetime,
    rows: Sequence[asyncpg.Record],
    taken: Sequence[asyncpg.Record],
    before: Judgements,
    after: Judgements,
) -> PreviewAnswer:
    """Return the accounts with the largest change first, and how many go from which band to which."""
    judged = [
        PreviewRow(account_id=key, name=row["name"], before=before[key], after=after[key])
        for row in taken
        for key in (row["account_id"],)
    ]
    judged.sort(key=lambda one: (-_distance(one), str(one.account_id)))
    moves = Counter((one.before.band, one.after.band) for one in judged if one.before.band != one.after.band)
    return PreviewAnswer(
        as_of=as_of,
        tried=len(rows),
        taken=len(judged),
        moves=tuple(Move(before=a, after=b, accounts=count) for (a, b), count in sorted(moves.items())),
        accounts=tuple(judged),
    )


def _distance(one: PreviewRow) -> float:
    if one.before.score is None or one.after.score is None:
        return 0.0 if one.before.score == one.after.score else 101.0
    return abs(one.after.score - one.before.score)
