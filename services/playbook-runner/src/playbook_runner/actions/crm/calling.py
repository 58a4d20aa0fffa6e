"""One call to a CRM: a token in front, an end to every wait and to every answer; it reads no meaning into answers.

What could not be written certainly did nothing; what was written may have been done. A token that was refused is
renewed once, as a refused call did nothing either.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from milepost_runtime.guard import UrlRefused, check_url
from milepost_runtime.lines import AnswerLost, Lines, NotConnected, NotWritten, request
from playbook_runner.actions.crm.answers import Busy, Unclear, Unfit

MOST_ANSWER = 4 * 1024 * 1024
CALL_LIMIT_S = 12.0
UNAUTHORISED = 401
MayWrite = Callable[[], bool]


def always() -> bool:
    """Let everything be written: for calls that may be made twice."""
    return True


@dataclass(frozen=True)
class Pass:
    """What lets a call in, and where; `base` is the instance that the CRM named, or the API's address."""

    token: str = field(repr=False)
    base: str
    user: str = ""


class Passes(Protocol):
    """Where passes come from; both may raise Busy or Unfit."""

    async def present(self) -> Pass:
        """Return the pass that is good as far as we know."""
        ...

    async def renewed(self, stale: Pass) -> Pass:
        """Return another one than this, which was refused."""
        ...


@dataclass(frozen=True)
class Answer:
    """Status, headers (lower-case names) and JSON of an answer; `body` is None when it is empty or no JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any
    retry_after_s: float | None = None

    @property
    def fine(self) -> bool:
        """Whether the call as a whole was taken; records may still have been refused."""
        return 200 <= self.status < 300


@dataclass(frozen=True)
class Question:
    """One request: `params` go into the address, `json` or `form` into the body."""

    method: str
    path: str
    json: Any = None
    form: Mapping[str, str] | None = None
    params: Mapping[str, str] | None = None

    @property
    def place(self) -> str:
        """The path with its query."""
        return f"{self.path}?{urlencode(self.params)}" if self.params else self.path

    def body(self) -> tuple[dict[str, str], bytes]:
        """Return the headers that speak of the body, and the body."""
        if self.form is not None:
            return {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(self.form).encode()
        if self.json is None:
            return {}, b""
        return {"Content-Type": "application/json"}, json.dumps(self.json).encode()


async def at_once() -> None:
    """Wait for nothing."""


@dataclass(frozen=True)
class CrmLine:
    """Calls to one CRM with one kind of pass. `may_write` is asked directly before the bytes of every call.

    `turn` is waited for before each; whoever has taken a turn for all of it waits for nothing.
    """

    lines: Lines = field(repr=False)
    passes: Passes = field(repr=False)
    limit_s: float = CALL_LIMIT_S
    turn: Callable[[], Awaitable[None]] = at_once

    async def call(self, question: Question, may_write: MayWrite = always) -> Answer:
        """Make a call; raises Busy when it surely did nothing, Unclear when nobody knows, Unfit."""
        held = await self.passes.present()
        answer = await self._once(held, question, may_write)
        if answer.status == UNAUTHORISED:
            answer = await self._once(await self.passes.renewed(held), question, may_write)
        return answer

    async def ready(self) -> None:
        """Have a pass at hand before it matters. Raises Busy or Unfit."""
        await self.passes.present()

    async def user(self) -> str:
        """Return who we are over there, as far as the CRM told with the token."""
        return (await self.passes.present()).user

    async def _once(self, held: Pass, question: Question, may_write: MayWrite) -> Answer:
        headers = {"Authorization": f"Bearer {held.token}"}
        await self.turn()
        return await ask(self.lines, held.base, question, headers, (self.limit_s, may_write))


async def ask(
    lines: Lines,
    base: str,
    question: Question,
    headers: Mapping[str, str],
    bounds: tuple[float, MayWrite] = (CALL_LIMIT_S, always),
) -> Answer:
    """Make one call in so many seconds. Raises Busy, Unclear, and Unfit for an address that is not to be called."""
    limit_s, may_write = bounds
    try:
        target = check_url(base + question.place, lines.allowed)
        line = await lines.open(target)
    except UrlRefused as error:
        raise Unfit(f"{base}: {error}") from None
    except NotConnected as error:
        raise Busy(str(error), reached=False) from None
    told, body = question.body()
    sent = request(question.method, target, {"Accept": "application/json", **headers, **told}, body)
    try:
        if not may_write():
            raise Busy("the lease had run down before the call could be written")
        answer = await line.ask(sent, limit_s, MOST_ANSWER)
    except NotWritten as error:
        raise Busy(str(error), reached=False) from None
    except AnswerLost as error:
        raise Unclear(str(error)) from None
    finally:
        lines.give_back(target, line)
    if not answer.whole and answer.status < 300:
        raise Unclear(f"the answer ({answer.status}) broke off")
    return Answer(answer.status, answer.headers, _json(answer.body), answer.retry_after_s(time.time()))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
