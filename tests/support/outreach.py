"""What tests of the runner start from: changes in the feed, health documents of accounts, drained lanes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from support.health_documents import document
from support.health_server import HealthServer
from support.mail_server import MailServer

from milepost_contracts.health import HealthDocument
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from playbook_runner.service import Runner

PLAYBOOK = "nudge-owner-on-drop"


def health_of(account: UUID, band: str = "red", **account_parts: Any) -> HealthDocument:
    """Return the health document of an account in a band; `account_parts` replace what is said about the account."""
    parts = {"id": account, "name": "Aurora Logistics", "owner": "kim@vendor.example", "stage": "activation"}
    band_view = {"band": band, "because": "model", "sentence": ""}
    links = {"page": f"/app/accounts/{account}"}
    return document(account=parts | account_parts, band=band, effective_band=band_view, links=links)


async def publish(pool: Pool, account: UUID, **columns: Any) -> int:
    """Publish one change as the scoring service does, and return its id; the default is a drop from green to red."""
    now = datetime.now(UTC)
    row = {
        "account_id": account, "kind": "band_changed", "from_band": "green", "to_band": "red", "from_score": 74.0,
        "to_score": 38.2, "cause": "live", "model_id": "b2b-onboarding", "model_version": 1, "as_of": now,
        "computed_at": now, "snapshot_as_of": now, "correlation_id": "corr-1",
    } | columns  # fmt: skip
    names = ", ".join(row)
    marks = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    change_id: int = await pool.fetchval(f"insert into change ({names}) values ({marks}) returning id", *row.values())
    return change_id


@dataclass
class Outreach:
    """A runner with everything it talks to; all of it real, nothing in between."""

    runner: Runner
    pool: Pool
    scoring_pool: Pool
    scoring: HealthServer
    mail: MailServer

    async def drop(self, band: str = "red", **account_parts: Any) -> UUID:
        """Let a new account drop into a band: health document and published change."""
        account = uuid4()
        self.scoring.documents[account] = health_of(account, band, **account_parts)
        await publish(self.scoring_pool, account, to_band=band)
        return account

    async def start(self) -> None:
        """Answer all changes."""
        await drain(self.pool, self.runner.starting.lane)

    async def advance(self) -> None:
        """Advance every due step."""
        await drain(self.pool, self.runner.advancing.lane)

    async def perform(self) -> None:
        """Perform every due effect."""
        await drain(self.pool, self.runner.performing.lane)

    async def all_lanes(self) -> None:
        """Let everything that is due happen."""
        await self.start()
        await self.advance()
        await self.perform()

    async def intended(self) -> UUID:
        """Bring a new account to an effect that is ready."""
        account = await self.drop()
        await self.start()
        await self.advance()
        return account

    @contextlib.asynccontextmanager
    async def while_asked(self, work: Coroutine[Any, Any, Any], delay_s: float = 0.5) -> AsyncIterator[None]:
        """Do something while work of ours waits for an answer of the scoring API, then let the work end."""
        before, self.scoring.delay_s = len(self.scoring.asked), delay_s
        task = asyncio.create_task(work)
        try:
            while len(self.scoring.asked) == before:  # noqa: ASYNC110 - the server offers a list, not an event
                await asyncio.sleep(0.01)
            yield
        finally:
            self.scoring.delay_s = 0.0
            await task

    async def attempts(self, account: UUID) -> list[str | None]:
        """Return how the tries of an account's effects ended, in their order."""
        rows = await self.pool.fetch("select outcome from attempt where account_id = $1 order by fence", account)
        return [row["outcome"] for row in rows]

    async def later(self, table: str, by: timedelta = timedelta(days=1)) -> None:
        """Let time pass for the rows of a lane: what waits is due, what is leased is lost."""
        await self.pool.execute(
            f"update {table} set next_at = next_at - $1::interval, lease_until = lease_until - $1::interval", by
        )

    async def outcomes(self, account: UUID) -> list[tuple[str, str]]:
        """Return the ledger's outcomes and codes of an account, oldest first."""
        rows = await self.pool.fetch("select outcome, code from ledger where account_id = $1 order by id", account)
        return [(row["outcome"], row["code"]) for row in rows]

    async def one(self, table: str, account: UUID) -> Any:
        """Return the only row of an account in a table."""
        rows = await self.pool.fetch(f"select * from {table} where account_id = $1", account)
        assert len(rows) == 1, rows
        return rows[0]
