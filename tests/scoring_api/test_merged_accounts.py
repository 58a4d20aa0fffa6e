"""Claims about merges: an old id leads to the account that lives on, and only Milepost may say who is who."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from support.customers import now_of, tell_healthy, turn
from support.histories import Told, new_account, tell
from support.scoring_web import Web, running

from scoring_api.service import Scoring


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        yield made


@pytest.fixture
async def client(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(key=web.reader) as made:
        yield made


async def merge(
    owner: asyncpg.Connection, scoring: Scoring, gone: UUID, survivor: UUID, *names: str, at_once: bool = True
) -> None:
    """Tell a merge as ingest does: first that the names lead to the survivor, then who is gone."""
    now = await now_of(owner)
    await tell(owner, [Told(survivor, "account.linked", now, value_text=name) for name in names])
    if not at_once:
        await turn(scoring)
    await tell(owner, [Told(gone, "account.merged", now, value_text=str(survivor))])
    await turn(scoring)


async def leads_to(client: httpx.AsyncClient, old: UUID) -> str:
    answer = await client.get(f"/accounts/{old}/health")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["account"]["id"])


async def test_an_old_id_finds_the_survivor_in_api_batch_changes_and_pages(
    owner: asyncpg.Connection, scoring: Scoring, client: httpx.AsyncClient
) -> None:
    gone, survivor = await tell_healthy(owner, scoring), await tell_healthy(owner, scoring)
    await merge(owner, scoring, gone, survivor)

    assert await leads_to(client, gone) == str(survivor)
    for part in ("history", "explanation", "evidence/active_seats"):
        answer = await client.get(f"/accounts/{gone}/{part}")
        assert answer.json().get("account_id", str(survivor)) == str(survivor), part
        assert answer.status_code == 200, part
    batch = (await client.post("/accounts/health:batch", json={"ids": [str(gone), str(survivor)]})).json()
    assert [one["account"]["id"] for one in batch["data"]] == [str(survivor)]
    assert (batch["unknown"], batch["not_scored"]) == ([], [])
    told = (await client.get("/changes", params={"account": str(gone)})).json()["data"]
    assert {one["account_id"] for one in told} == {str(gone), str(survivor)}
    page = await client.get(f"/app/accounts/{gone}")
    assert (page.status_code, page.headers["location"]) == (303, f"/app/accounts/{survivor}")


@pytest.mark.parametrize("survivor_first", [True, False])
async def test_a_chain_of_merges_leads_to_its_end_in_whatever_order_it_was_told(
    owner: asyncpg.Connection, scoring: Scoring, client: httpx.AsyncClient, survivor_first: bool
) -> None:
    one, two, three = [await tell_healthy(owner, scoring) for _ in range(3)]
    steps = [(one, two), (two, three)]
    for gone, survivor in steps[::-1] if survivor_first else steps:
        await merge(owner, scoring, gone, survivor)

    assert {await leads_to(client, old) for old in (one, two, three)} == {str(three)}
    left = await owner.fetch("select account_id from scoring.account where account_id = any($1)", [one, two, three])
    assert [row["account_id"] for row in left] == [three]


async def test_a_merge_back_leads_nowhere_in_circles(
    owner: asyncpg.Connection, scoring: Scoring, client: httpx.AsyncClient
) -> None:
    one, two = await tell_healthy(owner, scoring), await tell_healthy(owner, scoring)
    await merge(owner, scoring, one, two)
    await merge(owner, scoring, two, one)

    assert {await leads_to(client, old) for old in (one, two)} == {str(two)}


async def test_a_merge_or_a_link_that_a_stranger_tells_moves_nothing(
    owner: asyncpg.Connection, scoring: Scoring, client: httpx.AsyncClient
) -> None:
    victim, mine, now = await tell_healthy(owner, scoring), new_account(), await now_of(owner)
    await tell(owner, [Told(victim, "account.linked", now, value_text=f"domain:{victim}")])
    await tell(owner, [Told(mine, "feature.used", now)])
    await turn(scoring)
    later = now + timedelta(seconds=1)
    await tell(owner, [Told(victim, "account.merged", later, value_text=str(mine), source="custom", event_id="s1")])
    await tell(owner, [Told(mine, "account.linked", later, value_text=f"domain:{victim}", source="api", event_id="s2")])
    await turn(scoring)

    assert await leads_to(client, victim) == str(victim)
    assert (await client.get(f"/accounts/domain:{victim}/health")).json()["account"]["id"] == str(victim)
    kept = await owner.fetch("select event_id from scoring.record where event_id in ('s1', 's2') order by 1")
    assert [row["event_id"] for row in kept] == ["s1", "s2"]


async def test_an_account_that_is_gone_is_not_due_whatever_was_told_of_it_beside_the_merge(
    owner: asyncpg.Connection, scoring: Scoring
) -> None:
    gone, survivor, now = await tell_healthy(owner, scoring), await tell_healthy(owner, scoring), await now_of(owner)
    merged = Told(gone, "account.merged", now, value_text=str(survivor))
    await tell(owner, [Told(gone, "feature.used", now), merged])
    await turn(scoring)
    due = "select count(*) from scoring.rescoring where account_id = $1"
    assert (await owner.fetchval(due, gone), await owner.fetchval(due, survivor)) == (0, 1)


@pytest.mark.parametrize("at_once", [True, False])
async def test_an_account_that_was_merged_away_speaks_for_itself_up_to_then(
    owner: asyncpg.Connection, scoring: Scoring, client: httpx.AsyncClient, at_once: bool
) -> None:
    one, two, three = [await tell_healthy(owner, scoring, age=age) for age in (20, 60, 100)]
    name = f"external:{one}"
    await tell(owner, [Told(one, "account.linked", await now_of(owner), value_text=name)])
    await turn(scoring)
    at = await now_of(owner)
    before = await then(client, one, at)
    await merge(owner, scoring, one, two, name, at_once=at_once)
    between = await now_of(owner)
    of_two = await then(client, two, between)
    await merge(owner, scoring, two, three, name, at_once=at_once)
    now = await now_of(owner)

    assert before["account"]["id"] == str(one)
    assert [await then(client, asked, at) for asked in (one, name)] == [before, before]
    assert [await then(client, asked, between) for asked in (one, name, two)] == [of_two] * 3
    assert {(await then(client, asked, now))["account"]["id"] for asked in (one, name, two)} == {str(three)}
    change = await client.get(f"/accounts/{one}/change", params={"from": at.isoformat()})
    assert (change.status_code, change.json()["account_id"]) == (200, str(three))


async def test_a_name_that_was_given_to_another_account_speaks_for_that_one(
    owner: asyncpg.Connection, scoring: Scoring, client: httpx.AsyncClient
) -> None:
    one, two, three = [await tell_healthy(owner, scoring, age=age) for age in (20, 60, 100)]
    name = f"external:{one}"
    await tell(owner, [Told(one, "account.linked", await now_of(owner), value_text=name)])
    await turn(scoring)
    at = await now_of(owner)
    await tell(owner, [Told(two, "account.linked", at, value_text=name)])
    await turn(scoring)
    assert (await then(client, name, at))["account"]["id"] == str(two)
    await merge(owner, scoring, two, three, name)
    assert (await then(client, name, at))["account"]["id"] == str(two)
    assert (await then(client, name, await now_of(owner)))["account"]["id"] == str(three)


async def then(client: httpx.AsyncClient, asked: UUID | str, at: datetime) -> dict[str, Any]:
    answer = await client.get(f"/accounts/{asked}/health", params={"as_of": at.isoformat()})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_evidence_and_plan_of_then_are_those_of_the_score_of_then(
    owner: asyncpg.Connection, scoring: Scoring, client: httpx.AsyncClient
) -> None:
    one, two, three = [await tell_healthy(owner, scoring, age=age) for age in (20, 60, 100)]
    now = await now_of(owner)
    words = [Told(account, "ticket.opened", now, item=f"T-{n}", properties={"severity": "high"})
             for n, account in enumerate((one, two, three))]  # fmt: skip
    words += [Told(two, "milestone.completed", now, item="integration"), Told(three, "delay.started", now,
              properties={"side": "us", "because": "ours"})]  # fmt: skip
    await tell(owner, words)
    await turn(scoring)
    at = await now_of(owner)
    before = [await told_of(client, account, at) for account in (one, two, three)]
    await merge(owner, scoring, one, two)
    between = await now_of(owner)
    of_two = await told_of(client, two, between)
    await merge(owner, scoring, two, three)

    assert [items for items, _ in before] == [{"T-0"}, {"T-1"}, {"T-2"}]
    assert [await told_of(client, account, at) for account in (one, two, three)] == before
    assert of_two[0] == {"T-0", "T-1"}
    assert [await told_of(client, account, between) for account in (one, two, three)] == [of_two, of_two, before[2]]
    assert (await told_of(client, three, await now_of(owner)))[0] == {"T-0", "T-1", "T-2"}


async def told_of(client: httpx.AsyncClient, account: UUID, at: datetime) -> tuple[set[str], Any]:
    """The tickets behind a score, and the plan without the moment that was asked for."""
    asked = {"as_of": at.isoformat()}
    behind = (await client.get(f"/accounts/{account}/evidence/open_critical", params=asked)).json()
    plan = (await client.get(f"/accounts/{account}/milestones", params=asked)).json()
    health = await then(client, account, at)
    assert plan["account_id"] == health["account"]["id"] == behind["account_id"]
    done = [{one["id"]: one["state"] for one in part["items" if "items" in part else "milestones"]}
            for part in (health["milestones"], plan)]  # fmt: skip
    assert done[0] == done[1]
    journey = {key: one for key, one in plan["journey"].items() if key not in ("forecast", "delay_days")}
    shown = [{key: one[key] for key in ("id", "state", "done_at", "due_at", "history")} for one in plan["milestones"]]
    return {one["item"] for one in behind["records"]}, (journey, shown, plan["delays"])
