"""Prints the contract of the scoring API: `python -m scoring_api.contract`; it opens no store and serves nothing."""

import asyncio
import json
import sys
from typing import Any

import httpx

from scoring_api.app import create
from scoring_api.documents.founding import read_founding
from scoring_api.settings import ScoringSettings

# Settings have to say where the stores are; nobody goes there.
NOWHERE = "postgresql://localhost/none"


def contract() -> dict[str, Any]:
    """Return the OpenAPI document as `/openapi.json` answers it."""
    settings = ScoringSettings(environment="test", database_url=NOWHERE, redis_url="redis://localhost")
    app = create(settings, read_founding(settings.scoring_model))

    async def ask() -> httpx.Response:
        # The application's own word, over no socket: the document needs neither a store nor a start.
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/openapi.json")

    found: dict[str, Any] = asyncio.run(ask()).raise_for_status().json()
    return found


def text_of(document: dict[str, Any]) -> str:
    """Return the document as it is kept in the repository."""
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text_of(contract()))
