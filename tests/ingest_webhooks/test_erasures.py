"""Claims about forgetting a person: no row and no kept body names them, and nothing new of them is told."""

import itertools
import json
from typing import Any
from uuid import uuid4

import pytest

from ingest_webhooks.forgetting.blanking import blanked
from milepost_runtime.database import Pool
from milepost_runtime.keys import insert_key, new_key
from milepost_runtime.lanes import drain

from .conftest import Bench, batch, change, linked, prop

_portals = itertools.count(8_000)
AT = "2026-11-01T09:30:00Z"
TABLES = ("event", "waiting_event", "reference", "reference_link", "erasure", "erased_person", "event_key", "delivery")


async def post(bench: Bench, **event: Any) -> None:
    whole = {"id": str(uuid4()), "type": "session.started", "occurred_at": AT} | event
    (await bench.client.post("/events", json=whole)).raise_for_status()
    await bench.relay()


async def forget(bench: Bench, person: str) -> dict[str, Any]:
    """Ask, let it be carried out, and return what was done."""
    answer = await bench.client.post("/erasures", json={"person": person, "reason": "they asked"})
    assert (answer.status_code, answer.json()["state"]) == (202, "asked")
    await drain(bench.pool, bench.service.erasing.lane)
    done: dict[str, Any] = (await bench.client.get(f"/erasures/{answer.json()['id']}")).json()
    assert done["state"] == "done"
    return done


async def places(pool: Pool, word: str) -> list[str]:
    """Return the tables in which a word stands anywhere, bodies included."""
    hits = []
    for table in TABLES:
        text = "t::text || coalesce(encode(t.body, 'escape'), '')" if table == "delivery" else "t::text"
        if await pool.fetchval(f"select exists(select from ingest.{table} t where {text} ilike $1)", f"%{word}%"):
            hits.append(table)
    return hits


async def test_a_forgotten_person_is_found_nowhere_and_the_account_keeps_what_it_did(bench: Bench) -> None:
    person, account = f"anna.{uuid4().hex}@acme.com", f"external:{uuid4().hex}"
    await post(bench, account=account, actor=person.upper().replace("ACME", "Acme"))
    await post(bench, account=account, actor="bob", properties={"invited": person, "seats": 3})
    await post(bench, account=f"domain:{uuid4().hex}.example", actor=person)
    before = [(row["id"], row["type"], row["occurred_at"]) for row in await bench.events(account)]
    assert set(await places(bench.pool, person)) == {"event", "waiting_event", "delivery"}
    done = await forget(bench, f" {person} ")
    rows = [row for row in await bench.events(account) if row["source"] != "milepost"]

    assert await places(bench.pool, person) == []
    assert [(row["id"], row["type"], row["occurred_at"]) for row in rows] == before
    assert [row["actor"] for row in rows] == [None, "bob"]
    assert rows[1]["properties"] == {"seats": 3}
    assert (done["events"], done["deliveries"], done["left_alone"]) == (3, 3, 0)


async def test_what_is_told_of_a_forgotten_person_later_is_dropped_and_counted_and_the_books_balance(
    bench: Bench,
) -> None:
    person, account = f"carl.{uuid4().hex}@acme.com", f"external:{uuid4().hex}"
    await post(bench, account=account)
    await forget(bench, person)
    await post(bench, account=account, actor=person.title())
    await post(bench, account=account, item=person)
    rows = await bench.pool.fetch("select state, ignored from ingest.delivery order by id desc limit 2")

    assert len([row for row in await bench.events(account) if row["source"] != "milepost"]) == 1
    assert [tuple(row) for row in rows] == [("ignored", 1)] * 2
    assert (await bench.client.get("/books")).json()["balanced"]


async def test_readers_of_the_feed_are_told_which_events_were_blanked_and_nothing_of_whom(bench: Bench) -> None:
    person, account = f"dora.{uuid4().hex}@acme.com", f"external:{uuid4().hex}"
    await post(bench, account=account, actor=person)
    (row,) = await bench.events(account)
    await forget(bench, person)
    (word,) = [one for one in await bench.events(account) if one["type"] == "person.erased"]

    assert (word["source"], word["properties"]) == ("milepost", {"event_ids": [row["event_id"]]})
    assert "dora" not in str(dict(word))


