"""Claims about replays: a changed mapping corrects what was told, a dry run says so before, and nothing else moves."""

import asyncio
import itertools
import time
from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest

from milepost_runtime import failpoints
from milepost_runtime.lanes import drain

from .conftest import Bench, batch, change, linked, prop

_portals = itertools.count(8_000)
_numbers = itertools.count(1)
WRONG = {"company.nps": {"type": "ticket.escalated", "value": "{value}"}}
RIGHT = {"company.nps": {"type": "survey.answered", "value": "{value}", "reads": "number"}}


class Customer:
    """A connection of its own with one company."""

    def __init__(self, bench: Bench, made: dict[str, Any]) -> None:
        self.bench = Bench(bench.app, bench.client, bench.pool, bench.service, made)
        self.id = made["id"]
        self.portal = next(_portals)

    async def tell(self, *elements: Any) -> None:
        assert (await self.bench.deliver(batch(*elements))).status_code == 200
        await self.bench.relay()

    async def answer(self, value: str = "7", company: int = 1) -> None:
        await self.tell(
            prop("company", self.portal, company, "nps", value, occurredAt=1_700_000_000_000 + next(_numbers))
        )

    async def rules(self, rules: Mapping[str, Any]) -> None:
        path = f"/connections/{self.id}/mapping"
        (await self.bench.client.put(path, json={"rules": rules})).raise_for_status()

    async def replay(self, **wanted: Any) -> Any:
        body = {"connection_id": self.id} | wanted
        made = (await self.bench.client.post("/replays", json=body)).raise_for_status().json()
        await drain(self.bench.pool, self.bench.service.replaying.lane, seconds=30)
        return (await self.bench.client.get(f"/replays/{made['id']}")).json()

    async def feed(self, company: int = 1) -> list[asyncpg.Record]:
        """All rows told by this connection's deliveries of a company's account, without book-keeping of names."""
        rows: list[asyncpg.Record] = await self.bench.pool.fetch(
            "select e.* from ingest.event e join ingest.reference r using (account_id) where r.reference = $1"
            " and (e.source <> 'milepost' or e.supersedes is not null) order by e.id",
            f"hubspot:{self.portal}:{company}",
        )
        return rows

    async def counting(self, company: int = 1) -> list[str]:
        """The types of the rows that count, in the order of the feed."""
        rows = await self.feed(company)
        gone = {row["supersedes"] for row in rows}
        return [row["type"] for row in rows if row["event_id"] not in gone and row["type"] != "event.retracted"]


@pytest.fixture
async def customer(bench: Bench) -> Customer:
    made = Customer(bench, await bench.connect())
    await made.tell(change("company.creation", made.portal, 1))
    return made


async def test_a_fact_that_means_something_else_is_corrected_by_a_row_of_its_own(customer: Customer) -> None:
    await customer.rules(WRONG)
    await customer.answer("7")
    await customer.rules(RIGHT)
    done = await customer.replay()
    first, wrong, right = await customer.feed()

    assert (wrong["type"], right["type"], right["value"]) == ("ticket.escalated", "survey.answered", 7.0)
    assert (right["supersedes"], first["supersedes"]) == (wrong["event_id"], None)
    assert right["event_id"] != wrong["event_id"]
    assert (right["account_id"], right["occurred_at"]) == (wrong["account_id"], wrong["occurred_at"])
    assert (done["status"], done["deliveries"]) == ("done", {"total": 2, "done": 2})
    assert done["events"] == {"new": 0, "corrected": 1, "retracted": 0, "unchanged": 1}


async def test_a_replay_without_a_change_publishes_nothing(customer: Customer) -> None:
    await customer.answer()
    before = await customer.bench.counts()
    done = await customer.replay()
    assert done["events"] == {"new": 0, "corrected": 0, "retracted": 0, "unchanged": 2}
    assert await customer.bench.counts() == before


