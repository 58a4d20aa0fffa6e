"""Opening runs: asks what admitting depends on, decides by the law, writes runs, first steps, assignments, ledger.

It never finds out by itself that there is a reason to start: whoever does hands it over.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import structlog

from milepost_core.cadence import wakes_of
from milepost_core.cadence.admitting import Admitted, Applicant, HeldOut, Occasion, admit, subjects_to_admit
from milepost_core.cadence.entering import Pursuit
from milepost_core.playbooks.assigning import Assignment
from milepost_core.playbooks.conditions import Facts
from milepost_core.playbooks.starting import Declines
from milepost_runtime.database import Connection
from milepost_runtime.ids import clean_correlation_id, new_id
from milepost_runtime.queue import Hints
from playbook_runner.clients.scoring import ScoringClient
from playbook_runner.documents.keeping import Kept, stay_in_force
from playbook_runner.queries import ledger
from playbook_runner.queries import starting as queries
from playbook_runner.queries.merging import living
from playbook_runner.runs.stopping import Leaving, stop

log = structlog.get_logger()
NEXT_LANE = "playbooks.advance"
Pair = tuple[UUID, str]
AllFacts = Mapping[UUID, Facts]
_NEW = Pursuit(open_run=False, last_started_at=None)
_SUPPRESSED = ("playbook_paused", "holdout")


@dataclass(frozen=True)
class Reason:
    """Something that may start a playbook for an account; `key` keeps it from doing so twice."""

    account_id: UUID
    kept: Kept
    occasion: Occasion
    key: bytes
    because: str
    correlation_id: str = ""
    change_id: int | None = None
    started_by: str = ""
    declined: Declines | None = None
    """Nothing comes of it in any case; this is why."""


@dataclass(frozen=True)
class Opened:
    """What came of reasons: the runs that began, and why others did not."""

    runs: tuple[queries.NewRun, ...]
    declined: tuple[tuple[Reason, Declines], ...]


@dataclass(frozen=True)
class Opening:
    """The use case that everything that starts a playbook ends in."""

    scoring: ScoringClient
    hints: Hints = field(repr=False)

    async def learn(self, reasons: Sequence[Reason]) -> dict[UUID, Facts]:
        """Return the facts that admitting depends on, of the accounts whose playbooks depend on any.

        Nobody is asked for what is paused or declined. Asked outside of every transaction. Raises HealthAway.
        """
        wanted: dict[UUID, dict[str, None]] = {}
        for reason in reasons:
            subjects = subjects_to_admit(reason.kept.playbook)
            if subjects and reason.declined is None and reason.kept.state != "paused":
                wanted.setdefault(reason.account_id, {}).update(dict.fromkeys(subjects))
        subjects = tuple(dict.fromkeys(subject for some in wanted.values() for subject in some))
        return await self.scoring.facts(list(wanted), subjects) if wanted else {}

    async def open(self, connection: Connection, reasons: Sequence[Reason], facts: AllFacts) -> Opened:
        """Open at most one run for each playbook and account, in the caller's transaction; the ledger says the rest.

        One that was opened before for the same key is passed over in silence. A run of a milder tier ends (`escalated`)
        before one of a worse tier begins. Raises InForceChanged.
        """
        if not reasons:
            return Opened((), ())
        await self.lead(connection, [one.kept for one in reasons])
        led = await living(connection, {one.account_id for one in reasons})
        reasons = [replace(one, account_id=led.get(one.account_id, one.account_id)) for one in reasons]
        facts = {led.get(account, account): some for account, some in facts.items()}
        known = await queries.answered(connection, [(one.account_id, one.key) for one in reasons])
        fresh = [one for one in reasons if (one.account_id, one.key) not in known]
        book = await _book(connection, fresh)
        for reason in fresh:
            book.decide(reason, facts)
        for turn in book.turns:
            await stop(connection, turn.leaving)
            await queries.open_runs(connection, turn.runs)
        await queries.keep_assignments(
            connection, {_pair(one): book.kept[_pair(one)] for one in fresh if _pair(one) in book.kept}
        )
        await ledger.add(connection, [_line(reason, why) for reason, why in book.declined])
        return Opened(tuple(run for turn in book.turns for run in turn.runs), tuple(book.declined))

    async def lead(self, connection: Connection, kept: Iterable[Kept]) -> None:
        """Be the only one to open runs until the transaction ends, and have these playbooks stay in force so long.

        Raises InForceChanged: everything is rolled back then, and whoever read them looks at its reasons anew.
        """
        await stay_in_force(connection, kept)
        await queries.lock_starts(connection)

    def tell(self, opened: Opened) -> None:
        """Say that runs began, once that is committed: to the log, and to the next lane."""
        for run in opened.runs:
            log.info(
                "run_started",
                run_id=str(run.id),
                account_id=str(run.account_id),
                playbook_id=run.playbook_id,
                correlation_id=run.correlation_id,
            )
        if opened.runs:
            self.hints.nudge(NEXT_LANE)


def _pair(reason: Reason) -> Pair:
    return reason.account_id, reason.kept.playbook.id


@dataclass
class _Turn:
    """Runs that begin together, and those that end before them as these are of a worse tier."""

    leaving: list[Leaving] = field(default_factory=list)
    runs: list[queries.NewRun] = field(default_factory=list)


@dataclass
class _Book:
    """How playbooks and accounts stand to each other while reasons are decided; of a pair, one run a turn."""

    now: datetime
    pursuits: dict[Pair, Pursuit]
    standing: dict[Pair, UUID]
    kept: dict[Pair, Assignment]
    turns: list[_Turn] = field(default_factory=list)
    declined: list[tuple[Reason, Declines]] = field(default_factory=list)
    begun: Counter[Pair] = field(default_factory=Counter)

    def decide(self, reason: Reason, facts: AllFacts) -> None:
        """Decide about one reason; the next one sees the run that this one opens."""
        verdict = self._verdict(reason, facts)
        found = verdict.assignment if isinstance(verdict, Admitted | HeldOut) else None
        if found is not None:
            self.kept[_pair(reason)] = found
        if isinstance(verdict, Declines):
            self.declined.append((reason, verdict))
        else:
            self._begin(reason, verdict)

    def _verdict(self, reason: Reason, facts: AllFacts) -> Admitted | Declines:
        if reason.declined is not None:
            return reason.declined
        if reason.kept.state == "paused":
            return Declines("playbook_paused", "the playbook was paused when the change came")
        pair, known = _pair(reason), facts.get(reason.account_id, {})
        who = Applicant(str(reason.account_id), known, self.pursuits.get(pair, _NEW), self.kept.get(pair))
        return admit(reason.kept.playbook, reason.occasion, who, self.now)

    def _begin(self, reason: Reason, admitted: Admitted) -> None:
        pair, run = _pair(reason), _run(reason, admitted)
        while len(self.turns) <= self.begun[pair]:
            self.turns.append(_Turn())
        turn = self.turns[self.begun[pair]]
        turn.runs.append(run)
        if admitted.over is not None:
            turn.leaving.append(Leaving(self.standing[pair], admitted.over))
        self.begun[pair] += 1
        self.standing[pair] = run.id
        recent = self.pursuits.get(pair, _NEW).recent + 1
        self.pursuits[pair] = Pursuit(
            open_run=True, last_started_at=self.now, recent=recent, tier=run.tier, begun=run.path
        )


async def _book(connection: Connection, reasons: Sequence[Reason]) -> _Book:
    spans = {_pair(reason): reason.kept.playbook.re_entry.per_days for reason in reasons}
    now, rows = await queries.pursuits(connection, spans)
    known = {(row["account_id"], row["playbook_id"]): row for row in rows}
    return _Book(
        now,
        {
            pair: Pursuit(row["open_run"] is not None, row["last_started_at"], row["recent"], row["tier"], row["begun"])
            for pair, row in known.items()
        },
        {pair: row["open_run"] for pair, row in known.items()},
        await _assignments(connection, reasons),
    )


async def _assignments(connection: Connection, reasons: Iterable[Reason]) -> dict[Pair, Assignment]:
    rows = await queries.assignments(connection, sorted({_pair(reason) for reason in reasons}))
    return {
        (row["account_id"], row["playbook_id"]): Assignment(
            row["arm"], row["bucket"], row["stratum"], row["version"], row["excluded"]
        )
        for row in rows
    }


def _run(reason: Reason, admitted: Admitted) -> queries.NewRun:
    playbook = reason.kept.playbook
    first = playbook.step(admitted.start) or playbook.steps[0]
    return queries.NewRun(
        id=new_id(),
        step_id=new_id(),
        account_id=reason.account_id,
        playbook_id=playbook.id,
        version=playbook.version,
        change_id=reason.change_id,
        trigger_kind=reason.occasion.kind,
        trigger_key=reason.key,
        because=reason.because,
        correlation_id=clean_correlation_id(reason.correlation_id),
        path=first.id,
        kind=first.kind,
        wakes_on=wakes_of(first),
        tier=admitted.tier.tier,
        arm=None if admitted.assignment is None else admitted.assignment.acts_as,
        value_class=admitted.tier.value_class,
        stage=admitted.stage,
        band=admitted.band,
        started_by=reason.started_by,
    )


def _line(reason: Reason, why: Declines) -> ledger.Entry:
    return ledger.Entry(
        account_id=reason.account_id,
        playbook_id=reason.kept.playbook.id,
        outcome="suppressed" if why.code in _SUPPRESSED else "skipped",
        code=why.code,
        reason=why.sentence,
        correlation_id=reason.correlation_id,
        change_id=reason.change_id,
    )
