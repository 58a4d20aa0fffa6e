"""Plays the demo company into an empty house: its past first, then today; then says where to look.

The past is marked by its own timestamps and starts no outreach; what happened today does. Safe to repeat: an
interrupted play goes on with the same facts, and facts that were taken already change nothing.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from milepost_devstack.demo.behaviour import history, news
from milepost_devstack.demo.company import HISTORY_DAYS, Customer, Story, customers
from milepost_devstack.demo.delivering import DeliveryRefused, Doors, deliver
from milepost_devstack.state import write_private
from milepost_runtime.http import client

MARKER = "demo.json"
PATIENCE_S = 120.0


class DemoFailed(Exception):
    """The demo could not be played to its end; the message says where it stopped."""


@dataclass(frozen=True)
class Played:
    """What the demo left behind: the account to look at first, the stories by name, how many mails went out."""

    account_id: str
    stories: Mapping[str, str]
    accounts: int
    events: int
    mails: int


@dataclass(frozen=True)
class Stage:
    """The house as the demo sees it: through its public addresses, and with eyes on how far the lanes are."""

    http: httpx.AsyncClient
    endpoints: Mapping[str, Any]
    console: Console

    def url(self, service: str, path: str) -> str:
        """Return an address of a service."""
        return str(self.endpoints[service]) + path

    @property
    def bearer(self) -> dict[str, str]:
        """The header that opens every door."""
        return {"Authorization": f"Bearer {self.endpoints['admin_key']}"}


async def play(endpoints: Mapping[str, Any], home: Path, console: Console) -> Played | None:
    """Play the company unless it was played to the end before (then None). Raises DemoFailed."""
    marker = _Marker(home / MARKER)
    if marker.done:
        return None
    async with client(timeout_s=60) as http:
        stage = Stage(http, endpoints, console)
        try:
            played = await _play(stage, marker)
        except (DeliveryRefused, ExceptionGroup, httpx.HTTPError, OSError) as error:
            raise DemoFailed(f"the demo stopped: {_first(error)}") from error
    marker.finish()
    return played


async def _play(stage: Stage, marker: "_Marker") -> Played:
    book = customers()
    doors = await _open_doors(stage, marker)
    past = sorted((fact for one in book for fact in history(one, marker.today)), key=lambda fact: fact.at)
    today = [fact for one in book for fact in news(one, marker.started)]
    with _progress(stage.console) as bar:
        task = bar.add_task(f"{len(book)} accounts, {HISTORY_DAYS} days", total=len(past))
        await deliver(doors, past, lambda count: bar.advance(task, count))
        await _settled(stage, bar, task, "scoring")
        bar.update(task, description="drawing the past")
        await _restate(stage, marker)
        bar.update(task, description="today's news")
        await deliver(doors, today, lambda _count: None)
        await _settled(stage, bar, task, "today's news")
        mails = await _mails(stage, sum(one.story in (Story.TICKET_STORM, Story.SPONSOR_LOST) for one in book))
        bar.update(task, description="ready")
    stories = {one.story.value: await _account_id(stage, one) for one in book if one.story in _TOLD}
    return Played(stories[Story.TICKET_STORM.value], stories, len(book), len(past) + len(today), mails)


_TOLD = (Story.TICKET_STORM, Story.SPONSOR_LOST, Story.STALLED, Story.LATE_PAYER, Story.RECOVERED)


class _Marker:
    """Remembers when the play began, so that going on after an interruption makes the same facts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        known = _known(path)
        self.done = bool(known.get("done"))
        self.started = datetime.fromisoformat(known["started"]) if known else datetime.now(UTC)
        self.webhook = known.get("webhook")

    @property
    def today(self) -> Any:
        return self.started.date()

    def remember(self, webhook: Mapping[str, str]) -> None:
        self.webhook = dict(webhook)
        self._write(done=False)

    def finish(self) -> None:
        self._write(done=True)

    def _write(self, *, done: bool) -> None:
        known = {"done": done, "started": self.started.isoformat()} | ({} if done else {"webhook": self.webhook})
        write_private(self._path, known)


