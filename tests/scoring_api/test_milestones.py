"""Claims about plans over HTTP: what people say of milestones counts, is undone without a trace lost, and is told."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from support.histories import Told, new_account, tell
from support.scored import clock
from support.scoring_web import Web, add_key, running

from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from milepost_runtime.queue import Hints
from scoring_api.ahead.surveying import Asked, SurveyBusy, Surveying
from scoring_api.scores.lineup import KeptLineUps
from scoring_api.service import Scoring, build

EDGES = (
    "0001-01-01T00:00:00Z", "4713-01-01 BC", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
    "294276-12-31T00:00:00Z", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z",
)  # fmt: skip


@dataclass
class Office:
    """Somebody with a key who speaks about one account, and the worker that listens."""

    web: Web
    scoring: Scoring
    client: httpx.AsyncClient
    account: UUID
    start: datetime

    async def turn(self) -> None:
        for lane in (self.scoring.recording.lane, self.scoring.rescoring.lane):
            await drain(self.scoring.rescoring.pool, lane, seconds=30)

    async def told(self, *events: Told) -> None:
        await tell(self.web.owner, events)
        await self.turn()

    async def post(self, path: str, status: int = 200, /, **body: Any) -> Any:
        answer = await self.client.post(f"/accounts/{self.account}/{path}", json=body)
        assert answer.status_code == status, answer.text
        await self.turn()
        return answer.json()

    async def plan(self, **query: str) -> dict[str, Any]:
        answer = await self.client.get(f"/accounts/{self.account}/milestones", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def step(self, name: str) -> dict[str, Any]:
        return next(one for one in (await self.plan())["milestones"] if one["id"] == name)

    async def document(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.client.get(f"/accounts/{self.account}/health")).json()
        return found

    async def news(self) -> list[tuple[str, str | None, str, str, str]]:
        rows = await self.web.owner.fetch(
            "select kind, subject, detail, cause from scoring.change where account_id = $1 and kind in"
            " ('journey_moved', 'milestone_moved') order by id",
            self.account,
        )
        told = [(row, json.loads(row["detail"])) for row in rows]
        return [(row["kind"], row["subject"], said["from"], said["to"], row["cause"]) for row, said in told]


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as found:
        yield found


@pytest.fixture
async def office(web: Web, scoring_pool: Pool) -> AsyncIterator[Office]:
    """An account of twenty days: the kick-off was held in time, single sign-on is six days late."""
    scoring = build(web.settings, KeptLineUps(web.founding), scoring_pool, Hints(web.settings.redis_url))
    key = await add_key(web.owner, ["read", "write"], name="crm")
    account, start = new_account(), await clock(web.owner) - timedelta(days=20, hours=1)
    async with web.client(key=key) as client:
        found = Office(web, scoring, client, account, start)
        await found.told(
            Told(account, "account.started", start),
            Told(account, "account.updated", start, properties={"segment": f"s-{account}"}),
            Told(account, "milestone.completed", start + timedelta(days=2), item="kickoff"),
            Told(account, "feature.used", start + timedelta(days=19), actor="ann"),
        )
        yield found


async def test_a_plan_tells_how_the_journey_stands(office: Office) -> None:
    plan = await office.plan()
    assert plan["journey"]["state"] == "stuck"
    since = datetime.fromisoformat(plan["journey"]["since"])
    assert abs(since - (office.start + timedelta(days=16))) < timedelta(seconds=1)
    states = {one["id"]: one["state"] for one in plan["milestones"]}
    assert states["kickoff"] == "done"
    assert states["sso"] == "stuck"
    assert states["data_import"] == "due"
    document = await office.document()
    assert document["milestones"]["journey"] == "stuck"
    forecast = document["milestones"]["forecast"]
    assert (forecast["seen"], forecast["critical"][-1], forecast["because"]) == (1, "rollout", "")
    # The kick-off was quick, and there is slack before the last milestone.
    assert -3 <= forecast["slip_days"] <= 0


async def test_by_hand_with_evidence_and_undone_with_its_history(office: Office) -> None:
    done = (office.start + timedelta(days=15)).isoformat()
    answer = await office.post(
        "milestones/sso/complete", done_at=done, evidence="https://wiki.example/sso", author="Dana Reyes"
    )
    sso = next(one for one in answer["milestones"] if one["id"] == "sso")
    assert (sso["state"], sso["evidence"]) == ("done", "https://wiki.example/sso")
    assert (sso["completed_by"]["by"], sso["completed_by"]["said"]["told_by"]) == ("Dana Reyes", "crm")
    await office.post("milestones/sso/reopen", reason="The certificate was a test one.")
    undone = await office.step("sso")
    assert (undone["state"], undone["done_at"], undone["completed_by"]) == ("stuck", None, None)
    assert [one["what"] for one in undone["history"]] == ["completed", "reopened"]
    again = await office.post("milestones/sso/complete", evidence="The real one.")
    assert [one["what"] for one in next(o for o in again["milestones"] if o["id"] == "sso")["history"]] == [
        "completed", "reopened", "completed"
    ]  # fmt: skip
    assert (await office.document())["milestones"]["done"] == 2


async def test_each_crossing_is_told_once_with_its_cause(office: Office) -> None:
    assert await office.news() == []
    await office.post("milestones/sso/complete", evidence="Seen.")
    assert await office.news() == [
        ("milestone_moved", "sso", "stuck", "done", "human"),
        ("journey_moved", None, "stuck", "on_track", "human"),
    ]
    await office.post("milestones/sso/reopen", reason="Not yet.")
    await office.turn()
    told = (await office.news())[2:]
    assert told == [
        ("milestone_moved", "sso", "done", "stuck", "human"),
        ("journey_moved", None, "on_track", "stuck", "human"),
    ]


async def test_a_milestone_of_ones_own_is_planned_re_dated_and_dropped(office: Office) -> None:
    day = (office.start + timedelta(days=40)).replace(microsecond=0)
    await office.post("milestones", 201, id="pilot", label="Pilot ends", due_at=day.isoformat(), weight=3, side="us")
    pilot = await office.step("pilot")
    assert (pilot["label"], pilot["side"], pilot["weight"], pilot["planned_here"]) == ("Pilot ends", "us", 3.0, True)
    later = (day + timedelta(days=5)).isoformat()
    path = f"/accounts/{office.account}/milestones"
    answer = await office.client.patch(f"{path}/pilot", json={"due_at": later})
    assert answer.status_code == 200, answer.text
    pilot = await office.step("pilot")
    assert datetime.fromisoformat(pilot["due_at"]) == datetime.fromisoformat(later)
    assert (pilot["label"], pilot["side"], pilot["weight"]) == ("Pilot ends", "us", 3.0)
    answer = await office.client.patch(f"{path}/rollout", json={"due_at": None, "author": "Ola"})
    assert answer.status_code == 200
    rollout = await office.step("rollout")
    assert (rollout["due_at"], rollout["state"]) == (None, "waiting")
    assert (rollout["label"], rollout["history"][0]["by"]) == ("Rolled out to everyone", "Ola")
    answer = await office.client.delete(f"{path}/pilot")
    assert answer.status_code == 200, answer.text
    assert answer.json()["dropped"] == ["pilot"]
    assert "pilot" not in {one["id"] for one in answer.json()["milestones"]}


async def test_days_late_are_charged_to_whom_we_waited_for(office: Office) -> None:
    before = (await office.step("sso"))["delay_days"]
    assert before["customer"] == before["total"] > 0
    since = (office.start + timedelta(days=14)).isoformat()
    delay = await office.post(
        "delays", 201, side="third_party", because="Their provider moves.", milestone="sso", started_at=since
    )
    plan = await office.plan()
    after = next(one for one in plan["milestones"] if one["id"] == "sso")["delay_days"]
    assert (after["third_party"], after["total"]) == (before["total"], before["total"])
    assert plan["journey"]["delay_days"] == after
    ended = await office.post(f"delays/{delay['id']}/end", ended_at=since)
    assert ended["ended_at"] is not None
    assert (await office.step("sso"))["delay_days"]["total"] == before["total"]
    answer = await office.client.post(f"/accounts/{office.account}/delays/{delay['id']}/end")
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "delay_ended")


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("milestones/ssso/complete", {"evidence": "x"}, 404, "milestone_unknown"),
        ("milestones/kickoff/complete", {"evidence": "x"}, 409, "milestone_done"),
        ("milestones/sso/reopen", {"reason": "x"}, 409, "milestone_open"),
        ("milestones/sso/complete", {"evidence": "x", "done_at": "2199-01-01T00:00:00Z"}, 422, "in_future"),
        ("milestones", {"id": "sso"}, 409, "milestone_planned"),
        ("milestones", {"id": "x", "side": "nobody"}, 422, "not_valid"),
        ("milestones/sso/complete", {"evidence": "x", "done_at": "0001-01-01T00:00:00Z"}, 422, "/done_at"),
        ("milestones", {"id": "x", "due_at": "9999-12-31T23:59:59Z"}, 422, "/due_at"),
        ("milestones", {"id": "x", "after": ["x"]}, 422, "waits_for_itself"),
        ("milestones", {"id": "x", "after": ["kickoff", "ssso"]}, 422, "did you mean 'sso'"),
        ("delays", {"side": "us", "because": "x", "started_at": "0001-01-01T00:00:00Z"}, 422, "/started_at"),
        ("delays", {"side": "us", "because": "x", "milestone": "nope"}, 404, "milestone_unknown"),
        ("delays/nope/end", {}, 404, "delay_unknown"),
    ],
)
async def test_what_cannot_be_said_is_refused_and_changes_nothing(
    office: Office, path: str, body: dict[str, Any], status: int, word: str
) -> None:
    count = "select count(*) from scoring.record where account_id = $1"
    before = await office.web.owner.fetchval(count, office.account)
    answer = await office.client.post(f"/accounts/{office.account}/{path}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert word in answer.text
    assert await office.web.owner.fetchval(count, office.account) == before


@pytest.mark.parametrize(
    ("name", "body", "word"),
    [
        ("rollout", {"due_at": "0001-01-01T00:00:00Z"}, "/due_at"),
        ("rollout", {"due_at": "9999-12-31T23:59:59-14:00"}, "bad_time"),
        ("kickoff", {"after": ["rollout"]}, "waits_in_a_circle"),
    ],
)
async def test_a_plan_that_nobody_can_follow_is_refused(
    office: Office, name: str, body: dict[str, Any], word: str
) -> None:
    answer = await office.client.patch(f"/accounts/{office.account}/milestones/{name}", json=body)
    assert answer.status_code == 422, answer.text
    assert word in answer.text


async def test_a_day_at_the_edge_of_the_calendar_is_no_day_and_stops_nobody(office: Office) -> None:
    for place, due in enumerate(EDGES):
        said = {"due_at": due}
        await office.told(
            Told(
                office.account, "milestone.planned", office.start + timedelta(hours=place), item="sso", properties=said
            )
        )
        assert (await office.step("sso"))["due_at"] is not None
        assert (await office.document())["score"] is not None
    assert (await office.client.get("/milestones/statistics")).status_code == 200
    for edge in ("0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"):
        assert (await office.client.get("/milestones/statistics", params={"to": edge})).status_code in (200, 422)


async def test_surveys_are_made_one_at_a_time(office: Office) -> None:
    surveying = Surveying(office.scoring.rescoring.pool, office.scoring.rescoring.lineups, patience_s=0.05)
    asked = Asked(None, None, "month", None, None)
    async with surveying.turn:
        with pytest.raises(SurveyBusy):
            await surveying.statistics(asked)
    assert (await surveying.statistics(asked)).all.accounts >= 1


async def test_a_named_request_is_carried_out_once(office: Office) -> None:
    path, name = f"/accounts/{office.account}/delays", {"Idempotency-Key": f"once-{office.account}"}
    body = {"side": "us", "because": "We are short of people."}
    first = await office.client.post(path, json=body, headers=name)
    second = await office.client.post(path, json=body, headers=name)
    assert (first.status_code, second.status_code, first.json()) == (201, 201, second.json())
    assert len((await office.plan())["delays"]) == 1


async def test_the_plan_of_an_earlier_moment_knows_nothing_of_later_words(office: Office) -> None:
    await office.post("milestones/sso/complete", evidence="Seen.")
    then = (office.start + timedelta(days=10)).isoformat()
    earlier = await office.plan(as_of=then)
    states = {one["id"]: one["state"] for one in earlier["milestones"]}
    assert (states["kickoff"], states["sso"]) == ("done", "due")
    assert earlier["journey"]["state"] == "on_track"


async def test_journeys_are_surveyed_over_the_accounts_that_started_in_a_span(office: Office) -> None:
    query = {
        "from": (office.start - timedelta(seconds=1)).isoformat(),
        "to": (office.start + timedelta(seconds=1)).isoformat(),
        "segment": f"s-{office.account}",
    }
    answer = await office.client.get("/milestones/statistics", params=query)
    assert answer.status_code == 200, answer.text
    found = answer.json()["all"]
    kickoff, sso = found["milestones"][:2]
    assert (found["accounts"], kickoff["id"], kickoff["median"], kickoff["on_time"]) == (1, "kickoff", 2.0, 1.0)
    assert (sso["n"], sso["reached"], sso["median"], sso["on_time"]) == (1, 0, None, 0.0)
    assert [(one["could"], one["reached"]) for one in found["funnel"][:3]] == [(1, 1), (1, 0), (0, 0)]
    assert found["first_value"]["reached"] == 0
    assert found["delay_days"]["customer"] > 0
    assert [one["name"] for one in answer.json()["cohorts"]] == [
        f"{office.start.year}-Q{(office.start.month + 2) // 3}"
    ]
    unknown = await office.client.get("/milestones/statistics", params={"model": "b2b-onbording"})
    assert unknown.status_code == 404
    assert "b2b-onboarding" in unknown.text
