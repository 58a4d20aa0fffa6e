"""Approving: gates before steps. A person opens one, edits what goes through, or keeps it shut; it sends nothing.

A step that waits for its gate is `performing`; the word about it makes the step due again with an `outcome`: approved,
rejected, expired_approved or expired_rejected.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

import asyncpg
import structlog

from milepost_core.playbooks.document import ApprovalStep
from milepost_runtime.database import Connection, Pool
from milepost_runtime.failpoints import afp
from milepost_runtime.ids import new_id
from milepost_runtime.lanes import Claim, Lane, finish, hold
from milepost_runtime.queue import Hints
from milepost_runtime.transacting import transact
from playbook_runner.actions.addresses import BadAddress
from playbook_runner.documents.keeping import Keeping
from playbook_runner.people.staffing import staff
from playbook_runner.queries import advancing as steps
from playbook_runner.queries import approvals as queries
from playbook_runner.queries import locking
from playbook_runner.queries.approvals import NewApproval, Word
from playbook_runner.wording.addressing import Directory, NobodyToWriteTo
from playbook_runner.wording.drafting import Outward
from playbook_runner.wording.editing import Fault, faults

log = structlog.get_logger()
LANE = "playbooks.approve"


class ApprovalUnknown(Exception):
    """There is no such gate."""


class ApprovalEnded(Exception):
    """The word about this gate was spoken."""


class EditRefused(Exception):
    """The draft has no such part, or cannot go out in these words; `faults` says each."""

    def __init__(self, found: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{one.part} {one.sentence}" for one in found))
        self.faults = tuple(found)


@dataclass(frozen=True)
class Gate:
    """A gate that a step asks for, of a chain of people: `draft` is the step named by `about`, as it would go today.

    `to` says whom a mail is for, in the words of its step (empty: it is no mail), by these attributes of the account.
    """

    step: ApprovalStep
    by: Sequence[str]
    account_id: UUID
    run_id: UUID
    step_id: UUID
    account_owner: str | None
    draft: Mapping[str, str]
    to: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Approving:
    """The use case behind gates and the lane `playbooks.approve`; `otherwise` opens what nobody else can."""

    pool: Pool = field(repr=False)
    hints: Hints = field(repr=False)
    keeping: Keeping
    otherwise: str
    lease_s: float = 15.0

    @property
    def lane(self) -> Lane:
        """The lane over gates about which nobody has spoken in time."""
        return Lane(LANE, "approval", "id", self.expire, key_type="uuid", batch=200, lease_s=self.lease_s)

    async def ask(self, connection: Connection, gates: Sequence[Gate]) -> None:
        """Put gates before somebody in the caller's transaction."""
        if not gates:
            return
        here = await staff(connection, [gate.by for gate in gates], self.otherwise)
        directory = Directory(self.otherwise, here.colleagues)
        await queries.ask(
            connection,
            [
                NewApproval(
                    id=new_id(),
                    account_id=gate.account_id,
                    run_id=gate.run_id,
                    step_id=gate.step_id,
                    about=gate.step.about,
                    owner=here.owner(gate.by, gate.account_owner).id,
                    otherwise=gate.step.otherwise,
                    draft=gate.draft,
                    recipient=_recipient(gate, directory),
                    expires_hours=gate.step.expires_hours,
                )
                for gate in gates
            ],
        )

    async def approve(self, approval_id: UUID, edited: Mapping[str, str] | None, who: str) -> None:
        """Open a gate, with other words if given. Raises ApprovalUnknown, ApprovalEnded, EditRefused."""
        await self._end(approval_id, "approved", who, "", edited)

    async def reject(self, approval_id: UUID, reason: str, who: str) -> None:
        """Keep a gate shut, with the reason. Raises ApprovalUnknown, ApprovalEnded."""
        await self._end(approval_id, "rejected", who, reason, None)

    async def _end(
        self,
        approval_id: UUID,
        state: Literal["approved", "rejected"],
        who: str,
        reason: str,
        edited: Mapping[str, str] | None,
    ) -> None:
        async def work(connection: Connection) -> None:
            await locking.runs_of_gates(connection, [approval_id])
            gate = next(iter(await queries.lock(connection, [approval_id])), None)
            if gate is None:
                raise ApprovalUnknown(f"there is no approval {approval_id}")
            if gate["state"] != "open":
                raise ApprovalEnded(f"the word about this was spoken: {gate['state']} by {gate['ended_by']}")
            words = await self._checked(connection, gate, edited) if edited else None
            await queries.end(connection, [Word(approval_id, state, who, reason, words)])
            await steps.close_steps(connection, [gate["step_id"]], state)

        await transact(self.pool, work)
        self.hints.nudge("playbooks.advance")
        log.info("approval_ended", approval_id=str(approval_id), state=state, by=who)

    async def _checked(self, connection: Connection, gate: asyncpg.Record, edited: Mapping[str, str]) -> dict[str, str]:
        """Return the draft with other words in it, which are held to what every draft is. Raises EditRefused."""
        playbook = await self.keeping.version(connection, gate["playbook_id"], gate["version"])
        about = playbook.step(gate["about"])
        assert isinstance(about, Outward), "a gate is before something that goes out"
        found = list(faults(about, gate["draft"], edited))
        if found:
            raise EditRefused(found)
        return {**gate["draft"], **edited}

    async def expire(self, claims: Sequence[Claim]) -> int:
        """Do what nobody's word means."""
        async with self.pool.acquire() as connection, connection.transaction():
            await locking.runs_of_gates(connection, [claim.key for claim in claims])
            ours = await hold(connection, self.lane, claims)
            rows = [row for row in await queries.lock(connection, sorted(ours)) if row["state"] == "open"]
            await finish(connection, self.lane, claims)
            await queries.end(connection, [_expired(row) for row in rows])
            for outcome in sorted({_unsaid(row) for row in rows}):
                same = [row["step_id"] for row in rows if _unsaid(row) == outcome]
                await steps.close_steps(connection, same, outcome)
            await afp("playbooks.approve.expired")
        if rows:
            self.hints.nudge("playbooks.advance")
        return len(claims)


def _recipient(gate: Gate, directory: Directory) -> str:
    """Return the mailbox that a gate's mail would go to today; empty: it is no mail, or nobody knows an address."""
    try:
        return directory.find(gate.to, gate.account_owner or "", gate.attributes).address if gate.to else ""
    except (NobodyToWriteTo, BadAddress):
        return ""


def _unsaid(gate: asyncpg.Record) -> str:
    return "expired_approved" if gate["otherwise"] == "approve" else "expired_rejected"


def _expired(gate: asyncpg.Record) -> Word:
    meant = "approved" if gate["otherwise"] == "approve" else "rejected"
    return Word(gate["id"], "expired", "nobody", f"nobody said anything, which means {meant} in this playbook")
