"""Puts score models in charge and out of charge, and makes due whom that may concern; it never changes a model."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from milepost_core.model import parse_model
from milepost_runtime.database import Connection, Pool
from milepost_runtime.queue import Hints
from scoring_api.documents.cataloguing import Catalogue
from scoring_api.documents.model_views import LineUpView
from scoring_api.documents.proving import Proving
from scoring_api.queries import lineups
from scoring_api.scores.gathering import make_due
from scoring_api.scores.housekeeping import LANE as CHORES
from scoring_api.scores.lineup import LineUp

log = structlog.get_logger()
Word = tuple[str, int, bool]


@dataclass(frozen=True)
class Activating:
    """The use cases of deciding who judges. A word on it and the marks it leaves are one transaction."""

    pool: Pool = field(repr=False)
    hints: Hints = field(repr=False)
    catalogue: Catalogue
    rescore_lane: str

    async def activate(
        self, model_id: str, version: int, *, retire: Sequence[str] = (), author: str, reason: str
    ) -> LineUpView:
        """Put a version in charge, and the models of `retire` out of charge at the same moment.

        It is tried on a few accounts before. Raises ModelUnknown, ModelUnmeasurable when that fails, and LineUpUnfit
        when these models could not judge together.
        """
        kept = await self.catalogue.document(model_id, version)
        await Proving(self.pool, self.hints)(await asyncio.to_thread(parse_model, kept.document))
        for name in retire:
            await self.catalogue.one(name)
        wishes: list[Word] = [(model_id, version, True), *((name, 0, False) for name in retire if name != model_id)]
        return await self._say(wishes, author, reason)

    async def retire(self, model_id: str, *, author: str, reason: str) -> LineUpView:
        """Put a model out of charge. Raises ModelUnknown, and LineUpUnfit when nobody would be left for some."""
        await self.catalogue.one(model_id)
        return await self._say([(model_id, 0, False)], author, reason)

    async def _say(self, wishes: Sequence[Word], author: str, reason: str) -> LineUpView:
        async with self.pool.acquire() as connection, connection.transaction():
            await lineups.lock(connection)
            number = await lineups.number(connection)
            judging = dict(await lineups.in_charge(connection, number))
            words = _news(wishes, judging)
            marked = 0
            if words:
                await _check(connection, _after(judging, words))
                for name, version, active in words:
                    number = await lineups.activate(connection, (name, version), active, author, reason)
                marked = await make_due(connection, number)
        if words:
            self.hints.nudge(CHORES)
            self.hints.nudge(self.rescore_lane)
            log.info("line_up_changed", line_up=number, words=[list(one) for one in words], marked=marked)
        listed = await self.catalogue.listed()
        judges = tuple(one for one in listed.data if one.in_charge is not None)
        return LineUpView(line_up=listed.line_up, changed=bool(words), marked=marked, in_charge=judges)


def _news(wishes: Sequence[Word], judging: dict[str, int]) -> list[Word]:
    """Return the wishes that change something; who goes is named by the version that judged."""
    found: list[Word] = []
    for name, version, active in wishes:
        if active and judging.get(name) != version:
            found.append((name, version, True))
        elif not active and name in judging:
            found.append((name, judging[name], False))
    return found


def _after(judging: dict[str, int], words: Sequence[Word]) -> dict[str, int]:
    left = dict(judging)
    for name, version, active in words:
        if active:
            left[name] = version
        else:
            left.pop(name, None)
    return left


async def _check(connection: Connection, judging: dict[str, int]) -> None:
    """Raise LineUpUnfit unless these versions can judge together."""
    rows = await lineups.documents(connection, list(judging.items()))
    LineUp.of([parse_model(row["document"]) for row in rows]).check()
