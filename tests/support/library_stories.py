"""What happens to accounts that the shipped playbooks are for, and how a test lets it happen; it claims nothing.

The accounts have no attribute but the addresses that somebody has to be written to at.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from support.health_documents import driver
from support.outreach import Outreach, health_of, publish

from milepost_contracts.health import HealthDocument
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from playbook_runner.documents.checking import shipped
from playbook_runner.people.tending import Outcome
from playbook_runner.queries.waking import SETTLED_S
from playbook_runner.runs.watching import ensure_watching

LIBRARY = {one.parsed.id: one for one in shipped()}
CHAMPION = "lee@customer.example"
QUIET_DAYS = ("message.replied", "meeting.attended", "survey.answered")


@dataclass(frozen=True)
class Stand:
    """How an account stands: its band, signals, whether its sponsor is there, how its plan goes, days of silence."""

    band: str = "green"
    signals: dict[str, float] = field(default_factory=dict)
    sponsor_left: bool = False
    journey: str = "on_track"
    silent_days: float = 2.0

    def of(self, account: UUID) -> HealthDocument:
        found = health_of(account, self.band, age_days=90)
        drivers = [driver(name, "support", -3.0, 5.0, f"{name}: {value:g}", value=value)
                   for name, value in self.signals.items()]  # fmt: skip
        others = [one.model_dump() for one in found.drivers if one.signal not in self.signals]
        missing = [one.model_dump() for one in found.missing if one.signal not in self.signals]
        gates = [one.model_dump() for one in found.gates] if self.sponsor_left else []
        milestones = found.milestones.model_dump() | {"journey": self.journey}
        parts = {"drivers": drivers + others, "missing": missing, "gates": gates, "milestones": milestones}
        return HealthDocument.model_validate(found.model_dump() | parts)


WELL = Stand()


@dataclass(frozen=True)
class Story:
    """What happens to an account: `after` tells in the feed of changes (empty: nothing), `later` is what it takes.

    `first` is the table in which the first outward step is seen, and words of its copy; `leaves` is what ends it, and
    as what.
    """

    playbook: str
    after: Stand
    change: dict[str, Any]
    first: tuple[str, str]
    leaves: tuple[Stand | str, str]
    later: timedelta = timedelta()
    attributes: Callable[[], dict[str, Any]] = lambda: {"champion_email": CHAMPION}


def renews() -> dict[str, Any]:
    """An account whose renewal was ninety days ahead yesterday."""
    return {"renewal_on": f"{datetime.now(UTC) + timedelta(days=89):%Y-%m-%d}"}


DROP = {"kind": "band_changed", "from_band": "green", "to_band": "red"}
MOVED = {"kind": "score_moved"}
DAY = timedelta(days=1, minutes=1)
STORIES = (
    Story("nudge-owner-on-drop", Stand("red"), DROP, ("email", "is red at"), (WELL, "recovered")),
    Story("tiered-rescue", Stand("yellow"), DROP | {"to_band": "yellow"}, ("in_app", "Ten minutes that make"),
          (WELL, "recovered"), DAY),
    Story("stalled-milestone", Stand(journey="behind"), {"kind": "milestone_moved", "to_band": "green"},
          ("email", "does not move"), (Stand(journey="done"), "goal_met")),
    Story("lost-sponsor", Stand(sponsor_left=True), MOVED, ("task", "has lost its sponsor"), ("churned", "churned")),
    Story("ticket-storm", Stand(signals={"open_critical": 3}), MOVED, ("task", "one voice for all open tickets"),
          (Stand(signals={"open_critical": 0}), "goal_met")),
    Story("late-payer", Stand(signals={"invoices_overdue_days": 20}), MOVED, ("email", "An open invoice for"),
          (Stand(signals={"invoices_overdue_days": 0}), "goal_met"), DAY, lambda: {"billing_email": CHAMPION}),
    Story("quiet-champion", Stand(silent_days=25), {}, ("email", "Aurora Logistics"), ("message.replied", "replied")),
    Story("recovery-thank-you", WELL, {"kind": "band_changed", "from_band": "yellow", "to_band": "green"},
          ("email", "Thank you, Aurora Logistics"), ("churned", "churned"), timedelta(days=7, minutes=1)),
    Story("renewal-ahead", WELL, {}, ("task", "The renewal of Aurora"), ("churned", "churned"), timedelta(days=3),
          renews),
)  # fmt: skip
BEFORE = {
    "ticket-storm": Stand(signals={"open_critical": 0}),
    "late-payer": Stand(signals={"invoices_overdue_days": 0}),
}


def stands(outreach: Outreach, account: UUID, stand: Stand) -> None:
    outreach.scoring.documents[account] = stand.of(account)
    outreach.scoring.silences[account] = dict.fromkeys(QUIET_DAYS, stand.silent_days)


async def look(outreach: Outreach, later: timedelta = timedelta()) -> None:
    """Let so much time pass for the watches, and each look at everybody."""
    await outreach.pool.execute("update armed set held_since = held_since - $1::interval", later)
    for _ in range(3):
        await outreach.pool.execute(
            "update watch set next_at = '-infinity', swept_at = null, begun_at = begun_at - $1::interval", later
        )
        await drain(outreach.pool, outreach.runner.watching.lane)


async def begin(outreach: Outreach, story: Story) -> UUID:
    """Put the one playbook in force for an account that is well, let the cause happen and the first steps be taken."""
    account = uuid4()
    outreach.scoring.attributes[account] = story.attributes()
    stands(outreach, account, BEFORE.get(story.playbook, WELL))
    await outreach.pool.execute("delete from playbook")
    await outreach.runner.keeping.stock([LIBRARY[story.playbook]])
    await ensure_watching(outreach.pool)
    await look(outreach)
    assert await outreach.pool.fetchval("select count(*) from run") == 0
    stands(outreach, account, story.after)
    if story.change:
        await tell(outreach, account, story.change)
    await outreach.start()
    await look(outreach)
    if story.later:
        assert await outreach.pool.fetchval("select count(*) from run") == 0
        await look(outreach, story.later)
    await outreach.advance()
    return account


async def tell(outreach: Outreach, account: UUID, change: dict[str, Any]) -> None:
    news = await publish(outreach.scoring_pool, account, **change)
    if change["kind"] == "milestone_moved":
        told = "update change set subject = 'sso', detail = $2 where id = $1"
        await outreach.scoring_pool.execute(told, news, {"from": "ahead", "to": "late"})


async def leave(outreach: Outreach, ingest_pool: Pool, account: UUID, how: Stand | str) -> None:
    """Let happen what ends a run, and be read."""
    if isinstance(how, Stand):
        stands(outreach, account, how)
        await publish(outreach.scoring_pool, account, kind="score_moved", to_band=how.band)
        await heard(outreach)
    else:
        await happens(outreach, ingest_pool, account, how)


async def happens(outreach: Outreach, ingest_pool: Pool, account: UUID, kind: str) -> None:
    """Let an event happen at an account, be read, and the run go on by it."""
    told = ("insert into event (event_id, account_id, type, occurred_at, source, properties)"
            " values ($1, $2, $3, clock_timestamp(), 'tests', '{}')")  # fmt: skip
    await ingest_pool.execute(told, str(uuid4()), account, kind)
    await heard(outreach)


async def heard(outreach: Outreach) -> None:
    """Let the feeds be read once their rows have settled."""
    await asyncio.sleep(SETTLED_S + 0.05)
    await drain(outreach.pool, outreach.runner.waking.lane)
    await go_on(outreach)


async def go_on(outreach: Outreach, days: float = 0) -> None:
    """Let so many days pass for the step where a run stands, and everything be done that is due."""
    await outreach.pool.execute(
        "update step set created_at = created_at - $1::interval, next_at = next_at - $1::interval"
        " where state in ('due', 'waiting')",
        timedelta(days=days),
    )
    for _ in range(3):
        await outreach.advance()
        await outreach.perform()


async def place(outreach: Outreach, account: UUID) -> tuple[str, str]:
    """Return a run's state, and the step at which it stands or stood last."""
    run = await outreach.one("run", account)
    path: str = await outreach.pool.fetchval(
        "select path from step where run_id = $1 order by ended_at desc nulls first, id desc limit 1", run["id"]
    )
    return run["state"], path


async def titles(outreach: Outreach, account: UUID) -> list[str]:
    rows = await outreach.pool.fetch("select title from task where account_id = $1 order by id", account)
    return [row["title"] for row in rows]


async def finish_tasks(outreach: Outreach) -> None:
    for row in await outreach.pool.fetch("select id from task where state = 'open'"):
        await outreach.runner.tending.complete(row["id"], Outcome("helped", "", 5.0), "kim")
    await go_on(outreach)


async def said(outreach: Outreach, account: UUID, where: str) -> str:
    """Return the first words that somebody sees: a mail's, a task's or a message's in the product."""
    if where == "email":
        return " ".join(outreach.mail.mails[0]["subject"].split())
    table = {"task": "task", "in_app": "in_app_message"}[where]
    title: str = await outreach.pool.fetchval(f"select title from {table} where account_id = $1", account)
    return title


def story_of(playbook: str) -> Story:
    return next(one for one in STORIES if one.playbook == playbook)
