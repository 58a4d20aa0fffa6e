"""Says when a condition of the model came true, by today's records; it never says whether it holds now.

A condition is found when somebody looks, and may have held long before: a history that is imported is looked at once.
What is found is dated on the first end of a day at which it held, and within that day on the record that made it true.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from milepost_core.conditions import Met, conditions_met, first_held
from milepost_core.milestones import PlannedMilestone
from milepost_core.model import Condition, ScoreModel
from milepost_runtime.database import Connection
from scoring_api.queries.plans import KnownPlan, found_words, moments_between
from scoring_api.queries.records import OwnWord
from scoring_api.queries.signals.measuring import Batch, Compiler, measure
from scoring_api.queries.signals.states import FOUND
from scoring_api.queries.verdicts import Rows
from scoring_api.scores.crossing import completion

# Farther back no day is looked at: what held by then is dated on the first day that is.
LONGEST = timedelta(days=1100)
AT_ONCE = 100
# A day with more moments than this is one of which nobody asks for the minute.
MOST_MOMENTS = 400


@dataclass(frozen=True)
class Look:
    """One look at an account; `arrived`: history came since the last one, or was corrected."""

    account: UUID
    model: ScoreModel
    known: KnownPlan
    as_of: datetime
    arrived: bool

    def step(self, name: str) -> PlannedMilestone:
        """The milestone of that name, of which the plan has one."""
        return next(one for one in self.known.plan.milestones if one.id == name)

    def condition(self, name: str) -> Condition | None:
        """What completes a milestone by the model of today."""
        return next((one.done_when for one in self.model.milestones if one.id == name), None)

    @property
    def doubted(self) -> dict[str, str]:
        """The words found before that have to be borne out again: event ids by milestone."""
        found = self.known.completions.items() if self.arrived else ()
        return {name: event_id for name, event_id in found if event_id.startswith(FOUND)}


@dataclass(frozen=True)
class Dating:
    """The use case of dating what conditions have completed."""

    compiler: Compiler = field(default_factory=Compiler, repr=False)
    alone: dict[int, tuple[ScoreModel, ScoreModel]] = field(default_factory=dict, repr=False)

    async def dated(self, connection: Connection, rows: Rows, look: Look) -> Rows:
        """Return an account's rows with the words of its conditions dated by today's records.

        What was found before and is doubted is dated anew, or withdrawn where it never held by today's records.
        """
        if not rows.words and not look.doubted:
            return rows
        kept = {row["event_id"]: row for row in await found_words(connection, look.account)}
        words, withdrawn = [await self._word(connection, look, word, kept) for word in rows.words], []
        for name, event_id in look.doubted.items():
            if await self._stands(connection, look, name, kept[event_id]):
                continue
            withdrawn.append(event_id)
            first, condition = await self._first(connection, look, look.step(name)), look.condition(name)
            if first is not None and condition is not None:
                words.append(completion(name, condition, first[1].value, _free(event_id, kept), first[0]))
        return replace(rows, words=tuple(words), withdrawn=tuple(withdrawn))

    async def _word(self, connection: Connection, look: Look, word: OwnWord, kept: Mapping[str, Any]) -> OwnWord:
        """The word of a condition that was found to hold now, on the moment since which it has."""
        assert word.item is not None
        assert word.event_id is not None
        first = await self._first(connection, look, look.step(word.item))
        at = look.as_of if first is None else first[0]
        return replace(word, occurred_at=at, event_id=_free(word.event_id, kept))

    async def _stands(self, connection: Connection, look: Look, name: str, said: Mapping[str, Any]) -> bool:
        """Whether a word is what would be said today; what was said by another condition is left alone."""
        condition, evidence = look.condition(name), said["properties"].get("evidence", {})
        if condition is None or (evidence.get("op"), evidence.get("threshold")) != (condition.op, _plain(condition)):
            return True
        first = await self._first(connection, look, look.step(name))
        if first is None or first[0] > said["occurred_at"]:
            # It may have held for a part of a day only.
            return (await self._met(connection, look, name, [said["occurred_at"]]))[0] is not None
        return bool(first[0] == said["occurred_at"])

    async def _first(self, connection: Connection, look: Look, step: PlannedMilestone) -> tuple[datetime, Met] | None:
        """When a condition first came to hold since the start, or since the milestone was last taken back."""
        waits = step.reopened_at is not None
        since = max(step.reopened_at or look.known.plan.start_at, look.as_of - LONGEST)
        days = _ends_of_days(since, look.as_of, ZoneInfo(look.model.timezone))
        before = days[0]
        for start in range(0, len(days), AT_ONCE):
            part = days[start : start + AT_ONCE]
            found = await self._met(connection, look, step.id, part)
            place = first_held(part, found, step.reopened_at, waits=waits)
            if place is not None:
                before = part[place - 1] if place else before
                return await self._within(connection, look, step, (before, part[place]), waits and all(found[:place]))
            before, waits = part[-1], waits and all(found)
        return None

    async def _within(
        self, connection: Connection, look: Look, step: PlannedMilestone, day: tuple[datetime, datetime], waits: bool
    ) -> tuple[datetime, Met] | None:
        """The record of a day that made a condition true; none did: the day's end."""
        told = await moments_between(connection, look.account, day, MOST_MOMENTS)
        moments = sorted({*told, day[1]})
        found = await self._met(connection, look, step.id, moments)
        place = first_held(moments, found, step.reopened_at, waits=waits)
        met = None if place is None else found[place]
        return None if place is None or met is None else (moments[place], met)

    async def _met(
        self, connection: Connection, look: Look, name: str, moments: Sequence[datetime]
    ) -> list[Met | None]:
        """What was found of a condition at each moment, by all that is known today."""
        model = self._conditions_of(look.model)
        batch = Batch([look.account] * len(moments), moments)
        readings, _ = await measure(connection, self.compiler.of(model), batch, restated=True)
        return [conditions_met(model, readings, row).get(name) for row in range(len(moments))]

    def _conditions_of(self, model: ScoreModel) -> ScoreModel:
        """The model with nothing but its milestones: only their conditions are measured."""
        known = self.alone.get(id(model))
        if known is None or known[0] is not model:
            known = self.alone[id(model)] = (model, replace(model, signals=(), gates=()))
        return known[1]


def _ends_of_days(since: datetime, as_of: datetime, zone: ZoneInfo) -> list[datetime]:
    """The beginning, every midnight of the model's zone after it, and the moment of the look."""
    if since >= as_of:
        return [as_of]
    first, last = since.astimezone(zone).date(), as_of.astimezone(zone).date()
    nights = (first + timedelta(days=place) for place in range(1, (last - first).days + 1))
    moments = {datetime.combine(night, time(0), zone).astimezone(UTC) for night in nights}
    return sorted({since, *(one for one in moments if since < one < as_of), as_of})


def _free(event_id: str, kept: Mapping[str, Any]) -> str:
    """The first name of a word that no withdrawn one has: what was said stays as it was said."""
    parts = event_id.split(":")[:3]
    names = (":".join(parts), *(":".join((*parts, str(place))) for place in range(1, len(kept) + 1)))
    return next(name for name in names if name not in kept)


def _plain(condition: Condition) -> Any:
    """The threshold as a store keeps it."""
    return list(condition.value) if isinstance(condition.value, tuple) else condition.value
