"""Telling one account as of an earlier moment: as it was known then, or restated; it writes nothing.

As known: the newest score that was computed by then, from the snapshot's own inputs, never from today's records.
Restated: what the records of today say of that moment, by the model that is asked for.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np

from milepost_contracts.health import HealthDocument
from milepost_core.model import Band, ScoreModel
from milepost_core.overrides import Override
from milepost_runtime.database import Connection, Pool
from scoring_api.answers.reading import Reading, as_reference, as_uuid
from scoring_api.past.retelling import GATHERED, Judges, Retelling
from scoring_api.queries import past, peers, restated, standings
from scoring_api.queries import reading as reads
from scoring_api.queries.plans import read_plans
from scoring_api.queries.signals.measuring import BEYOND, Batch, Compiler, measure
from scoring_api.scores.documenting import Subject, build_document
from scoring_api.scores.judging import Before, Judged, Reference, Verdict, judge_batch, judged_again, verdict
from scoring_api.scores.lineup import LineUps
from scoring_api.scores.peering import Among, KeptPeers, among_later, group_keys, percentile_signals
from scoring_api.scores.replaying import subject_again, verdict_again

IN_CHARGE = "now"
AS_OF = "query:as_of"
NO_PREVIOUS = "No score was known before that moment: nothing is measured against it."
MANY = (
    "More than {} accounts are not ranked anew for one question: peers are those that were kept last by that moment."
    " A restatement ranks all of them."
)
BEHIND = "{} rows of the feed had come and were not read yet when this score was made; they may tell of any account."


class NotScoredThen(Exception):
    """Nothing was known of the account at that moment; `first` is the first moment at which something was."""

    def __init__(self, name: str, at: datetime, first: datetime) -> None:
        super().__init__(f"{name or 'the account'} had no score at {at.isoformat()}")
        self.name = name
        self.at = at
        self.first = first


class FutureMoment(Exception):
    """A moment that has not come yet; `pointer` is where it was asked for."""

    def __init__(self, at: datetime, now: datetime, pointer: str = AS_OF) -> None:
        super().__init__(f"{at.isoformat()} has not come yet: it is {now.isoformat()}")
        self.pointer = pointer


class VersionUnknown(Exception):
    """No such version of a model is kept; `known` names those that are, `pointer` is where it was asked for."""

    def __init__(self, asked: str, known: Sequence[str], pointer: str = "query:restate") -> None:
        super().__init__(f"there is no score model '{asked[:100]}'")
        self.pointer = pointer
        self.known = tuple(known)
        self.near = next(iter(difflib.get_close_matches(asked, known, n=1)), None)


@dataclass(frozen=True)
class Told:
    """One account at one moment, with all that its document is made of."""

    account_id: UUID
    verdict: Verdict
    subject: Subject
    computed_at: datetime
    asked_for: datetime
    base_url: str
    restated: bool = False
    notes: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
    """The figures as the snapshot keeps them; none of a moment that is restated."""

    @property
    def as_of(self) -> datetime:
        """The moment that the score speaks of: for what was known, the moment of the score that was."""
        return self.verdict.as_of

    @property
    def judged(self) -> Judged:
        """The figures; a batch of one row."""
        return self.verdict.judged

    def document(self) -> HealthDocument:
        """Return the health document of that moment."""
        until, past = max(self.asked_for, self.as_of), not self.restated
        whole = build_document(self.verdict, self.subject, until, self.base_url, past=past)
        told = {"computed_at": self.computed_at, "restated": self.restated, "notes": whole.notes + self.notes}
        return whole.model_copy(update=told | {"asked_for": self.asked_for})


@dataclass(frozen=True)
class Recalling:
    """The use case of telling an account as of a moment."""

    pool: Pool = field(repr=False)
    reading: Reading
    lineups: LineUps = field(repr=False)
    base_url: str
    compiler: Compiler = field(default_factory=Compiler, repr=False)
    most_peers: int = GATHERED

    async def known(self, asked: str, at: datetime | None, pointer: str = AS_OF, *, survivor: bool = False) -> Told:
        """Return an account as it was known at a moment (None: now); `pointer` is where the moment was asked for.

        An account that was merged away later speaks for itself, unless its `survivor` is wanted.
        Raises AccountUnknown, NotScoredYet, FutureMoment, NotScoredThen.
        """
        async with self.pool.acquire() as connection:
            account, moment = await self._place(connection, asked, at, pointer)
            then = None
            if at is not None and not survivor:
                then = await past.account_then(connection, as_uuid(asked), as_reference(asked), at)
            row = await past.snapshot(connection, then or account["account_id"], moment)
            if row is None:
                raise await self._not_then(connection, account, moment, then)
            model = await self.lineups.model(connection, row["model_id"], row["model_version"])
            kept = None if row["cohort_id"] is None else await peers.kept(connection, row["cohort_id"])
        judged = judged_again(row, model, None if kept is None else KeptPeers.of(kept))
        return Told(
            account_id=row["account_id"],
            verdict=verdict_again(row, judged),
            subject=subject_again(row, judged.model),
            computed_at=row["computed_at"],
            asked_for=moment,
            base_url=self.base_url,
            notes=(BEHIND.format(row["feed_behind"]),) if row["feed_behind"] > 0 else (),
            detail=row["detail"],
        )

    async def restated(self, asked: str, at: datetime, version: str) -> Told:
        """Return an account at a moment as today's records tell it, judged by a version of a model.

        `version` is `<id>@<number>`, a number alone (of the model that judges the account now), or `now`.
        Raises AccountUnknown, NotScoredYet, FutureMoment, NotScoredThen, VersionUnknown.
        """
        # Who is merged away meanwhile is still there for us.
        async with self.pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            account, moment = await self._place(connection, asked, at)
            then = await past.attributes(connection, account["account_id"], moment, BEYOND)
            model = await self._model(connection, version, then if version == IN_CHARGE else account["attributes"])
            only = None if version == IN_CHARGE else model
            judges = Judges(await self.lineups.now(connection), only)
            return await self._restated(connection, account, moment, model, judges)

    async def _place(
        self, connection: Connection, asked: str, at: datetime | None, pointer: str = AS_OF
    ) -> tuple[asyncpg.Record, datetime]:
        """Return the account, and the moment asked for, which must not lie ahead."""
        account = await reads.account(connection, as_uuid(asked), as_reference(asked))
        if account is None:
            raise await self.reading.absent(asked)
        now = await reads.now(connection)
        if at is not None and at > now:
            raise FutureMoment(at, now, pointer)
        return account, at or now

    async def _restated(
        self, connection: Connection, account: asyncpg.Record, moment: datetime, whole: ScoreModel, judges: Judges
    ) -> Told:
        name = account["account_id"]
        attributes = await past.attributes(connection, name, moment, BEYOND)
        model = whole.for_segment(attributes)
        readings, ages = await measure(connection, self.compiler.of(model), Batch([name], [moment]), restated=True)
        if not ages[0] >= 0:
            raise await self._not_then(connection, account, moment)
        newest = await peers.newest(connection, (model.id, model.version), moment)
        row = None if newest is None else await peers.kept(connection, newest)
        kept = None if row is None else KeptPeers.of(row)
        keys = group_keys(model, [attributes], [moment - timedelta(days=float(ages[0]))])
        segment = next((one.id for one in whole.segments if one.model is model), None)
        among = await self._among(connection, judges, moment, model, keys)
        among_them = among or among_later(kept, keys, model, (readings, ages), moment)
        judged = judge_batch(model, readings, ages, among_them, segment)
        said = Before(None, None, None, override_of(await past.override(connection, name, moment)))
        reference = await self._reference(connection, name, moment, judged, kept)
        found = verdict(judged, 0, moment, said, reference)
        silent = [NO_PREVIOUS] if reference.against == "previous" and np.isnan(reference.points).all() else []
        silent += [MANY.format(self.most_peers)] if among is None and kept is not None else []
        return Told(
            account_id=name,
            verdict=found,
            subject=await self._subject(connection, name, found, attributes),
            computed_at=await reads.now(connection),
            asked_for=moment,
            base_url=self.base_url,
            restated=True,
            notes=tuple(silent),
        )

    async def _among(
        self, connection: Connection, judges: Judges, moment: datetime, model: ScoreModel, keys: Mapping[str, list[str]]
    ) -> Among | None:
        """Rank an account among those of that very moment, as a restatement does; None: there are too many of them."""
        if not percentile_signals(model):
            return Among({}, keys)
        if await restated.count(connection, moment) > self.most_peers:
            return None
        retelling = Retelling(judges, self.compiler)
        await retelling.gather(connection, model, moment)
        return Among(retelling.peers.cohort(model, [moment], keys), keys)

    async def _reference(
        self, connection: Connection, account: UUID, moment: datetime, judged: Judged, kept: KeptPeers | None
    ) -> Reference:
        """What a restated score is measured against; a previous score is the one that was known before the moment."""
        model = judged.model
        if model.baseline.kind != "previous":
            return Reference.among(model, kept)
        return Reference.previous(model, await past.previous_points(connection, account, moment))

    async def _subject(
        self, connection: Connection, account: UUID, found: Verdict, attributes: Mapping[str, Any]
    ) -> Subject:
        """Return who the account was at a restated moment, as it is known today."""
        model, at = found.judged.model, found.as_of
        plans = await read_plans(connection, model, [account], at, BEYOND)
        age = float(found.judged.population.age_days[found.row])
        return Subject(
            account_id=account,
            name=_text(attributes.get("name")) or "",
            segment=_text(attributes.get("segment")),
            owner=_text(attributes.get("owner")),
            start_at=at - timedelta(days=age),
            references=await past.references(connection, account, at),
            plan=plans[account].plan if account in plans else None,
            course=await past.restated_course(connection, account, at, standings.WEEKS, (model.id, model.version)),
        )

    async def _model(self, connection: Connection, asked: str, attributes: dict[str, Any]) -> ScoreModel:
        lineup = await self.lineups.now(connection)
        judge = lineup.judge_of(attributes)
        if asked == IN_CHARGE:
            return next(one for one in lineup.models if one.id == judge.id)
        model_id, _, number = asked.rpartition("@")
        wanted = model_id or judge.id
        kept = await past.versions(connection, wanted)
        if not number.isdecimal() or int(number[:9]) not in kept:
            known = [f"{wanted}@{one}" for one in kept]
            raise VersionUnknown(asked, known or await past.model_ids(connection))
        return await self.lineups.model(connection, wanted, int(number))

    async def _not_then(
        self, connection: Connection, account: asyncpg.Record, moment: datetime, then: UUID | None = None
    ) -> Exception:
        own = None if then is None else await past.first_moment(connection, then)
        first = own or await past.first_moment(connection, account["account_id"])
        if first is None:
            return await self.reading.absent(str(account["account_id"]))
        return NotScoredThen(account["name"], moment, first)


def override_of(row: asyncpg.Record | None) -> Override | None:
    """Return a row of overrides as the law takes it."""
    if row is None:
        return None
    return Override(
        band=None if row["band"] is None else Band(row["band"]),
        score=row["score"],
        reason=row["reason"],
        author=row["author"],
        created_at=row["created_at"],
        expires_at=row["until"],
        id=str(row["id"]),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
