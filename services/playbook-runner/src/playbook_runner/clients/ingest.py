"""Tells the front door what people did; it keeps nothing and repeats nothing by itself."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

POST_LIMIT_S = 10.0
MOST_ANSWER = 256 * 1024
_POINTER = re.compile(r"/(\d+)(/|\Z)")


class FrontDoorAway(Exception):
    """The front door did not take the events now; it is worth coming again."""


@dataclass(frozen=True)
class IngestClient:
    """The one thing that the runner says to the front door."""

    http: httpx.AsyncClient = field(repr=False)
    base: str
    key: str = field(repr=False)
    limit_s: float = POST_LIMIT_S

    async def tell(self, events: Sequence[Mapping[str, Any]]) -> dict[int, str]:
        """Post at most 1,000 events; return the places of those that it will never take, and why.

        It keeps a list as a whole or not at all: where some are refused, none was taken, and the others may come
        again without them. Raises FrontDoorAway.
        """
        try:
            async with asyncio.timeout(self.limit_s):
                answer = await self.http.post(
                    f"{self.base}/events", json=list(events), headers={"Authorization": f"Bearer {self.key}"}
                )
        except TimeoutError:
            raise FrontDoorAway(f"the front door did not answer within {self.limit_s:g} s") from None
        except httpx.HTTPError as error:
            raise FrontDoorAway(f"the front door did not answer ({type(error).__name__})") from None
        if answer.status_code == 202:
            return {}
        refused = _refused(answer) if answer.status_code == 422 else {}
        if not refused:
            raise FrontDoorAway(f"the front door answered {answer.status_code}")
        return {place: why for place, why in refused.items() if place < len(events)}


def _refused(answer: httpx.Response) -> dict[int, str]:
    """Return what a problem document says about each event that it names."""
    try:
        faults = json.loads(answer.content[:MOST_ANSWER]).get("errors", [])
        found = [(_POINTER.match(str(fault.get("pointer", ""))), str(fault.get("detail", ""))) for fault in faults]
    except (ValueError, AttributeError, TypeError):
        return {}
    return {int(match[1]): why[:300] for match, why in reversed(found) if match is not None}
