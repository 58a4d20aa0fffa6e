"""Asks the scoring API for an account's health at the moment it is needed; it keeps no answer and invents none."""

from dataclasses import dataclass, field
from uuid import UUID

import httpx
from pydantic import ValidationError

from milepost_contracts.health import HealthDocument

MOST_DOCUMENT = 4 * 1024 * 1024


class HealthAway(Exception):
    """No usable answer now: unreachable, slow, refusing, or not scored yet. Worth asking again."""


class AccountGone(Exception):
    """The scoring API knows no such account."""


@dataclass(frozen=True)
class ScoringClient:
    """The one question that the runner has."""

    http: httpx.AsyncClient = field(repr=False)
    key: str = field(repr=False)

    async def health(self, account_id: UUID, correlation_id: str) -> HealthDocument:
        """Return the account's health document of this moment. Raises HealthAway or AccountGone."""
        headers = {"Authorization": f"Bearer {self.key}", "X-Request-Id": correlation_id, "Cache-Control": "no-cache"}
        try:
            answer = await self.http.get(f"/accounts/{account_id}/health", headers=headers)
        except httpx.HTTPError as error:
            raise HealthAway(f"the scoring API did not answer ({type(error).__name__})") from None
        if answer.status_code == 404 and _problem_type(answer).endswith("/account_unknown"):
            raise AccountGone(f"the scoring API knows no account {account_id}")
        if answer.status_code != 200:
            raise HealthAway(f"the scoring API answered {answer.status_code}")
        if len(answer.content) > MOST_DOCUMENT:
            raise HealthAway("the scoring API's answer is too large to be a health document")
        return _document(answer.content)


def _document(body: bytes) -> HealthDocument:
    try:
        return HealthDocument.model_validate_json(body)
    except ValidationError as error:
        raise HealthAway(f"the scoring API's answer is not a health document ({error.error_count()} faults)") from None


def _problem_type(answer: httpx.Response) -> str:
    try:
        document = answer.json()
    except ValueError:
        return ""
    return str(document.get("type", "")) if isinstance(document, dict) else ""
