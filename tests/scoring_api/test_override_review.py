"""Claims about the figures of the review: how often people overrule the model, and what became of those accounts."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from support.scoring_web import Web, running

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SPAN = {"from": "2026-01-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"}


@pytest.fixture
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        for table in ("account", "override", "record", "snapshot"):
            await made.owner.execute(f"delete from scoring.{table}")
        yield made


@pytest.fixture
async def client(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(key=web.reader) as made:
        yield made


async def an_account(owner: asyncpg.Connection, seen: datetime, **outcomes: datetime) -> UUID:
    """An account known since a moment, with outcomes by their event type."""
    account = uuid4()
    await owner.execute(
        "insert into scoring.account (account_id, name, start_at, first_seen_at, updated_at)"
        " values ($1, 'A', $2, $2, $2)",
        account,
        seen,
    )
    for kind, at in outcomes.items():
        await owner.execute(
            "insert into scoring.record (account_id, event_id, type, occurred_at, recorded_at)"
            " values ($1, $2, $3, $4, $4)",
            account,
            f"{kind}:{account}",
            kind,
            at,
        )
    return account


async def overruled(owner: asyncpg.Connection, account: UUID, at: datetime, days: int, was: str, band: str) -> None:
    """An override of an account whose score was in a band then."""
    await owner.execute(
        "insert into scoring.override (account_id, id, band, reason, author, told_by, created_at, expires_at)"
        " values ($1, $2, $3, 'r', 'a', 'k', $4, $5)",
        account,
        uuid4(),
        band,
        at,
        at + days * DAY,
    )
    await owner.execute(
        "insert into scoring.snapshot (account_id, as_of, computed_at, model_id, model_version, score, display, band,"
        " effective_band, coverage, confidence, inputs_hash, readings, detail)"
        " values ($1, $2, $2, 'm', 1, 50, 50, $3, $3, 1, 1, 'x', '{}', '{}')",
        account,
        at - DAY,
        was,
    )


async def test_the_share_of_each_month_counts_accounts_that_had_not_churned(
    web: Web, client: httpx.AsyncClient
) -> None:
    early = [await an_account(web.owner, START - 100 * DAY) for _ in range(3)]
    await an_account(web.owner, START + 40 * DAY)
    await an_account(web.owner, START - 100 * DAY, churned=START + 10 * DAY)
    await overruled(web.owner, early[0], START + 20 * DAY, 20, "red", "green")
    await overruled(web.owner, early[0], START + 25 * DAY, 2, "red", "green")
    found = (await client.get("/overrides/statistics", params=SPAN)).json()

    assert [(one["month"], one["accounts"], one["overridden"], one["share"]) for one in found["months"]] == [
        ("2026-01", 4, 1, 0.25),
        ("2026-02", 4, 1, 0.25),
        ("2026-03", 4, 0, 0.0),
    ]


async def test_outcomes_of_overridden_and_other_accounts_stand_side_by_side(
    web: Web, client: httpx.AsyncClient
) -> None:
    left, stayed, lowered, later, before = [
        await an_account(web.owner, START - 100 * DAY, **outcomes)
        for outcomes in (
            {"churned": START + 60 * DAY},
            {"renewed": START + 60 * DAY},
            {},
            {"renewed": START + 5 * DAY},
            {"churned": START - 5 * DAY},
        )
    ]
    for account in (left, stayed, later, before):
        await overruled(web.owner, account, START + 10 * DAY, 20, "red", "green")
    await overruled(web.owner, lowered, START + 10 * DAY, 20, "green", "yellow")
    await an_account(web.owner, START - 100 * DAY, churned=START + 3 * DAY)
    await an_account(web.owner, START - 100 * DAY, renewed=START + 3 * DAY)
    groups = (await client.get("/overrides/statistics", params=SPAN)).json()["outcomes"]

    def figures(name: str) -> list[int]:
        return [groups[name][part] for part in ("accounts", "churned", "renewed", "neither")]

    assert figures("overridden") == [4, 1, 1, 2]
    assert figures("raised") == [3, 1, 1, 1]
    assert figures("lowered") == [1, 0, 0, 1]
    assert figures("not_overridden") == [2, 1, 1, 0]
    assert (groups["raised"]["churned_share"], groups["not_overridden"]["churned_share"]) == (0.3333, 0.5)


async def test_without_a_span_the_last_three_months_are_told(web: Web, client: httpx.AsyncClient) -> None:
    found = (await client.get("/overrides/statistics")).json()

    assert datetime.fromisoformat(found["to"]) - datetime.fromisoformat(found["from"]) == timedelta(days=92)
    assert len(found["months"]) in (4, 5)
    assert found["months"][0]["share"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"from": SPAN["to"], "to": SPAN["from"]},
        {"from": "2020-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        {"from": "2026-01-01"},
        {"since": "2026-01-01T00:00:00Z"},
    ],
)
async def test_a_span_that_cannot_be_told_is_422(client: httpx.AsyncClient, query: dict[str, str]) -> None:
    assert (await client.get("/overrides/statistics", params=query)).status_code == 422


@pytest.mark.parametrize("path", ["/overrides/statistics", "/milestones/statistics"])
async def test_asking_for_statistics_again_is_no_news(client: httpx.AsyncClient, path: str) -> None:
    first = await client.get(path)
    again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
    longer = await client.get(path, params={"from": "2020-01-01T00:00:00Z", "to": "2020-06-01T00:00:00Z"})

    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert longer.status_code == 200
