"""Claims about lists of a hundred thousand accounts: an index leads to every page, and a wrong name costs no search."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from support.health_documents import document
from support.scoring_web import Web, keep, running

from scoring_api.queries.lists import ORDERS, Filter, Position, page_of

MANY = 100_000
FIRST = UUID("0199a1b2-0000-7000-8000-0000000000aa")


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        who = {"id": FIRST, "name": "Company 0", "segment": "smb", "stage": "early", "owner": "Owner 0",
               "references": ["external:first"]}  # fmt: skip
        await keep(made.owner, document(account=who))
        columns = await made.owner.fetchval(
            "select string_agg(column_name, ', ') from information_schema.columns where table_schema = 'scoring'"
            " and table_name = 'health_document' and column_name not in"
            " ('account_id', 'name', 'owner', 'segment', 'score', 'urgency', 'change_28d', 'effective_band')"
        )
        await made.owner.execute(
            f"insert into scoring.health_document (account_id, name, owner, segment, score, urgency, change_28d,"
            f" effective_band, {columns}) select gen_random_uuid(), 'Company ' || n, 'Owner ' || n % 200,"
            f" (array['smb', 'mid-market', 'enterprise'])[1 + n % 3], n % 1000 / 10.0, 20000 + n % 9000, n % 40 - 20,"
            f" (array['red', 'yellow', 'green', 'unknown'])[1 + n % 4], {columns}"
            f" from scoring.health_document, generate_series(1, {MANY}) as n"
        )
        await made.owner.execute(
            "insert into scoring.account_reference (reference, account_id, occurred_at)"
            " select 'domain:' || lower(replace(name, ' ', '')) || '.example', account_id, now()"
            " from scoring.health_document"
        )
        await made.owner.execute("vacuum analyze scoring.health_document, scoring.account_reference")
        await made.owner.execute("delete from scoring.stale_answer")
        # As the service's own connections stand.
        await made.owner.execute("set search_path = scoring")
        yield made


@pytest.fixture
async def client(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(key=web.reader) as made:
        yield made


async def plan_of(owner: asyncpg.Connection, statement: str, arguments: list[Any]) -> list[dict[str, Any]]:
    """The nodes of a plan, with what each really read."""
    text = await owner.fetchval(f"explain (analyze, format json) {statement}", *arguments)
    nodes: list[dict[str, Any]] = []
    todo = [json.loads(text)[0]["Plan"]]
    while todo:
        nodes.append(todo.pop())
        todo += nodes[-1].get("Plans", [])
    return nodes


NARROW = [Filter(), Filter(bands=("red",)), Filter(owner="Owner 7"), Filter(segment="enterprise")]


@pytest.mark.parametrize("order", ORDERS)
async def test_an_index_is_read_page_by_page_in_every_order(web: Web, order: str) -> None:
    first = await web.owner.fetch(*_call(page_of(Filter(), order, None, 50)))
    after = Position(first[-1]["position"], first[-1]["account_id"])
    for place in (None, after):
        nodes = await plan_of(web.owner, *page_of(Filter(), order, place, 50))
        assert {node["Node Type"] for node in nodes} <= {"Limit", "Index Scan", "Incremental Sort", "Result"}, nodes
        assert max(node["Actual Rows"] for node in nodes) <= 200


@pytest.mark.parametrize("wanted", NARROW, ids=["all", "a band", "an owner", "a segment"])
async def test_the_default_order_is_read_from_an_index_with_any_of_the_usual_filters(web: Web, wanted: Filter) -> None:
    nodes = await plan_of(web.owner, *page_of(wanted, "urgency", None, 50))
    assert not [node for node in nodes if node["Node Type"] in ("Seq Scan", "Sort")]
    assert max(node["Actual Rows"] for node in nodes) <= 200


def _call(page: tuple[str, list[Any]]) -> tuple[Any, ...]:
    statement, arguments = page
    return statement, *arguments


async def test_a_name_that_nobody_has_is_answered_quickly_with_what_looks_like_it(client: httpx.AsyncClient) -> None:
    await client.get("/accounts/domain:company77.exampel/health")
    began = time.monotonic()
    answer = await client.get("/accounts/domain:company77.exampel/health")
    taken = time.monotonic() - began

    assert answer.status_code == 404
    assert len(answer.json()["errors"]) == 3
    assert taken < 0.25


async def test_an_account_is_told_in_short_by_any_of_its_names(client: httpx.AsyncClient) -> None:
    row = (await client.get("/accounts", params={"q": "Company 0"})).json()["data"][0]
    for name in (FIRST, "external:first"):
        assert (await client.get(f"/accounts/{name}")).json() == row
    tag = (await client.get(f"/accounts/{FIRST}")).headers["etag"]
    assert (await client.get(f"/accounts/{FIRST}", headers={"if-none-match": tag})).status_code == 304
