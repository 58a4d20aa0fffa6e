"""Asks the scoring API for what is true of accounts at the moment it is needed; it keeps no answer and invents none."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import httpx
import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from milepost_contracts.audiences import MOST_ACCOUNTS, MOST_SUBJECTS, FactView, Match, Matches, as_wire
from milepost_contracts.health import HealthDigest
from milepost_core.playbooks.conditions import Condition, Fact, Facts
from milepost_runtime.http import MOST_BYTES
from playbook_runner.measures import QUESTIONS_REFUSED

log = structlog.get_logger()
MOST_DOCUMENT = 256 * 1024
MOST_ANSWER = 32 * 1024 * 1024
QUESTION_LIMIT_S = 5.0
# A question about many accounts, or about the whole book, may take the other side longer.
MANY_LIMIT_S = 30.0
# Few enough that what is read of one answer stays near at hand: of twice as many each took half as long again.
DOCUMENTS_AT_ONCE = 50
# What is wrong with a question itself; it would be so again.
REFUSALS = (400, 413, 422)
REFUSED = "the scoring API refuses to be asked about it"
_Answer = TypeVar("_Answer", bound=BaseModel)


class HealthAway(Exception):
    """No usable answer now: unreachable, slow, refusing, or not scored yet. Worth asking again."""


class QuestionRefused(HealthAway):
    """The question itself is refused: the fault of who asks it so, and of nobody else."""


class AccountGone(Exception):
    """The scoring API knows no such account."""


class _Documents(BaseModel):
    """What of the answer to a question for many documents is read here."""

    model_config = ConfigDict(extra="ignore")

    data: tuple[HealthDigest, ...]
    not_scored: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class Several:
    """Documents of many accounts, by the id that each stands under today; `waiting` are those that will have one."""

    healths: Mapping[UUID, HealthDigest]
    waiting: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class ScoringClient:
    """The questions that the runner has; each takes at most so long, whatever the other side does."""

    http: httpx.AsyncClient = field(repr=False)
    key: str = field(repr=False)
    limit_s: float = QUESTION_LIMIT_S
    many_limit_s: float = MANY_LIMIT_S

    async def health(self, account_id: UUID, correlation_id: str) -> HealthDigest:
        """Return the account's health document of this moment. Raises HealthAway or AccountGone."""
        status, body = await self._ask(f"/accounts/{account_id}/health", correlation_id)
        if status == 404 and _problem_type(body).endswith("/account_unknown"):
            raise AccountGone(f"the scoring API knows no account {account_id}")
        return _read(HealthDigest, status, body)

    async def healths(self, accounts: Sequence[UUID], correlation_id: str = "") -> dict[UUID, HealthDigest]:
        """Return the documents of many accounts, by the id that each stands under today; who has none is left out.

        Raises HealthAway.
        """
        return dict((await self.several(accounts, correlation_id)).healths)

    async def several(self, accounts: Sequence[UUID], correlation_id: str = "") -> Several:
        """Return the documents of many accounts, and who is known and has no score yet. Raises HealthAway."""
        found: dict[UUID, HealthDigest] = {}
        waiting: set[UUID] = set()
        for start in range(0, len(accounts), DOCUMENTS_AT_ONCE):
            ids = [str(account) for account in accounts[start : start + DOCUMENTS_AT_ONCE]]
            answer = _read(_Documents, *await self._ask("/accounts/health:batch", correlation_id, {"ids": ids}))
            found |= {document.account.id: document for document in answer.data}
            waiting |= {*answer.not_scored}
        return Several(found, frozenset(waiting))

    async def facts(
        self, accounts: Sequence[UUID], subjects: Sequence[str], correlation_id: str = ""
    ) -> dict[UUID, Facts]:
        """Return these facts of many accounts, by the id asked for; who has no score is left out. Raises HealthAway.

        However many subjects there are; of one that cannot be asked about nothing is known, and the fact says so.
        """
        found: dict[UUID, Facts] = {}
        for start in range(0, len(accounts), MOST_ACCOUNTS):
            some = [str(account) for account in accounts[start : start + MOST_ACCOUNTS]]
            for part in _parts(tuple(dict.fromkeys(subjects))):
                for account, facts in (await self._facts(some, part, correlation_id)).items():
                    found[account] = {**found.get(account, {}), **facts}
        return found

    async def _facts(self, accounts: list[str], subjects: Sequence[str], correlation_id: str) -> dict[UUID, Facts]:
        """Ask in one question; if that is refused find the subjects at fault, so that they cost no other its answer."""
        asked = {"accounts": accounts, "subjects": list(subjects), "answers": "all"}
        try:
            answer = _read(Matches, *await self._ask("/audiences/match", correlation_id, asked))
        except QuestionRefused:
            if not subjects:
                raise
        else:
            return {one.account: one.known() for one in answer.data}
        if len(subjects) == 1:
            bare = await self._facts(accounts, (), correlation_id)
            log.error("question_refused", subject=subjects[0][:200])
            QUESTIONS_REFUSED.inc()
            return {account: {subjects[0]: Fact(None, REFUSED)} for account in bare}
        middle = len(subjects) // 2
        first = await self._facts(accounts, subjects[:middle], correlation_id)
        rest = await self._facts(accounts, subjects[middle:], correlation_id)
        return {one: {**first.get(one, {}), **rest.get(one, {})} for one in {**first, **rest}}

    async def meant(self, condition: Condition, subjects: Sequence[str], after: UUID | None) -> Matches:
        """Return a page of the book: accounts for whom a condition holds, with these facts, however many.

        Raises HealthAway; QuestionRefused when the condition itself cannot be asked.
        """
        asked, rest = list(subjects[:MOST_SUBJECTS]), subjects[MOST_SUBJECTS:]
        try:
            page = await self._page(condition, asked, after)
        except QuestionRefused:
            if not subjects:
                raise
            page, rest = await self._page(condition, [], after), subjects
        if not rest or not page.data:
            return page
        facts = await self.facts([one.account for one in page.data], rest)
        return page.model_copy(update={"data": tuple(_with(one, facts.get(one.account, {})) for one in page.data)})

    async def _page(self, condition: Condition, subjects: list[str], after: UUID | None) -> Matches:
        asked = {"condition": as_wire(condition), "subjects": subjects, "after": after and str(after)}
        return _read(Matches, *await self._ask("/audiences/match", "", asked))

    async def ask(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a plain question that reads. Raises HealthAway."""
        return await self._ask(path, "")

    async def _ask(self, path: str, correlation_id: str, content: Any = None) -> tuple[int, bytes]:
        limit_s, most = (self.limit_s, MOST_DOCUMENT) if content is None else (self.many_limit_s, MOST_ANSWER)
        try:
            async with asyncio.timeout(limit_s):
                return await self._exchange(path, correlation_id, content, most)
        except TimeoutError:
            raise HealthAway(f"the scoring API did not answer within {limit_s:g} s") from None
        except httpx.HTTPError as error:
            raise HealthAway(f"the scoring API did not answer ({type(error).__name__})") from None

    async def _exchange(self, path: str, correlation_id: str, content: Any, most: int) -> tuple[int, bytes]:
        """Return status and body, reading no more of it than such an answer can have."""
        headers = {
            "Authorization": f"Bearer {self.key}",
            "X-Request-Id": correlation_id,
            "Cache-Control": "no-cache",
            # Bytes as they are, so that what is counted is what is kept: a small packed body may be a huge one.
            "Accept-Encoding": "identity",
        }
        parts: list[bytes] = []
        size = 0
        method = "GET" if content is None else "POST"
        limits = httpx.Timeout(None)  # the limit is on the whole
        reads = {MOST_BYTES: most + 1}
        async with self.http.stream(
            method, path, headers=headers, json=content, timeout=limits, extensions=reads
        ) as answer:
            async for chunk in answer.aiter_raw():
                parts.append(chunk)
                size += len(chunk)
                if size > most:
                    raise HealthAway("the scoring API's answer is too large to be one")
            return answer.status_code, b"".join(parts)


def _read(kind: type[_Answer], status: int, body: bytes) -> _Answer:
    if status in REFUSALS:
        raise QuestionRefused(f"the scoring API refuses the question ({status})")
    if status != 200:
        raise HealthAway(f"the scoring API answered {status}")
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise HealthAway(f"the scoring API's answer is not what was asked for ({error.error_count()} faults)") from None


def _parts(subjects: Sequence[str]) -> Iterator[Sequence[str]]:
    yield subjects[:MOST_SUBJECTS]
    for start in range(MOST_SUBJECTS, len(subjects), MOST_SUBJECTS):
        yield subjects[start : start + MOST_SUBJECTS]


def _with(one: Match, facts: Facts) -> Match:
    views = {subject: FactView(value=fact.value, why=fact.why) for subject, fact in facts.items()}
    return one.model_copy(update={"facts": {**one.facts, **views}})


def _problem_type(body: bytes) -> str:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return str(document.get("type", "")) if isinstance(document, dict) else ""