async def test_corrections_are_corrected_and_what_is_ignored_is_taken_back_and_told_again(customer: Customer) -> None:
    await customer.rules(WRONG)
    await customer.answer("7")
    seen = []
    for rules in (RIGHT, {"company.nps": {"ignore": True}}, WRONG, WRONG, RIGHT):
        await customer.rules(rules)
        done = await customer.replay()
        seen.append((done["events"], (await customer.counting())[1:]))
    rows = [row for row in await customer.feed() if row["type"] != "account.updated"]

    assert [(told["new"], told["corrected"], told["retracted"], types) for told, types in seen] == [
        (0, 1, 0, ["survey.answered"]),
        (0, 0, 1, []),
        (1, 0, 0, ["ticket.escalated"]),
        (0, 0, 0, ["ticket.escalated"]),
        (0, 1, 0, ["survey.answered"]),
    ]
    assert [row["supersedes"] for row in rows] == [None, *(row["event_id"] for row in rows[:-1])]
    assert [row["source"] for row in rows if row["type"] == "event.retracted"] == ["milepost"]


async def test_a_replay_of_one_delivery_corrects_it_too(customer: Customer) -> None:
    await customer.rules(WRONG)
    await customer.answer()
    await customer.rules(RIGHT)
    path = f"/deliveries?connection={customer.id}&limit=1"
    newest = (await customer.bench.client.get(path)).json()["data"][0]["id"]
    await customer.bench.client.post(f"/deliveries/{newest}/replay")
    await customer.bench.relay()
    assert await customer.counting() == ["account.updated", "survey.answered"]


async def test_an_event_that_belongs_to_another_account_is_taken_back_there_and_told_here(customer: Customer) -> None:
    await customer.tell(change("company.creation", customer.portal, 2))
    await customer.tell(prop("company", customer.portal, 1, "parent", f"{customer.portal}:2"))
    await customer.rules({"company.parent": {"type": "renewed", "account": "hubspot:{value}"}})
    done = await customer.replay()
    here, there = await customer.feed(1), await customer.feed(2)

    assert done["events"] == {"new": 0, "corrected": 1, "retracted": 0, "unchanged": 2}
    assert (await customer.counting(1), await customer.counting(2)) == (
        ["account.updated"],
        ["account.updated", "renewed"],
    )
    # Whatever supersedes a row stands on the row's own account, so that a reader needs to look nowhere else.
    assert here[-1]["supersedes"] == here[-2]["event_id"]
    assert there[-1]["supersedes"] == here[-1]["event_id"]


async def test_events_that_wait_are_replaced_in_place(customer: Customer) -> None:
    await customer.rules({"contact.nps": {"type": "ticket.escalated"}})
    await customer.tell(prop("contact", customer.portal, 5, "nps", "7"))
    waiting = "select event_id, type from ingest.waiting_event where connection_id = $1::text::uuid"
    before = await customer.bench.pool.fetch(waiting, customer.id)
    await customer.rules({"contact.nps": {"type": "survey.answered"}})
    done = await customer.replay()
    after = await customer.bench.pool.fetch(waiting, customer.id)
    await customer.tell(linked("contact", customer.portal, 5, 1, occurredAt=1_600_000_000_000))

    assert [row["type"] for row in before] == ["ticket.escalated"]
    assert [(row["event_id"], row["type"]) for row in after] == [(before[0]["event_id"], "survey.answered")]
    assert done["events"]["corrected"] == 1
    assert await customer.counting() == ["account.updated", "survey.answered"]


async def test_an_event_that_must_wait_now_is_taken_back_and_follows_its_reference_later(customer: Customer) -> None:
    await customer.tell(prop("company", customer.portal, 1, "owner_contact", "5"))
    await customer.rules(
        {"company.owner_contact": {"type": "renewed", "account": f"hubspot:{customer.portal}:contact:{{value}}"}}
    )
    await customer.replay()
    assert await customer.counting() == ["account.updated"]
    await customer.rules({})
    done = await customer.replay()
    assert done["events"]["corrected"] == 1
    assert await customer.counting() == ["account.updated", "account.updated"]


