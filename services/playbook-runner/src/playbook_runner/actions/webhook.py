"""Signed calls to webhooks, as the Standard Webhooks specification has it; it follows no redirect and keeps no answer.

The effect's key is the `webhook-id` of every try, so that a receiver recognises a repetition: this channel is keyed.
"""

import base64
import contextlib
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from milepost_core.effects import Doubt, Outcome, TryLater, Unknown, outcome_of
from milepost_runtime.failpoints import afp
from milepost_runtime.guard import Target, UrlRefused, check_url
from milepost_runtime.lines import AnswerLost, Line, Lines, NotConnected, NotWritten, post
from playbook_runner.actions.channel import NotReached, Sendable, Unreachable
from playbook_runner.actions.doors import Doors, NoDoor

SECRET_PREFIX = "whsec_"  # noqa: S105 - the word that such secrets begin with


def message_id(key: bytes) -> str:
    """Return an effect's name for its receivers; the same for every try."""
    return f"msg_{key.hex()}"


def signature(secrets: Sequence[str], name: str, timestamp: int, body: bytes) -> str:
    """Return the header `webhook-signature`: one `v1,…` a secret (HMAC-SHA256 over id, time and body), in their order.

    Two secrets are live while a receiver changes from one to the other.
    """
    signed = f"{name}.{timestamp}.".encode() + body
    keys = [base64.b64decode(secret.removeprefix(SECRET_PREFIX)) for secret in secrets]
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}" for key in keys)


@dataclass(frozen=True)
class WebhookCall:
    """An open line to a receiver; good for one call."""

    line: Line
    target: Target
    secrets: Sequence[str] = field(repr=False)
    effect: Sendable
    limit_s: float

    async def perform(self, may_write: Callable[[], bool]) -> Outcome:
        """Sign and post the payload; the status alone says how it ended."""
        request = self._request(int(time.time()))
        if not may_write():
            return TryLater("the lease had run down before the call could be written")
        try:
            answer = await self.line.ask(request, self.limit_s)
        except NotWritten as error:
            return TryLater(str(error), reached=False)
        except AnswerLost as error:
            return Unknown(str(error))
        await afp("playbooks.perform.written")
        return outcome_of(answer.status, None, answer.retry_after_s(time.time()))

    def _request(self, timestamp: int) -> bytes:
        name = message_id(self.effect.key)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self.secrets, name, timestamp, self.effect.payload),
            "Idempotency-Key": self.effect.key.hex(),
        }
        if self.effect.correlation_id.isascii() and self.effect.correlation_id.isprintable():
            headers["X-Request-Id"] = self.effect.correlation_id
        return post(self.target, headers, self.effect.payload)


@dataclass(frozen=True)
class WebhookChannel:
    """Calls to the webhooks that a deployment is connected to."""

    lines: Lines = field(repr=False)
    doors: Doors
    timeout_s: float

    @property
    def name(self) -> str:
        """`webhook`."""
        return "webhook"

    @property
    def doubt(self) -> Doubt:
        """Receivers know a repeated `webhook-id`."""
        return Doubt.KEYED

    @property
    def longest_call_s(self) -> float:
        """The limit of one call."""
        return self.timeout_s

    @contextlib.asynccontextmanager
    async def open(self, effect: Sendable) -> AsyncIterator[WebhookCall]:
        """Connect to where the connection leads today. Raises NotReached, Unreachable."""
        try:
            door = await self.doors.named(effect.destination, "webhook")
            target = check_url(door.settings["url"], self.lines.allowed)
            line = await self.lines.open(target)
        except NotConnected as error:
            raise NotReached(str(error)) from None
        except (NoDoor, UrlRefused) as error:
            raise Unreachable(str(error)) from None
        secrets = [door.secrets["secret"], *([door.secrets["former"]] if door.secrets.get("former") else [])]
        try:
            yield WebhookCall(line, target, secrets, effect, self.timeout_s)
        finally:
            self.lines.give_back(target, line)

    async def ask(self, effect: Sendable) -> bool | None:
        """Nobody needs to ask: a repetition under the same id is recognised."""
        return None
