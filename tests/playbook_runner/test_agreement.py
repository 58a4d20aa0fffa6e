"""Claims about rehearsals of what is to come: what a dry run tells is what then happens, to the minute."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from support.outreach import Outreach, health_of, publish
from support.runner_api import key_with, runner_api

from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from playbook_runner.runs.by_hand import NotStarted
from playbook_runner.runs.watching import ensure_watching
from playbook_runner.settings import RunnerSettings

DAY = timedelta(days=1)
SPAN = 8 * DAY
TOLERANCE = timedelta(minutes=5)
OPEN_ALWAYS = {
    "opens": "00:00", "closes": "00:00", "workdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    "holidays": False, "spread_minutes": 1, "caps": [{"of": "account", "most": 2, "days": 3}],
}  # fmt: skip
STARTED = ("series", "gated", "to-a-role", "to-slack")
MOVING = (
    "run", "step", "effect", "attempt", "touch", "task", "approval", "assignment", "armed", "watch", "suppression",
    "matter",
)  # fmt: skip
QUIET = {"started", "approval", "waits", "passed", "deferred", "standing", "task_joined"}
Stories = dict[tuple[UUID, str], list[tuple[timedelta, str]]]
BY_HAND: dict[str, Any] = {"kind": "by_hand"}


def mail(name: str, to: str = "attribute:champion_email") -> dict[str, Any]:
    return {"id": name, "kind": "email", "to": to, "subject": "Hi", "text": "Hi {{ account.name }}"}


def wait(name: str, days: float) -> dict[str, Any]:
    return {"id": name, "kind": "wait", "days": days}


CALL = {"id": "call", "kind": "task", "title": "Call {{ account.name }}", "script": "Call.", "waits": False}
CALL_ONCE = CALL | {"reason": "call-them"}
SLACK = {"id": "tell", "kind": "slack", "connection": "nowhere", "channel": "C0123456789", "text": "Hi"}
GATE = {"id": "gate", "kind": "approval", "about": "owed", "expires_hours": 20, "otherwise": "approve"}
OWED = mail("owed", "owner") | {"transactional": True}
FORK = {"id": "fork", "kind": "branch", "otherwise": "end",
        "cases": [{"when": {"subject": "attribute.champion_email", "operator": "known"}, "next": "reply"}]}  # fmt: skip
REPLY = {"id": "reply", "kind": "wait", "events": ["session.started"], "timeout_days": 2, "on_timeout": "call"}
PLAYBOOKS = {
    "series": (BY_HAND, [mail("one"), mail("two"), mail("three"), wait("rest", 2), CALL_ONCE, wait("last", 1)]),
    "before": (BY_HAND, [CALL_ONCE]),
    "gated": (BY_HAND, [GATE, OWED, FORK, REPLY, CALL]),
    "to-a-role": (BY_HAND, [wait("rest", 1), mail("one", "role:nosuchrole"), CALL]),
    "to-slack": (BY_HAND, [CALL, wait("rest", 1), SLACK, mail("one")]),
    "when-it-lasts": ({"kind": "band_changed", "to": ["red"], "hold_days": 2}, [mail("one"), CALL]),
}


@dataclass
class Life:
    """What really happened so far, with how much time had passed for it by then."""

    outreach: Outreach
    passed: timedelta = timedelta(0)
    seen: dict[Any, tuple[timedelta, tuple[UUID, str, str]]] = field(default_factory=dict)

    async def live(self, span: timedelta) -> None:
        """Let everything happen, again and again, moving all rows to where the next one is due."""
        while True:
            for _ in range(4):
                await self.turn()
            await self.look()
            next_at = await self.outreach.pool.fetchval(
                "select min(at) from (select next_at as at from step where state in ('due', 'waiting') union all"
                " select next_at from effect where state = 'ready' union all"
                " select next_at from approval where state = 'open' union all"
                " select held_since + interval '2 days' from armed where held_since is not null) as t"
            )
            ahead = next_at - datetime.now(UTC) + timedelta(seconds=0.2) if next_at is not None else span
            if self.passed + ahead >= span:
                return
            await self.move(max(ahead, timedelta(0)))

    async def move(self, by: timedelta) -> None:
        pool = self.outreach.pool
        self.passed += by
        for table in MOVING:
            names = await pool.fetch(
                "select column_name from information_schema.columns where table_schema = 'playbooks'"
                " and table_name = $1 and data_type = 'timestamp with time zone'",
                table,
            )
            moves = ", ".join(f"{name[0]} = {name[0]} - $1::interval" for name in names)
            await pool.execute(f"update {table} set {moves}", by)

    async def turn(self) -> None:
        outreach = self.outreach
        await outreach.pool.execute("update watch set next_at = '-infinity'")
        await drain(outreach.pool, outreach.runner.watching.lane)
        await outreach.all_lanes()
        await drain(outreach.pool, outreach.runner.approving.lane)

    async def look(self) -> None:
        pool = self.outreach.pool
        for row in await pool.fetch(
            "select id, account_id, playbook_id, outcome, code, run_id from ledger where effect_key is not null"
            " and outcome in ('sent', 'suppressed', 'capped') or run_id is null"
        ):
            self._saw(row["id"], row, row["outcome"] if row["run_id"] is not None else row["code"])
        for row in await pool.fetch("select id, account_id, playbook_id from task"):
            self._saw(row["id"], row, "task")
        for row in await pool.fetch("select id, account_id, playbook_id, end_code from run where end_code is not null"):
            self._saw(row["id"], row, row["end_code"])

    def _saw(self, key: Any, row: Any, what: str) -> None:
        self.seen.setdefault(key, (self.passed, (row["account_id"], row["playbook_id"], what)))

    def stories(self, old: set[Any]) -> Stories:
        """Return what happened since, by account and playbook."""
        found: Stories = {}
        for key, (at, (account, playbook, what)) in self.seen.items():
            if key not in old:
                found.setdefault((account, playbook), []).append((at, what))
        return found


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    await outreach.pool.execute("truncate playbook, assignment, armed, task_word, told")
    await outreach.runner.policies.say(OPEN_ALWAYS, "test")
    documents = [
        {"format": "playbook/1", "id": name, "version": 1, "name": name, "trigger": trigger, "steps": steps}
        for name, (trigger, steps) in PLAYBOOKS.items()
    ]
    await outreach.runner.keeping.stock(documents)
    await ensure_watching(outreach.pool)
    async with runner_api(settings, await key_with(outreach.pool, "read")) as client:
        yield client


async def account_of(outreach: Outreach, **attributes: Any) -> UUID:
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, "red")
    outreach.scoring.attributes[account] = attributes
    return account


async def cast(outreach: Outreach) -> dict[str, UUID]:
    """Return accounts by what stands around them."""
    names = ("plain", "opted out", "left alone", "written to", "nobody", "under way", "asked already", "held out")
    found = {name: await account_of(outreach, champion_email=f"{uuid4().hex}@customer.example") for name in names}
    outreach.scoring.attributes[found["nobody"]] = {}
    pool = outreach.pool
    for name, kind, until in (("opted out", "opt_out", None), ("left alone", "hands_off", datetime.now(UTC) + 3 * DAY)):
        await pool.execute(
            "insert into suppression (id, account_id, kind, until) values ($1, $2, $3, $4)",
            uuid4(), found[name], kind, until,
        )  # fmt: skip
    for hours in (1, 30):
        await pool.execute(
            "insert into touch (account_id, effect_key, person, channel, at) values ($1, $2, $3, 'email',"
            " clock_timestamp() - make_interval(hours => $4))",
            found["written to"], uuid4().bytes * 2, uuid4().bytes * 2, hours,
        )  # fmt: skip
    await pool.execute(
        "insert into assignment (account_id, playbook_id, version, arm, bucket, stratum, excluded)"
        " values ($1, 'series', 1, 'holdout', 0.1, '', false)",
        found["held out"],
    )
    await outreach.runner.by_hand.start(found["under way"], "series", "a hunch", "kim")
    await outreach.runner.by_hand.start(found["asked already"], "before", "a hunch", "kim")
    return found


async def rehearsed(api: httpx.AsyncClient, playbook: str, accounts: list[UUID], begin: str) -> Stories:
    now = datetime.now(UTC)
    body = {"accounts": [str(one) for one in accounts], "since": now.isoformat(), "until": (now + SPAN).isoformat(),
            "begin": begin, "people": "silent"}  # fmt: skip
    answer = await api.post(f"/playbooks/{playbook}:dry-run", json=body)
    assert answer.status_code == 200, answer.text
    return {
        (UUID(one["account_id"]), playbook): [
            (datetime.fromisoformat(line["at"]) - now, line["code"])
            for line in one["lines"]
            if line["code"] not in QUIET
        ]
        for one in answer.json()["data"]
    }


async def test_what_a_dry_run_tells_of_the_future_is_what_then_happens(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    life, accounts = Life(outreach), await cast(outreach)
    await life.turn()
    accounts["lasting"] = await account_of(outreach, champion_email="lasting@customer.example")
    await publish(outreach.scoring_pool, accounts["lasting"])
    await life.turn()
    await life.move(timedelta(hours=12))
    await life.look()
    old, life.passed = set(life.seen), timedelta(0)
    everybody = [account for name, account in accounts.items() if name != "lasting"]
    told: Stories = {}
    for playbook in STARTED:
        told |= await rehearsed(api, playbook, everybody, "since")
    told |= await rehearsed(api, "when-it-lasts", [*everybody, accounts["lasting"]], "trigger")

    for playbook in STARTED:
        for account in everybody:
            with contextlib.suppress(NotStarted):
                await outreach.runner.by_hand.start(account, playbook, "a hunch", "kim")
    await life.live(SPAN)

    happened = life.stories(old)
    named = {account: name for name, account in accounts.items()}
    for (account, playbook), lines in told.items():
        then = sorted(happened.get((account, playbook), []), key=itemgetter(0))
        assert [what for _, what in lines] == [what for _, what in then], (named[account], playbook, lines, then)
        off = [abs(one - other) for (one, _), (other, _) in zip(lines, then, strict=True)]
        assert max(off, default=timedelta(0)) < TOLERANCE, (named[account], playbook, lines, then)
    assert sum(len(lines) for lines in told.values()) > 40


SEATS = {"subject": "attribute.seats", "operator": "lt", "value": 20}
GOLD = {"subject": "attribute.plan", "value": "gold"}
BEGINNINGS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "threshold": ({"kind": "threshold", "when": SEATS}, {"seats": 30}, {"seats": 10}),
    "silence": ({"kind": "silence", "events": ["message.replied"], "days": 14}, {}, {}),
    "entering": ({"kind": "segment", "when": GOLD}, {"plan": "silver"}, {"plan": "gold"}),
    "leaving": ({"kind": "segment", "when": GOLD, "on": "leaving"}, {"plan": "gold"}, {"plan": "silver"}),
    "date": ({"kind": "date", "attribute": "renewal", "at": "00:00"}, {}, {"renewal": ""}),
    "event": ({"kind": "event", "events": ["ticket.escalated"]}, {}, {}),
    "milestone": ({"kind": "milestone", "states": ["late"], "milestones": ["sso"]}, {}, {}),
    "by_hand": (BY_HAND, {}, {}),
}


async def comes_to_pass(outreach: Outreach, account: UUID, kind: str, ingest: Pool) -> None:
    """Let happen what a trigger waits for, at an account that is in green all the time."""
    now = datetime.now(UTC)
    attributes = dict(BEGINNINGS[kind][2])
    outreach.scoring.attributes[account] = {name: said or now.date().isoformat() for name, said in attributes.items()}
    outreach.scoring.silences[account] = {"message.replied": 15.0}
    if kind == "event":
        await ingest.execute(
            "insert into event (event_id, account_id, type, occurred_at, recorded_at, source)"
            " values ($1, $2, 'ticket.escalated', $3, $3, 'test')", str(uuid4()), account, now,
        )  # fmt: skip
    if kind == "milestone":
        await publish(
            outreach.scoring_pool, account, kind="milestone_moved", subject="sso", from_band="green", to_band="green",
            detail={"from": "due", "to": "late"},
        )  # fmt: skip
    if kind == "by_hand":
        await outreach.runner.by_hand.start(account, "begins", "a hunch", "kim")


@pytest.mark.parametrize("kind", BEGINNINGS)
async def test_a_run_that_begins_in_green_has_not_recovered_to_it_whatever_started_it(
    outreach: Outreach, api: httpx.AsyncClient, ingest_pool: Pool, kind: str
) -> None:
    trigger, attributes, _ = BEGINNINGS[kind]
    account = await account_of(outreach, **attributes)
    outreach.scoring.documents[account] = health_of(account, "green")
    outreach.scoring.silences[account] = {"message.replied": 1.0}
    document = {
        "format": "playbook/1", "id": "begins", "version": 1, "name": "Begins", "trigger": trigger, "steps": [OWED],
        "exits": [{"kind": "recovered", "bands": ["green"]}],
    }  # fmt: skip
    await outreach.runner.keeping.stock([document])
    await ensure_watching(outreach.pool)
    life = Life(outreach)
    for _ in range(2):
        await life.turn()
    await life.move(2 * DAY)
    told = await rehearsed(api, "begins", [account], "since")
    await comes_to_pass(outreach, account, kind, ingest_pool)
    for _ in range(3):
        await life.turn()

    run = await outreach.one("run", account)
    assert (run["band"], run["end_code"]) == ("green", "completed")
    assert len(outreach.mail.raw) == 1
    assert told[(account, "begins")][-1][1] == run["end_code"]
