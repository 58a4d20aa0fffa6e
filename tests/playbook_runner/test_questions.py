"""Claims about what may be asked of the scoring API: how much one playbook asks holds up no other's outreach."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from support.outreach import Outreach, health_of, publish
from support.runner_api import key_with, runner_api

from milepost_contracts.audiences import MOST_SUBJECTS, Question
from milepost_core.playbooks.conditions import MOST_VALUES
from milepost_runtime.lanes import drain
from playbook_runner.clients.scoring import REFUSED
from playbook_runner.runs.watching import ensure_watching
from playbook_runner.settings import RunnerSettings

MAIL = {"id": "say", "kind": "email", "to": "owner", "subject": "News", "text": "Look at {{ link }}"}
DROP = {"kind": "band_changed", "to": ["red"]}


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with runner_api(settings, await key_with(outreach.pool, "read", "playbooks")) as client:
        yield client


def drop_playbook(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "version": 1, "name": name, "trigger": DROP, "steps": [MAIL]} | more


def many(name: str, count: int, last: dict[str, Any]) -> dict[str, Any]:
    """An audience over so many attributes, of which nobody has any, that `last` alone decides."""
    tests = [{"subject": f"attribute.{name}_{n}", "operator": "known"} for n in range(count)]
    return {"any": [*tests, last]}


async def stock(outreach: Outreach, *documents: dict[str, Any]) -> None:
    await outreach.pool.execute("delete from playbook")
    await outreach.runner.keeping.stock(documents)


async def runs_of(outreach: Outreach) -> set[str]:
    return {row["playbook_id"] for row in await outreach.pool.fetch("select playbook_id from run")}


async def test_many_playbooks_that_ask_for_much_together_all_start(outreach: Outreach) -> None:
    red = {"subject": "band", "value": "red"}
    names = [f"harmless-{n}" for n in range(5)]
    await stock(outreach, *(drop_playbook(name, audience=many(name[-1], 60, red)) for name in names))
    account = await outreach.drop()
    await outreach.start()

    assert MOST_SUBJECTS < 5 * 60
    assert await runs_of(outreach) == set(names)
    assert await outreach.outcomes(account) == []


async def test_a_step_that_asks_for_much_is_taken(outreach: Outreach) -> None:
    wide = {"all": [many("a", 150, {"subject": "band", "value": "red"})]}
    steps = [MAIL | {"id": f"say-{n}", "only_if": wide if n else many("b", 150, wide["all"][0]["any"][-1])}
             for n in range(2)]  # fmt: skip
    await stock(outreach, drop_playbook("wide-steps", steps=steps))
    account = await outreach.drop()
    await outreach.all_lanes()

    assert [outcome for outcome, _ in await outreach.outcomes(account)] == ["sent"]


async def test_a_subject_that_is_refused_costs_its_own_playbook_its_start_and_no_other(outreach: Outreach) -> None:
    strange = {"subject": "attribute.new\x7fform", "value": "x"}
    outreach.scoring.refused.add(strange["subject"])
    await stock(outreach, drop_playbook("strange", audience=strange), drop_playbook("sound", audience=many(
        "s", 3, {"subject": "band", "value": "red"})))  # fmt: skip
    account = await outreach.drop()
    await outreach.start()

    assert await runs_of(outreach) == {"sound"}
    line = await outreach.one("ledger", account)
    assert (line["playbook_id"], line["code"]) == ("strange", "audience_unknown")
    assert REFUSED in line["reason"]


async def test_what_is_paused_is_not_asked_about(outreach: Outreach) -> None:
    await stock(outreach, drop_playbook("resting", audience={"subject": "attribute.arr", "operator": "gt", "value": 5}))
    await outreach.runner.keeping.set_state("resting", "paused", "kim")
    account = await outreach.drop()
    outreach.scoring.asked.clear()
    await outreach.start()

    assert outreach.scoring.asked == []
    assert await outreach.outcomes(account) == [("suppressed", "playbook_paused")]


async def test_a_watch_that_is_refused_says_so_and_the_others_look(outreach: Outreach, api: httpx.AsyncClient) -> None:
    red, odd = {"subject": "band", "value": "red"}, {"subject": "attribute.odd", "value": "x"}
    watched = {"kind": "segment", "when": red}
    await stock(outreach, drop_playbook("odd", trigger={"kind": "segment", "when": odd}),
                drop_playbook("plain", trigger=watched))  # fmt: skip
    outreach.scoring.refused.add("attribute.odd")
    await ensure_watching(outreach.pool)
    for _ in range(3):
        await outreach.pool.execute("update watch set next_at = '-infinity', swept_at = null")
        await drain(outreach.pool, outreach.runner.watching.lane)
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account)
    await publish(outreach.scoring_pool, account)
    await outreach.pool.execute("update watch set next_at = '-infinity'")
    await drain(outreach.pool, outreach.runner.watching.lane)

    assert await runs_of(outreach) == {"plain"}
    assert "refuses the question" in (await api.get("/playbooks/odd")).json()["fault"]
    assert (await api.get("/playbooks/plain")).json()["fault"] is None


async def test_what_lints_can_be_asked(api: httpx.AsyncClient) -> None:
    def watch(value: Any, operator: str = "in") -> dict[str, Any]:
        when = {"subject": "attribute.region", "operator": operator, "value": value}
        return drop_playbook("far", trigger={"kind": "segment", "when": when})

    tests = [{"subject": f"attribute.a{n}", "operator": "known"} for n in range(150)]
    too_much = [
        watch([f"r{n}" for n in range(MOST_VALUES + 1)]), watch("x" * 501, "eq"), watch(1e300, "gt"),
        drop_playbook("far", audience={"all": [{"any": tests}, {"any": tests}]}),
    ]  # fmt: skip
    fits = [watch([f"r{n}" for n in range(MOST_VALUES)]), watch("x" * 500, "eq"), watch(1e299, "gt")]

    for document in too_much:
        assert not (await api.post("/playbooks:lint", json=document)).json()["valid"]
    for document in fits:
        assert (await api.post("/playbooks:lint", json=document)).json()["valid"]
        Question.model_validate({"condition": document["trigger"]["when"]})


async def test_when_every_question_is_refused_it_is_soon_put_off(outreach: Outreach) -> None:
    red = {"subject": "band", "value": "red"}
    await stock(outreach, drop_playbook("wide", audience=many("w", 150, red)))
    await outreach.drop()
    outreach.scoring.status = 422
    outreach.scoring.asked.clear()
    await outreach.start()

    assert 0 < len(outreach.scoring.asked) < 25
    assert await runs_of(outreach) == set()
    outreach.scoring.status = 200
    await outreach.later("cursor")
    await outreach.start()
    assert await runs_of(outreach) == {"wide"}
