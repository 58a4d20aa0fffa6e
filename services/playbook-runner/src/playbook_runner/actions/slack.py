"""Messages to channels of Slack; it posts a message at most once per call and reads no message but its own.

Slack knows no key. A message carries the effect's key as metadata, and after a lost answer the channel's history is
searched for it: this channel is askable where the token may read that history, and otherwise a person decides.
"""

import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from milepost_core.effects import Doubt, GiveUp, Outcome, Performed, TryLater, Unknown, outcome_of
from milepost_runtime.failpoints import afp
from milepost_runtime.guard import Target, UrlRefused, check_url
from milepost_runtime.lines import Answer, AnswerLost, Line, Lines, NotConnected, NotWritten, post
from playbook_runner.actions.channel import NotReached, Sendable, Unreachable
from playbook_runner.actions.crm.answers import object_in
from playbook_runner.actions.doors import Door, Doors, NoDoor

EVENT_TYPE = "milepost_effect"
REQUEST_TIMEOUT, TOO_MANY = 408, 429
PAGE, MOST_PAGES = 200, 5
# A page of long messages with blocks and metadata is far longer than other answers are.
MOST_PAGE = 4 * 1024 * 1024
# Slack counts its callers before it does anything, so these say that nothing was done.
LIMITED = frozenset({"ratelimited", "rate_limited"})
# What the owner of the connection has to mend: until then, or until it is changed here, everybody waits.
UNFIT = frozenset({"account_inactive", "invalid_auth", "missing_scope", "not_authed", "token_expired", "token_revoked"})
UNFIT_S = 600.0
# Slack broke somewhere on the way: "some aspect of the operation may have succeeded before the error was raised".
BROKEN = frozenset({"internal_error", "fatal_error", "request_timeout", "service_unavailable"})
# The history is searched from a little before: Slack's clock is not ours.
CLOCKS_APART_S = 120.0


@dataclass(frozen=True)
class SlackCall:
    """An open line to Slack; good for one message."""

    line: Line
    target: Target
    token: str = field(repr=False)
    effect: Sendable
    limit_s: float

    async def perform(self, may_write: Callable[[], bool]) -> Outcome:
        """Post the message; Slack says in the body whether it took it."""
        body = message(self.effect)
        if not may_write():
            return TryLater("the lease had run down before the message could be written")
        try:
            answer = await self.line.ask(_post(self.target, self.token, body), self.limit_s)
        except NotWritten as error:
            return TryLater(str(error), reached=False)
        except AnswerLost as error:
            return Unknown(str(error))
        await afp("playbooks.perform.written")
        return _outcome(answer)


def message(effect: Sendable) -> bytes:
    """Return the body of `chat.postMessage` for an effect: its payload's channel and text, its key as metadata."""
    said = json.loads(effect.payload)
    metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": effect.key.hex()}}
    more = {"blocks": said["blocks"]} if "blocks" in said else {}
    content = {"channel": said["channel"], "text": said["text"], "unfurl_links": False, "metadata": metadata, **more}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _post(target: Target, token: str, body: bytes, media: str = "application/json; charset=utf-8") -> bytes:
    return post(target, {"Authorization": f"Bearer {token}", "Content-Type": media}, body)


def _outcome(answer: Answer) -> Outcome:
    """Return what an answer means; every other error of Slack's is about the channel or the text.

    Slack says everything with 200 and in JSON. Anything else was put in its place on the way: before the message came
    there where it is no success, and nobody knows when where it is one.
    """
    wish_s = answer.retry_after_s(time.time())
    if answer.status >= 500 or answer.status == REQUEST_TIMEOUT:
        return Unknown(f"Slack answered {answer.status}: the message may have been posted before that")
    if answer.status == TOO_MANY:
        return outcome_of(answer.status, None, wish_s)
    said = _read(answer)
    if said is None:
        reason = f"what came in place of Slack's answer ({answer.status}) could not be read"
        return Unknown(reason) if answer.status < 300 else TryLater(reason)
    if said["ok"]:
        return Performed(f"{said.get('channel', '')} {said.get('ts', '')}".strip())
    error = str(said.get("error", ""))[:100]
    if error in BROKEN:
        return Unknown(f"Slack answered {error}: the message may have been posted before that")
    return _refused(error, wish_s)


