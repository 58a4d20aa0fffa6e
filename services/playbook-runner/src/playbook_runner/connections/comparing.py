"""Comparing: what is news to a CRM, what has left a record, and what becomes of a row then; it asks nobody."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from milepost_runtime.lanes import Claim
from playbook_runner.actions.crm.answers import Declined, Figures, Later, Verdict
from playbook_runner.clients.scoring import Several
from playbook_runner.connections.connecting import OpenOutlet
from playbook_runner.connections.figuring import figures_of, record_of
from playbook_runner.queries.writing_back import Settled

# Waits after a try that a CRM did not take, by tries before.
AGAIN_S = (10.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
# So long after an account was told or looked at it is looked at again, a batch of them at a time.
COMPARED_AGAIN_S = 3 * 3600.0
NO_SCORE = "the account has no score, or goes by another id today"
NOT_THERE = "no name of the account leads to a record of this CRM"


@dataclass(frozen=True)
class Due:
    """One row and what a record is to hold by it.

    `figures` None: its account leads to the record no more but `towards` another one, or to none (`why` says why).
    """

    claim: Claim
    record_id: str
    figures: Figures | None
    towards: str = ""
    why: str = ""

    @property
    def account_id(self) -> UUID:
        """Whose row it is."""
        found: UUID = self.claim.row["account_id"]
        return found

    @property
    def told_before(self) -> bool:
        """Whether a try that did not end well may have reached the CRM."""
        return self.claim.row["attempts"] > 0 or self.claim.crashes > 0


@dataclass(frozen=True)
class Compared:
    """Rows that are `settled` as they are, that have `left` a record, and that are `news` to theirs."""

    settled: list[Settled] = field(default_factory=list)
    left: list[Due] = field(default_factory=list)
    news: list[Due] = field(default_factory=list)


def compare(outlet: OpenOutlet, claims: Sequence[Claim], found: Several) -> Compared:
    """Compare what a CRM holds by these rows with what it is to hold."""
    compared = Compared()
    for claim in claims:
        health, held = found.healths.get(claim.row["account_id"]), claim.row["record_id"]
        if health is None and claim.row["account_id"] in found.waiting:
            # It is not gone: what its record holds stays until there is a score.
            compared.settled.append(done(claim, error=NO_SCORE))
            continue
        record_id = (None if health is None else record_of(health.account.references, outlet)) or ""
        why = NO_SCORE if health is None else "" if record_id else NOT_THERE
        if held and record_id != held:
            compared.left.append(Due(claim, held, None, record_id, why))
        elif health is None or not record_id:
            compared.settled.append(done(claim, error=why))
        elif (figures := figures_of(health)).digest == claim.row["digest"]:
            compared.settled.append(done(claim))
        else:
            compared.news.append(Due(claim, record_id, figures))
    return compared


def by_record(rows: Iterable[Due]) -> list[list[Due]]:
    """Return the rows by record, as a record may be named once in a batch."""
    groups: dict[str, list[Due]] = defaultdict(list)
    for row in rows:
        groups[row.record_id].append(row)
    return list(groups.values())


def judged(row: Due, verdict: Verdict) -> Settled:
    """Return what becomes of a row by its record's verdict."""
    match verdict:
        case Later(sentence, _, tries) if tries is not None and _said_before(row, sentence, tries):
            return judged(row, Declined(sentence))
        case Later(sentence, after_s, _):
            return later(row.claim, sentence, after_s)
        case _ if row.figures is None:
            return left(row)
        case Declined(sentence):
            # What it refused it refuses until something changes.
            return done(row.claim, error=sentence, again_s=None)
        case _:
            return done(row.claim, digest=row.figures.digest)


def left(row: Due) -> Settled:
    """Return a row that leads nowhere now; if there is another record it comes there at once."""
    return done(row.claim, record_id="", error=row.why, again_s=0.0 if row.towards else COMPARED_AGAIN_S)


def done(
    claim: Claim,
    *,
    record_id: str | None = None,
    digest: bytes | None = None,
    error: str = "",
    again_s: float | None = COMPARED_AGAIN_S,
) -> Settled:
    """Return a row about which nothing is to be done until it is looked at again."""
    return Settled(claim.key, claim.fence, claim.row["change_id"], digest, record_id, error[:500], again_s=again_s)


def later(claim: Claim, sentence: str, after_s: float | None = None) -> Settled:
    """Return a row that is tried again, after the usual wait unless another one is given."""
    wait = AGAIN_S[min(claim.row["attempts"], len(AGAIN_S) - 1)] if after_s is None else after_s
    return Settled(claim.key, claim.fence, claim.row["change_id"], error=sentence[:500], wait_s=wait)


def _said_before(row: Due, sentence: str, tries: int) -> bool:
    """Whether so many tries were in vain, the last one for the same reason."""
    return bool(row.claim.row["attempts"] >= tries and row.claim.row["error"] == sentence[:500])
