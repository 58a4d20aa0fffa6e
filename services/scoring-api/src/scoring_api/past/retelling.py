"""Tells what accounts' scores were at past moments, as today's records and given models say; it keeps nothing.

It never touches what was known on the day (snapshots) nor what was published (changes).
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import isnan
from typing import Any
from uuid import UUID

import numpy as np

from milepost_core.cohorts import Cohort, PeerGroups, Peers, place_among
from milepost_core.model import Percentile, ScoreModel
from milepost_core.scoring import BAND_WORDS, Population, Scores, band_codes, half_up, score
from milepost_core.transitions import BandState, advance_band
from milepost_runtime.database import Connection
from scoring_api.past.continuing import stood_before
from scoring_api.queries import restated
from scoring_api.queries.restated import Points
from scoring_api.queries.signals.measuring import Batch, Compiler, measure
from scoring_api.scores.lineup import LineUp, NobodyJudges
from scoring_api.scores.peering import group_keys, percentile_signals, percentiles_only

Attributes = Mapping[str, Any]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
_UNKNOWN = BAND_WORDS[3]
# Peers are ranked by exactly as long as all their values together fit into this many numbers; else by quantiles.
EXACT_VALUES = 4_000_000
# So many accounts are asked at once for what they are ranked by.
GATHERED = 4000


@dataclass(frozen=True)
class Course:
    """The days of one account that are to be told, each with the moment it ends."""

    account_id: UUID
    days: Sequence[tuple[date, datetime]]


@dataclass(frozen=True)
class Judges:
    """Who judges accounts by what is known of them: the models in charge, or one version that was asked for."""

    lineup: LineUp
    only: ScoreModel | None = None

    @property
    def models(self) -> tuple[ScoreModel, ...]:
        """Every model that may judge."""
        return self.lineup.models if self.only is None else (self.only,)

    @property
    def versions(self) -> list[tuple[str, int]]:
        """The ids and versions of those models."""
        return [(model.id, model.version) for model in self.models]

    def of(self, attributes: Attributes) -> ScoreModel | None:
        """Return the model that judges an account, as its segment sees it; None: nobody does."""
        if self.only is not None:
            return self.only.for_segment(attributes)
        try:
            return self.lineup.judge_of(attributes)
        except NobodyJudges:
            return None

    @property
    def asked(self) -> frozenset[str]:
        """The attributes that decide who judges, in which segment's view, and who is whose peer."""
        names: set[str] = set()
        for model in self.models:
            names |= {name for name, _ in model.applies_to}
            for segment in model.segments:
                names |= {name for name, _ in segment.when}
            for view in (model, *(segment.model for segment in model.segments)):
                curves = (signal.normalise for signal in view.signals)
                names |= {name for curve in curves if isinstance(curve, Percentile) for name in curve.cohort}
        return frozenset(names)


@dataclass
class PeersByDay:
    """The peers of a restatement's models at its moments, gathered once and then only read."""

    groups: dict[tuple[str, datetime], PeerGroups] = field(default_factory=dict)

    def missing(self, judges: Judges, moments: Collection[datetime]) -> list[tuple[ScoreModel, datetime]]:
        """Return whose peers at which moments are not gathered yet."""
        ranked = [model for model in judges.models if _ranks(model)]
        return [(model, moment) for moment in moments for model in ranked if (model.id, moment) not in self.groups]

    def keep(self, model: ScoreModel, moment: datetime, values: Mapping[str, Mapping[str, list[Floats]]]) -> None:
        """Keep the peers of a model at a moment: signal, group, values."""
        size = sum(part.size for own in values.values() for parts in own.values() for part in parts)
        exact = size * (len(self.groups) + 1) <= EXACT_VALUES
        self.groups[model.id, moment] = {
            name: {key: _peers(parts, exact=exact) for key, parts in own.items()} for name, own in values.items()
        }

    def cohort(self, model: ScoreModel, moments: Sequence[datetime], keys: Mapping[str, Sequence[str]]) -> Cohort:
        """Place accounts, each at its moment, among their peers."""
        if not keys:
            return {}
        wanted = dict.fromkeys(moments)
        groups = {
            name: {f"{moment.isoformat()} {key}": peers for moment in wanted
                   for key, peers in self.groups.get((model.id, moment), {}).get(name, {}).items()}
            for name in keys
        }  # fmt: skip
        placed = {
            name: [f"{moment.isoformat()} {key}" for moment, key in zip(moments, own, strict=True)]
            for name, own in keys.items()
        }
        return place_among(groups, placed)


