"""Claims about the border: what the runner asks about accounts, the scoring API answers, and both mean the same."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from support.health_documents import document
from support.scoring_web import Web, keep, running

from milepost_contracts.audiences import facts_of
from milepost_core.playbooks.conditions import AllOf, Compare, Fact, Not
from playbook_runner.clients.scoring import HealthAway, ScoringClient

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


async def test_documents_of_many_are_those_of_each(web: Web) -> None:
    asked = [health.account.id for health in BOOK]
    async with web.client() as client:
        found = await ScoringClient(client, web.reader).healths([*asked, uuid4()])

    assert found == {health.account.id: health for health in BOOK}


async def test_a_key_that_may_not_read_gets_no_answer_that_could_be_mistaken_for_one(web: Web) -> None:
    async with web.client() as client:
        with pytest.raises(HealthAway, match="answered 403"):
            await ScoringClient(client, web.stranger).facts([BOOK[0].account.id], ("score",))
