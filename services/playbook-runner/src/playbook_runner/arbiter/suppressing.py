"""Suppressing: keeps who is to be left alone, from the moment on at which it is answered; it stops nothing by itself.

It keeps no address: a person is known by a digest of the mailbox, so that the word outlives whoever asked to be
forgotten. What is on its way is stopped by the arbiter, which reads these words in the transaction that starts it.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import asyncpg
import structlog

from milepost_core.cadence import OPTED_OUT
from milepost_core.playbooks.conditions import AnyOf, Compare
from milepost_runtime.database import Connection, Pool
from milepost_runtime.ids import new_id
from milepost_runtime.secrets import Vault
from milepost_runtime.transacting import transact
from playbook_runner.actions.addresses import BadAddress, writings
from playbook_runner.clients.scoring import HealthAway
from playbook_runner.queries import addressees, lifting
from playbook_runner.queries import suppressions as queries
from playbook_runner.queries.arbiter import lock_of
from playbook_runner.queries.merging import living_one
from playbook_runner.queries.suppressions import Filter, NewSuppression
from playbook_runner.runs.waking import Waking
from playbook_runner.wording.addressing import attributes_written_to
from playbook_runner.wording.ways_out import Leaving, person_of

log = structlog.get_logger()
OPT_OUT = "opt_out"
# Words by which somebody may be kept from harm or from a breach of law: only an administrator takes them back.
GUARDED = frozenset({OPT_OUT, "legal_hold", "complained"})


class SuppressionUnknown(Exception):
    """There is no such word."""


class SuppressionRefused(Exception):
    """It cannot be said so; the message says why."""


@dataclass(frozen=True)
class Word:
    """What is said: whom to leave alone (a mailbox, an account, or one's mailbox in an account), why and until when."""

    kind: str
    address: str | None
    account_id: UUID | None
    reason: str
    author: str
    until: datetime | None


@dataclass(frozen=True)
class Suppressing:
    """The use cases around people and accounts that are left alone."""

    pool: Pool = field(repr=False)
    vault: Vault = field(repr=False)
    waking: Waking

    async def say(self, word: Word) -> asyncpg.Record:
        """Leave somebody alone from now on; who opts out ends what has that for an exit. Raises SuppressionRefused."""
        if word.address is None and word.account_id is None:
            raise SuppressionRefused("name a mailbox, an account, or both")
        if word.kind == OPT_OUT and word.address is None:
            raise SuppressionRefused("only a person opts out: name the mailbox")
        if word.until is not None and word.until <= await addressees.now(self.pool):
            raise SuppressionRefused("`until` lies in the past: it would keep nobody from anything")
        new = NewSuppression(
            new_id(), word.kind, word.account_id, self.person(word.address), word.reason, word.author, word.until
        )
        if word.kind != OPT_OUT or new.person is None:
            return await self._keep(new, [])
        if word.account_id is not None:
            return await self._keep(new, [word.account_id])
        written = writings(word.address or "")
        row = await self._keep(new, await addressees.accounts_of(self.pool, new.person, written))
        # Asked once the word is kept: however long the answer takes, no message starts meanwhile.
        if meant := await self._meant(written):
            await transact(self.pool, lambda connection: self.waking.happened(connection, meant, OPTED_OUT))
        return row

    async def _meant(self, written: tuple[str, ...]) -> list[UUID]:
        """Return the accounts whose runs are about to write to this mailbox: it is an attribute of theirs."""
        async with self.pool.acquire() as connection:
            under_way = [
                await self.waking.keeping.version(connection, *one)
                for one in await addressees.versions_under_way(self.pool)
            ]
        names = {name for playbook in under_way for name in attributes_written_to(playbook)}
        asked = tuple(Compare(f"attribute.{name}", "in", written) for name in sorted(names))
        try:
            return sorted(await self.waking.asking.meant(AnyOf(asked))) if asked else []
        except HealthAway as error:
            # No message goes there any more in any case: only runs that have not written yet are left to run out.
            log.warning("opt_out_unasked", error=str(error))
            return []

    async def opt_out(self, leaving: Leaving) -> None:
        """Write to a person no more, of whatever account: when this returns, no message to them will start.

        As often as it is said, it is one word. Runs of theirs to which that is an end, end.
        """
        reason = "by the link in a mail"
        theirs = [leaving.account_id, *await addressees.accounts_of(self.pool, leaving.person)]
        await self._keep(NewSuppression(new_id(), OPT_OUT, None, leaving.person, reason, "the recipient", None), theirs)

    async def _keep(self, new: NewSuppression, ending: Sequence[UUID]) -> asyncpg.Record:
        """Keep a word and end the runs of these accounts to which it is an end: both or neither."""

        async def work(connection: Connection) -> asyncpg.Record:
            # A start holds its run and waits for the person, so the runs come first.
            if ending:
                await self.waking.happened(connection, list(dict.fromkeys(ending)), OPTED_OUT)
            named = new.account_id
            here = new if named is None else replace(new, account_id=await living_one(connection, named))
            await queries.lock(connection, _locks(here.person, here.account_id))
            return await queries.insert(connection, here)

        row = await transact(self.pool, work)
        log.info("suppressed", kind=new.kind, suppression_id=str(row["id"]))
        return row

    async def end(self, suppression_id: UUID, by: str, *, guarded: bool) -> asyncpg.Record:
        """Take a word back. Raises SuppressionUnknown, and SuppressionRefused for guarded ones unless `guarded`."""
        row = await queries.one(self.pool, suppression_id)
        if row is None:
            raise SuppressionUnknown(f"there is no suppression {suppression_id}")
        if row["kind"] in GUARDED and not guarded:
            raise SuppressionRefused(f"only a key of the scope 'admin' ends a suppression of the kind {row['kind']}")
        async with self.pool.acquire() as connection, connection.transaction():
            # What is being started has read this word already, and is put off before anybody looks for it.
            await queries.lock(connection, _locks(row["person"], row["account_id"]))
            ended = await queries.end(connection, suppression_id)
            lifted = await self._lift(connection, row)
        assert ended is not None, "words are ended, never deleted"
        log.info("suppression_ended", suppression_id=str(suppression_id), by=by, asking_again=lifted)
        return ended

    async def _lift(self, connection: Connection, word: asyncpg.Record) -> int:
        """Let what was put off by a word, to whom it was about, ask again at once; return how many messages."""
        accounts = None if word["account_id"] is None else [word["account_id"]]
        waiting = await lifting.put_off(connection, {word["kind"]}, accounts)
        of_them = [row["key"] for row in waiting if word["person"] in (None, self._of(row))]
        return await lifting.make_due(connection, of_them) if of_them else 0

    def _of(self, waiting: asyncpg.Record) -> bytes:
        with contextlib.suppress(BadAddress):
            return person_of(self.vault, waiting["recipient"])
        return b""

    async def page(self, wanted: Filter, before: UUID | None, limit: int) -> list[asyncpg.Record]:
        """Return words, newest first; those about an account that was merged are its survivor's."""
        if wanted.account_id is not None:
            wanted = replace(wanted, account_id=await living_one(self.pool, wanted.account_id))
        return await queries.page(self.pool, wanted, before, limit)

    def person(self, address: str | None) -> bytes | None:
        """Return what stands for a mailbox; None for none. Raises SuppressionRefused for what is no address."""
        try:
            return None if address is None else person_of(self.vault, address)
        except BadAddress as error:
            raise SuppressionRefused(str(error)) from None


def _locks(person: bytes | None, account_id: UUID | None) -> list[int]:
    """A person's word waits for messages to that person, an account's for those to anybody there."""
    if person is not None:
        return [lock_of(person)]
    assert account_id is not None, "a word is about somebody"
    return [lock_of(account_id.bytes)]