def _peers(parts: list[Floats], *, exact: bool) -> Peers:
    peers = Peers.exactly(np.concatenate(parts))
    return peers if exact else peers.table()


def _ranks(model: ScoreModel) -> bool:
    return any(percentile_signals(view) for view in (model, *(segment.model for segment in model.segments)))


@dataclass(frozen=True)
class _Rows:
    """Account-days by column, in the order in which they are told."""

    accounts: list[UUID]
    days: list[date]
    moments: list[datetime]

    @classmethod
    def of(cls, courses: Sequence[Course]) -> "_Rows":
        each = [(course, day, moment) for course in courses for day, moment in course.days]
        return cls([one.account_id for one, _, _ in each], [day for _, day, _ in each], [when for _, _, when in each])

    def pick(self, places: Sequence[int]) -> Batch:
        """Return some of them as they are measured."""
        return Batch([self.accounts[at] for at in places], [self.moments[at] for at in places])


@dataclass(frozen=True)
class Retelling:
    """How past scores are measured and judged: one statement a model, many account-days at once."""

    judges: Judges
    compiler: Compiler = field(default_factory=Compiler, repr=False)
    peers: PeersByDay = field(default_factory=PeersByDay, repr=False)
    _ranked: dict[int, tuple[ScoreModel, ScoreModel]] = field(default_factory=dict, repr=False)

    async def tell(self, connection: Connection, courses: Sequence[Course]) -> Points:
        """Return the points of accounts, day after day.

        Days on which nobody judged an account, or before it began as far as was told by then, have none.
        """
        rows = _Rows.of(courses)
        attributes = await self._attributes(connection, rows)
        judged = _Judged.nothing(len(rows.accounts))
        for model, places in self._by_model(attributes):
            picked = rows.pick(places)
            readings, ages = await measure(connection, self.compiler.of(model), picked, restated=True)
            keys = group_keys(model, [attributes[at] for at in places], _starts(picked.moments, ages))
            cohort = self.peers.cohort(model, picked.moments, keys)
            scores = await asyncio.to_thread(score, model, Population(ages), readings, cohort)
            judged.put(places, model, scores, ages >= 0)
        before = await self._before(connection, rows, judged)
        return await asyncio.to_thread(_points, rows, judged, before)

    async def _before(self, connection: Connection, rows: _Rows, judged: "_Judged") -> dict[UUID, BandState]:
        """Return where accounts stood before their first day here, as far as days before it were restated."""
        firsts = [at for at, account in enumerate(rows.accounts) if at == 0 or rows.accounts[at - 1] != account]
        asked = [(rows.accounts[at], rows.days[at], judged.models[at]) for at in firsts]
        return await stood_before(connection, self.judges.models, asked)

    async def gather(self, connection: Connection, model: ScoreModel, moment: datetime) -> None:
        """Gather the peers of a model at a moment over all accounts, batch by batch."""
        values: dict[str, dict[str, list[Floats]]] = {}
        after: UUID | None = None
        while found := await restated.accounts(connection, after, moment, GATHERED):
            after = found[-1][0]
            rows = _Rows.of([Course(one, [(moment.date(), moment)]) for one, _ in found])
            for name, key, own in await self._values(connection, model, rows):
                values.setdefault(name, {}).setdefault(key, []).append(own)
        self.peers.keep(model, moment, values)

    async def _values(self, connection: Connection, model: ScoreModel, rows: _Rows) -> list[tuple[str, str, Floats]]:
        """Return what the accounts measured that this model judges: signal, group, values."""
        found = []
        attributes = await self._attributes(connection, rows)
        for view, places in self._by_model(attributes):
            if (view.id, view.version) != (model.id, model.version) or not percentile_signals(view):
                continue
            small = self._ranked.setdefault(id(view), (view, percentiles_only(view)))[1]
            picked = rows.pick(places)
            readings, ages = await measure(connection, self.compiler.of(small), picked, restated=True)
            keys = group_keys(view, [attributes[at] for at in places], _starts(picked.moments, ages))
            for place, signal, _ in percentile_signals(small):
                own = np.array(keys[signal.id])
                found += [(signal.id, str(key), readings.raw[own == key, place]) for key in np.unique(own)]
        return found

    async def _attributes(self, connection: Connection, rows: _Rows) -> Sequence[Attributes]:
        names = self.judges.asked
        if not names:
            return [{}] * len(rows.accounts)
        return await restated.attributes(connection, (rows.accounts, rows.moments), names)

    def _by_model(self, attributes: Sequence[Attributes]) -> list[tuple[ScoreModel, list[int]]]:
        """Group rows by the model that judges them; equal attributes are asked about once."""
        groups: dict[int, tuple[ScoreModel, list[int]]] = {}
        known: dict[str, ScoreModel | None] = {}
        for place, its in enumerate(attributes):
            said = repr(its)
            if said not in known:
                known[said] = self.judges.of(its)
            model = known[said]
            if model is not None:
                groups.setdefault(id(model), (model, []))[1].append(place)
        return list(groups.values())


