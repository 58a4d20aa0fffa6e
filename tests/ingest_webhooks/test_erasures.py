"""Claims about forgetting a person: no row and no kept body names them, and nothing new of them is told."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from support.house import until
from support.segment import compact, tracked

from ingest_webhooks.forgetting.blanking import blanked
from milepost_contracts.events import FEED
from milepost_runtime import failpoints
from milepost_runtime.database import Pool
from milepost_runtime.feeds import publish_lock
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

    await replay(bench, source="plain")

    assert len([row for row in await bench.events(account) if row["source"] != "milepost"]) == 1
    assert [tuple(row) for row in rows] == [("ignored", 1)] * 2
    assert await bench.pool.fetch("select state, ignored from ingest.delivery order by id desc limit 2") == rows
    assert (await bench.client.get("/books")).json()["balanced"]


async def test_readers_of_the_feed_are_told_which_events_were_blanked_and_nothing_of_whom(bench: Bench) -> None:
    person, account = f"dora.{uuid4().hex}@acme.com", f"external:{uuid4().hex}"
    await post(bench, account=account, actor=person)
    (row,) = await bench.events(account)
    await forget(bench, person)
    (word,) = [one for one in await bench.events(account) if one["type"] == "person.erased"]

    assert (word["source"], word["properties"]) == ("milepost", {"event_ids": [row["event_id"]]})
    assert "dora" not in str(dict(word))


async def replay(bench: Bench, **wanted: Any) -> dict[str, Any]:
    made = (await bench.client.post("/replays", json=wanted)).raise_for_status().json()
    await drain(bench.pool, bench.service.replaying.lane, seconds=30)
    return dict((await bench.client.get(f"/replays/{made['id']}")).json())


async def told(pool: Pool) -> list[list[asyncpg.Record]]:
    """Return all that is told, of names too, and what became of every delivery."""
    delivery = (
        "select id, state, relayed, linked, duplicates, ignored, quarantined, further, faults from ingest.delivery"
    )
    tables = ("event", "waiting_event", "reference_link", "reference", "account")
    return [sorted(await pool.fetch(text), key=repr) for text in (delivery, *(f"table ingest.{t}" for t in tables))]


async def plain_events(bench: Bench, person: str) -> str:
    account = {"account": f"external:{uuid4().hex}", "occurred_at": AT}
    described = {"owner": person, "segment": "enterprise", "seats": 3}
    events: list[dict[str, Any]] = [
        {"type": "session.started", "actor": person},
        {"type": "session.started", "actor": "bob"},
        {"type": "account.updated", "properties": described},
    ]
    body = [account | {"id": str(uuid4())} | one for one in events]
    (await bench.client.post("/events", json=body)).raise_for_status()
    return person


async def hubspot_changes(bench: Bench, person: str) -> str:
    """A company and a contact of one number, which may be the person's, are told in one batch, and a merge."""
    portal = next(_portals)
    body = [
        *(change("company.creation", portal, number) for number in (77, 78)),
        prop("company", portal, 77, "domain", f"p{portal}.example"),
        prop("company", portal, 77, "seats", "12"),
        linked("contact", portal, 77, 78),
        change("company.merge", portal, 77, primaryObjectId=77, mergedObjectIds=[78], newObjectId=77),
    ]
    assert (await bench.deliver(batch(*body))).status_code == 200
    return f"hubspot:{portal}:contact:77"


