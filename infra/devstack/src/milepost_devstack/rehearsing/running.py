"""Runs one test from the choice of the connection to what became of the delivery; it knows no provider."""

import contextlib
import difflib
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from milepost_contracts.events import BOOK_KEEPING
from milepost_devstack.refusal import Refusal
from milepost_devstack.rehearsing.asking import Ingest, Posted, Scoring, post, shown
from milepost_devstack.state import StateFolder

MADE_NAME = "test deliveries"
PATIENCE_S = 5.0
_SCORED_S = 3.0
# Our clock and the service's may differ by this much.
_CLOCKS = timedelta(hours=1)
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


class NotChosen(Refusal):
    """It is not clear which connection is meant; the message names them."""


@dataclass(frozen=True)
class Order:
    """What shall be sent, by which connection (empty: the only one), for whom (empty: nobody), how often."""

    source: str
    sample: str
    connection: str
    company: str
    times: int


@dataclass(frozen=True)
class Report:
    """What was sent and what became of it.

    `deliveries` are as the inbox shows them, each with its `events`; `accounts` those that events are on, `waiting` the
    names that others wait for.
    """

    source: str
    sample: str
    connection: Mapping[str, Any]
    made: bool
    url: str
    posted: Sequence[Posted]
    deliveries: Sequence[Mapping[str, Any]]
    accounts: Sequence[Mapping[str, Any]]
    waiting: Sequence[str]
    seconds: float = field(default=0.0)

    def settled(self) -> bool:
        """Tell whether everything that was taken is relayed."""
        taken = sum(one.status < 300 for one in self.posted)
        return len(self.deliveries) >= taken and all(one["state"] != "new" for one in self.deliveries)

    def is_well(self) -> bool:
        """Tell whether all of it was taken and understood, and means something."""
        taken = all(200 <= one.status < 300 for one in self.posted)
        return taken and self.settled() and all(one["state"] == "done" for one in self.deliveries)

    def events(self) -> Counter[str]:
        """Return how many events it became, by type."""
        counts: Counter[str] = Counter()
        for delivery in self.deliveries:
            for line in delivery["events"]:
                counts[line["type"]] += line["events"]
        return counts

    def document(self) -> dict[str, Any]:
        """Return all of it for programs; no secret is in it."""
        return {
            "source": self.source,
            "sample": self.sample,
            "connection": {"id": self.connection["id"], "name": self.connection["name"], "made": self.made},
            "url": self.url,
            "sent": [asdict(one) for one in self.posted],
            "settled": self.settled(),
            "events": dict(self.events()),
            "accounts": list(self.accounts),
            "waiting": list(self.waiting),
            "deliveries": list(self.deliveries),
        }


@contextlib.contextmanager
def ingest(url: str, key: str) -> Iterator[Ingest]:
    """Yield the service at an address, asked with a key."""
    headers = {"authorization": f"Bearer {key}"}
    try:
        client = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT, trust_env=False)
    except httpx.InvalidURL as error:
        raise Refusal(f"--url {url} is no address ({error}).") from error
    with client:
        yield Ingest(client)


def scoring(state: StateFolder, service: Ingest) -> Scoring | None:
    """Return the scoring API of the house that ingest belongs to; None when that is somebody else's."""
    endpoints = state.endpoints()
    if endpoints is None or str(service.client.base_url).rstrip("/") != endpoints["ingest_webhooks"].rstrip("/"):
        return None
    return Scoring(endpoints["scoring_api"], endpoints["admin_key"])


def run(service: Ingest, order: Order, scores: Scoring | None) -> Report:
    """Send what is ordered and follow it for five seconds at most. Raises NotChosen and NotAnswered."""
    listed = service.samples(order.source)
    _check(order, listed)
    chosen = _choose(service, order)
    connection = chosen or service.connect(order.source, MADE_NAME, listed["settings"])
    since = (datetime.now(UTC) - _CLOCKS).isoformat()
    posted, request = _post_all(service, connection, order)
    begun = time.monotonic()
    deliveries = _follow(service, posted, since)
    seconds = time.monotonic() - begun
    for one in deliveries:
        one["events"] = [line for line in service.became(one["id"]) if line["type"] not in BOOK_KEEPING]
    lines = [line for one in deliveries for line in one["events"]]
    return Report(
        source=order.source,
        sample=order.sample,
        connection=connection,
        made=chosen is None,
        url=shown(request),
        posted=posted,
        deliveries=deliveries,
        accounts=_accounts(lines, scores),
        waiting=sorted({line["reference"] for line in lines if line["account_id"] is None}),
        seconds=seconds,
    )


def _check(order: Order, listed: Mapping[str, Any]) -> None:
    """Refuse a sample that is not there before a connection is made for it."""
    names = [one["name"] for one in listed["data"]]
    if order.sample not in names:
        near = difflib.get_close_matches(order.sample, names, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise NotChosen(f"{order.source} has no sample {order.sample}.{meant} There is {', '.join(names)}.")


def _choose(service: Ingest, order: Order) -> dict[str, Any] | None:
    """Return the connection to send by, None when the source has none that takes deliveries."""
    every = service.connections(order.source)
    if order.connection:
        meant = [one for one in every if order.connection in (one["id"], one["name"])]
        if len(meant) == 1:
            return meant[0]
        what = "more than one connection is" if meant else "there is no connection"
        raise NotChosen(f"{what} called {order.connection}. {_named(every, order.source)}")
    enabled = [one for one in every if one["enabled"]]
    if len(enabled) > 1:
        raise NotChosen(f"say which one by --connection. {_named(enabled, order.source)}")
    return enabled[0] if enabled else None


def _named(some: Sequence[Mapping[str, Any]], source: str) -> str:
    if not some:
        return f"{source} has no connection yet; without --connection one is made."
    return f"{source} has " + ", ".join(f"{one['id']} ({one['name']})" for one in some) + "."


def _post_all(service: Ingest, connection: Mapping[str, Any], order: Order) -> tuple[list[Posted], dict[str, Any]]:
    correlation_id = f"send-{secrets.token_hex(12)}"
    posted = []
    # As a provider has it: no key of ours, and no redirect followed.
    with httpx.Client(timeout=_TIMEOUT, trust_env=False) as client:
        for _ in range(order.times):
            request = service.prepare(connection["id"], order.sample, order.company)
            posted.append(post(client, request, correlation_id))
    return posted, request


def _follow(service: Ingest, posted: Sequence[Posted], since: str) -> list[dict[str, Any]]:
    """Return the deliveries as soon as all of them are relayed, else as they stand when patience ends."""
    taken = Counter(one.correlation_id for one in posted if 200 <= one.status < 300)
    until = time.monotonic() + PATIENCE_S
    while True:
        found = [one for name in taken for one in service.deliveries(name, since)]
        over = len(found) >= taken.total() and all(one["state"] != "new" for one in found)
        if over or time.monotonic() > until:
            return found
        time.sleep(0.1)


def _accounts(lines: Sequence[Mapping[str, Any]], scores: Scoring | None) -> list[dict[str, Any]]:
    ids = dict.fromkeys(str(line["account_id"]) for line in lines if line["account_id"] is not None)
    until = time.monotonic() + _SCORED_S
    known = [None if scores is None else scores.account(one, until) for one in ids]
    return [about or {"id": one, "name": None, "page": None} for one, about in zip(ids, known, strict=True)]
