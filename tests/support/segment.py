"""Segment as tests see it: what it sends, signed as it signs, and what its libraries send, with their key."""

import base64
import hashlib
import hmac
import itertools
import json
from datetime import UTC, datetime
from typing import Any

_numbers = itertools.count(1)


def compact(document: Any) -> bytes:
    """Return a document as Segment's own serialisation writes it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def tracked(event: str | None = "Report Opened", **more: Any) -> dict[str, Any]:
    """Return a tracked event of its own; None leaves a key out."""
    made = {
        "type": "track",
        "messageId": f"message-{next(_numbers)}",
        "userId": "user-1",
        "event": event,
        "timestamp": datetime.now(UTC).isoformat(),
        "context": {"groupId": "company-1"},
    }
    return {name: value for name, value in (made | more).items() if value is not None}


def signed(body: bytes, secret: str, over: bytes | None = None) -> dict[str, str]:
    """Return the headers under which Segment sends a body; `over` is what it signs of it."""
    mac = hmac.new(secret.encode(), body if over is None else over, hashlib.sha1).hexdigest()
    return {"content-type": "application/json", "user-agent": "Segment.io/1.0", "x-signature": mac}


def basic(key: str) -> dict[str, str]:
    """Return the headers under which a library sends with its write key."""
    user = base64.b64encode(f"{key}:".encode()).decode()
    return {"content-type": "application/json", "authorization": f"Basic {user}"}