async def test_a_mapping_that_cannot_read_a_fact_takes_it_back_and_keeps_the_delivery_aside(customer: Customer) -> None:
    await customer.rules(WRONG)
    await customer.answer("seven")
    await customer.rules(RIGHT)
    done = await customer.replay()
    listed = (await customer.bench.client.get(f"/deliveries?connection={customer.id}&state=quarantined")).json()["data"]
    books = (await customer.bench.client.get("/books")).json()

    assert (done["events"]["retracted"], done["faults"]) == (1, 1)
    assert [one["faults"] for one in listed] == [[{"position": 0, "reason": "the value is no number"}]]
    assert books["balanced"] is True


async def test_a_dry_run_counts_what_the_replay_then_does_and_changes_nothing(customer: Customer) -> None:
    await customer.rules(WRONG)
    for number in range(30):
        await customer.answer(str(number))
    # The same fact in two deliveries, which nobody could read so far: only the first one tells it.
    twice = prop("company", customer.portal, 1, "csat", "3", occurredAt=int(time.time() * 1000) - 1)
    await customer.rules(
        WRONG | {"company.csat": {"type": "renewed", "at": "{nowhere.x}", "account": "external:{none}"}}
    )
    await customer.tell(twice, prop("company", customer.portal, 1, "city", "Oslo"))
    await customer.tell(twice, prop("company", customer.portal, 1, "city", "Rome"))
    await customer.rules(RIGHT | {"company.csat": {"type": "survey.answered"}, "company.city": {"ignore": True}})
    before = await customer.bench.counts()
    lines = "select id, state, relayed, ignored, quarantined from ingest.delivery order by id"
    inbox = await customer.bench.pool.fetch(lines)
    dry = await customer.replay(dry_run=True)
    untouched = (await customer.bench.counts(), await customer.bench.pool.fetch(lines))
    real = await customer.replay()

    assert untouched == (before, inbox)
    assert (dry["events"], dry["faults"], dry["deliveries"]) == (real["events"], real["faults"], real["deliveries"])
    assert real["events"] == {"new": 1, "corrected": 30, "retracted": 2, "unchanged": 1}
    assert len(dry["examples"]) == 20
    assert dry["examples"] == real["examples"]
    assert {name: value for name, value in dry["examples"][0].items() if not name.endswith("_id")} == {
        "what": "corrected", "changed": ["type", "value", "value_text"],
        "before": sketch("ticket.escalated", None, dry["examples"][0]["before"]),
        "after": sketch("survey.answered", 0.0, dry["examples"][0]["after"]),
    }  # fmt: skip
    assert await customer.bench.pool.fetchval("select count(*) from ingest.foreseen_fact") == 0


def sketch(kind: str, value: float | None, seen: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": kind, "value": value, "item": None, "role": None, "properties": [],
        "reference": seen["reference"], "occurred_at": seen["occurred_at"],
    }  # fmt: skip


async def test_a_replay_that_is_interrupted_goes_on_where_it_was(customer: Customer) -> None:
    await customer.rules(WRONG)
    for number in range(12):
        await customer.answer(str(number))
    await customer.rules(RIGHT)
    made = (await customer.bench.client.post("/replays", json={"connection_id": customer.id})).json()
    failpoints.arm("replay.before_commit=raise")
    try:
        await drain(customer.bench.pool, customer.bench.service.replaying.lane, seconds=2)
    finally:
        failpoints.arm("")
    stopped = (await customer.bench.client.get(f"/replays/{made['id']}")).json()
    again = "update ingest.replay set next_at = clock_timestamp(), lease_until = null where id = $1::text::uuid"
    await customer.bench.pool.execute(again, made["id"])
    await drain(customer.bench.pool, customer.bench.service.replaying.lane, seconds=30)
    done = (await customer.bench.client.get(f"/replays/{made['id']}")).json()

    assert (stopped["deliveries"]["done"], stopped["status"]) == (0, "running")
    assert (done["status"], done["events"]["corrected"]) == ("done", 12)
    assert (await customer.counting())[1:] == ["survey.answered"] * 12