def _refused(error: str, wish_s: float | None) -> Outcome:
    if error in UNFIT:
        return TryLater(f"Slack answered {error}: the connection's token has to be mended", UNFIT_S, everyone=True)
    if error in LIMITED:
        return TryLater(f"Slack answered {error}", wish_s, everyone=True)
    return GiveUp(f"Slack answered {error}")


def _read(answer: Answer) -> Mapping[str, Any] | None:
    """Return Slack's own words: an object that says `ok`. None for whatever else there is."""
    try:
        said = json.loads(answer.body) if answer.whole else None
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) and isinstance(said.get("ok"), bool) else None


@dataclass(frozen=True)
class SlackChannel:
    """Messages to the Slack workspaces that a deployment is connected to."""

    lines: Lines = field(repr=False)
    doors: Doors
    timeout_s: float

    @property
    def name(self) -> str:
        """`slack`."""
        return "slack"

    @property
    def doubt(self) -> Doubt:
        """A channel's history tells whether a message arrived."""
        return Doubt.ASKABLE

    @property
    def longest_call_s(self) -> float:
        """The limit of one call."""
        return self.timeout_s

    @contextlib.asynccontextmanager
    async def open(self, effect: Sendable) -> AsyncIterator[SlackCall]:
        """Connect to Slack. Raises NotReached, Unreachable."""
        door, target, line = await self._line(effect, "chat.postMessage")
        try:
            yield SlackCall(line, target, door.secrets["token"], effect, self.timeout_s)
        finally:
            self.lines.give_back(target, line)

    async def ask(self, effect: Sendable) -> bool | None:
        """Search the channel's history since the first doubtful try for a message with the effect's key.

        None when the token may not read it, or when there is more than is looked through. Raises NotReached.
        """
        channel = json.loads(effect.payload)["channel"]
        cursor = ""
        for _ in range(MOST_PAGES):
            page = await self._history(effect, channel, cursor)
            if page is None:
                return None
            if any(_is_of(one, effect.key) for one in page["messages"]):
                return True
            cursor = object_in(page.get("response_metadata")).get("next_cursor") or ""
            if not cursor:
                return None if page.get("has_more") else False
        return None

    async def _history(self, effect: Sendable, channel: str, cursor: str) -> Mapping[str, Any] | None:
        """Return one page; None when Slack will not show it. Raises NotReached when it may later."""
        assert effect.doubted_since is not None, "whoever is asked about was tried at some time"
        oldest = effect.doubted_since.timestamp() - CLOCKS_APART_S
        wanted = {"channel": channel, "limit": PAGE, "include_all_metadata": "true", "inclusive": "true"} | {
            "oldest": f"{oldest:.6f}", **({"cursor": cursor} if cursor else {})
        }  # fmt: skip
        try:
            door, target, line = await self._line(effect, "conversations.history")
        except Unreachable:
            return None
        body = urlencode(wanted).encode()
        try:
            question = _post(target, door.secrets["token"], body, "application/x-www-form-urlencoded")
            answer = await line.ask(question, self.timeout_s, MOST_PAGE)
        except (NotWritten, AnswerLost) as error:
            raise NotReached(f"Slack could not be asked: {error}") from None
        finally:
            self.lines.give_back(target, line)
        said = _read(answer)
        if said is not None and said["ok"] and isinstance(said.get("messages"), list):
            return said
        if len(answer.body) >= MOST_PAGE or (said is not None and _will_not(answer, said)):
            return None
        raise NotReached(f"Slack could not be asked: it answered {answer.status}", answer.retry_after_s(time.time()))

    async def _line(self, effect: Sendable, method: str) -> tuple[Door, Target, Line]:
        try:
            door = await self.doors.named(effect.destination, "slack")
            target = check_url(f"{door.settings['api_url']}/{method}", self.lines.allowed)
            return door, target, await self.lines.open(target)
        except NotConnected as error:
            raise NotReached(str(error)) from None
        except (NoDoor, UrlRefused) as error:
            raise Unreachable(str(error)) from None


def _will_not(answer: Answer, said: Mapping[str, Any]) -> bool:
    """Whether it is Slack's own no, and none that is over some time."""
    passing = answer.status == TOO_MANY or answer.status >= 500 or str(said.get("error")) in LIMITED | BROKEN
    return not said["ok"] and not passing


def _is_of(message: Any, key: bytes) -> bool:
    metadata = object_in(object_in(message).get("metadata"))
    return metadata.get("event_type") == EVENT_TYPE and object_in(metadata.get("event_payload")).get("key") == key.hex()
