"""Claims about who is meant: the statement agrees with the law for every condition, and the route says why."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from support.health_documents import NOW, document
from support.scoring_web import Web, keep, running

from milepost_contracts.audiences import Question, as_wire, facts_of
from milepost_contracts.health import HealthDocument
from milepost_core.playbooks.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Fact,
    Not,
    Operator,
    Scalar,
    answer,
    sentence,
)
from milepost_runtime.database import Pool
from scoring_api.answers.matching import Matching

ATTRIBUTES: dict[str, Any] = {
    "arr": 120000, "plan": "gold", "vip": True, "tags": ["a"], "empty": None, "renewal": "2026-03-02", "0": 0.1,
    "o'clock": "Zoë", '"x"': 7, "huge": 10**40,
}  # fmt: skip
SUBJECTS = (
    "score", "band", "change_7d", "change_28d", "confidence", "stage", "segment", "owner", "age_days", "journey",
    "signal.active_seats", "signal.sentiment", "signal.no_such", "points.milestones", "dimension.usage",
    "dimension.commercial", "days_since.feature.used", "days_since.ticket.opened", "milestone.sso",
    "milestone.nothing", "gate.sponsor_left", "gate.never",
    *(f"attribute.{name}" for name in (*ATTRIBUTES, "never said")),
)  # fmt: skip
VALUES: tuple[Scalar, ...] = (
    0.0, 0.1, 0.42, 7.0, 18.4, -18.4, -6.1, 47.0, 47.3, 51.2, 120000.0, "gold", "activation", "done", "yellow",
    "2026-03-01", "2026-03-02", "", "Zoë", "behind", "medium", True, False,
)  # fmt: skip
ORDERS: tuple[Operator, ...] = ("lt", "lte", "gt", "gte")
EQUALS: tuple[Operator, ...] = ("eq", "ne")
LISTS: tuple[Operator, ...] = ("in", "not_in")
ASKS: tuple[Operator, ...] = ("known", "unknown")


def some_test(chance: Random) -> Compare:
    """Return a test by chance: every subject, operator and kind of value meets every other."""
    operator = chance.choice(chance.choice((ORDERS, EQUALS, LISTS, ASKS)))
    if operator in ASKS:
        return Compare(chance.choice(SUBJECTS), operator)
    values = tuple(chance.sample(VALUES[:-2] if operator in ORDERS else VALUES, 3 if operator in LISTS else 1))
    return Compare(chance.choice(SUBJECTS), operator, values)


def some(chance: Random, depth: int = 3) -> Condition:
    """Return a tree by chance."""
    kind = chance.random()
    if depth == 0 or kind < 0.35:
        return some_test(chance)
    if kind < 0.5:
        return Not(some(chance, depth - 1))
    parts = tuple(some(chance, depth - 1) for _ in range(chance.randint(0, 3)))
    return AllOf(parts) if kind < 0.75 else AnyOf(parts)


def account(**parts: Any) -> dict[str, Any]:
    return {"id": uuid4(), "name": "Acme"} | parts


BOOK: tuple[tuple[HealthDocument, Mapping[str, Any]], ...] = (
    (document(account=account(stage="activation", segment="mid-market", owner="Zoë", age_days=47)), ATTRIBUTES),
    (document(account=account()), {}),
    (
        document(
            account=account(segment="smb", stage="Über", age_days=7), score=None, band="unknown", gates=[],
            effective_band={"band": "unknown", "because": "model"}, trend={"word": "unknown"},
            milestones={"done": 1, "due": 2, "late": 1, "journey": "behind"},
        ),
        {"arr": "120000", "plan": 7, "vip": False, "renewal": "2026-02-28T00:00:00Z"},
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        for health, attributes in BOOK:
            await keep(made.owner, health)
            await made.owner.set_type_codec("jsonb", encoder=json.dumps, decoder=str, schema="pg_catalog")
            await made.owner.execute(
                "update scoring.account set attributes = $2 where account_id = $1", health.account.id, dict(attributes)
            )
            await made.owner.execute(
                "update scoring.health_document set journey = $2 where account_id = $1",
                health.account.id,
                health.milestones.journey,
            )
        await used(made, BOOK[0][0], 18.41)
        await used(made, BOOK[0][0], 3.0, superseded_at=NOW)
        yield made


async def used(web: Web, health: HealthDocument, days_ago: float, superseded_at: datetime | None = None) -> None:
    """Record that somebody used a feature; one that was superseded never happened."""
    await web.owner.execute(
        "insert into scoring.record (account_id, event_id, type, occurred_at, recorded_at, superseded_at)"
        " values ($1, $2, 'feature.used', $3, $3, $4)",
        health.account.id,
        f"used {days_ago}",
        NOW - timedelta(days=days_ago),
        superseded_at,
    )


def known(place: int) -> dict[str, Fact]:
    """What the law knows of one account of the book; it began a minute ago, and that is its silence."""
    health, attributes = BOOK[place]
    since = {"feature.used": 18.41 if place == 0 else 0.001, "ticket.opened": 0.001}
    return facts_of(health, attributes) | {f"days_since.{kind}": Fact(days) for kind, days in since.items()}


@pytest.fixture
async def client(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(key=web.reader) as made:
        yield made


async def test_the_statement_and_the_law_are_of_one_mind_about_every_condition(web: Web, scoring_pool: Pool) -> None:
    chance, matching = Random(5), Matching(scoring_pool)
    facts = {health.account.id: known(place) for place, (health, _) in enumerate(BOOK)}
    seen: set[bool | None] = set()
    for _ in range(600):
        condition = some(chance)
        question = Question.model_validate({"condition": as_wire(condition), "answers": "all"})
        found = {one.account: one.holds for one in (await matching.match(question)).data}
        expected = {one: answer(condition, told).holds for one, told in facts.items()}
        assert found == expected, sentence(condition)
        seen |= set(expected.values())
    assert seen == {True, False, None}


async def test_every_single_test_is_answered_as_the_law_does(web: Web, scoring_pool: Pool) -> None:
    matching = Matching(scoring_pool)
    for subject in SUBJECTS:
        for operator in (*ORDERS, "eq", "ne"):
            for value in (47.3, 120000.0, "gold", "yellow"):
                condition = Compare(subject, operator, (value,))
                question = Question.model_validate({"condition": as_wire(condition), "answers": "all"})
                found = {one.account: one.holds for one in (await matching.match(question)).data}
                for place, (health, _) in enumerate(BOOK):
                    expected = answer(condition, known(place))
                    assert found[health.account.id] is expected.holds, (sentence(condition), expected.because)


async def test_the_facts_of_an_answer_are_those_that_the_law_would_read(client: httpx.AsyncClient) -> None:
    health, attributes = BOOK[0]
    body = {"accounts": [str(health.account.id)], "subjects": list(SUBJECTS), "answers": "all"}
    told = (await client.post("/audiences/match", json=body)).json()["data"][0]["facts"]
    expected = facts_of(health, attributes)

    assert set(told) == set(SUBJECTS)
    for subject, fact in expected.items():
        if subject in told:
            assert (told[subject]["value"], told[subject]["why"]) == (fact.value, fact.why)
    assert told["signal.sentiment"] == {"value": None, "why": "no survey has been answered yet"}
    assert told["gate.never"]["value"] is False
    assert told["days_since.feature.used"]["value"] == pytest.approx(18.41, abs=0.01)


async def test_only_those_for_whom_it_holds_are_named_unless_all_are_asked_for(client: httpx.AsyncClient) -> None:
    asked = {"condition": {"subject": "attribute.plan", "operator": "eq", "value": "gold"}}
    ids = [str(health.account.id) for health, _ in BOOK]
    holds = (await client.post("/audiences/match", json=asked)).json()
    every = (await client.post("/audiences/match", json=asked | {"accounts": ids, "answers": "all"})).json()

    assert [one["account"] for one in holds["data"]] == ids[:1]
    assert holds["sentence"] == "the account's plan is gold"
    assert [(one["account"], one["holds"]) for one in every["data"]] == list(zip(ids, [True, None, False], strict=True))


async def test_the_book_comes_page_by_page_each_account_once(client: httpx.AsyncClient) -> None:
    seen: list[str] = []
    after = None
    for _ in range(len(BOOK)):
        page = (await client.post("/audiences/match", json={"limit": 1, "after": after, "answers": "all"})).json()
        seen += [one["account"] for one in page["data"]]
        after = page["after"]

    assert seen == sorted(str(health.account.id) for health, _ in BOOK)
    assert after is None


async def test_a_page_that_finds_nobody_is_not_the_last_one(web: Web, scoring_pool: Pool) -> None:
    matching = Matching(scoring_pool, looked_at_once=1)
    last = max(health.account.id for health, _ in BOOK)
    is_last = {"subject": "attribute.last", "value": True}
    await web.owner.execute(
        "update scoring.account set attributes = attributes || '{\"last\": true}' where account_id = $1", last
    )
    pages: list[list[UUID]] = []
    after: UUID | None = None
    while not pages or after is not None:
        page = await matching.match(Question.model_validate({"condition": is_last, "after": after}))
        pages.append([one.account for one in page.data])
        after = page.after

    assert pages == [[], [], [last], []]


async def test_an_account_without_a_score_is_named_and_a_merged_one_is_its_survivor(
    web: Web, client: httpx.AsyncClient
) -> None:
    survivor, gone, nobody = BOOK[0][0].account.id, uuid4(), uuid4()
    await web.owner.execute(
        "insert into scoring.merged_account (account_id, survivor_id) values ($1, $2)", gone, survivor
    )
    body = {"accounts": [str(gone), str(nobody)], "subjects": ["owner"]}
    found = (await client.post("/audiences/match", json=body)).json()

    assert found["unknown"] == [str(nobody)]
    assert [(one["account"], one["facts"]["owner"]["value"]) for one in found["data"]] == [(str(gone), "Zoë")]


@pytest.mark.parametrize(
    ("condition", "place"),
    [
        ({"subject": "scorn", "operator": "lt", "value": 3}, "/condition/subject"),
        ({"subject": "score", "operator": "lt", "value": [3]}, "/condition"),
        ({"subject": "score", "operator": "in", "value": 3}, "/condition"),
        ({"subject": "score", "operator": "known", "value": 3}, "/condition"),
        ({"subject": "score", "operator": "lt", "value": True}, "/condition"),
        ({"all": [{"not": {"subject": "score", "operator": "near", "value": 3}}]}, "/condition/all/0"),
        ({"all": [], "any": []}, "/condition/any"),
        ({"any": [{"subject": "score", "operator": "known"}] * 201}, ""),
    ],
)  # fmt: skip
async def test_a_condition_that_says_nothing_clear_is_refused_with_its_place(
    client: httpx.AsyncClient, condition: dict[str, Any], place: str
) -> None:
    answer = await client.post("/audiences/match", json={"condition": condition})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(place)


async def test_a_tree_of_a_thousand_storeys_is_refused_and_no_trouble(client: httpx.AsyncClient) -> None:
    tree: dict[str, Any] = {"subject": "score", "operator": "known"}
    for _ in range(30):
        tree = {"not": tree}
    assert (await client.post("/audiences/match", json={"condition": tree})).status_code == 422
    deep = '{"not":' * 1000 + '{"subject":"score","operator":"known"}' + "}" * 1000
    answer = await client.post(
        "/audiences/match", content='{"condition":' + deep + "}", headers={"content-type": "application/json"}
    )
    assert answer.status_code in (400, 422)


async def test_who_may_not_read_is_not_answered(web: Web) -> None:
    async with web.client(key=web.stranger) as stranger:
        assert (await stranger.post("/audiences/match", json={})).status_code == 403
