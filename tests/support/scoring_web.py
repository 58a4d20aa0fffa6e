"""The scoring web process inside a test: real database, real lifespan, no socket; it seeds what was scored."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import httpx
from support.lifespan import lifespan

from milepost_contracts.health import HealthDocument
from milepost_runtime.hot import Application
from milepost_runtime.keys import insert_key, new_key
from milepost_runtime.settings import load
from scoring_api.app import create
from scoring_api.documents.founding import Founding, read_founding
from scoring_api.scores.publishing import urgency
from scoring_api.settings import ScoringSettings


@dataclass(frozen=True)
class Web:
    """A running application with one key for each kind of caller."""

    app: Application
    owner: asyncpg.Connection
    settings: ScoringSettings
    founding: Founding
    reader: str
    stranger: str

    def client(self, *, key: str | None = None, peer: str = "127.0.0.1", host: str = "localhost") -> httpx.AsyncClient:
        """Return a client at some address that calls the service by some name; with a key if one is given."""
        transport = httpx.ASGITransport(app=self.app, client=(peer, 40000), raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(transport=transport, base_url=f"http://{host}", headers=headers)


@contextlib.asynccontextmanager
async def running(database_url: str, redis_url: str, environment: str = "test") -> AsyncIterator[Web]:
    """Start the application as its process does, with a key that may read and one that may only send events."""
    environ = {
        "MILEPOST_DATABASE_URL": database_url,
        "MILEPOST_REDIS_URL": redis_url,
        "MILEPOST_ENVIRONMENT": environment,
        "MILEPOST_SECRET_KEY": "a secret of this test, long enough for it",
    }
    settings = load(ScoringSettings, environ)
    founding = read_founding(settings.scoring_model)
    owner = await asyncpg.connect(database_url)
    app = create(settings, founding)
    try:
        reader = await add_key(owner, ["read"])
        stranger = await add_key(owner, ["ingest"])
        async with lifespan(app):
            yield Web(app, owner, settings, founding, reader, stranger)
    finally:
        await owner.close()


async def add_key(owner: asyncpg.Connection, scopes: Iterable[str], name: str = "test") -> str:
    """Make a key known and return its text."""
    key = new_key()
    await insert_key(owner, "scoring", key, name=name, scopes=scopes, days=1)
    return key.text


async def keep(
    owner: asyncpg.Connection, document: HealthDocument, days: Iterable[tuple[datetime, float, str, bool]] = ()
) -> HealthDocument:
    """Store a document with its account, its references and its days, as a rescoring leaves them."""
    who = document.account
    await owner.execute(
        "insert into scoring.account (account_id, name, segment, owner, start_at, first_seen_at, updated_at)"
        " values ($1, $2, $3, $4, $5, $5, $5) on conflict (account_id) do nothing",
        who.id, who.name, who.segment, who.owner, who.start_at or document.as_of,
    )  # fmt: skip
    for reference in who.references:
        await owner.execute(
            "insert into scoring.account_reference values ($1, $2, $3) on conflict do nothing",
            reference, who.id, document.as_of,
        )  # fmt: skip
    body = document.model_dump_json().encode()
    losing = [driver for driver in document.drivers if driver.points_lost > 0]
    reason = max(losing, key=lambda driver: driver.points_lost).sentence if losing else ""
    row = {
        "account_id": who.id, "body": body, "etag": f'"{hash(body) & 0xFFFFFFFF:x}"', "score": document.score,
        "band": document.band, "effective_band": document.effective_band.band, "stage": who.stage,
        "segment": who.segment, "owner": who.owner, "name": who.name, "computed_at": document.computed_at,
        "as_of": document.as_of, "fresh_until": document.fresh_until, "change_28d": document.trend.change_28d,
        "top_reason": reason, "confidence_word": document.confidence.word, "model_id": document.model.id,
        "urgency": urgency(document),
    }  # fmt: skip
    await _insert(owner, "health_document", row)
    for day in days:
        await _keep_day(owner, document, day)
    return document


async def _keep_day(
    owner: asyncpg.Connection, document: HealthDocument, day: tuple[datetime, float, str, bool]
) -> None:
    at, score, band, restated = day
    shared = {"account_id": document.account.id, "as_of": at, "score": score, "band": band,
              "model_id": document.model.id, "model_version": document.model.version}  # fmt: skip
    if restated:
        await _insert(owner, "restated_point", shared | {"day": at.date()})
        return
    more = {"display": score, "effective_band": band, "coverage": 0.8, "confidence": 0.7, "inputs_hash": "test",
            "detail": json.dumps({"told": "by a test"}), "readings": "{}", "computed_at": at}  # fmt: skip
    await _insert(owner, "snapshot", shared | more)


async def _insert(owner: asyncpg.Connection, table: str, row: Mapping[str, Any]) -> None:
    places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    await owner.execute(f"insert into scoring.{table} ({', '.join(row)}) values ({places})", *row.values())