def _starts(moments: Sequence[datetime], ages: Floats) -> list[datetime | None]:
    """When accounts of these ages had started; None: they had not."""
    return [at - timedelta(days=age) if age >= 0 else None for at, age in zip(moments, ages.tolist(), strict=True)]


@dataclass(frozen=True)
class _Judged:
    """What the law said of each row: displayed score, raw score, code of the band, whether a gate holds it, by whom."""

    display: Floats
    raw: Floats
    band: np.ndarray[Any, np.dtype[np.uint8]]
    gated: Flags
    models: list[ScoreModel | None]

    @classmethod
    def nothing(cls, rows: int) -> "_Judged":
        """Nobody has judged anything yet."""
        unknown = np.full(rows, BAND_WORDS.index(_UNKNOWN), np.uint8)
        return cls(np.full(rows, np.nan), np.full(rows, np.nan), unknown, np.zeros(rows, np.bool_), [None] * rows)

    def put(self, places: Sequence[int], model: ScoreModel, scores: Scores, there: Flags) -> None:
        """Note the verdicts of some rows, as far as the account was there."""
        at = np.array(places)[there]
        self.display[at], self.raw[at] = scores.display[there], scores.raw_score[there]
        self.band[at] = scores.band[there]
        raw = half_up(scores.raw_score)
        bands = model.bands
        plain = [band_codes(column, bands.green, bands.yellow) for column in (scores.display, raw)]
        self.gated[at] = ((plain[0] != plain[1]) & ~np.isnan(raw))[there]
        for place in at.tolist():
            self.models[place] = model


def _points(rows: _Rows, judged: _Judged, before: Mapping[UUID, BandState]) -> Points:
    """Put what was found into columns; bands follow one another day by day, as they would have live."""
    bands = list(_bands(rows, judged, before))
    kept = [(at, model) for at, model in enumerate(judged.models) if model is not None]
    display, raw = _known(judged.display), _known(judged.raw)
    return Points(
        accounts=[rows.accounts[at] for at, _ in kept],
        models=[model.id for _, model in kept],
        versions=[model.version for _, model in kept],
        days=[rows.days[at] for at, _ in kept],
        moments=[rows.moments[at] for at, _ in kept],
        scores=[display[at] for at, _ in kept],
        bands=[bands[at] for at, _ in kept],
        raws=[raw[at] for at, _ in kept],
    )


def _known(values: Floats) -> list[float | None]:
    """The numbers, None where there is none."""
    return [None if isnan(one) else one for one in values.tolist()]


def _bands(rows: _Rows, judged: _Judged, before: Mapping[UUID, BandState]) -> Iterator[str]:
    """Yield the band of every row, on from where an account stood; without that by plain thresholds at first."""
    words = [word.value for word in BAND_WORDS]
    codes, display = judged.band.tolist(), judged.display.tolist()
    unknown = words.index(_UNKNOWN.value)
    state: BandState | None = None
    for at, account in enumerate(rows.accounts):
        first = at == 0 or rows.accounts[at - 1] != account
        alone = first and (at + 1 == len(rows.accounts) or rows.accounts[at + 1] != account)
        state, model = before.get(account) if first else state, judged.models[at]
        if model is None or (alone and state is None):
            yield words[codes[at]]
            continue
        known, moment = codes[at] != unknown, rows.moments[at]
        state = advance_band(state, model.bands, display[at], not known, moment, bool(judged.gated[at]))
        yield state.band.value if known else words[unknown]
