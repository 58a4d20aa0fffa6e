"""What tests of CRMs start from: outlets of a runner, health of accounts, the lane that tells it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from support.health_server import HealthServer
from support.outreach import health_of, publish

from milepost_contracts.health import HealthDocument
from milepost_runtime.database import Pool
from milepost_runtime.guard import inside
from milepost_runtime.lanes import drain
from milepost_runtime.lines import Lines
from milepost_runtime.queue import Hints
from milepost_runtime.secrets import Vault
from playbook_runner.clients.scoring import ScoringClient
from playbook_runner.connections.admitting import Admitting
from playbook_runner.connections.connecting import NewOutlet, Outlets
from playbook_runner.connections.setting_up import SettingUp
from playbook_runner.connections.writing_back import WritingBack
from playbook_runner.queries import writing_back as queries

MACHINE = inside("127.0.0.0/8")
SECRET = "a-secret-of-the-tests-that-is-long-enough"


@dataclass
class CrmBench:
    """A runner's CRM side over a real store."""

    pool: Pool
    scoring_pool: Pool
    scoring: HealthServer
    outlets: Outlets
    admitting: Admitting
    setting_up: SettingUp
    writing_back: WritingBack

    async def connect(self, kind: Any, settings: dict[str, Any], secrets: dict[str, Any], name: str = "") -> UUID:
        """Keep an outlet and return its id."""
        row, _ = await self.outlets.create(NewOutlet(name or f"our-{kind}", kind, settings, secrets))
        found: UUID = row["id"]
        return found

    async def account(self, *references: str, **parts: Any) -> UUID:
        """Let an account be scored, and say so in the feed."""
        account = uuid4()
        await self.say(account, references, **parts)
        return account

    async def rested(self) -> None:
        """Let the time pass for which CRMs asked to be left alone."""
        await self.pool.execute("update destination set resting_until = null")

    async def say(self, account: UUID, references: tuple[str, ...], **parts: Any) -> HealthDocument:
        """Let an account's health be this from now on, and say so in the feed."""
        document = health_of(account, parts.pop("band", "red"), references=list(references)).model_copy(update=parts)
        self.scoring.documents[account] = document
        change = await publish(self.scoring_pool, account)
        async with self.pool.acquire() as connection:
            await queries.mark(connection, [account], [change])
        return document

    async def tell(self, *, now: bool = True) -> None:
        """Tell CRMs what is due; `now`: what waits is due as well."""
        if now:
            await self.pool.execute("update writeback set next_at = clock_timestamp() where next_at is not null")
        await drain(self.pool, self.writing_back.lane)

    async def row(self, account: UUID) -> Any:
        """Return what is kept of an account's only CRM."""
        return await self.pool.fetchrow("select * from writeback where account_id = $1", account)


def crm_bench(pool: Pool, scoring_pool: Pool, server: HealthServer, client: Any, redis_url: str) -> CrmBench:
    """Return a bench over stores and servers that run."""
    outlets = Outlets(pool, Vault(SECRET), MACHINE)
    admitting = Admitting(pool, outlets, Lines(MACHINE))
    scoring = ScoringClient(client, server.key)
    return CrmBench(
        pool,
        scoring_pool,
        server,
        outlets,
        admitting,
        SettingUp(pool, outlets, admitting, Hints(redis_url)),
        WritingBack(pool, outlets, admitting, scoring),
    )
