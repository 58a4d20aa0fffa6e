"""Asks the scoring API for an account's health at the moment it is needed; it keeps no answer and invents none."""

import asyncio
import json
from dataclasses import dataclass, field
from uuid import UUID

import httpx
from pydantic import ValidationError

from milepost_contracts.health import HealthDocument

MOST_DOCUMENT = 256 * 1024
QUESTION_LIMIT_S = 5.0


class HealthAway(Exception):
    """No usable answer now: unreachable, slow, refusing, or not scored yet. Worth asking again."""


class AccountGone(Exception):
    """The scoring API knows no such account."""


@dataclass(frozen=True)
class ScoringClient:
    """The one question that the runner has; each takes at most `limit_s` seconds, whatever the other side does."""

    http: httpx.AsyncClient = field(repr=False)
    key: str = field(repr=False)
    limit_s: float = QUESTION_LIMIT_S

    async def health(self, account_id: UUID, correlation_id: str) -> HealthDocument:
        """Return the account's health document of this moment. Raises HealthAway or AccountGone."""
        try:
            async with asyncio.timeout(self.limit_s):
                status, body = await self._ask(f"/accounts/{account_id}/health", correlation_id)
        except TimeoutError:
            raise HealthAway(f"the scoring API did not answer within {self.limit_s:g} s") from None
        except httpx.HTTPError as error:
            raise HealthAway(f"the scoring API did not answer ({type(error).__name__})") from None
        if status == 404 and _problem_type(body).endswith("/account_unknown"):
            raise AccountGone(f"the scoring API knows no account {account_id}")
        if status != 200:
            raise HealthAway(f"the scoring API answered {status}")
        return _document(body)

    async def _ask(self, path: str, correlation_id: str) -> tuple[int, bytes]:
        """Return status and body, reading no more of it than a health document can have."""
        headers = {
            "Authorization": f"Bearer {self.key}",
            "X-Request-Id": correlation_id,
            "Cache-Control": "no-cache",
            # Bytes as they are, so that what is counted is what is kept: a small packed body may be a huge one.
            "Accept-Encoding": "identity",
        }
        body = bytearray()
        async with self.http.stream("GET", path, headers=headers) as answer:
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > MOST_DOCUMENT:
                    raise HealthAway("the scoring API's answer is too large to be a health document")
            return answer.status_code, bytes(body)


def _document(body: bytes) -> HealthDocument:
    try:
        return HealthDocument.model_validate_json(body)
    except ValidationError as error:
        raise HealthAway(f"the scoring API's answer is not a health document ({error.error_count()} faults)") from None


def _problem_type(body: bytes) -> str:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return str(document.get("type", "")) if isinstance(document, dict) else ""