async def test_replaying_what_named_a_forgotten_person_takes_nothing_back(bench: Bench) -> None:
    person, account = f"emil.{uuid4().hex}@acme.com", f"external:{uuid4().hex}"
    await post(bench, account=account, actor=person)
    await forget(bench, person)
    delivery = await bench.pool.fetchval(
        "select delivery_id from ingest.event where type = 'session.started' order by id desc"
    )
    (await bench.client.post(f"/deliveries/{delivery}/replay")).raise_for_status()
    await bench.relay()
    rows = [row for row in await bench.events(account) if row["source"] != "milepost"]
    assert [(row["type"], row["actor"]) for row in rows] == [("session.started", None)]


@pytest.mark.parametrize("order", [("privacyDeletion", "deletion"), ("deletion", "privacyDeletion")])
async def test_a_contact_that_hubspot_asks_to_forget_is_forgotten(bench: Bench, order: tuple[str, str]) -> None:
    portal = next(_portals)
    contact = f"hubspot:{portal}:contact:77001"
    await bench.deliver(batch(change("contact.creation", portal, 77001), linked("contact", portal, 77001, 1)))
    await bench.deliver(batch(prop("contact", portal, 77001, "email", f"f{portal}@acme.com")))
    await bench.relay()
    for verb in order:
        await bench.deliver(batch(change(f"contact.{verb}", portal, 77001)))
        await bench.relay()
    await drain(bench.pool, bench.service.erasing.lane)
    await bench.deliver(batch(change("contact.restore", portal, 77001)))
    await bench.relay()

    # Only what came after, and was dropped, still says the contact's number: it goes with its time.
    assert await places(bench.pool, contact) == []
    assert await places(bench.pool, f"f{portal}@acme.com") == []
    assert await bench.pool.fetchval("select state from ingest.delivery order by id desc limit 1") == "ignored"


async def test_only_administrators_forget_and_what_does_not_exist_is_not_shown(bench: Bench) -> None:
    key = new_key()
    async with bench.pool.acquire() as connection:
        await insert_key(connection, "ingest", key, name="writer", scopes=["write", "read", "ingest"], days=None)
    headers = {"authorization": f"Bearer {key.text}"}
    assert (await bench.client.post("/erasures", json={"person": "a@b.com"}, headers=headers)).status_code == 403
    assert (await bench.client.get(f"/erasures/{uuid4()}")).status_code == 404
    assert (await bench.client.post("/erasures", json={"person": ""})).status_code == 422


def test_a_body_loses_what_it_says_of_the_person_and_nothing_of_others() -> None:
    body = [
        {
            "objectId": 7,
            "subscriptionType": "contact.propertyChange",
            "propertyName": "email",
            "propertyValue": "A@b.com",
        },
        {"objectId": 8, "propertyValue": "Zoe", "note": "cc a@B.com, please"},
        {"user": {"email": "a@b.com", "name": "Anna", "traits": {"city": "Oslo"}}, "event": "Signed in"},
    ]
    made, sure = blanked(json.dumps(body).encode(), ["a@b.com", "hubspot:1:contact:7"])
    assert sure
    assert json.loads(made) == [
        {"objectId": 7, "subscriptionType": "contact.propertyChange", "propertyName": "email", "propertyValue": ""},
        {"objectId": 8, "propertyValue": "Zoe", "note": "cc , please"},
        {"user": {"email": "", "name": "", "traits": {"city": ""}}, "event": "Signed in"},
    ]


def test_a_body_that_says_nothing_of_the_person_stays_byte_for_byte() -> None:
    body = b' [ {"objectId": 70, "propertyValue": "x"} ] '
    assert blanked(body, ["hubspot:1:contact:7", "a@b.com"]) == (body, True)


def test_from_a_body_that_is_no_json_the_address_is_cut_and_it_is_said_that_more_may_stand_there() -> None:
    body = b"<Email>A@b.com</Email><Id>003A</Id>&to=a%40b.com"
    assert blanked(body, ["a@b.com"]) == (b"<Email></Email><Id>003A</Id>&to=", False)
    assert blanked(b"<Id>003A</Id>", ["salesforce:1:contact:003A"]) == (b"<Id>003A</Id>", False)
    assert blanked(b"<Id>003B</Id>", ["a@b.com"]) == (b"<Id>003B</Id>", True)