async def test_two_workers_and_the_relay_at_once_correct_each_fact_once(customer: Customer) -> None:
    await customer.rules(WRONG)
    for number in range(20):
        await customer.answer(str(number))
    await customer.rules(RIGHT)
    for _ in range(2):
        await customer.bench.client.post("/replays", json={"connection_id": customer.id})
    await customer.bench.pool.execute(
        "update ingest.delivery set state = 'new', next_at = clock_timestamp() where connection_id = $1::text::uuid",
        customer.id,
    )
    lanes = (customer.bench.service.replaying.lane, customer.bench.service.relaying.lane)
    await asyncio.gather(*(drain(customer.bench.pool, lane, seconds=30) for lane in lanes * 2))
    # Rows that a replay was just looking at are passed over; the next look finds them.
    await customer.bench.relay()
    assert (await customer.counting())[1:] == ["survey.answered"] * 20
    assert len(await customer.feed()) == 41


async def test_a_replay_takes_only_what_fits_its_range(customer: Customer) -> None:
    await customer.rules(WRONG)
    await customer.answer("1")
    await customer.answer("many")
    await customer.rules(RIGHT)
    none = [
        await customer.replay(source="stripe"),
        await customer.replay(state="ignored"),
        await customer.replay(to="2020-01-01T00:00:00Z"),
        await customer.replay(**{"from": "2100-01-01T00:00:00Z"}),
        await customer.replay(connection_id="01a20286-2883-7087-a895-ea903e7ddf1d"),
    ]
    assert {(one["status"], one["deliveries"]["total"]) for one in none} == {("done", 0)}
    one = await customer.replay(state="done", source="hubspot", **{"from": "2020-01-01T00:00:00Z"})
    assert one["deliveries"] == {"total": 3, "done": 3}


async def test_a_cancelled_replay_does_nothing_more(customer: Customer) -> None:
    await customer.rules(WRONG)
    await customer.answer()
    await customer.rules(RIGHT)
    made = (await customer.bench.client.post("/replays", json={"connection_id": customer.id})).json()
    cancelled = await customer.bench.client.post(f"/replays/{made['id']}/cancel")
    again = await customer.bench.client.post(f"/replays/{made['id']}/cancel")
    await drain(customer.bench.pool, customer.bench.service.replaying.lane)

    assert (cancelled.status_code, cancelled.json()["status"], again.status_code) == (200, "cancelled", 409)
    assert await customer.counting() == ["account.updated", "ticket.escalated"]


async def test_replays_are_listed_newest_first_page_by_page(customer: Customer) -> None:
    made = [(await customer.replay(source="stripe"))["id"] for _ in range(3)]
    first = (await customer.bench.client.get("/replays?limit=2")).json()
    second = (await customer.bench.client.get(f"/replays?limit=1&cursor={first['next_cursor']}")).json()
    unknown = await customer.bench.client.get("/replays/01a20286-2883-7087-a895-ea903e7ddf1d")

    assert [one["id"] for one in first["data"] + second["data"]] == made[::-1]
    assert unknown.status_code == 404
    wrong = {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    assert (await customer.bench.client.post("/replays", json=wrong)).status_code == 422


async def test_deliveries_of_a_connection_that_is_gone_are_left_alone_by_ranges(customer: Customer) -> None:
    await customer.rules(WRONG)
    await customer.answer()
    (await customer.bench.client.delete(f"/connections/{customer.id}")).raise_for_status()
    assert (await customer.replay())["deliveries"] == {"total": 0, "done": 0}
    assert await customer.counting() == ["account.updated", "ticket.escalated"]