def _known(path: Path) -> dict[str, Any]:
    """What an earlier play remembered; what cannot be read was never written to its end."""
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) and "started" in known else {}


async def _open_doors(stage: Stage, marker: _Marker) -> Doors:
    if marker.webhook is None:
        answer = await stage.http.post(
            stage.url("ingest_webhooks", "/connections"),
            json={"source": "hubspot", "name": "Demo CRM"},
            headers=stage.bearer,
        )
        answer.raise_for_status()
        made = answer.json()
        marker.remember({"id": made["id"], "secret": made["secret"]})
    assert marker.webhook is not None
    return Doors(
        client=stage.http,
        webhook_url=await _webhook_url(stage, marker.webhook["id"]),
        webhook_secret=marker.webhook["secret"],
        events_url=stage.url("ingest_webhooks", "/events"),
        key=str(stage.endpoints["admin_key"]),
    )


async def _webhook_url(stage: Stage, connection_id: str) -> str:
    """Ask the house for the address: ports move between two starts, and a stranger may listen on the old one."""
    answer = await stage.http.get(stage.url("ingest_webhooks", "/connections"), headers=stage.bearer)
    answer.raise_for_status()
    urls = [str(one["webhook_url"]) for one in answer.json()["data"] if one["id"] == connection_id]
    if not urls:
        raise DemoFailed("the demo's connection is gone; 'milepost reset' starts from nothing")
    return urls[0]


async def _restate(stage: Stage, marker: _Marker) -> None:
    days = {
        "from": (marker.today - timedelta(days=HISTORY_DAYS)).isoformat(),
        "to": (marker.today - timedelta(days=1)).isoformat(),
        "every_days": 1,
    }
    answer = await stage.http.post(stage.url("scoring_api", "/restatements"), json=days, headers=stage.bearer)
    answer.raise_for_status()
    where = stage.url("scoring_api", answer.headers["location"])

    async def is_over() -> bool:
        row = (await stage.http.get(where, headers=stage.bearer)).raise_for_status().json()
        if row["state"] in ("failed", "cancelled"):
            raise DemoFailed(f"the past could not be told anew: {row['reason'] or row['state']}")
        return bool(row["state"] == "done")

    await _until(is_over, "telling the past anew")


async def _settled(stage: Stage, bar: Progress, task: TaskID, what: str) -> None:
    """Wait until every lane between the front door and the score is empty."""
    bar.update(task, description=what)
    connection = await asyncpg.connect(str(stage.endpoints["database_url"]))
    try:
        await _until(lambda: _is_settled(connection), what)
    finally:
        await connection.close()


async def _is_settled(connection: asyncpg.Connection) -> bool:
    return bool(
        await connection.fetchval(
            "select not exists(select from ingest.delivery where next_at is not null)"
            " and (select position from scoring.cursor where feed = 'ingest.event')"
            "     >= (select coalesce(max(id), 0) from ingest.event)"
            " and not exists(select from scoring.rescoring where next_at <= clock_timestamp())"
        )
    )


async def _mails(stage: Stage, expected: int) -> int:
    """Wait for the nudges that today's news cause; return how many mails there are."""
    count = 0

    async def arrived() -> bool:
        nonlocal count
        count = len((await stage.http.get(str(stage.endpoints["mailbox"]))).json())
        return count >= expected

    await _until(arrived, "the first nudge", patience_s=30)
    return count


async def _until(check: Callable[[], Awaitable[bool]], what: str, patience_s: float = PATIENCE_S) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + patience_s
    while not await check():
        if loop.time() > until:
            raise DemoFailed(f"the demo waited {patience_s:.0f} s for: {what} (see the logs in the state folder)")
        await asyncio.sleep(0.1)


async def _account_id(stage: Stage, customer: Customer) -> str:
    path = f"/accounts/{quote(customer.reference, safe='')}/health"
    answer = await stage.http.get(stage.url("scoring_api", path), headers=stage.bearer)
    answer.raise_for_status()
    return str(answer.json()["account"]["id"])


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("  {task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _first(error: BaseException) -> str:
    return next(_leaves(error))


def _leaves(error: BaseException) -> Iterator[str]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield f"{type(error).__name__}: {error}"
