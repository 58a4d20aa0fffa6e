"""Which score models are in charge: read from the store, parsed once, known by a number; it activates none."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from typing import Any, Protocol

from milepost_core.model import ScoreModel, parse_model
from milepost_core.model.document import holds
from milepost_runtime.database import Connection, Pool
from scoring_api.queries import lineups as queries

Founding = Callable[[Connection], Awaitable[None]]
Reference = tuple[str, int]


class NobodyJudges(Exception):
    """No active model takes an account with these attributes, or no model is active at all."""


class ModelNotKept(Exception):
    """No score model of this id and version is kept."""

    def __init__(self, model_id: str, version: int) -> None:
        super().__init__(f"there is no score model '{model_id[:100]}' version {version}")


class LineUpUnfit(Exception):
    """These models cannot judge together; `faults` says why, each with a code for machines."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(words for _, words in faults))
        self.faults = faults


@dataclass(frozen=True)
class LineUp:
    """The models in charge, the highest precedence first; `number` grows with every word on who judges."""

    number: int
    models: tuple[ScoreModel, ...]

    @classmethod
    def of(cls, models: Sequence[ScoreModel], number: int = 0) -> "LineUp":
        """Return these models in the order in which they are asked; ties by id, whoever takes all comes last."""
        return cls(number, tuple(sorted(models, key=lambda one: (not one.applies_to, -one.precedence, one.id))))

    def judge_of(self, attributes: Mapping[str, Any]) -> ScoreModel:
        """Return the one model that judges an account, as its segment sees it. Raises NobodyJudges."""
        for model in self.models:
            if model.applies(attributes):
                return model.for_segment(attributes)
        raise NobodyJudges("no active score model takes this account")

    def check(self) -> None:
        """Raise LineUpUnfit if two models of equal precedence can take one account, or none takes all that are left."""
        faults = [
            ("equal_precedence", f"'{one.id}' and '{other.id}' can take the same accounts"
                                 f" with the same precedence {one.precedence}")
            for one, other in combinations(self.models, 2)
            if one.precedence == other.precedence and can_meet(one, other)
        ]  # fmt: skip
        if all(model.applies_to for model in self.models):
            faults.append(("nobody_left", "no model would judge accounts that name none of the attributes asked for"))
        if faults:
            raise LineUpUnfit(faults)


def can_meet(one: ScoreModel, other: ScoreModel) -> bool:
    """Some account could be taken by both; a model that takes all gives way to those that name whom they take."""
    if bool(one.applies_to) != bool(other.applies_to):
        return False
    asked = dict(other.applies_to)
    return all(
        name not in asked or any(holds(((name, asked[name]),), {name: value}) for value in values)
        for name, values in one.applies_to
    )


class LineUps(Protocol):
    """Where the models in charge are asked for."""

    async def now(self, connection: Connection) -> LineUp:
        """Return the line-up in charge now. Raises NobodyJudges."""

    async def at(self, connection: Connection, moment: datetime) -> LineUp:
        """Return the line-up that was in charge at a moment; before the first one, the first. Raises NobodyJudges."""

    async def numbered(self, connection: Connection, number: int) -> LineUp:
        """Return the line-up of a number. Raises NobodyJudges."""

    async def model(self, connection: Connection, model_id: str, version: int) -> ScoreModel:
        """Return one version of a model, active or not. Raises ModelNotKept."""


@dataclass
class KeptLineUps:
    """The line-ups of the store. `founding` sees to it, once a process, that there is one."""

    founding: Founding = field(repr=False)
    _founded: bool = False
    _newest: LineUp | None = None
    _parsed: dict[Reference, ScoreModel] = field(default_factory=dict, repr=False)

    async def now(self, connection: Connection) -> LineUp:
        """Return the line-up in charge now; one small question when it is still the one we know."""
        await self._once(connection)
        number = await queries.number(connection)
        if self._newest is None or self._newest.number != number:
            self._newest = await self.numbered(connection, number)
        return self._newest

    async def at(self, connection: Connection, moment: datetime) -> LineUp:
        """Return the line-up that was in charge at a moment; before the first one, the first."""
        await self._once(connection)
        number = await queries.number(connection, moment)
        return await self.numbered(connection, number or await queries.first_number(connection))

    async def numbered(self, connection: Connection, number: int) -> LineUp:
        """Return the line-up of a number. Raises NobodyJudges."""
        wanted = await queries.in_charge(connection, number)
        if not wanted:
            raise NobodyJudges("no score model is active")
        await self._parse(connection, wanted)
        return LineUp.of([self._parsed[one] for one in wanted], number)

    async def model(self, connection: Connection, model_id: str, version: int) -> ScoreModel:
        """Return one version of a model, active or not."""
        await self._once(connection)
        await self._parse(connection, [(model_id, version)])
        try:
            return self._parsed[model_id, version]
        except KeyError:
            raise ModelNotKept(model_id, version) from None

    async def found(self, pool: Pool) -> None:
        """See to it now that there is a line-up, so that a start can be refused. Raises what `founding` raises."""
        async with pool.acquire() as connection:
            await self._once(connection)

    async def _once(self, connection: Connection) -> None:
        if not self._founded:
            await self.founding(connection)
            self._founded = True

    async def _parse(self, connection: Connection, wanted: Sequence[Reference]) -> None:
        """Parse versions that we do not know yet; a version never changes, so it is parsed once."""
        fresh = [one for one in wanted if one not in self._parsed]
        for row in await queries.documents(connection, fresh) if fresh else ():
            self._parsed[row["model_id"], row["version"]] = parse_model(row["document"])


@dataclass(frozen=True)
class OneModel:
    """A line-up of one model that is in charge of everybody and always was: for measuring a model by itself."""

    only: ScoreModel
    number: int = 0

    async def now(self, _connection: Connection) -> LineUp:
        """Return the one model."""
        return LineUp(self.number, (self.only,))

    async def at(self, connection: Connection, _moment: datetime) -> LineUp:
        """Return the one model."""
        return await self.now(connection)

    async def numbered(self, connection: Connection, _number: int) -> LineUp:
        """Return the one model."""
        return await self.now(connection)

    async def model(self, _connection: Connection, model_id: str, version: int) -> ScoreModel:
        """Return the one model, if it is the one asked for. Raises ModelNotKept."""
        if (model_id, version) != (self.only.id, self.only.version):
            raise ModelNotKept(model_id, version)
        return self.only
