"""Claims about differences by the word of a person: whatever people say, and whenever it was, moves `human` alone."""

from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest
from support.people import Office
from support.scored import clock

SAID = ("complete", "backdate", "reopen", "plan", "drop", "give", "take_back")
OPEN = ("data_import", "first_report", "team_trained", "rollout")


class Person:
    """Says one thing after another of an account in trouble, and looks at the difference that each made."""

    def __init__(self, office: Office, account: UUID, client: httpx.AsyncClient, chance: Random) -> None:
        self._office, self._account, self._client, self._chance = office, account, client, chance
        self._done: list[str] = []
        self._left = list(OPEN)
        self._pulses: list[str] = []

    async def say(self, what: str) -> dict[str, Any]:
        """Say a word, let the worker hear it, and return what changed by it."""
        before = await clock(self._office.web.owner)
        answer = await self._word(what, before)
        assert answer.status_code < 300, answer.text
        if what == "give":
            self._pulses.append(answer.json()["id"])
        await self._office.due(self._account)
        found = await self._client.get(f"/accounts/{self._account}/change", params={"from": before.isoformat()})
        assert found.status_code == 200, found.text
        return dict(found.json())

    async def _word(self, what: str, now: datetime) -> httpx.Response:
        base = f"/accounts/{self._account}"
        match what:
            case "complete" | "backdate":
                item = self._left.pop(0)
                self._done.append(item)
                at = now - timedelta(days=3, hours=self._chance.randint(0, 40))
                body = {"evidence": "seen"} | ({"done_at": at.isoformat()} if what == "backdate" else {})
                return await self._client.post(f"{base}/milestones/{item}/complete", json=body)
            case "reopen":
                body = {"reason": "It was another report."}
                return await self._client.post(f"{base}/milestones/{self._done.pop()}/reopen", json=body)
            case "plan":
                due, name = (now - timedelta(days=5)).isoformat(), f"audit{now.timestamp() * 1e6:.0f}"
                return await self._client.post(f"{base}/milestones", json={"id": name, "label": "Audit", "due_at": due})
            case "drop":
                return await self._client.delete(f"{base}/milestones/{self._left.pop(0)}")
            case "give":
                body = {"value": self._chance.choice(["poor", "good"]), "reason": "The last call."}
                return await self._client.post(f"{base}/pulse", json=body)
            case _:
                return await self._client.delete(f"{base}/pulse/{self._pulses.pop()}")

    def may(self) -> list[str]:
        """What can be said now."""
        barred = {"reopen": not self._done, "take_back": not self._pulses}
        barred |= dict.fromkeys(("complete", "backdate", "drop"), not self._left)
        return [one for one in SAID if not barred.get(one)]


def assert_human_alone(found: dict[str, Any], what: str) -> None:
    """The whole difference is a person's; a few milliseconds of ageing are allowed the rest."""
    exact = {one["kind"]: one["exact"] for one in found["parts"]}
    assert exact == pytest.approx({"human": found["exact"], "behaviour": 0, "model": 0, "data": 0}, abs=1e-3), what
    lines = [line for one in found["parts"] if one["kind"] != "human" for line in one["lines"] if line["points"]]
    assert lines == []


@pytest.mark.parametrize(
    "words",
    [("backdate",), ("complete",), ("backdate", "reopen"), ("give",), ("give", "take_back"), ("plan",), ("drop",)],
)
async def test_each_word_of_a_person_is_human_and_nothing_else(office: Office, words: tuple[str, ...]) -> None:
    account = await office.customer(well=False)
    async with office.client() as client:
        person = Person(office, account, client, Random(4))
        for word in words:
            found = await person.say(word)
            assert_human_alone(found, word)
            assert abs(found["exact"]) > 0.05


@pytest.mark.parametrize("seed", range(3))
async def test_any_words_in_any_order_are_human_each(office: Office, seed: int) -> None:
    chance, account = Random(seed), await office.customer(well=False)
    async with office.client() as client:
        person = Person(office, account, client, chance)
        for _ in range(6):
            word = chance.choice(person.may())
            assert_human_alone(await person.say(word), word)
