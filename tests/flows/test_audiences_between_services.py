"""Claims about the border: what the runner asks about accounts, the scoring API answers, and both mean the same."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from support.health_documents import document
from support.scoring_web import Web, keep, running

from milepost_contracts.audiences import MOST_SUBJECTS, facts_of
from milepost_contracts.health import HealthDigest
from milepost_core.cadence.dating import about_due, due_at
from milepost_core.playbooks.conditions import AllOf, Compare, Fact, Not
from milepost_core.playbooks.document import DateTrigger
from playbook_runner.clients.scoring import REFUSED, HealthAway, ScoringClient

LOW = AllOf((Compare("score", "lt", (48.0,)), Not(Compare("segment", "eq", ("smb",)))))
BOOK = tuple(document(account={"id": uuid4(), "name": f"Company {n}", "segment": "mid-market"}) for n in range(3))


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        for health in BOOK:
            await keep(made.owner, health)
        yield made


async def test_facts_of_many_come_by_the_id_that_was_asked_for_without_those_who_have_no_score(web: Web) -> None:
    nobody = uuid4()
    async with web.client() as client:
        scoring = ScoringClient(client, web.reader)
        found = await scoring.facts([BOOK[0].account.id, nobody], ("score", "signal.sentiment", "attribute.arr"))

    expected = facts_of(BOOK[0])
    assert found == {
        BOOK[0].account.id: {
            "score": expected["score"],
            "signal.sentiment": expected["signal.sentiment"],
            "attribute.arr": Fact(None, "nothing has been said about it"),
        }
    }


async def test_who_is_meant_comes_with_the_facts_that_were_asked_for(web: Web) -> None:
    async with web.client() as client:
        page = await ScoringClient(client, web.reader).meant(LOW, ("band",), None)

    assert [one.account for one in page.data] == sorted(health.account.id for health in BOOK)
    assert {one.known()["band"].value for one in page.data} == {"yellow"}
    assert page.sentence == "the score is below 48 and the segment is not smb"


async def test_more_facts_than_one_question_asks_for_all_come(web: Web) -> None:
    many = tuple(f"attribute.a{n}" for n in range(2 * MOST_SUBJECTS))
    account = BOOK[0].account.id
    async with web.client() as client:
        scoring = ScoringClient(client, web.reader)
        found = (await scoring.facts([account], (*many, "band")))[account]
        page = await scoring.meant(LOW, (*many, "band"), None)

    assert set(found) == {*many, "band"}
    assert found["band"].value == "yellow"
    assert {frozenset(one.known()) for one in page.data} == {frozenset(found)}


async def test_a_fact_that_is_refused_is_not_known_and_leaves_the_others_as_they_are(web: Web) -> None:
    account = BOOK[0].account.id
    async with web.client() as client:
        found = (await ScoringClient(client, web.reader).facts([account], ("band", "no.subject", "score")))[account]

    assert (found["band"], found["score"]) == (Fact("yellow"), facts_of(BOOK[0])["score"])
    assert found["no.subject"] == Fact(None, REFUSED)


async def test_documents_of_many_are_those_of_each(web: Web) -> None:
    asked = [health.account.id for health in BOOK]
    async with web.client() as client:
        found = await ScoringClient(client, web.reader).healths([*asked, uuid4()])

    assert found == {health.account.id: HealthDigest.model_validate_json(health.model_dump_json()) for health in BOOK}


async def test_a_key_that_may_not_read_gets_no_answer_that_could_be_mistaken_for_one(web: Web) -> None:
    async with web.client() as client:
        with pytest.raises(HealthAway, match="answered 403"):
            await ScoringClient(client, web.stranger).facts([BOOK[0].account.id], ("score",))


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("2027-06-01", True), ("2027-06-01T23:00:00-10:00", True), ("1811808000000", True), (1811808000000, True),
        ("2027-03-01", False), ("1803945600000", False), (1803945600000, False), ("soon", False), (True, False),
        (["2027-06-01"], False), (None, False),
    ],
)  # fmt: skip
async def test_whose_date_may_be_due_is_found_in_every_form_that_dates_have(web: Web, value: Any, meant: bool) -> None:
    told = "update scoring.account set attributes = jsonb_build_object('renewal', $2::jsonb) where account_id = $1"
    await web.owner.execute(told, BOOK[0].account.id, json.dumps(value))
    due = about_due(
        DateTrigger("renewal", -30), datetime(2027, 4, 20, tzinfo=UTC), datetime(2027, 5, 2, 12, tzinfo=UTC)
    )
    async with web.client() as client:
        page = await ScoringClient(client, web.reader).meant(due, ("attribute.renewal",), None)

    assert [one.account for one in page.data] == ([BOOK[0].account.id] if meant else [])
    assert all(due_at(DateTrigger("renewal", -30), one.known(), UTC) is not None for one in page.data)
