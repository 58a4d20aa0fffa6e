"""People who say something of a scored customer through the web, and the worker that hears it; it checks nothing."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from support.histories import new_account
from support.scored import clock, score, stalled, thriving
from support.scoring_web import Web, add_key

from milepost_runtime.database import Pool

OVERRIDE: dict[str, Any] = {"band": "red", "reason": "Their sponsor told us that they are leaving.", "days": 10}
PULSE: dict[str, Any] = {"value": "poor", "reason": "Nobody picks up the phone."}


@dataclass(frozen=True)
class Office:
    """A running service, its worker's pool, and a key that may read and write, by the name of `crm bridge`."""

    web: Web
    pool: Pool
    key: str

    async def customer(self, *, well: bool = True) -> UUID:
        """Return a scored customer that does well, or is in trouble."""
        made, now = new_account(), await clock(self.web.owner)
        await score(self.web, self.pool, [thriving(made, now) if well else stalled(made, now)])
        return made

    async def turn(self) -> None:
        """Let the worker do what is due."""
        await score(self.web, self.pool, [])

    async def due(self, account: UUID) -> None:
        """Let the worker look at an account now, as it does when its time has come."""
        await self.web.owner.execute(
            "update scoring.rescoring set next_at = clock_timestamp() where account_id = $1", account
        )
        await self.turn()

    def client(self) -> httpx.AsyncClient:
        """Return a client with the key."""
        return self.web.client(key=self.key)


async def open_office(web: Web, pool: Pool) -> Office:
    """Return the office over a running service."""
    return Office(web, pool, await add_key(web.owner, ["read", "write"], "crm bridge"))


async def health(client: httpx.AsyncClient, account: UUID) -> dict[str, Any]:
    """Return the health document of an account from the store; the route for one account may answer from memory."""
    answer = await client.post("/accounts/health:batch", json={"ids": [str(account)]})
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["data"]
    assert isinstance(found, dict)
    return found


def fault(answer: httpx.Response) -> tuple[int, str, str]:
    """Return the status of a refusal, and the place and the code of what is wrong first."""
    first = answer.json()["errors"][0]
    return answer.status_code, first["pointer"], first["code"]
