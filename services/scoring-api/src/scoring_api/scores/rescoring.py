"""Rescores accounts that are due: one look at the store, one law, one transaction; it starts no outreach itself."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np

from milepost_core.model import Band, ScoreModel
from milepost_core.overrides import Override
from milepost_core.transitions import BandState
from milepost_runtime.database import Connection, Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.lanes import Claim, Lane, TryLater, hold, settle
from milepost_runtime.logging import info_each
from milepost_runtime.queue import Hints
from scoring_api.queries import peers, standings, verdicts
from scoring_api.queries.plans import KnownPlan, read_plans
from scoring_api.queries.signals.measuring import Batch, Compiler, UnknownAccounts, measure
from scoring_api.queries.turns import EdgeFinder
from scoring_api.scores.addressing import page_prefix
from scoring_api.scores.crossing import is_arriving
from scoring_api.scores.dating import Dating, Look
from scoring_api.scores.documenting import Subject
from scoring_api.scores.judging import Before, Floats, Reference, Verdict, find_paths, judge_batch, verdict
from scoring_api.scores.lineup import LineUp, LineUps
from scoring_api.scores.peering import DAY_S, KeptPeers, among_later, group_keys
from scoring_api.scores.publishing import Frame, rows_of
from scoring_api.scores.turning import turns_of

LANE = "scoring.rescore"
NEXT_LANE = "playbooks.start"
BATCH = 100
# So many documents are made in about ten milliseconds.
FEW = 12


@dataclass(frozen=True)
class Looked:
    """What the store said about a batch at one moment."""

    lineup: LineUp
    facts: Mapping[UUID, asyncpg.Record]
    plans: Mapping[UUID, KnownPlan]
    course: Mapping[UUID, Mapping[int, float | None]]
    edges: Mapping[UUID, datetime]
    verdicts: Mapping[UUID, Verdict]


@dataclass(frozen=True)
class Rescoring:
    """The use case behind the lane `scoring.rescore`."""

    pool: Pool = field(repr=False)
    hints: Hints = field(repr=False)
    lineups: LineUps = field(repr=False)
    base_url: str
    look_again: timedelta
    compiler: Compiler = field(default_factory=Compiler, repr=False)
    dating: Dating = field(default_factory=Dating, repr=False)
    edges: EdgeFinder = field(default_factory=EdgeFinder, repr=False)
    gathered: dict[tuple[str, int], KeptPeers] = field(default_factory=dict, repr=False)

    @cached_property
    def lane(self) -> Lane:
        """The accounts that are due for a new score."""
        return Lane(
            name=LANE,
            table="scoring.rescoring",
            key="account_id",
            key_type="uuid",
            handle=self.handle,
            batch=BATCH,
            rung_for=BATCH,
        )

    async def handle(self, claims: Sequence[Claim]) -> int:
        """Rescore a batch: read, judge, then write everything and settle in one transaction under our fence."""
        async with self.pool.acquire() as connection:
            try:
                looked = await self.look(connection, [one.key for one in claims])
                rows = await self._dated(connection, looked, await self._made(looked))
            except UnknownAccounts as error:
                raise TryLater("an account of the batch was merged away meanwhile", 0.0) from error
            await afp("scoring.rescore.before_write")
            async with connection.transaction():
                held = await hold(connection, self.lane, claims)
                published = await verdicts.write(connection, [row for row in rows if row.account_id in held])
                strangers = [one for one in claims if one.key not in looked.facts]
                await settle(connection, self.lane, strangers, verdicts.STRANGER)
                await afp("scoring.rescore.before_commit")
        if published:
            self.hints.nudge(NEXT_LANE)
        if any(row.words or row.withdrawn for row in rows):
            self.hints.nudge(LANE)
        info_each("score_kept", (_line(one, looked.facts[one.account_id]) for one in rows if one.document))
        return len(claims)

    async def _made(self, looked: Looked) -> list[verdicts.Rows]:
        """Say what is to be written; of many accounts beside the loop, which a few hold up less than a thread would."""
        if len(looked.verdicts) <= FEW:
            return self.rows(looked)
        return await asyncio.to_thread(self.rows, looked)

    async def mark_outdated(self) -> int:
        """Make accounts due that another line-up scored, or whose links lead elsewhere; return how many."""
        async with self.pool.acquire() as connection:
            lineup = await self.lineups.now(connection)
            await peers.hurry(connection)
            return await verdicts.mark_outdated(connection, lineup.number, page_prefix(self.base_url))

    async def look(self, connection: Connection, accounts: Sequence[UUID]) -> Looked:
        """Read all about a batch as of now; what is marked later than this makes an account due again.

        Raises UnknownAccounts when one of them is merged away between two questions.
        """
        lineup = await self.lineups.now(connection)
        facts = {row["account_id"]: row for row in await standings.facts(connection, accounts)}
        if not facts:
            return Looked(lineup, {}, {}, {}, {}, {})
        await afp("scoring.rescore.facts_read")
        known = sorted(facts)
        as_of = facts[known[0]]["as_of"]
        found: dict[UUID, Verdict] = {}
        course: dict[UUID, Mapping[int, float | None]] = {}
        plans: dict[UUID, KnownPlan] = {}
        edges: dict[UUID, datetime] = {}
        for segment, model, group in _by_model(lineup, facts):
            found |= await self._judge(connection, (segment, model), group, facts)
            course |= await standings.course(connection, group, as_of, (model.id, model.version))
            plans |= await read_plans(connection, model, group, as_of)
            edges |= await self.edges.next_edges(connection, model, Batch(group, [as_of] * len(group)))
        return Looked(lineup, facts, plans, course, edges, found)

    async def _dated(
        self, connection: Connection, looked: Looked, rows: Sequence[verdicts.Rows]
    ) -> list[verdicts.Rows]:
        """Say when conditions came true that were found to hold, and doubt what was found before history arrived."""
        found = []
        for row in rows:
            known, one, fact = (
                looked.plans.get(row.account_id),
                looked.verdicts[row.account_id],
                looked.facts[row.account_id],
            )
            if known is None:
                found.append(row)
                continue
            arrived = fact["cause"] == "backfill" or fact["late"]
            look = Look(row.account_id, one.judged.model, known, one.as_of, arrived)
            found.append(await self.dating.dated(connection, row, look))
        return found

    async def _judge(
        self,
        connection: Connection,
        judge: tuple[str | None, ScoreModel],
        group: Sequence[UUID],
        facts: Mapping[UUID, asyncpg.Record],
    ) -> dict[UUID, Verdict]:
        segment, model = judge
        as_of = facts[group[0]]["as_of"]
        kept = await self._peers(connection, model, as_of)
        batch = Batch(group, [as_of] * len(group))
        readings, ages = await measure(connection, self.compiler.of(model), batch)
        own = [facts[one] for one in group]
        ages = _begun(ages, as_of, own)
        keys = group_keys(model, [one["attributes"] for one in own], [one["start_at"] for one in own])
        among = among_later(kept, keys, model, (readings, ages), as_of)
        judged = judge_batch(model, readings, ages, among, segment)
        references = await self._references(connection, model, group, kept)
        return {
            account: verdict(judged, row, as_of, before_of(facts[account], as_of, model), references[account])
            for row, account in enumerate(group)
        }

    async def _peers(self, connection: Connection, model: ScoreModel, as_of: datetime) -> KeptPeers | None:
        """Return the peers of a model version as they were gathered last; a row of peers is read once."""
        newest = await peers.newest(connection, (model.id, model.version), as_of)
        if newest is None:
            return None
        known = self.gathered.get((model.id, model.version))
        if known is None or known.id != newest:
            row = await peers.kept(connection, newest)
            assert row is not None, "rows of peers are only ever added"
            known = self.gathered[model.id, model.version] = KeptPeers.of(row)
        return known

    async def _references(
        self, connection: Connection, model: ScoreModel, group: Sequence[UUID], kept: KeptPeers | None
    ) -> dict[UUID, Reference]:
        """What each account's drivers are measured against, by the model's own choice; a normal of few is none."""
        if model.baseline.kind != "previous":
            return dict.fromkeys(group, Reference.among(model, kept))
        previous = await standings.previous_points(connection, group)
        return {account: Reference.previous(model, previous.get(account, {})) for account in group}

    def rows(self, looked: Looked) -> list[verdicts.Rows]:
        """Say what is to be written of each account."""
        find_paths(looked.verdicts.values())
        turns = turns_of(looked.verdicts, looked.facts, looked.edges, looked.plans, self.look_again)
        return [
            rows_of(
                one,
                looked.facts[account],
                _subject(looked, account),
                turns[account],
                Frame(looked.lineup.number, self.base_url),
            )
            for account, one in looked.verdicts.items()
        ]


def before_of(fact: Mapping[str, Any], as_of: datetime, model: ScoreModel) -> Before:
    """Return where an account stood, from its standing's columns, and the person's word that is in force.

    While a new account's past is still arriving, every evaluation is a first one: a band that was read from half
    of the past is no place to forgive slowly from. So is the first evaluation by another model or version: a band
    measured by another yardstick says nothing about the margins and waiting times of this one.
    """
    state = None
    arriving = is_arriving(fact, as_of)
    same_judge = (fact["judged_by"], fact["judged_by_version"]) == (model.id, model.version)
    if fact["band"] is not None and same_judge and not arriving:
        state = BandState(Band(fact["band"]), fact["pending_direction"], fact["pending_since"])
    effective = None if fact["effective_band"] is None else Band(fact["effective_band"])
    return Before(state, effective, fact["published_score"], _override(fact))


def _begun(ages: Floats, as_of: datetime, facts: Sequence[Mapping[str, Any]]) -> Floats:
    """Return ages, of accounts all of whose records are dated ahead of the clock the (negative) one from their start.

    They are known by now, so they have a document, and the day on which they begin is when they are looked at again.
    """
    ahead = [(as_of - one["start_at"]).total_seconds() / DAY_S for one in facts]
    return np.where(np.isnan(ages), np.minimum(ahead, 0.0), ages)


def _override(fact: Mapping[str, Any]) -> Override | None:
    if fact["override_id"] is None:
        return None
    return Override(
        band=None if fact["override_band"] is None else Band(fact["override_band"]),
        score=fact["override_score"],
        reason=fact["override_reason"],
        author=fact["override_author"],
        created_at=fact["override_created_at"],
        expires_at=fact["override_until"],
        id=str(fact["override_id"]),
    )


def _line(row: verdicts.Rows, fact: Mapping[str, Any]) -> dict[str, Any]:
    """What the log says of one new score."""
    return {
        "account_id": str(row.account_id),
        "correlation_id": fact["correlation_id"],
        "cause": fact["cause"],
        "told": bool(row.changes),
    }


def _by_model(lineup: LineUp, facts: Mapping[UUID, asyncpg.Record]) -> list[tuple[str | None, ScoreModel, list[UUID]]]:
    """Group accounts by the model that judges them, as their segment (named, if there is one) sees it."""
    segments = {id(one.model): one.id for model in lineup.models for one in model.segments}
    groups: dict[int, tuple[str | None, ScoreModel, list[UUID]]] = {}
    for account, fact in sorted(facts.items()):
        own = lineup.judge_of(fact["attributes"])
        groups.setdefault(id(own), (segments.get(id(own)), own, []))[2].append(account)
    return list(groups.values())


def _subject(looked: Looked, account: UUID) -> Subject:
    fact = looked.facts[account]
    return Subject(
        account_id=account,
        name=fact["name"],
        segment=fact["segment"],
        owner=fact["owner"],
        start_at=fact["start_at"],
        references=tuple(fact["reference_names"]),
        plan=looked.plans[account].plan if account in looked.plans else None,
        course=looked.course.get(account, {}),
    )