async def segment_messages(bench: Bench, person: str) -> str:
    door = await bench.connect(source="segment", secret=uuid4().hex)
    traits = {"name": "Acme", "industry": "Oil", "owner": person}
    group = {"type": "group", "messageId": uuid4().hex, "userId": "u1", "groupId": uuid4().hex, "timestamp": AT}
    body = [group | {"traits": traits}, tracked("Signed In", userId="u1"), tracked("Invited", userId=person)]
    answer = await bench.client.post(
        door["secret_webhook_url"], content=compact(body), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 200
    return person


@pytest.mark.parametrize("deliver", [plain_events, hubspot_changes, segment_messages])
@pytest.mark.parametrize("dry_run", [True, False])
async def test_replaying_what_named_a_forgotten_person_takes_nothing_back(
    bench: Bench, deliver: Any, dry_run: bool
) -> None:
    person = await deliver(bench, f"emil.{uuid4().hex}@acme.com")
    await bench.relay()
    delivery = await bench.pool.fetchval("select id from ingest.delivery order by id desc limit 1")
    done = await forget(bench, person)
    before = await told(bench.pool)
    replayed = await replay(bench, dry_run=dry_run)
    assert await told(bench.pool) == before
    (await bench.client.post(f"/deliveries/{delivery}/replay")).raise_for_status()
    await bench.relay()

    assert done["deliveries"] == 1
    assert await told(bench.pool) == before
    assert {name: replayed["events"][name] for name in ("new", "corrected", "retracted")} == {
        "new": 0, "corrected": 0, "retracted": 0,
    }  # fmt: skip
    assert replayed["events"]["unchanged"] >= 3
    assert (await bench.client.get("/books")).json()["balanced"]


async def test_what_was_never_told_of_a_body_that_was_blanked_is_told_by_a_replay(bench: Bench) -> None:
    person, made, portal = f"nora.{uuid4().hex}@acme.com", await bench.connect(), next(_portals)
    sender = Bench(bench.app, bench.client, bench.pool, bench.service, made)
    path, rule = f"/connections/{made['id']}/mapping", {"type": "survey.answered", "value": "{value}"}
    (await bench.client.put(path, json={"rules": {"company.nps": rule | {"reads": "number"}}})).raise_for_status()
    await sender.deliver(batch(change("company.creation", portal, 1)))
    await sender.deliver(batch(*(prop("company", portal, 1, "nps", value) for value in ("seven", person))))
    await bench.relay()
    await forget(bench, person)
    (await bench.client.put(path, json={"rules": {"company.nps": rule}})).raise_for_status()
    done = await replay(bench, connection_id=made["id"])

    assert (done["events"]["new"], done["faults"]) == (1, 0)
    assert (await bench.events(f"hubspot:{portal}:1"))[1]["value_text"] == "seven"
    assert await places(bench.pool, person) == []


@contextmanager
def slow(point: str) -> Iterator[None]:
    """Let whoever has heard a delivery dwell on it for a second."""
    failpoints.arm(f"{point}=sleep:1")
    try:
        yield
    finally:
        failpoints.arm("")


@pytest.mark.parametrize("again", [False, True])
async def test_who_is_forgotten_while_a_delivery_was_heard_and_is_not_told_yet_is_not_named_by_it(
    bench: Bench, owner: asyncpg.Connection, again: bool
) -> None:
    person, account = f"eve.{uuid4().hex}@acme.com", f"external:{uuid4().hex}"
    named = {"invited": person, "seats": 3}
    if again:
        await post(bench, account=account, actor=person, properties=named)
        (await bench.client.post("/replays", json={"source": "plain"})).raise_for_status()
        lane, point = bench.service.replaying.lane, "replay.heard"
    else:
        body = {"id": str(uuid4()), "type": "session.started", "occurred_at": AT, "account": account}
        more = [{"actor": person}, {"id": str(uuid4()), "properties": named}]
        (await bench.client.post("/events", json=[body | one for one in more])).raise_for_status()
        lane, point = bench.service.relaying.lane, "relay.heard"
    with slow(point):
        telling = asyncio.create_task(drain(bench.pool, lane, seconds=30))
        await until(lambda: dwelling(owner), "somebody dwells on the delivery")
        await forget(bench, person)
        await telling

    assert await places(bench.pool, person) == []
    assert [row["properties"] for row in await bench.events(account) if row["type"] == "session.started"] == [
        {"seats": 3}
    ]


async def test_who_is_forgotten_while_a_chunk_of_an_import_waits_for_the_feed_is_left_out_of_it(
    bench: Bench, owner: asyncpg.Connection
) -> None:
    person, account = f"ines.{uuid4().hex}@acme.com", f"external:{uuid4().hex}"
    made = (await bench.client.post("/imports", json={"name": person.partition("@")[0]})).json()
    line = {"id": uuid4().hex, "type": "session.started", "occurred_at": AT, "account": account}
    body = b"".join(json.dumps(line | one).encode() + b"\n" for one in ({"actor": person}, {"id": "other"}))
    async with owner.transaction():
        await publish_lock(owner, FEED)
        path = f"/imports/{made['id']}/lines?from=0"
        loading = asyncio.create_task(
            bench.client.post(path, content=body, headers={"content-type": "application/x-ndjson"})
        )
        await until(lambda: owner.fetchval("select exists(select from pg_locks where not granted)"), "the chunk waits")
        (await bench.client.post("/erasures", json={"person": person, "reason": "they asked"})).raise_for_status()
    answer = (await loading).json()
    await drain(bench.pool, bench.service.erasing.lane)

    assert (answer["accepted"], answer["ignored"]) == (1, 1)
    assert await places(bench.pool, person) == []


async def dwelling(owner: asyncpg.Connection) -> bool:
    """Whether a transaction has been open for a while in which nobody asks anything."""
    found: bool = await owner.fetchval(
        "select exists(select from pg_stat_activity where datname = current_database()"
        " and state = 'idle in transaction' and clock_timestamp() - state_change > interval '100 milliseconds')"
    )
    return found


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
